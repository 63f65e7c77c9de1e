//! Every queue has an end, and what comes too early or does not fit is refused with a name and changes nothing.

use syncline::engine::View;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::input::{Ask, Input, StoreFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Notice, StorageKind};
use syncline::engine::record::{self, Found, Kind};

use crate::harness::*;

/// As the engine has it.
const WAITERS_MAX: usize = 10_000;

fn code(client: &Client, ask: syncline::engine::ident::AskId) -> Option<Code> {
    client.answered(ask).expect("an answer").map(|error| error.code)
}

#[test]
fn i18_calls_that_wait_are_bounded() {
    let mut client = opened(&mut Server::new());
    client.tell(Input::WentOffline);
    let [first, last] = [1, WAITERS_MAX as u64].map(syncline::engine::ident::AskId);
    for ask in first.0..=last.0 {
        client.tell(Input::Asked { ask: syncline::engine::ident::AskId(ask), what: Ask::Pull });
    }
    assert_eq!(client.answered(last), None);
    let more = syncline::engine::ident::AskId(last.0 + 1);
    client.tell(Input::Asked { ask: more, what: Ask::Pull });
    assert_eq!(code(&client, more), Some(Code::QueueFull));
    assert_eq!(client.answered(first), None, "the others wait on");
}

#[test]
fn before_it_is_open_nothing_is_taken() {
    let mut client = Client::without_a_store(config(), 1);
    assert_eq!(client.mutate(put("k", "1")).unwrap_err().code, Code::Closed);
    let ask = client.ask(Ask::Pull);
    assert_eq!(code(&client, ask), Some(Code::Closed));
    assert_eq!(client.engine.view(&at("k")), View::Absent);
}

#[test]
fn a_splice_is_alone_and_needs_its_document() {
    let mut server = Server::new();
    let small = Config { compact_bytes_min: 1, page_bytes: 200, ..config() };
    let mut client = Client::with(small.clone(), Disk::default(), 1);
    client.mutate(put("k", r#"{"t":"text"}"#)).unwrap();
    client.live(&mut server, 3_000);
    let group = Mutation::group(vec![splice("k", 0, 0, "x"), put("l", "1")]).unwrap();
    assert_eq!(client.mutate(group).unwrap_err().code, Code::Validation);
    assert_eq!(client.status().pending_mutations, 0, "nothing of it is written");
    let mut client = Client::with(small, client.disk, 2);
    assert_eq!(client.mutate(splice("k", 0, 0, "x")).unwrap_err().code, Code::NotLoaded);
    client.ask(Ask::Load { addresses: vec![at("k")] });
    client.mutate(splice("k", 0, 0, "x")).unwrap();
    assert_eq!(client.text("k"), "xtext");
}

#[test]
fn i20_a_store_of_somebody_else_is_left_alone() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("k", "1")).unwrap();
    client.live(&mut server, 1_000);
    let disk = client.disk;
    let other = Config { scope: syncline::protocol::http::scope_hash("another"), ..config() };
    let mut client = Client::with(other, disk.clone(), 2);
    assert_eq!(client.status().storage, StorageKind::Memory);
    assert_eq!(client.status().error.map(|error| error.code), Some(Code::StorageUnavailable));
    assert_eq!(client.view("k"), None, "nothing of it is shown");
    client.mutate(put("k", "2")).unwrap();
    client.pass(1_000);
    assert!(client.disk.log == disk.log && client.disk.meta == disk.meta, "nor is anything written to it");
}

#[test]
fn a_store_that_fails_for_good_is_gone_and_the_reason_is_told() {
    let failures = [
        (StoreFailure::Quota, Code::QuotaExceeded),
        (StoreFailure::Replaced, Code::StorageLost),
        (StoreFailure::Unavailable { why: "closed".into() }, Code::StorageUnavailable),
    ];
    for (why, code) in failures {
        let mut client = opened(&mut Server::new());
        client.storing = false;
        client.mutate(put("k", "1")).unwrap();
        client.turn();
        let write = client.writes.pop_front().expect("a write").write;
        client.tell(Input::WriteFailed { write, why });
        assert_eq!((client.status().storage, client.status().error.map(|error| error.code)), (StorageKind::Memory, Some(code)));
        let awaited = client.ask(Ask::Push { timeout_ms: None });
        client.pass(1_000);
        assert!(client.has_push(), "what no store ever had is sent from memory");
        assert_eq!(client.answered(awaited), None);
    }
}

#[test]
fn i2_what_awaits_writes_that_only_the_lost_store_may_send_is_told_so() {
    let mut client = opened(&mut Server::new());
    client.tell(Input::WentOffline);
    client.mutate(put("k", "1")).unwrap();
    client.turn();
    client.storing = false;
    client.mutate(put("other", "1")).unwrap();
    client.turn();
    let write = client.writes.pop_front().expect("a write").write;
    client.tell(Input::WriteFailed { write, why: StoreFailure::Unavailable { why: "closed".into() } });
    let [sealed, free] = ["k", "other"].map(|key| client.ask(Ask::Sync { address: at(key), timeout_ms: None }));
    assert_eq!(code(&client, sealed), Some(Code::StorageUnavailable));
    assert_eq!(client.answered(free), None);
}

/// Pulls, and is answered with these changes.
fn answer_with_changes(client: &mut Client, changes: &str) {
    client.ask(Ask::Pull);
    let (request, call) = client.take_sent();
    let syncline::protocol::Call::Pull { request: echo, .. } = call else { panic!("{call:?}") };
    let scope = &config().scope;
    let page =
        format!(r#"{{"generation":"g1","scope":"{scope}","request":"{echo}","changes":[{changes}],"cursor":"{echo}","more":false}}"#);
    client.reply(request, json(200, &page));
    client.pass(2_000);
}

/// The bytes of each record on the disk with what could not be read.
fn set_aside(client: &Client) -> Vec<usize> {
    let records = client.disk.log.values().flat_map(|commit| record::decode(commit));
    let bytes = |found: Found<'_>| match found {
        Found::Record(record) if record.kind == Kind::Quarantine => Some(record.raw.len()),
        _ => None,
    };
    records.filter_map(bytes).collect()
}

#[test]
fn i18_what_cannot_be_read_is_kept_once_however_often_it_comes() {
    let mut client = opened(&mut Server::new());
    let answer = |client: &mut Client| answer_with_changes(client, r#"{"collection":"c","key":7}"#);
    let stored = |client: &Client| client.disk.log.values().map(Vec::len).sum::<usize>();
    answer(&mut client);
    let (once, mut told) = (stored(&client), 0);
    for _ in 0..1_500 {
        answer(&mut client);
        told += 1;
    }
    let quarantined = |client: &Client| set_aside(client).len();
    // What is dead goes when the log is folded.
    assert!(told == 1_500 && stored(&client) < once + 300_000, "{} bytes", stored(&client));
    let before = quarantined(&client);
    let mut client = client.crash();
    for _ in 0..1_500 {
        answer(&mut client);
    }
    assert!(before < 1_000 && quarantined(&client) < 1_000, "{before} and {}", quarantined(&client));
}

#[test]
fn i18_of_what_a_server_sends_and_nobody_can_read_a_mib_is_kept_and_all_of_it_is_told() {
    let mut client = opened(&mut Server::new());
    let unreadable =
        |page: usize, change: usize| format!(r#"{{"collection":"c","key":7,"value":"{page} {change} {}"}}"#, "-".repeat(1_000));
    let mut told = 0;
    for page in 0..60 {
        let changes: Vec<String> = (0..30).map(|change| unreadable(page, change)).collect();
        answer_with_changes(&mut client, &changes.join(","));
        told += std::mem::take(&mut client.notices).iter().filter(|notice| matches!(notice, Notice::Troubled { .. })).count();
        if page == 40 {
            client = client.crash();
        }
    }
    assert_eq!(told, 60 * 30);
    let kept = set_aside(&client);
    assert!((500_000..=1 << 20).contains(&kept.iter().sum::<usize>()), "{} of {} bytes", kept.len(), kept.iter().sum::<usize>());
}
