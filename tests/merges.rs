//! Merges that were recorded while two people typed into one text: what came of it is known from elsewhere.

use std::process::Command;
use std::sync::LazyLock;

use serde::Deserialize;
use syncline::merge::text::merge;

/// Not part of the project.
const RECORDED: &str = "../shared/data/friendsforever.merges.jsonl.gz";

#[derive(Deserialize)]
struct Recorded {
    base: String,
    local: String,
    remote: String,
    expected: String,
}

/// `None` where the file is missing.
static MERGES: LazyLock<Option<Vec<Recorded>>> = LazyLock::new(|| {
    let read = Command::new("gzip").args(["-dc", RECORDED]).output().ok()?;
    let lines = String::from_utf8(read.stdout).ok().filter(|_| read.status.success())?;
    Some(lines.lines().map(|line| serde_json::from_str(line).expect("a recorded merge")).collect())
});

/// All of them, with each letter as `letter` writes it.
fn all_come_out_exactly(letter: fn(char) -> String) {
    let Some(recorded) = &*MERGES else { return println!("skipped: {RECORDED} is not there") };
    let written =
        |text: &str| text.chars().map(|char| if char.is_ascii_lowercase() { letter(char) } else { char.into() }).collect::<String>();
    assert_eq!(recorded.len(), 2_258);
    for (index, one) in recorded.iter().enumerate() {
        let [base, local, remote, expected] = [&one.base, &one.local, &one.remote, &one.expected].map(|text| written(text));
        assert!(merge(&base, &local, &remote).text == expected, "merge {index} comes out otherwise");
    }
}

#[test]
fn i27_recorded_merges_come_out_exactly() {
    all_come_out_exactly(String::from);
}

#[test]
fn i27_recorded_merges_come_out_exactly_beyond_the_basic_plane() {
    all_come_out_exactly(|char| char::from_u32(0x1d41a + u32::from(char) - u32::from('a')).expect("a mathematical letter").into());
}

#[test]
fn i27_recorded_merges_come_out_exactly_in_combining_sequences() {
    all_come_out_exactly(|char| format!("{char}\u{323}\u{301}"));
}
