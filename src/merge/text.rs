//! Two texts that began as one: what either side wrote is there, and what either side removed is not.

use imara_diff::{Algorithm, Diff, Token};

use super::cluster::Piece;
use crate::ordered::Order;
use crate::protocol::text::units;

/// What has changed in a word is found character by character while its two forms together have no more than this many; of one that
/// is longer, and is hardly a word, the range that changed is one change. It bounds the time that a text without spaces takes.
const CLUSTERS_MAX: usize = 4_096;

/// What two texts have become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// The text.
    pub text: String,
    /// Where both sides wrote, each something else, at one place; in the order of the text. Somebody may want to look there.
    pub marks: Vec<Mark>,
}

/// A place where both sides wrote. Ranges are UTF-16 units of the merged text, one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What local wrote.
    pub local: std::ops::Range<u64>,
    /// What remote wrote.
    pub remote: std::ops::Range<u64>,
}

/// Merges two texts that were `base`. Where both wrote at one place, both stay, and there is a mark: what was begun further in front
/// comes first, and of what was begun at one place remote's. Equal changes are one change. No character is cut in two, and so much of
/// a word stays one change as its two forms have nothing in common.
pub fn merge(base: &str, local: &str, remote: &str) -> Merged {
    // What only one side changed is what it says, to the letter.
    let only = |text: &str| Merged { text: text.to_owned(), marks: Vec::new() };
    if local == base || local == remote {
        return only(remote);
    }
    if remote == base {
        return only(local);
    }
    let (mut mine, mut theirs) = (&changes(base, local)[..], &changes(base, remote)[..]);
    let (mut merged, mut at) = (Merged::default(), 0);
    while let Some(start) = [mine, theirs].iter().filter_map(|side| side.first()).map(|change| change.start).min() {
        let mut end = start;
        let (mut own, mut other) = (0, 0);
        // What touches is one place, and nothing of the base in it is left.
        while reaches(mine, &mut own, &mut end) || reaches(theirs, &mut other, &mut end) {}
        merged.text.push_str(&base[at..start]);
        let is_mine_first = own > 0 && (other == 0 || mine[0].start < theirs[0].start);
        let (of_mine, of_theirs) = (written(mine, own), written(theirs, other));
        merged.place(of_mine, of_theirs, is_mine_first);
        (mine, theirs, at) = (&mine[own..], &theirs[other..], end);
    }
    merged.text.push_str(&base[at..]);
    merged
}

/// Whether the next change of a side touches what ends here, and is counted with it.
fn reaches(side: &[Change<'_>], count: &mut usize, end: &mut usize) -> bool {
    let next = side.get(*count).filter(|next| next.start <= *end);
    if let Some(next) = next {
        (*count, *end) = (*count + 1, next.end.max(*end));
    }
    next.is_some()
}

fn written(side: &[Change<'_>], count: usize) -> String {
    let mut written = String::new();
    side[..count].iter().for_each(|change| written.push_str(change.text));
    written
}

impl Merged {
    /// Both sides wrote these at one place.
    fn place(&mut self, mine: String, theirs: String, is_mine_first: bool) {
        if mine == theirs || mine.is_empty() {
            return self.text.push_str(&theirs);
        }
        let at = if theirs.is_empty() { 0 } else { units(&self.text) };
        let (first, second) = if is_mine_first { (&mine, &theirs) } else { (&theirs, &mine) };
        self.text.push_str(first);
        self.text.push_str(second);
        if !theirs.is_empty() {
            let middle = at + units(first);
            let (first, second) = (at..middle, middle..middle + units(second));
            let (local, remote) = if is_mine_first { (first, second) } else { (second, first) };
            self.marks.push(Mark { local, remote });
        }
    }
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
    /// The change from `before` to `after` as one range: what is left when the common beginning and then the common end are cut off, in
    /// whole clusters.
    pub fn between(before: &str, after: &'a str) -> Change<'a> {
        Change::in_pieces(before, after, Piece::Cluster)
    }

    fn in_pieces(before: &str, after: &'a str, piece: Piece) -> Change<'a> {
        let (earlier, later) = (before.as_bytes(), after.as_bytes());
        let shorter = earlier.len().min(later.len());
        let mut start = common(shorter, &|at, bytes| earlier[at..at + bytes] == later[at..at + bytes]);
        while !(piece.may_cut(before, start) && piece.may_cut(after, start)) {
            start -= 1;
        }
        let back = |text: &[u8], at: usize, bytes: usize| text.len() - at - bytes..text.len() - at;
        let mut same = common(shorter - start, &|at, bytes| earlier[back(earlier, at, bytes)] == later[back(later, at, bytes)]);
        while !(piece.may_cut(before, earlier.len() - same) && piece.may_cut(after, later.len() - same)) {
            same -= 1;
        }
        Change { start, end: earlier.len() - same, text: &after[start..later.len() - same] }
    }

    fn is_none(&self) -> bool {
        self.start == self.end && self.text.is_empty()
    }

    /// What changed inside of it, piece by piece.
    fn parts(&self, base: &str, piece: Piece) -> Vec<Change<'a>> {
        let before = &base[self.start..self.end];
        let mut change = Change::in_pieces(before, self.text, piece);
        if change.is_none() {
            return Vec::new();
        }
        (change.start, change.end) = (self.start + change.start, self.start + change.end);
        if change.start == change.end || change.text.is_empty() {
            return vec![change];
        }
        let (earlier, later) = (piece.split(&base[change.start..change.end]), piece.split(change.text));
        if piece == Piece::Cluster && earlier.len() + later.len() > CLUSTERS_MAX {
            return vec![change];
        }
        let mut names = Names::default();
        let (before, after) = (names.name(&earlier), names.name(&later));
        let mut diff = Diff::default();
        diff.compute_with(Algorithm::Myers, &before, &after, names.known.len() as u32);
        let (mut parts, mut places, mut texts) = (Vec::new(), Places::of(&earlier), Places::of(&later));
        for hunk in diff.hunks() {
            let (start, end) = (places.byte(hunk.before.start), places.byte(hunk.before.end));
            let (from, to) = (texts.byte(hunk.after.start), texts.byte(hunk.after.end));
            parts.push(Change { start: change.start + start, end: change.start + end, text: &change.text[from..to] });
        }
        parts
    }
}

/// How many bytes are the same before the first that are not, of so many: `is_same` says it of some at a place. Many at once are compared
/// faster than one by one.
fn common(most: usize, is_same: &dyn Fn(usize, usize) -> bool) -> usize {
    let mut at = 0;
    for bytes in [256, 1] {
        while at + bytes <= most && is_same(at, bytes) {
            at += bytes;
        }
    }
    at
}

/// What changed from `base` to `side`, in order: by words first, since two words that have some letters in common are not yet one
/// word that was edited. As one it counts where one piece of it has changed, or no more than half.
fn changes<'a>(base: &str, side: &'a str) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    for rough in (Change { start: 0, end: base.len(), text: side }).parts(base, Piece::Word) {
        let fine = rough.parts(base, Piece::Cluster);
        let mut kept = rough.end - rough.start;
        fine.iter().for_each(|change| kept -= change.end - change.start);
        if fine.len() < 2 || 2 * kept >= rough.text.len().min(rough.end - rough.start) {
            changes.extend(fine);
        } else {
            changes.push(rough);
        }
    }
    changes
}

/// Pieces as numbers, equal ones by equal numbers.
#[derive(Default)]
struct Names<'a> {
    order: Order,
    known: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn name(&mut self, pieces: &[&'a str]) -> Vec<Token> {
        let mut named = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let slot = self.order.enter(self.known.len(), &|slot: usize| self.known[slot].cmp(piece));
            if slot == self.known.len() {
                self.known.push(piece);
            }
            named.push(Token(slot as u32));
        }
        named
    }
}

/// Where pieces begin, asked for in order.
struct Places<'a> {
    pieces: std::slice::Iter<'a, &'a str>,
    passed: u32,
    byte: usize,
}

impl<'a> Places<'a> {
    fn of(pieces: &'a [&'a str]) -> Places<'a> {
        Places { pieces: pieces.iter(), passed: 0, byte: 0 }
    }

    fn byte(&mut self, piece: u32) -> usize {
        while self.passed < piece {
            self.byte += self.pieces.next().map_or(0, |piece| piece.len());
            self.passed += 1;
        }
        self.byte
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merged(base: &str, local: &str, remote: &str) -> String {
        merge(base, local, remote).text
    }

    #[test]
    fn both_changes_are_there() {
        for (base, local, remote, both) in [
            ("one two", "one! two", "one two?", "one! two?"),
            ("one two", "one two?", "one! two", "one! two?"),
            ("one two three", "one three", "one two three four", "one three four"),
            ("abc", "aXbYc", "abc!", "aXbYc!"),
            ("one, two; three", "ONE, two; THREE", "one, 2; three", "ONE, 2; THREE"),
            ("abcd", "d", "abc", ""),
            ("abc", "aXbc", "abc", "aXbc"),
            ("abc", "abc", "", ""),
            ("a", "aX", "aX", "aX"),
            ("a b c", "a X b c", "a X b c Y", "a X b c Y"),
            ("", "mine", "theirs", "theirsmine"),
            ("one two", "eins two", "ONE two", "ONEeins two"),
            ("see the cat", "see the black cat", "see the cats", "see the black cats"),
        ] {
            assert_eq!(merged(base, local, remote), both, "{base:?} {local:?} {remote:?}");
        }
    }

    #[test]
    fn what_was_written_stays_though_the_other_side_removed_what_it_was_written_into() {
        assert_eq!(merged("one two three", "one three", "one two! three"), "one !three");
        assert_eq!(merged("one two three", "", "one two, three"), ",");
    }

    #[test]
    fn a_place_where_both_wrote_has_a_mark() {
        let Merged { text, marks } = merge("😀 one", "😀 eins", "😀 uno");
        assert_eq!((&*text, &marks[..]), ("😀 unoeins", &[Mark { local: 6..10, remote: 3..6 }][..]));
        let Merged { text, marks } = merge("ab cd", "X cd", "abY cd");
        assert_eq!((&*text, &marks[..]), ("XY cd", &[Mark { local: 0..1, remote: 1..2 }][..]));
        assert!(merge("ab", "aXb", "abY").marks.is_empty());
        assert!(merge("ab", "aXb", "aXb").marks.is_empty());
        assert!(merge("ab", "aX", "a").marks.is_empty(), "remote wrote nothing there");
    }

    #[test]
    fn no_character_is_cut_in_two() {
        for (base, local, remote, both) in [
            ("😀b", "😁b", "😀bc", "😁bc"),
            ("😀", "😁", "😂", "😂😁"),
            ("e\u{301}a", "e\u{300}a", "e\u{301}b", "e\u{300}b"),
            ("👩\u{200d}👧", "👩\u{200d}👦", "👩\u{200d}👧!", "👩\u{200d}👦!"),
            ("👍🏽", "👍🏻", "👍🏿", "👍🏿👍🏻"),
            ("a\r\nb", "a\nb", "a\r\nb\r\n", "a\nb\r\n"),
        ] {
            assert_eq!(merged(base, local, remote), both, "{base:?} {local:?} {remote:?}");
        }
    }

    #[test]
    fn long_texts_are_merged_in_a_moment() {
        let mut numbers = 1u32;
        let words: Vec<String> = std::iter::repeat_with(|| {
            numbers = numbers.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("w{}", numbers >> 18)
        })
        .take(20_000)
        .collect();
        let edited = |every: usize, mark: &str| {
            let word = |(at, word): (usize, &String)| if at % every == 0 { format!("{word}{mark}") } else { word.clone() };
            words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
        };
        let both = words.iter().enumerate().map(|(at, word)| {
            let [theirs, mine] = [(991, "T"), (1_009, "M")].map(|(every, mark)| if at % every == 0 { mark } else { "" });
            format!("{word}{theirs}{mine}")
        });
        let Merged { text, marks } = merge(&words.join(" "), &edited(1_009, "M"), &edited(991, "T"));
        assert!(text == both.collect::<Vec<_>>().join(" "));
        assert_eq!(marks.len(), 1, "the first word");
        let letters = |step: usize| (0..100_000).map(|at| char::from(b'a' + (at * at * step / 3 % 26) as u8)).collect::<String>();
        assert!(merge(&letters(7), &letters(11), "x").text.starts_with('x'), "a text without spaces");
    }

    /// One side's edits of a base in which every character is one of its own: which of them go, and before which something is written.
    fn edited(base: &[char], gone: usize, written: usize, first: char) -> String {
        let mut text = String::new();
        for at in 0..=base.len() {
            if written >> at & 1 == 1 {
                text.extend(char::from_u32(u32::from(first) + at as u32));
            }
            text.extend(base.get(at).filter(|_| gone >> at & 1 == 0));
        }
        text
    }

    #[test]
    fn none_is_lost_doubled_or_resurrected_in_any_small_edits() {
        let base: Vec<char> = ('\u{f0000}'..'\u{f0003}').collect();
        let all = || (0..1 << base.len()).flat_map(|gone| (0..2 << base.len()).map(move |written| (gone, written)));
        let text: String = base.iter().collect();
        for (gone, written) in all() {
            let local = edited(&base, gone, written, '\u{f1000}');
            for (theirs_gone, theirs_written) in all() {
                let remote = edited(&base, theirs_gone, theirs_written, '\u{f2000}');
                let both: Vec<char> = merged(&text, &local, &remote).chars().collect();
                let is_kept = |char: &char| {
                    let stays = |side: &str| side.contains(*char);
                    if text.contains(*char) { stays(&local) && stays(&remote) } else { true }
                };
                for side in [&local, &remote] {
                    let of_side: Vec<char> = both.iter().copied().filter(|char| side.contains(*char)).collect();
                    assert_eq!(of_side, side.chars().filter(is_kept).collect::<Vec<_>>(), "{text:?} {local:?} {remote:?}");
                }
                assert!(both.iter().all(|char| local.contains(*char) || remote.contains(*char)));
            }
        }
    }

    #[test]
    fn i27_merge_laws_hold_for_all_small_texts() {
        let mut texts = vec![String::new()];
        for at in 0..40 {
            let longer = ["a", "b", "\u{301}"].map(|piece| format!("{}{piece}", texts[at]));
            texts.extend(longer);
        }
        let texts = &texts[..40];
        for base in texts {
            for x in texts {
                assert_eq!(merged(base, x, x), *x);
                assert_eq!(merged(base, base, x), *x);
                assert_eq!(merged(base, x, base), *x);
                for y in texts {
                    let Merged { text, marks } = merge(base, x, y);
                    assert!(text.len() <= x.len() + y.len(), "{base:?} {x:?} {y:?}: {text:?}");
                    assert!(marks.iter().all(|mark| mark.local.end.max(mark.remote.end) <= units(&text)));
                    let change = Change::between(x, y);
                    assert_eq!([&x[..change.start], change.text, &x[change.end..]].concat(), *y);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn i27_merge_laws(base in "[ab 😀é\u{301}]{0,12}", x in "[ab 😀é\u{301}]{0,12}", y in "[ab 😀é\u{301}]{0,12}") {
            prop_assert_eq!(merged(&base, &x, &x), x.clone());
            prop_assert_eq!(merged(&base, &base, &y), y.clone());
            prop_assert_eq!(merged(&base, &x, &base), x.clone());
            let Merged { text, marks } = merge(&base, &x, &y);
            prop_assert!(text.chars().all(|char| x.contains(char) || y.contains(char)));
            prop_assert_eq!(merge(&base, &x, &y), Merged { text: text.clone(), marks: marks.clone() });
            // Only places where both wrote have a side that comes first.
            if marks.is_empty() {
                prop_assert_eq!(merged(&base, &y, &x), text);
            }
            let change = Change::between(&x, &y);
            prop_assert_eq!([&x[..change.start], change.text, &x[change.end..]].concat(), y);
        }

        #[test]
        fn nothing_written_is_dropped(base in "[ab ]{0,8}", at in 0usize..9, cut in 0usize..4, from in 0usize..9, less in 0usize..4) {
            let edit = |at: usize, cut: usize, mark: &str| {
                let at = at.min(base.len());
                format!("{}{mark}{}", &base[..at], &base[(at + cut).min(base.len())..])
            };
            let both = merged(&base, &edit(at, cut, "MINE"), &edit(from, less, "THEIRS"));
            prop_assert!(both.contains("MINE") && both.contains("THEIRS"), "{}", both);
        }
    }
}
