//! `docs/outcomes.md`: what each answer of a server means. The rows about statuses are made of the engine's one table,
//! those about requests without a usable answer of what an engine was seen to do.

use std::fmt::Write as _;

use syncline::engine::clock::{Timestamp, Wall};
use syncline::engine::config::Config;
use syncline::engine::ident::RequestId;
use syncline::engine::input::{Bytes, Input, Reply, SendFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::Phase;
use syncline::engine::outcome::{Class, TABLE, classify};
use syncline::engine::retry::{Backoff, ENTRY, LINK};
use syncline::protocol::http::scope_hash;
use syncline::protocol::{Address, Call};

use crate::client::Client;
use crate::contract::memory::Disk;
use crate::vectors::assert_generated;

/// A class in a word, and what follows from it.
fn meaning(class: Class) -> (&'static str, String) {
    match class {
        Class::Body => ("body", "The reply's body says what became of each entry. An entry that it does not name is unknown.".into()),
        Class::Retry => {
            let waits = waits(ENTRY);
            ("retry", format!("The entries wait, {waits}, and as long as `Retry-After` says, and go again under the same ids."))
        }
        Class::Auth => ("auth", "Where the app has a provider of tokens (`auth`), it is asked for one, and the entries go again at once. Where it has none, or gives none, or the server refuses that one too, nothing is asked until there is a token or a minute has passed; the entries stay queued.".into()),
        Class::TooLarge => ("too large", "The batch is halved; an entry that is alone ends as rejected, with `TOO_LARGE`.".into()),
        Class::Precondition => (
            "precondition",
            "The batch is halved; an entry that is alone and says what it was made on ends as rejected, with `REJECTED`; one that does not ends as merged, and what is made of it after a pull goes in its place.".into(),
        ),
        Class::Refused => ("refused", "The batch is halved; an entry that is alone ends as rejected, with `REJECTED`.".into()),
        Class::Unknown => {
            ("unknown", format!("Whether it was done is not known: the entries wait, {}, and go again under the same ids.", waits(ENTRY)))
        }
    }
}

/// A table of waits in words.
fn waits(table: Backoff) -> String {
    let longest = |failures| table.longest(failures) / 1_000;
    format!("at random up to {} s after a first failure and up to {} s after many", longest(1), longest(1_000))
}

const CLASSES: [Class; 7] = [Class::Body, Class::Retry, Class::Auth, Class::TooLarge, Class::Precondition, Class::Refused, Class::Unknown];

/// A way in which a request comes to no usable answer.
type Way = (&'static str, fn(&mut Client, RequestId));

const WAYS: [Way; 13] = [
    ("no answer: no network, no name, no certificate, not allowed across origins", |client, request| {
        client.tell(Input::SendFailed { request, why: SendFailure::NoAnswer });
    }),
    ("no progress for 10 s beyond what the upload takes", |client, _| client.pass(11_000)),
    ("the answer broke off", |client, request| client.tell(Input::SendFailed { request, why: SendFailure::Truncated })),
    ("the answer is larger than the limit", |client, request| client.tell(Input::SendFailed { request, why: SendFailure::TooLarge })),
    ("the app's own function threw, or returned what is no reply", |client, request| {
        client.tell(Input::SendFailed { request, why: SendFailure::Threw { message: "why".into() } });
    }),
    ("a redirect, whatever came of it", |client, request| replied(client, request, Reply { status: 403, redirected: true, ..good("{}") })),
    ("another content type than `application/json`", |client, request| {
        let headers = [("content-type", "text/html".into())].into();
        replied(client, request, Reply { headers, ..good("<html></html>") });
    }),
    ("not UTF-8", |client, request| replied(client, request, Reply { body: Bytes([0xff, 0xfe].as_slice().into()), ..good("") })),
    ("not JSON", |client, request| replied(client, request, good("{"))),
    ("no list of outcomes", |client, request| replied(client, request, good(&format!("{{{}}}", head())))),
    ("no generation or no scope", |client, request| replied(client, request, good(r#"{"outcomes":[]}"#))),
    ("an outcome for each entry but this one", |client, request| {
        replied(client, request, good(&format!(r#"{{{},"outcomes":[]}}"#, head())));
    }),
    ("another user's scope", |client, request| {
        replied(client, request, good(r#"{"generation":"g","scope":"0000000000000000","outcomes":[]}"#));
    }),
];

fn head() -> String {
    format!(r#""generation":"g","scope":"{}""#, scope_hash("user"))
}

fn good(body: &str) -> Reply {
    let headers = [("content-type", "application/json".into())].into();
    Reply { status: 200, redirected: false, headers, body: Bytes(body.as_bytes().into()) }
}

fn replied(client: &mut Client, request: RequestId, reply: Reply) {
    client.tell(Input::Replied { request, reply });
}

/// Time passes; pulls are answered at once, and what was pushed is returned.
fn pushes(client: &mut Client, ms: u64) -> Vec<(RequestId, String)> {
    let (end, mut pushes) = (client.now.after(ms), Vec::new());
    while client.now < end {
        client.pass(100);
        while let Some((request, call)) = client.sent.pop_front() {
            match call {
                Call::Push { body, .. } => pushes.push((request, body)),
                Call::Pull { request: echo, .. } => {
                    let page = format!(r#"{{{},"request":"{echo}","cursor":"0","more":false,"changes":[]}}"#, head());
                    client.reply(request, 200, &page);
                }
                Call::Ping | Call::Outcome { .. } => panic!("nobody asked for it: {call:?}"),
            }
        }
    }
    pushes
}

/// What an engine does when a push comes to this: the error that it shows, and what happens to the entry.
fn observed((what, befalls): &Way) -> (String, &'static str) {
    let config = Config { scope: scope_hash("user"), ..Config::default() };
    let mut client = Client::open(config, Disk::default(), Wall(0));
    let mutation = Mutation::put(Address::of("c", "k"), "1").expect("a document");
    client.engine.mutate(Timestamp(0), mutation, &mut Vec::new()).expect("there is room");
    client.tell(Input::Woke);
    let sent = pushes(&mut client, 200);
    let [(request, body)] = &sent[..] else { panic!("{what}: one push, not {sent:?}") };
    befalls(&mut client, *request);
    let error = client.engine.status().error.unwrap_or_else(|| panic!("{what}: no error"));
    assert_eq!(client.engine.status().pending_mutations, 1, "{what}: it stays queued");
    let again = pushes(&mut client, 400_000);
    if client.engine.status().phase == Phase::Paused {
        assert_eq!(again, [], "{what}: nothing is sent");
        return (error.code.as_str().to_owned(), "nothing more is sent; the entry stays queued");
    }
    assert!(!again.is_empty() && again.iter().all(|(_, text)| text == body), "{what}: the same bytes again");
    (error.code.as_str().to_owned(), "unknown: it goes again, byte for byte, under the same id")
}

fn generated() -> String {
    let mut page = String::from(
        "# What an answer means

The engine decides by one table what the answer to a push means, never by the words of a message. Entries that go again go byte
for byte as before, under the same ids, so that a server can tell them from new ones.

## By status

| status | class | because |
| --- | --- | --- |
",
    );
    for (first, last, class, why) in TABLE {
        let statuses = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let _ = writeln!(page, "| {statuses} | {} | {why} |", meaning(class).0);
    }
    let _ = writeln!(page, "| any other | {} | it means nothing here |", meaning(classify(0)).0);
    page.push_str("\n| class | what follows |\n| --- | --- |\n");
    for class in CLASSES {
        let (word, follows) = meaning(class);
        let _ = writeln!(page, "| {word} | {follows} |");
    }
    page.push_str("\n## Without a usable answer\n\n| what came | `status.error` | what becomes of an entry |\n| --- | --- | --- |\n");
    for way in &WAYS {
        let (code, becomes) = observed(way);
        let _ = writeln!(page, "| {} | `{code}` | {becomes} |", way.0);
    }
    let waits = waits(LINK);
    let _ = write!(
        page,
        "
Without any answer every request waits, {waits}; the browser's `online` event cuts that
wait short.

## Behind all of it

A pull that is answered 410 begins again without its cursor; every other status lets it wait as `retry` does, and `auth` means
the same as for a push. Where the headers of any answer say that a quota is used up (`RateLimit`, or `RateLimit-Remaining` and
`RateLimit-Reset`, in the forms of the IETF's drafts), nothing is asked before it is filled again; `Retry-After` counts more. Of all
requests that fail, ten in a row cost nothing but the waits above. Behind those one may fail every 10 s, and one more for each ten
that do not, however many entries wait to go again; nothing is asked until there is one to be spent.

This page is made of `src/engine/outcome.rs` and of what the engine does; a test compares it with them.
"
    );
    page
}

#[test]
fn h15_the_page_about_outcomes_is_up_to_date() {
    assert_generated("docs/outcomes.md", &generated());
}

#[test]
fn h15_every_class_is_on_the_page() {
    assert!((100..=599).map(classify).all(|class| CLASSES.contains(&class)));
}
