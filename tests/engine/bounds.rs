//! What waits is bounded: what it takes counts, all of it, and what is too much is refused with a name and changes nothing.

use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::input::Ask;

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
