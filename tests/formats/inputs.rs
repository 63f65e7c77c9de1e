//! Inputs as JSON: what a flight recorder's file holds, and what a replay reads.

use serde::{Deserialize, Serialize};
use syncline::engine::clock::Wall;
use syncline::engine::error::{Code, Fault};
use syncline::engine::ident::{AskId, LoadId, MutationId, RequestId, WriteId};
use syncline::engine::input::{Ask, Bytes, Decision, Found, Input, Meta, Reply, SendFailure, StoreFailure, Versions};
use syncline::engine::message::{Errand, Message};
use syncline::engine::notice::Phase;
use syncline::protocol::Address;

use crate::vectors::{Vectors, assert_covered, variants};

variants!(Input as input_name, INPUTS:
    Started, Loaded, LoadFailed, Written, WriteFailed, Progressed, Replied, SendFailed, WentOnline, WentOffline, BecameVisible,
    BecameHidden, PageHid, Resumed, ClockRead, LockLost, LockGained, Heard, Mirrored, MirrorFailed, MirrorParted, MirrorsListed, MirrorsRead, Woke, Held, Asked, ItemObserved, PendingObserved, Marked, Stopped, CancelAsked, TokenGiven,
);
variants!(Message as message_name, MESSAGES: Grew, Turned, Asked, Here, Wanted, Done);
variants!(Errand as errand_name, ERRANDS: Pull, Push);
variants!(Ask as ask_name, ASKS: Load, Pull, PullFeed, Wait, Push, Sync, Retry, Discard, Resolve, Close);
variants!(Decision as decision_name, DECISIONS: Mine, Theirs, Value, Defer);
variants!(StoreFailure as store_failure_name, STORE_FAILURES: Unavailable, TooNew, Aborted, Quota, Fenced, Replaced, Behind);
variants!(SendFailure as send_failure_name, SEND_FAILURES: NoAnswer, Truncated, TooLarge, Cancelled, Threw);

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    input: Input,
}

fn address() -> Address {
    Address::of("notes", "a/ü")
}

fn resolve(decision: Decision) -> Ask {
    Ask::Resolve { address: address(), digest: "9c5b94b1ad3ff1aa".into(), decision }
}

fn samples() -> Vec<(&'static str, Input)> {
    let mutation = MutationId("018f3c00-0000-7000-8000-000000000001".into());
    let mut samples = vec![
        ("started", Input::Started),
        ("loaded: a fresh store", Input::Loaded { load: LoadId(1), found: Found::default() }),
        ("loaded: a store", Input::Loaded { load: LoadId(1), found: boot() }),
        (
            "loaded: pages",
            Input::Loaded { load: LoadId(2), found: Found { pages: vec![(7, bytes(b"\0\xff")), (8, bytes(b""))], ..Found::default() } },
        ),
        ("written", Input::Written { write: WriteId(3), position: 42 }),
        ("progressed", Input::Progressed { request: RequestId(5), received: 9_007_199_254_740_993 }),
        ("replied", Input::Replied { request: RequestId(5), reply: reply() }),
        ("replied: not UTF-8", Input::Replied { request: RequestId(5), reply: Reply { body: bytes(b"\x1f\x8b"), ..Reply::default() } }),
        ("went online", Input::WentOnline),
        ("went offline", Input::WentOffline),
        ("became visible", Input::BecameVisible),
        ("became hidden", Input::BecameHidden),
        ("page hid", Input::PageHid),
        ("resumed", Input::Resumed { wall: Wall(1_700_000_000_000) }),
        ("clock read", Input::ClockRead { wall: Wall(1_700_000_000_000) }),
        ("lock lost", Input::LockLost),
        ("lock gained", Input::LockGained),
        ("mirrored", Input::Mirrored { order: 7 }),
        ("mirror failed", Input::MirrorFailed),
        ("mirror parted", Input::MirrorParted),
        ("mirrors listed", Input::MirrorsListed { names: vec!["store.tab.0".into(), "store".into()] }),
        ("mirrors read", Input::MirrorsRead { files: vec![("store.tab.0".into(), bytes(&[0xc3, 0, 200]))] }),
        ("woke", Input::Woke),
        ("held", Input::Held { addresses: vec![address()], held: true }),
        ("held no longer", Input::Held { addresses: vec![address()], held: false }),
        ("item observed", Input::ItemObserved { address: address(), observed: true }),
        ("item observed no longer", Input::ItemObserved { address: address(), observed: false }),
        ("pending observed", Input::PendingObserved { observed: true }),
        ("marked", Input::Marked { address: address() }),
        ("stopped", Input::Stopped { stopped: true }),
        ("stopped no longer", Input::Stopped { stopped: false }),
        ("cancel asked", Input::CancelAsked { mutation: mutation.clone() }),
        ("token given", Input::TokenGiven { present: true, expires_at: None }),
        ("token given for a while", Input::TokenGiven { present: true, expires_at: Some(Wall(1_700_000_000_000)) }),
        ("token missing", Input::TokenGiven { present: false, expires_at: None }),
    ];
    let asks = [
        ("asked: load", Ask::Load { addresses: vec![address()] }),
        ("asked: pull", Ask::Pull),
        ("asked: pull, of one feed", Ask::PullFeed { feed: "collection:c".into() }),
        ("asked: wait", Ask::Wait { timeout_ms: 30_000 }),
        ("asked: push", Ask::Push { timeout_ms: None }),
        ("asked: sync", Ask::Sync { address: address(), timeout_ms: Some(5_000) }),
        ("asked: retry", Ask::Retry { entry: mutation.clone(), edited: None }),
        ("asked: retry, edited", Ask::Retry { entry: mutation.clone(), edited: Some("{\"n\":1.0}".into()) }),
        ("asked: discard", Ask::Discard { entry: mutation.clone() }),
        ("asked: resolve, mine", resolve(Decision::Mine)),
        ("asked: resolve, theirs", resolve(Decision::Theirs)),
        ("asked: resolve, a value", resolve(Decision::Value(Some("{\"n\":1.0}".into())))),
        ("asked: resolve, no value", resolve(Decision::Value(None))),
        ("asked: resolve, later", resolve(Decision::Defer)),
        ("asked: close", Ask::Close),
    ];
    let error = Some(Fault::new(Code::Network, "no answer from the server"));
    let messages = [
        ("heard: the log grew", Message::Grew { position: 42 }),
        ("heard: the store turned", Message::Turned),
        ("heard: asked who drains", Message::Asked),
        ("heard: here", Message::Here { phase: Phase::NeedsAuth }),
        ("heard: wanted, a pull", Message::Wanted { token: 9_007_199_254_740_991, position: 42, what: Errand::Pull { feed: None } }),
        ("heard: wanted, a pull of one feed", Message::Wanted { token: 7, position: 0, what: Errand::Pull { feed: Some("a/ü".into()) } }),
        ("heard: wanted, a push", Message::Wanted { token: 7, position: 1, what: Errand::Push { address: None } }),
        (
            "heard: wanted, a push of one document",
            Message::Wanted { token: 7, position: 1, what: Errand::Push { address: Some(address()) } },
        ),
        ("heard: done", Message::Done { token: 7, position: 12, error: None }),
        ("heard: not done", Message::Done { token: 7, position: 12, error }),
    ];
    samples.extend(messages.map(|(name, message)| (name, Input::Heard { message })));
    samples.extend(asks.map(|(name, what)| (name, Input::Asked { ask: AskId(6), what })));
    samples.extend(store_failures().map(|(name, why)| (name, Input::WriteFailed { write: WriteId(3), why })));
    samples.push(("load failed", Input::LoadFailed { load: LoadId(1), why: StoreFailure::TooNew }));
    let send_failures = [
        ("send failed: no answer", SendFailure::NoAnswer),
        ("send failed: truncated", SendFailure::Truncated),
        ("send failed: too large", SendFailure::TooLarge),
        ("send failed: cancelled", SendFailure::Cancelled),
        ("send failed: threw", SendFailure::Threw { message: "TypeError: \"x\" is no function".into() }),
    ];
    samples.extend(send_failures.map(|(name, why)| (name, Input::SendFailed { request: RequestId(5), why })));
    samples
}

fn store_failures() -> [(&'static str, StoreFailure); 7] {
    [
        ("write failed: unavailable", StoreFailure::Unavailable { why: "SecurityError".into() }),
        ("write failed: too new", StoreFailure::TooNew),
        ("write failed: aborted", StoreFailure::Aborted { why: "AbortError".into() }),
        ("write failed: quota", StoreFailure::Quota),
        ("write failed: fenced", StoreFailure::Fenced { epoch: 8 }),
        ("write failed: replaced", StoreFailure::Replaced),
        ("write failed: behind", StoreFailure::Behind),
    ]
}

fn boot() -> Found {
    let meta = Meta {
        store_id: "018f3c00-0000-7000-8000-00000000aaaa".into(),
        store_epoch: 4,
        folded_to: 40,
        scope: "3da0fd9c44cfc9ee".into(),
        versions: Versions { layout: 1, collections: [("todos", 3)].into() },
        client_id: "018f3c00-0000-7000-8000-00000000cccc".into(),
        session_epoch: 6,
    };
    let log = vec![(41, bytes(b"text")), (44, bytes(&[0xc3, 0, 200]))];
    Found { meta: Some(meta), directory: Some(bytes("é".as_bytes())), log, pages: Vec::new() }
}

fn reply() -> Reply {
    let headers = [("content-type", "application/json".into()), ("retry-after", "120".into())].into();
    Reply { status: 503, redirected: true, headers, body: bytes(br#"{"outcomes":[]}"#) }
}

fn bytes(bytes: &[u8]) -> Bytes {
    Bytes(bytes.into())
}

#[test]
fn every_input_is_written_and_read_as_its_vector_says() {
    let mut vectors = Vectors::of("inputs.json", "inputs");
    for (name, input) in samples() {
        let text = vectors.pin(name, &Line { name: name.into(), input: input.clone() });
        let read: Line = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read.input, input, "{name}");
    }
    vectors.close();
}

#[test]
fn every_input_has_a_vector() {
    let inputs: Vec<Input> = samples().into_iter().map(|(_, input)| input).collect();
    assert_covered("inputs", INPUTS, inputs.iter().map(input_name));
    let (mut messages, mut errands, mut asked, mut decided, mut store, mut send) = (vec![], vec![], vec![], vec![], vec![], vec![]);
    for input in &inputs {
        match input {
            Input::Heard { message } => {
                messages.push(message_name(message));
                if let Message::Wanted { what, .. } = message {
                    errands.push(errand_name(what));
                }
                assert_eq!(Message::read(&message.text()).as_ref(), Some(message));
            }
            Input::Asked { what, .. } => {
                if let Ask::Resolve { decision, .. } = what {
                    decided.push(decision_name(decision));
                }
                asked.push(ask_name(what));
            }
            Input::WriteFailed { why, .. } => store.push(store_failure_name(why)),
            Input::SendFailed { why, .. } => send.push(send_failure_name(why)),
            _ => {}
        }
    }
    assert_covered("messages", MESSAGES, messages);
    assert_covered("errands", ERRANDS, errands);
    assert_covered("questions", ASKS, asked);
    assert_covered("decisions", DECISIONS, decided);
    assert_covered("failures of the store", STORE_FAILURES, store);
    assert_covered("failures of requests", SEND_FAILURES, send);
}
