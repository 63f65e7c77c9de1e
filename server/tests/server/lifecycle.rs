//! Start, stop, kill, and start again.

use std::io::Write;
use std::time::Duration;

use serde_json::json;
use syncline::protocol::Call;

use crate::support::{Bench, asker, connect, grow, put, read_reply, refuses_to_start, signal};

#[test]
fn a_stop_finishes_what_is_in_flight_and_leaves_one_file() {
    let mut bench = Bench::start(&["--slow-ms", "700"]);
    let (pid, address) = (bench.pid(), bench.address());
    std::thread::scope(|scope| {
        let pushed = scope.spawn(|| bench.push("c1", &put("e1", "k", "1")));
        std::thread::sleep(Duration::from_millis(200));
        signal(pid, "-TERM");
        std::thread::sleep(Duration::from_millis(200));
        assert!(connect(address).is_err(), "nobody is let in any more");
        assert_eq!(pushed.join().unwrap().outcomes(), ["ok"]);
    });
    assert_eq!(bench.ended().code(), Some(0));
    let files: Vec<_> = std::fs::read_dir(bench.folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["data.sqlite"], "the log is folded into the file");
    bench.running = None;
    bench.restart(&[]);
    assert_eq!(bench.documents(), [("k".into(), "1".into())]);
}

#[test]
fn idle_connections_do_not_hold_up_a_stop() {
    let mut bench = Bench::start(&[]);
    let mut idle = connect(bench.address()).unwrap();
    let mut used = connect(bench.address()).unwrap();
    let _silent = connect(bench.address()).unwrap();
    idle.write_all(b"GET /sync/pi").unwrap();
    used.write_all(b"GET /sync/ping HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(read_reply(used.try_clone().unwrap()).unwrap().status, 200);
    let started = std::time::Instant::now();
    signal(bench.pid(), "-INT");
    assert_eq!(bench.ended().code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn it_ends_with_its_standard_input() {
    let mut bench = Bench::start(&[]);
    bench.close_stdin();
    assert_eq!(bench.ended().code(), Some(0));
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let mut bench = Bench::start(&[]);
    for index in 0..20 {
        assert_eq!(bench.push("c1", &put(&format!("e{index}"), &format!("k{index}"), "1")).outcomes(), ["ok"]);
    }
    bench.kill();
    bench.restart(&[]);
    assert_eq!(bench.documents().len(), 20);
    let again = bench.push("c1", &[put("e7", "k7", "1"), put("e20", "k20", "1")].join(",")).json();
    assert_eq!([&again["generation"], &again["outcomes"][0]["seq"], &again["outcomes"][1]["seq"]], [&json!("g1"), &json!(8), &json!(21)]);
}

#[test]
fn h18_a_start_from_an_older_copy_is_another_life() {
    let mut bench = Bench::start(&[]);
    let older = bench.folder.path().join("older.sqlite");
    bench.push("c1", &put("e1", "k", r#"{"n":1}"#));
    let cursor = bench.pull("c1", None)["cursor"].as_str().unwrap().to_owned();
    bench.stop();
    std::fs::copy(bench.db(), &older).unwrap();
    bench.restart(&[]);
    bench.push("c1", &grow("e2", "k"));
    bench.stop();
    bench.restart(&["--copy-from", older.to_str().unwrap()]);
    assert_eq!(bench.documents(), [("k".into(), r#"{"n":1}"#.into())], "what came after the copy is gone");
    let pulled = bench.pull("c1", Some(&cursor));
    let generation = pulled["generation"].as_str().unwrap().to_owned();
    assert!(generation.len() == 8 && generation.bytes().all(|digit| digit.is_ascii_hexdigit()), "{generation}");
    assert_eq!([&pulled["reset"], &pulled["changes"][0]["version"]], [&json!(true), &json!("g1.1")]);
    let again = bench.push("c1", &[put("e1", "k", r#"{"n":1}"#), grow("e2", "k")].join(","));
    assert_eq!(again.outcomes(), ["ok", "ok"]);
    assert_eq!(again.json()["outcomes"][1]["version"], format!("{generation}.2"), "its effect was gone, so it is done");
    assert_eq!(bench.documents(), [("k".into(), r#"{"n":2}"#.into())]);
    bench.restart(&[]);
    assert_eq!(bench.pull("c1", None)["generation"], generation, "a plain restart is the same life");
}

#[test]
fn generations_are_drawn_and_differ() {
    let generation = || {
        let mut bench = Bench { folder: tempfile::tempdir().unwrap(), running: None };
        bench.restart(&[]);
        bench.call(&asker("c"), &Call::Ping).json()["generation"].as_str().unwrap().to_owned()
    };
    let (one, other) = (generation(), generation());
    assert_ne!(one, other);
    assert_eq!(one.len(), 8);
}

#[test]
fn what_cannot_start_says_why() {
    assert_eq!(refuses_to_start(&[]).0, Some(2));
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("data.sqlite");
    let db = db.to_str().unwrap();
    let (code, why) = refuses_to_start(&["--db", db, "--copy-from", folder.path().join("none").to_str().unwrap()]);
    assert!(code == Some(1) && why.contains("unable to open"), "{why}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, why) = refuses_to_start(&["--db", db, "--listen", &taken.local_addr().unwrap().to_string()]);
    assert!(code == Some(1) && why.contains("in use"), "{why}");
    std::fs::write(folder.path().join("text"), "this is no database, however long one reads in it ".repeat(20)).unwrap();
    let (code, why) = refuses_to_start(&["--db", folder.path().join("text").to_str().unwrap()]);
    assert!(code == Some(1) && why.contains("not a database"), "{why}");
}
