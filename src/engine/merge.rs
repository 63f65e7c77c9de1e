//! Two texts that began as one: each side's change is taken as one range.

/// The text with both changes. Where the two ranges touch, remote's text comes first and local's after it; no text that
/// either side wrote is dropped. Equal changes are one change.
pub fn texts(base: &str, local: &str, remote: &str) -> String {
    if local == remote || local == base {
        return remote.to_owned();
    }
    let (mine, theirs) = (Change::between(base, local), Change::between(base, remote));
    let mut merged = String::new();
    let mut at = 0;
    let mut next = |to: usize, change: &Change<'_>| {
        merged.push_str(base.get(at..to).unwrap_or_default());
        merged.push_str(change.text);
        at = at.max(change.end);
    };
    if mine.end < theirs.start {
        next(mine.start, &mine);
        next(theirs.start, &theirs);
    } else {
        next(theirs.start.min(mine.start), &theirs);
        next(mine.start, &mine);
    }
    merged.push_str(&base[at..]);
    merged
}

/// One changed range: bytes `start..end` of the one text became `text` in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes of the earlier text.
    pub end: usize,
    /// What is there in the later text.
    pub text: &'a str,
}

impl<'a> Change<'a> {
    /// The change from `before` to `after`: what is left when the common prefix and then the common suffix are cut off,
    /// in whole characters.
    pub fn between(before: &str, after: &'a str) -> Change<'a> {
        let (earlier, later) = (before.as_bytes(), after.as_bytes());
        let shorter = earlier.len().min(later.len());
        let mut start = 0;
        while start < shorter && earlier[start] == later[start] {
            start += 1;
        }
        while !(before.is_char_boundary(start) && after.is_char_boundary(start)) {
            start -= 1;
        }
        let mut same = 0;
        while same < shorter - start && earlier[earlier.len() - 1 - same] == later[later.len() - 1 - same] {
            same += 1;
        }
        while !(before.is_char_boundary(earlier.len() - same) && after.is_char_boundary(later.len() - same)) {
            same -= 1;
        }
        Change { start, end: earlier.len() - same, text: &after[start..later.len() - same] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_changes_are_there() {
        for (base, local, remote, merged) in [
            ("one two", "one! two", "one two?", "one! two?"),
            ("one two", "one two?", "one! two", "one! two?"),
            ("ab", "aXb", "aYb", "aYXb"),
            ("abc", "aXc", "aYc", "aYXc"),
            ("abcd", "d", "abc", ""),
            ("abc", "aXbc", "abc", "aXbc"),
            ("abc", "abc", "", ""),
            ("a", "aX", "aX", "aX"),
            ("😀b", "😁b", "😀bc", "😁bc"),
            ("", "mine", "theirs", "theirsmine"),
        ] {
            assert_eq!(texts(base, local, remote), merged, "{base:?} {local:?} {remote:?}");
        }
    }

    proptest! {
        #[test]
        fn i27_merge_laws(base in "[ab😀é]{0,8}", x in "[ab😀é]{0,8}", y in "[ab😀é]{0,8}") {
            prop_assert_eq!(texts(&base, &x, &x), x.clone());
            prop_assert_eq!(texts(&base, &base, &y), y.clone());
            prop_assert_eq!(texts(&base, &x, &base), x.clone());
            let change = Change::between(&x, &y);
            prop_assert_eq!([&x[..change.start], change.text, &x[change.end..]].concat(), y);
        }

        #[test]
        fn nothing_written_is_dropped(base in "[ab]{0,8}", at in 0usize..9, cut in 0usize..4, from in 0usize..9, less in 0usize..4) {
            let edit = |at: usize, cut: usize, mark: &str| {
                let at = at.min(base.len());
                format!("{}{mark}{}", &base[..at], &base[(at + cut).min(base.len())..])
            };
            let merged = texts(&base, &edit(at, cut, "MINE"), &edit(from, less, "THEIRS"));
            prop_assert!(merged.contains("MINE") && merged.contains("THEIRS"), "{}", merged);
        }
    }
}
