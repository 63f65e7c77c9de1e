//! Nothing that the world can send ends in a panic: outside of tests there is no `unwrap`, and an `expect` says the
//! sentence that makes it true.

use crate::assert_tidy;
use crate::files::{File, ending};
use crate::rust::Rust;

const PLACES: [&str; 8] =
    ["src/ordered.rs", "src/merge/", "src/engine/", "src/protocol/", "src/authority/", "src/browser/", "src/api/", "server/src/"];
/// Tests that any store runs, and a module that panics on purpose.
const EXEMPT: [&str; 4] = ["src/authority/contract.rs", "src/authority/stories.rs", "src/merge/stories.rs", "src/api/planted.rs"];

const MACROS: [&str; 4] = ["panic", "unreachable", "todo", "unimplemented"];
const METHODS: [&str; 3] = ["unwrap", "unwrap_err", "unwrap_unchecked"];

fn panics(file: &File) -> Vec<String> {
    if !PLACES.iter().any(|place| file.path.starts_with(place)) || EXEMPT.contains(&&*file.path) {
        return Vec::new();
    }
    let rust = Rust::of(&file.text);
    let wrong = |(at, name): (usize, &str)| {
        let behind = &rust.code[at + name.len()..];
        let is_method = rust.code[..at].trim_end().ends_with('.') && behind.starts_with('(');
        let why = match name {
            _ if MACROS.contains(&name) && behind.starts_with('!') => "ends the module",
            _ if METHODS.contains(&name) && is_method => "says nothing of why it cannot fail",
            "expect" | "expect_err" if is_method && !says_why(&rust.with_strings[at + name.len()..]) => {
                "needs the sentence that makes it true"
            }
            _ => return None,
        };
        Some(format!("{}:{}: `{name}` {why}", file.path, rust.line(at)))
    };
    rust.names().filter_map(wrong).collect()
}

/// Whether the argument is a text of at least two words.
fn says_why(call: &str) -> bool {
    let text = call.strip_prefix('(').map(str::trim_start).and_then(|call| call.strip_prefix('"'));
    text.and_then(|text| text.split('"').next()).is_some_and(|text| text.split_whitespace().count() > 1)
}

#[test]
fn nothing_ends_in_a_panic_without_a_reason() {
    assert_tidy(ending(&[".rs"]).flat_map(panics));
}

#[test]
fn a_panic_is_noticed() {
    let of = |text: &str| panics(&File { path: "src/engine/push.rs".into(), text: text.into() }).len();
    for text in
        ["x.unwrap();", "x\n  .unwrap()", "panic!(\"no\")", "unreachable!()", concat!("to", "do!()"), "x.expect(\"it\")", "x.expect(WHY)"]
    {
        assert_eq!(of(text), 1, "{text}");
    }
    for text in [
        "x.unwrap_or_default()",
        "// x.unwrap()",
        "\"x.unwrap()\"",
        "x.expect(\"Json::parse checked the text\")",
        "#[cfg(test)]\nmod tests { fn t() { x.unwrap() } }",
        "std::panic::catch_unwind(f)",
    ] {
        assert_eq!(of(text), 0, "{text}");
    }
}
