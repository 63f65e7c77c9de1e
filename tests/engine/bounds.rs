//! What waits is bounded: what it takes counts, all of it, and what is too much is refused with a name and changes nothing.

use syncline::engine::View;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::ident::AskId;
use syncline::engine::input::{Ask, Input, StoreFailure};
use syncline::engine::notice::StorageKind;

use crate::harness::*;

/// Nothing leaves by itself.
fn still() -> Config {
    Config { batch_window_ms: 1 << 40, poll_base_ms: 1 << 40, ..config() }
}

/// Another client of the same user writes.
fn elsewhere(server: &mut Server, key: &str, text: &str) {
    let mut other = Client::open(Disk::default(), 100 + u64::from(server.pushes));
    other.mutate(put(key, text)).unwrap();
    other.live(server, 1_000);
}

#[test]
fn i18_a_text_that_is_kept_for_a_splice_counts_after_a_restart_too() {
    let mut server = Server::new();
    let text = |letter: &str| format!(r#"{{"t":"{}"}}"#, letter.repeat(5_000));
    elsewhere(&mut server, "k", &text("a"));
    let limit = Config { outbox_bytes_max: 11_000, ..still() };
    let mut client = Client::with(limit.clone(), Disk::default(), 1);
    client.live(&mut server, 10);
    let first = client.mutate(splice("k", 0, 0, "x")).unwrap();
    client.turn();
    let alone = client.status().pending_bytes;
    assert!(alone < 500, "{alone}");
    for letter in ["b", "c"] {
        elsewhere(&mut server, "k", &text(letter));
        client.ask(Ask::Pull);
        client.live(&mut server, 10);
        assert_eq!(client.status().pending_bytes, alone + 5_002, "the text, once, as JSON");
    }
    client.mutate(put("l", &text("d"))).unwrap();
    let (before, seen) = (client.status(), client.text("k"));
    assert_eq!(client.mutate(put("m", &text("e"))).unwrap_err().code, Code::QueueFull);
    assert_eq!((client.status(), client.text("k"), client.view("m")), (before, seen, None), "nothing has changed");
    client.turn();
    let mut client = client.crash_with(limit);
    assert_eq!(client.mutate(put("m", &text("e"))).unwrap_err().code, Code::QueueFull);
    let kept = client.status().pending_bytes;
    assert!((10_000..11_000).contains(&kept), "{kept}");
    client.ask(Ask::Push { timeout_ms: None });
    client.live(&mut server, 10_000);
    assert_eq!((client.status().pending_bytes, client.ending(&first).is_some()), (0, true));
    client.mutate(put("m", &text("e"))).unwrap();
}

/// Forty documents of a thousand bytes, in pages of some each; with more than sixteen thousand bytes in memory, some go.
fn forty(server: &mut Server) -> Client {
    for n in 0..40 {
        elsewhere(server, &format!("k{n}"), &format!(r#"{{"n":{n},"t":"{}"}}"#, "x".repeat(1_000)));
    }
    let config = Config { memory_bytes_max: 16_000, page_directly_bytes: 64, page_bytes: 2_000, ..still() };
    let mut client = Client::with(config, Disk::default(), 1);
    for key in ["k0", "k1"] {
        client.tell(Input::Held { addresses: vec![at(key)], held: true });
    }
    client.mutate(merge("k2", r#"{"mine":true}"#)).unwrap();
    client.live(server, 10);
    client
}

fn is_there(client: &mut Client, key: &str) -> bool {
    client.engine.view(&at(key)) != View::NotLoaded
}

#[test]
fn i18_documents_that_nobody_looks_at_go_when_there_is_too_much_and_come_back() {
    let mut server = Server::new();
    let mut client = forty(&mut server);
    assert!(client.status().memory_bytes <= 16_000, "{}", client.status().memory_bytes);
    let there = (0..40).filter(|n| is_there(&mut client, &format!("k{n}"))).count();
    assert!((3..14).contains(&there), "{there}");
    assert!(["k0", "k1", "k2"].iter().all(|key| is_there(&mut client, key)), "what is held or pending stays");
    assert!(!is_there(&mut client, "k20"));
    client.ask(Ask::Load { addresses: vec![at("k20")] });
    assert_eq!((client.view("k20").unwrap()["n"].clone(), client.view("k2").unwrap()["mine"].clone()), (20.into(), true.into()));
    // Used last, it goes last.
    for n in 21..30 {
        client.view("k20");
        client.ask(Ask::Load { addresses: vec![at(&format!("k{n}"))] });
    }
    assert!(is_there(&mut client, "k20") && client.status().memory_bytes <= 16_000);
    assert!(!is_there(&mut client, "k39"));
    // What others do to it comes as to any other, and so does what is done here.
    elsewhere(&mut server, "k39", r#"{"n":"another"}"#);
    let edited = client.mutate(merge("k38", r#"{"mine":true}"#)).unwrap();
    client.ask(Ask::Pull);
    client.live(&mut server, 10);
    assert_eq!((client.view("k39").unwrap()["n"].clone(), client.view("k38").unwrap()["n"].clone()), ("another".into(), 38.into()));
    client.ask(Ask::Push { timeout_ms: None });
    client.live(&mut server, 1_000);
    assert!(client.ending(&edited).is_some());
    assert_eq!(server.document("k38").map(|document| document["mine"].clone()), Some(true.into()));
}

#[test]
fn i18_without_a_store_nothing_more_is_written_when_memory_is_full() {
    let mut server = Server::new();
    let mut client = Client::with(Config { memory_bytes_max: 2_000, ..still() }, Disk::default(), 1);
    client.live(&mut server, 10);
    client.storing = false;
    client.mutate(put("k", "1")).unwrap();
    client.turn();
    let write = client.writes.pop_front().expect("a write").write;
    client.tell(Input::WriteFailed { write, why: StoreFailure::Quota });
    assert_eq!(client.status().storage, StorageKind::Memory);
    client.mutate(put("l", "1")).unwrap();
    elsewhere(&mut server, "big", &format!(r#"{{"t":"{}"}}"#, "x".repeat(2_000)));
    client.ask(Ask::Pull);
    client.live(&mut server, 10);
    let before = client.status();
    assert!(before.memory_bytes > 2_000 && client.view("big").is_some(), "what comes is there, and counted");
    assert_eq!(client.mutate(put("l", "2")).unwrap_err().code, Code::QueueFull);
    assert_eq!((client.status(), client.view("l")), (before, Some(1.into())), "nothing has changed");
}

#[test]
fn what_is_asked_for_together_is_there_when_the_one_answer_comes() {
    let mut server = Server::new();
    let mut client = forty(&mut server);
    let all: Vec<_> = (0..40).map(|n| at(&format!("k{n}"))).collect();
    client.storing = false;
    client.tell(Input::Held { addresses: all.clone(), held: true });
    let (out, there): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|address| client.engine.view(address) == View::NotLoaded);
    assert!(out.len() > 4, "they are in several pages");
    let ask = client.ask(Ask::Load { addresses: all.clone() });
    let none = AskId(1);
    client.tell(Input::Asked { ask: none, what: Ask::Load { addresses: [there, vec![at("nowhere")]].concat() } });
    assert_eq!((client.answered(ask), client.answered(none)), (None, Some(None)));
    client.storing = true;
    client.store();
    assert_eq!(client.answered(ask), Some(None));
    assert!(all.iter().all(|address| client.engine.view(address) != View::NotLoaded));
}

#[test]
fn i18_calls_that_wait_for_documents_are_bounded() {
    let mut server = Server::new();
    let mut client = forty(&mut server);
    client.storing = false;
    let load = |client: &mut Client, ask| client.tell(Input::Asked { ask: AskId(ask), what: Ask::Load { addresses: vec![at("k20")] } });
    (1..=10_000).for_each(|ask| load(&mut client, ask));
    assert_eq!((client.answered(AskId(1)), client.answered(AskId(10_000))), (None, None));
    load(&mut client, 10_001);
    assert_eq!(client.answered(AskId(10_001)).flatten().map(|error| error.code), Some(Code::QueueFull));
    client.storing = true;
    client.store();
    assert_eq!((client.answered(AskId(1)), client.answered(AskId(10_000))), (Some(None), Some(None)));
}

#[test]
fn i18_there_are_only_so_many_documents_and_what_would_be_one_more_changes_nothing() {
    let mut server = Server::new();
    for key in ["a", "b", "c"] {
        elsewhere(&mut server, key, r#"{"n":1}"#);
    }
    let mut client = Client::with(Config { documents_max: 4, ..still() }, Disk::default(), 1);
    client.live(&mut server, 10);
    client.mutate(put("d", "1")).unwrap();
    client.ask(Ask::Push { timeout_ms: None });
    client.live(&mut server, 1_000);
    let before = client.status();
    assert_eq!(client.mutate(put("e", "1")).unwrap_err().code, Code::QueueFull);
    assert_eq!((client.status(), client.view("e")), (before, None), "nothing has changed");
    client.mutate(merge("d", r#"{"n":2}"#)).unwrap();
    // Somebody else's does not come in, and the feed stays where it is, until there is room.
    elsewhere(&mut server, "e", "2");
    let pull = client.ask(Ask::Pull);
    client.live(&mut server, 10);
    assert_eq!(client.answered(pull).flatten().map(|error| error.code), Some(Code::QueueFull));
    assert_eq!((client.view("e"), client.status().stale), (None, Some(Code::QueueFull)));
    let mut client = client.crash_with(Config { documents_max: 5, ..still() });
    client.live(&mut server, 1_000);
    assert_eq!((client.view("e"), client.status().stale), (Some(serde_json::json!(2)), None));
    assert_eq!(client.mutate(put("f", "1")).unwrap_err().code, Code::QueueFull);
}
