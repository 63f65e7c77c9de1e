//! A transaction of the browser's database ends by itself as soon as a task passes without a request on it: what issues its requests
//! awaits nothing (S12, B26). And none is committed by hand: behind `commit()` it cannot be aborted any more.

use crate::assert_tidy;
use crate::files::{File, ending};
use crate::rust::Rust;

const PLACES: [&str; 2] = ["src/browser/idb.rs", "src/browser/rows.rs"];
const AWAITING: [&str; 5] = ["await", "async", "spawn_local", "JsFuture", "Promise"];

fn pauses(file: &File) -> Vec<String> {
    if !PLACES.contains(&&*file.path) {
        return Vec::new();
    }
    let rust = Rust::of(&file.text);
    let awaiting = rust.names().filter(|(_, name)| AWAITING.contains(name));
    let mut complaints: Vec<String> = awaiting.map(|(at, name)| format!("{}:{}: `{name}`", file.path, rust.line(at))).collect();
    complaints.extend(rust.with_strings.match_indices("\"commit\"").map(|(at, text)| format!("{}:{}: {text}", file.path, rust.line(at))));
    complaints
}

/// In JavaScript nothing is called `commit`.
fn commits(file: &File) -> Vec<String> {
    let is_ours = file.path.starts_with("src/js/") && file.path.ends_with(".js");
    let called = file.text.match_indices(".commit(").filter(|_| is_ours);
    called.map(|(at, _)| format!("{}:{}: `commit()`", file.path, 1 + file.text[..at].matches('\n').count())).collect()
}

#[test]
fn s12_nothing_is_awaited_inside_a_transaction_and_none_is_committed_by_hand() {
    assert_eq!(ending(&[".rs"]).filter(|file| PLACES.contains(&&*file.path)).count(), PLACES.len(), "they are elsewhere");
    assert_tidy(ending(&[".rs"]).flat_map(pauses).chain(ending(&[".js"]).flat_map(commits)));
}

#[test]
fn a_pause_in_a_transaction_is_noticed() {
    let of = |path: &str, text: &str| {
        let file = File { path: path.into(), text: text.into() };
        pauses(&file).len() + commits(&file).len()
    };
    for text in ["async fn f() {}", "JsFuture::from(request)", "call(&tx, \"commit\", &[])"] {
        assert_eq!(of("src/browser/idb.rs", text), 1, "{text}");
    }
    assert_eq!(of("src/browser/rows.rs", "request.await"), 1);
    assert_eq!(of("src/js/stores.js", "transaction.commit();"), 1);
    for text in ["// nothing is awaited, and `commit()` is never called", "\"await\"", "let commit = 1;"] {
        assert_eq!(of("src/browser/idb.rs", text), 0, "{text}");
    }
    assert_eq!(of("src/browser/http.rs", "request.await"), 0);
}
