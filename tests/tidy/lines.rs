//! What every file looks like: how it begins, how long it is, and what is never in it.

use crate::assert_tidy;
use crate::files::{File, all, ending};

const LINES_MAX: usize = 700;
/// Endings of files with code.
const CODE: [&str; 7] = [".rs", ".js", ".mjs", ".ts", ".css", ".html", ".sql"];
/// The full surface, signature by signature: a page to look things up in.
const LONG: &str = "docs/api.d.ts";

/// The first line is the module's sentence.
fn beginning(file: &File) -> Option<String> {
    let marks: &[&str] = match file.path.rsplit('.').next() {
        Some("rs") => &["//! "],
        Some("js" | "mjs" | "ts") => &["// ", "/** ", "/// <reference"],
        _ => return None,
    };
    let first = file.text.lines().next().unwrap_or_default();
    let says = marks.iter().any(|mark| first.strip_prefix(mark).is_some_and(|sentence| sentence.split_whitespace().count() > 1));
    (!says).then(|| format!("{}: begins without a sentence about what it is: {first}", file.path))
}

fn length(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    let code = CODE.iter().any(|ending| file.path.ends_with(ending)) && file.path != LONG;
    (code && lines > LINES_MAX).then(|| format!("{}: {lines} lines, and {LINES_MAX} are a sign that it is two files", file.path))
}

/// What is never in a file, and why. In two halves, so that this file holds none of it.
fn never() -> [(String, &'static str); 15] {
    let never = |halves: [&str; 2], why| (halves.concat(), why);
    [
        never(["TO", "DO"], "is half-meant"),
        never(["FIX", "ME"], "is half-meant"),
        never(["HA", "CK:"], "is half-meant"),
        never(["db", "g!("], "is left over"),
        never(["to", "do!("], "is half-meant"),
        never(["unimpl", "emented!("], "is half-meant"),
        never(["/ho", "me/"], "is a place on somebody's machine"),
        never(["/Us", "ers/"], "is a place on somebody's machine"),
        never(["/ro", "ot/"], "is a place on somebody's machine"),
        never(["/wo", "rk/"], "is a place on somebody's machine"),
        never(["C", ":\\"], "is a place on somebody's machine"),
        never(["shared/", "tools"], "is not of this project"),
        never(["issues ", "show"], "is not of this project"),
        never(["<<<<", "<<< "], "is half a merge"),
        never([">>>>", ">>> "], "is half a merge"),
    ]
}

/// Places of strings that must never be there.
fn leftovers(file: &File) -> Vec<String> {
    let (mut found, never) = (Vec::new(), never());
    for (index, line) in file.text.lines().enumerate() {
        for (string, why) in never.iter().filter(|(string, _)| line.contains(string.as_str())) {
            found.push(format!("{}:{}: `{string}` {why}", file.path, index + 1));
        }
    }
    found
}

#[test]
fn every_source_begins_with_a_sentence() {
    assert_tidy(ending(&[".rs", ".js", ".mjs", ".ts"]).filter_map(beginning));
}

#[test]
fn no_file_is_too_long() {
    assert_tidy(all().iter().filter_map(length));
}

#[test]
fn nothing_is_left_over() {
    assert_tidy(all().iter().flat_map(leftovers));
}

fn planted(path: &str, text: &str) -> File {
    File { path: path.into(), text: text.into() }
}

#[test]
fn a_missing_sentence_is_noticed() {
    for (path, text) in [("src/a.rs", "use std::fmt;\n//! Late."), ("src/a.rs", "//!\n"), ("a.mjs", "import x from 'y';"), ("a.js", "")] {
        assert!(beginning(&planted(path, text)).is_some(), "{path}: {text}");
    }
    assert!(beginning(&planted("src/a.rs", "//! What it is.\n")).is_none() && beginning(&planted("a.css", "a {}")).is_none());
}

#[test]
fn a_long_file_is_noticed() {
    assert!(length(&planted("src/a.rs", &"x\n".repeat(LINES_MAX + 1))).is_some());
    assert!(length(&planted("src/a.rs", &"x\n".repeat(LINES_MAX))).is_none());
    assert!(length(&planted("tests/vectors/a.json", &"x\n".repeat(LINES_MAX + 1))).is_none());
}

#[test]
fn what_is_left_over_is_noticed() {
    for (string, _) in never() {
        assert_eq!(leftovers(&planted("docs/a.md", &format!("one\ntwo {string} three"))).len(), 1, "{string}");
    }
    assert!(leftovers(&planted("docs/a.md", "todos are done, https://example.com/home")).is_empty());
}
