//! Error codes: their vectors, and `docs/errors.md`, which is made of the sources of both halves of the package.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use syncline::engine::error::{Code, Fault};
use syncline::protocol::member::{Member, text_of};

use crate::vectors::{Vectors, assert_covered, assert_generated, raw, read, variants};

variants!(Code as code_name, CODES:
    WasmPanic, StorageUnavailable, StorageLost, StorageCorrupt, QuotaExceeded, QueueFull, TooLarge, NotLoaded, VersionTooNew, Network,
    Timeout, Http, Protocol, Unauthorized, WrongScope, Fenced, Rejected, Validation, InvalidDocument, Aborted, Closed,
);

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    error: Box<RawValue>,
    retryable: bool,
}

/// A code as its source declares it.
struct Declared {
    code: Code,
    text: String,
    meaning: String,
}

/// The codes in the order of the source, with their doc comments.
fn declared() -> Vec<Declared> {
    let (mut declared, mut docs) = (Vec::new(), Vec::new());
    let source = read("src/engine/error.rs");
    for line in source.lines().map(str::trim).skip_while(|line| *line != "codes! {").skip(1).take_while(|line| *line != "}") {
        match line.strip_prefix("/// ") {
            Some(doc) => docs.push(doc),
            None => {
                let text = line.split('"').nth(1).unwrap_or_else(|| panic!("no code in {line}")).to_owned();
                let code = Code::named(&text).expect("a declared code is a code");
                declared.push(Declared { code, text, meaning: std::mem::take(&mut docs).join(" ") });
            }
        }
    }
    declared
}

#[test]
fn every_code_is_written_and_read_as_its_vector_says() {
    let mut vectors = Vectors::of("errors.json", "errors");
    let codes: Vec<Code> = declared().into_iter().map(|declared| declared.code).collect();
    for code in &codes {
        assert_eq!((text_of(code), Code::named(code.as_str())), (format!("\"{}\"", code.as_str()), Some(*code)));
        let status = (*code == Code::Http).then_some(404);
        let error = status.map_or_else(|| Fault::new(*code, "why, in words"), |status| Fault::of_status(*code, "why, in words", status));
        let line = Line { name: code.as_str().into(), error: raw(&text_of(&error)), retryable: code.is_retryable() };
        let text = vectors.pin(code.as_str(), &line);
        let line: Line = serde_json::from_str(&text).expect("an error");
        assert_eq!(Fault::read(line.error.get()), Some(error));
    }
    vectors.close();
    assert_covered("codes", CODES, codes.iter().map(code_name));
}

/// A code of the JavaScript half's table: whether the same call may succeed later, and what to do.
struct Hint {
    code: String,
    retryable: bool,
    hint: String,
}

fn hints() -> Vec<Hint> {
    let source = read("src/js/errors.js");
    let table = source.lines().skip_while(|line| !line.starts_with("const CODES")).skip(1).take_while(|line| *line != "};");
    let row = |line: &str| {
        let (code, rest) = line.trim().split_once(": [")?;
        let (retryable, hint) = rest.strip_suffix("],")?.split_once(", ")?;
        let hint = hint.strip_prefix(['\'', '"'])?.strip_suffix(['\'', '"'])?;
        Some(Hint { code: code.into(), retryable: retryable.parse().ok()?, hint: hint.into() })
    };
    table.map(|line| row(line).unwrap_or_else(|| panic!("src/js/errors.js: no code in {line}"))).collect()
}

/// What those codes mean that only the JavaScript half gives: before there is a module, and when a store is deleted.
const OUTSIDE_THE_MODULE: [(&str, &str); 3] = [
    ("WASM_LOAD", "The module could not be loaded."),
    ("CSP_BLOCKED", "The page's Content-Security-Policy does not let a module run."),
    ("VERSION_BLOCKED", "Another tab does not let go of the store."),
];

fn generated() -> String {
    let (declared, hints) = (declared(), hints());
    let meaning = |code: &str| {
        let engine = declared.iter().find(|declared| declared.text == code).map(|declared| &*declared.meaning);
        let outside = OUTSIDE_THE_MODULE.iter().find(|(name, _)| *name == code).map(|(_, meaning)| *meaning);
        engine.or(outside).unwrap_or_else(|| panic!("{code}: nothing says what it means")).to_owned()
    };
    for declared in &declared {
        let hint = hints.iter().find(|hint| hint.code == declared.text);
        assert_eq!(hint.map(|hint| hint.retryable), Some(declared.code.is_retryable()), "{} in src/js/errors.js", declared.text);
    }
    let rows: Vec<String> = hints
        .iter()
        .map(|Hint { code, retryable, hint }| {
            format!("| `{code}` | {} | {} | {hint} |", meaning(code), if *retryable { "yes" } else { "no" })
        })
        .collect();
    format!(
        "# What can go wrong

Everything that fails, fails with a `SyncError`: an `Error` with a `code`, a `message` for developers, `retryable`, `hint` (what to
do about it), `status` where there was an HTTP status, and `cause` where something was thrown underneath. Codes are the same in
Rust and in JavaScript. `retryable` says whether the same call may succeed later; what is queued is sent again by itself, as
[outcomes.md](outcomes.md) says.

| code | meaning | retryable | hint |
| --- | --- | --- | --- |
{}

This page is made of `src/engine/error.rs` and `src/js/errors.js`; a test compares it with them.
",
        rows.join("\n")
    )
}

#[test]
fn the_page_about_errors_is_up_to_date() {
    assert_generated("docs/errors.md", &generated());
}
