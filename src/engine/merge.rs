//! Two texts that began as one: each side's change is taken as one range.

/// The text with both changes. Where the two ranges touch, remote's text comes first and local's after it; no text that
/// either side wrote is dropped. Equal changes are one change.
pub fn texts(base: &str, local: &str, remote: &str) -> String {
    if local == remote || local == base {
        return remote.to_owned();
    }
    let (mine, theirs) = (Change::between(base, local), Change::between(base, remote));
    if mine.end < theirs.start {
        return [&base[..mine.start], mine.text, &base[mine.end..theirs.start], theirs.text, &base[theirs.end..]].concat();
    }
    if theirs.end < mine.start {
        return [&base[..theirs.start], theirs.text, &base[theirs.end..mine.start], mine.text, &base[mine.end..]].concat();
    }
    let (start, end) = (mine.start.min(theirs.start), mine.end.max(theirs.end));
    [&base[..start], theirs.text, mine.text, &base[end..]].concat()
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
        let same = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
        let start = before.floor_char_boundary(same).min(after.floor_char_boundary(same));
        let (rest_before, rest_after) = (&before[start..], &after[start..]);
        let same = rest_before.bytes().rev().zip(rest_after.bytes().rev()).take_while(|(a, b)| a == b).count();
        let cut = |text: &str| text.ceil_char_boundary(text.len() - same);
        let suffix = (rest_before.len() - cut(rest_before)).min(rest_after.len() - cut(rest_after));
        Change { start, end: before.len() - suffix, text: &rest_after[..rest_after.len() - suffix] }
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
