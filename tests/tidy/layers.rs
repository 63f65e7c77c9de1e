//! Imports point one way, and what is pure names nothing that is not.

use crate::assert_tidy;
use crate::files::{File, ending};
use crate::rust::Rust;

/// Where a source stands, the parts of the crate that it may name, and why.
const LAYERS: [(&str, &[&str]); 9] = [
    ("src/ordered.rs", &[]),
    ("src/protocol/", &["protocol"]),
    ("src/merge/", &["merge", "protocol"]),
    ("src/engine/", &["engine", "merge", "protocol"]),
    ("src/authority/", &["authority", "protocol"]),
    // The oracle looks at what the engine tells and stores, and decides nothing with its or the protocol's code. Only how two texts,
    // or documents with rules, become one it does not know better: of several that they may become, one is as good as another.
    ("src/sim/oracle/", &["sim", "engine", "merge"]),
    ("src/sim/", &["sim", "engine", "merge", "authority", "protocol"]),
    ("src/browser/", &["browser", "engine", "protocol"]),
    ("src/api/", &["api", "browser", "engine", "merge", "protocol"]),
];
const PARTS: [&str; 7] = ["protocol", "merge", "engine", "authority", "sim", "browser", "api"];
/// What the server may name of the library.
const SERVER: [&str; 2] = ["authority", "protocol"];

/// The browser, in any of its crates.
const BROWSER: [&str; 5] = ["web_sys", "js_sys", "wasm_bindgen", "wasm_bindgen_futures", "gloo_timers"];
/// Clocks, and collections whose order is another one each time.
const RANDOM: [&str; 5] = ["Instant", "SystemTime", "HashMap", "HashSet", "RandomState"];
/// What hides who changes what, and when.
const SHARED: [&str; 7] = ["Rc", "RefCell", "async", "await", "Mutex", "thread", "static"];

/// What a source must not name at all: for each place, lists of names.
const PURE: [(&str, &[&[&str]]); 6] = [
    ("src/ordered.rs", &[&BROWSER, &RANDOM, &SHARED]),
    ("src/protocol/", &[&BROWSER, &RANDOM, &SHARED]),
    ("src/merge/", &[&BROWSER, &RANDOM, &SHARED]),
    ("src/engine/", &[&BROWSER, &RANDOM, &SHARED]),
    ("src/authority/", &[&BROWSER, &RANDOM]),
    ("src/sim/", &[&BROWSER, &RANDOM]),
];
/// The door through which the simulator is called inside the module.
const IN_WASM: &str = "src/sim/twin.rs";
/// A program's command line may tell how long it took.
const MAY_MEASURE: &str = "src/sim/cli.rs";

/// Names of the crate's parts that a source must not name.
fn imports(file: &File) -> Vec<String> {
    let (roots, allowed): (&[&str], &[&str]) = match LAYERS.iter().find(|(place, _)| file.path.starts_with(place)) {
        Some((_, allowed)) => (&["crate", "super"], allowed),
        None if file.path.starts_with("server/src/") => (&["syncline"], &SERVER),
        None => return Vec::new(),
    };
    let rust = Rust::of(&file.text);
    let wrong = named(&rust, roots).into_iter().filter(|(_, part)| PARTS.contains(part) && !allowed.contains(part));
    wrong.map(|(at, part)| format!("{}:{}: names `{part}`", file.path, rust.line(at))).collect()
}

/// The first names behind these roots, as in `root::name` and `root::{name, …}`, with their places.
fn named<'a>(rust: &'a Rust, roots: &[&str]) -> Vec<(usize, &'a str)> {
    let names: Vec<(usize, &str)> = rust.names().collect();
    let mut found = Vec::new();
    for (index, (at, root)) in names.iter().enumerate().filter(|(_, (_, name))| roots.contains(name)) {
        let behind = rust.code[at + root.len()..].trim_start();
        let Some(behind) = behind.strip_prefix("::").map(str::trim_start) else { continue };
        if !behind.starts_with('{') {
            found.extend(names.get(index + 1));
            continue;
        }
        let open = rust.code.len() - behind.len();
        let mut depth = 0;
        let mut begins = false;
        for (offset, char) in behind.char_indices() {
            match char {
                '{' => (depth, begins) = (depth + 1, true),
                '}' => depth -= 1,
                ',' => begins = true,
                _ if depth == 1 && begins && !char.is_whitespace() => {
                    begins = false;
                    found.extend(names.iter().find(|(at, _)| *at == open + offset));
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

/// Names that a source in a pure place must not use.
fn impurities(file: &File) -> Vec<String> {
    let Some((_, lists)) = PURE.iter().find(|(place, _)| file.path.starts_with(place)) else { return Vec::new() };
    let rust = Rust::of(&file.text);
    let is_lifetime = |at: usize| rust.code[..at].ends_with('\'');
    let wrong = rust.names().filter(|(at, name)| lists.iter().any(|list| list.contains(name)) && !is_lifetime(*at));
    let wrong = wrong.filter(|(_, name)| !(file.path == MAY_MEASURE && *name == "Instant"));
    let wrong = wrong.filter(|(_, name)| !(file.path == IN_WASM && *name == "wasm_bindgen"));
    wrong.map(|(at, name)| format!("{}:{}: uses `{name}`", file.path, rust.line(at))).collect()
}

#[test]
fn imports_point_one_way() {
    assert_tidy(ending(&[".rs"]).flat_map(imports));
}

#[test]
fn what_is_pure_stays_pure() {
    assert_tidy(ending(&[".rs"]).flat_map(impurities));
}

fn planted(path: &str, text: &str) -> File {
    File { path: path.into(), text: text.into() }
}

#[test]
fn a_wrong_import_is_noticed() {
    for (path, text) in [
        ("src/engine/push.rs", "use crate::browser::clock;"),
        ("src/engine/push.rs", "fn f() { crate :: sim::run() }"),
        ("src/engine/push.rs", "use crate::{\n    protocol::{Json, Patch},\n    authority::Store,\n};"),
        ("src/protocol/json.rs", "use super::super::engine::Engine;"),
        ("src/sim/oracle/truth.rs", "use crate::protocol::Draft;"),
        ("src/browser/idb.rs", "use crate::api::Client;"),
        ("src/authority/push.rs", "use crate::engine::rng::Rng;"),
        ("server/src/http.rs", "use syncline::engine::Engine;"),
    ] {
        assert_eq!(imports(&planted(path, text)).len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("src/engine/push.rs", "// use crate::sim;\nuse crate::protocol::{self, Json};"),
        ("src/sim/world.rs", "use crate::authority::{Store, push as sim};"),
        ("src/sim/oracle/shown.rs", "#[cfg(test)]\nmod tests { use crate::protocol::Json; }"),
        ("server/src/http.rs", "use syncline::protocol::Call;"),
    ] {
        assert_eq!(imports(&planted(path, text)), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn what_is_not_pure_is_noticed() {
    for (path, text) in [
        ("src/engine/link.rs", "use std::time::Instant;"),
        ("src/engine/link.rs", "fn f(now: std::time::SystemTime) {}"),
        ("src/engine/link.rs", "let seen: std::collections::HashMap<u8, u8>;"),
        ("src/engine/link.rs", "async fn f() {}"),
        ("src/engine/link.rs", "static COUNT: u8 = 0;"),
        ("src/protocol/json.rs", "use std::cell::RefCell;"),
        ("src/protocol/json.rs", "use web_sys::Window;"),
        ("src/sim/world.rs", "use std::collections::HashSet;"),
    ] {
        assert_eq!(impurities(&planted(path, text)).len(), 1, "{path}: {text}");
    }
    let fine = planted("src/engine/link.rs", "//! Instant, async\nfn f(x: &'static str) { g(\"HashMap\") }");
    assert_eq!(impurities(&fine), Vec::<String>::new());
}
