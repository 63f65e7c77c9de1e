//! Where a text may be cut: never inside what a reader takes for one character.

/// Characters that belong to the one before them, from U+0300 on: so many that do not, so many that do. These are the marks of all
/// scripts (general category M), the vowels and finals of Hangul, variation selectors, and the shades of emoji. Gaps of one or two
/// between them are closed, and what nobody has assigned counts with its neighbours: a text is then cut less often, and nowhere wrongly.
const EXTENDING: [u16; 428] = [
    0, 112, 275, 7, 263, 55, 72, 11, 48, 21, 16, 1, 101, 24, 35, 1, 30, 27, 91, 11, 58, 9, 9, 1, 24, 24, 43, 3, 59, 9, 42, 58, 54, 30, 10,
    2, 29, 3, 56, 18, 9, 1, 10, 2, 26, 6, 56, 22, 30, 2, 3, 1, 11, 3, 56, 18, 20, 2, 22, 10, 56, 28, 10, 2, 30, 1, 59, 16, 9, 1, 40, 5, 55,
    27, 11, 2, 29, 3, 56, 27, 11, 2, 28, 4, 55, 19, 9, 1, 10, 2, 29, 3, 70, 22, 18, 2, 61, 10, 12, 8, 98, 12, 11, 7, 73, 2, 27, 5, 4, 2,
    49, 23, 5, 48, 9, 1, 100, 20, 23, 4, 4, 16, 3, 4, 13, 14, 10, 4, 194, 160, 349, 3, 946, 4, 28, 3, 29, 2, 30, 2, 64, 32, 9, 1, 45, 5,
    117, 2, 34, 1, 118, 28, 219, 5, 57, 43, 48, 85, 47, 17, 38, 9, 12, 3, 30, 13, 56, 14, 48, 20, 152, 25, 4, 1, 6, 6, 198, 64, 524, 2,
    194, 33, 3070, 3, 141, 1, 96, 32, 554, 6, 105, 2, 30164, 15, 32, 2, 80, 2, 272, 1, 3, 1, 4, 1, 23, 5, 4, 1, 83, 2, 50, 18, 26, 18, 13,
    1, 38, 8, 25, 13, 44, 4, 47, 14, 36, 1, 67, 14, 12, 1, 8, 2, 45, 3, 50, 9, 5, 4, 41, 5, 5, 2, 236, 11, 11202, 76, 8994, 1, 737, 16, 16,
    16, 366, 2, 605, 1, 226, 1, 149, 5, 1670, 15, 40, 8, 165, 2, 573, 4, 65, 5, 317, 2, 77, 6, 70, 11, 49, 4, 122, 3, 53, 15, 41, 5, 10, 4,
    45, 11, 7, 1, 61, 3, 36, 14, 16, 2, 44, 1, 12, 3, 48, 14, 8, 7, 92, 12, 6, 4, 157, 12, 21, 4, 55, 19, 9, 1, 10, 19, 67, 43, 82, 18, 23,
    1, 81, 20, 235, 18, 27, 2, 82, 17, 106, 13, 101, 15, 256, 15, 245, 20, 141, 16, 3, 1, 28, 10, 40, 12, 8, 1, 9, 11, 46, 16, 198, 7, 200,
    17, 82, 37, 122, 23, 66, 14, 347, 4, 9, 2, 52, 37, 5349, 22, 11464, 18, 2496, 5, 59, 7, 1048, 68, 81, 14, 19627, 2, 4705, 71, 542, 5,
    3, 6, 8, 17, 30, 4, 148, 3, 1979, 55, 4, 50, 8, 1, 14, 1, 22, 21, 1360, 43, 100, 1, 160, 7, 375, 1, 61, 4, 508, 4, 254, 2, 243, 19,
    474, 7, 109, 7, 2736, 5,
];
/// Joins what stands on both of its sides.
const JOINER: char = '\u{200d}';

/// What counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What a reader takes for a character: a letter with its marks, an emoji with all that is joined to it.
    Cluster,
    /// A word of a script with small letters, or another cluster.
    Word,
}

impl Piece {
    /// Whether these two, one behind the other, are of one piece.
    pub fn joins(self, before: char, after: char) -> bool {
        // In most texts most of it has no marks.
        self == Piece::Word && is_in_word(before) && is_in_word(after)
            || after == '\n' && before == '\r'
            || after >= '\u{300}' && (extends(after) || before == JOINER || is_flag(before) && is_flag(after))
    }

    /// Whether the text may be cut at this byte.
    pub fn may_cut(self, text: &str, at: usize) -> bool {
        let Some((before, after)) = text.split_at_checked(at) else { return false };
        match (before.chars().next_back(), after.chars().next()) {
            (Some(before), Some(after)) => !self.joins(before, after),
            _ => true,
        }
    }

    /// All pieces of a text.
    pub fn split(self, text: &str) -> Vec<&str> {
        let (mut pieces, mut from, mut before) = (Vec::new(), 0, None);
        for (at, char) in text.char_indices() {
            if before.is_some_and(|before| !self.joins(before, char)) {
                pieces.push(&text[from..at]);
                from = at;
            }
            before = Some(char);
        }
        if !text.is_empty() {
            pieces.push(&text[from..]);
        }
        pieces
    }
}

fn extends(char: char) -> bool {
    let char = u32::from(char);
    // Selectors and tags have a plane of their own.
    if char >= 0xe_0000 {
        return char < 0xe_0200;
    }
    let mut at = 0x300;
    for [without, with] in EXTENDING.as_chunks().0 {
        at += u32::from(*without);
        if char < at {
            return false;
        }
        at += u32::from(*with);
        if char < at {
            return true;
        }
    }
    false
}

/// Two of them are a flag. A row of flags is one piece: which two belong together only its beginning says.
fn is_flag(char: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&char)
}

/// Whether words are made of it, as far as their scripts part them by spaces.
fn is_in_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || ('\u{c0}'..'\u{2000}').contains(&char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_what_a_reader_sees() {
        for (text, clusters) in [
            ("", &[][..]),
            ("ab", &["a", "b"]),
            ("e\u{301}\u{323}x", &["e\u{301}\u{323}", "x"]),
            ("\r\n\n", &["\r\n", "\n"]),
            ("👩\u{200d}👩\u{200d}👧!", &["👩\u{200d}👩\u{200d}👧", "!"]),
            ("👍🏽👍", &["👍🏽", "👍"]),
            ("🇩🇪a", &["🇩🇪", "a"]),
            ("❤\u{fe0f}", &["❤\u{fe0f}"]),
            ("한\u{1112}\u{1161}\u{11ab}", &["한", "\u{1112}\u{1161}\u{11ab}"]),
            ("नि", &["नि"]),
            ("\u{301}a", &["\u{301}", "a"]),
            ("\u{f0000}\u{f0001}", &["\u{f0000}", "\u{f0001}"]),
        ] {
            assert_eq!(Piece::Cluster.split(text), clusters, "{text:?}");
        }
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(Piece::Word.split("Two words, größer;\n漢字"), ["Two", " ", "words", ",", " ", "größer", ";", "\n", "漢", "字"]);
    }

    /// The standard library knows them, too, though it does not say so: it escapes them where they would stand alone.
    #[test]
    fn no_mark_of_any_script_is_missing() {
        let is_escaped = |text: String| text.escape_debug().nth(text.chars().count() - 1) == Some('\\');
        let is_mark = |char: &char| is_escaped(char.to_string()) && !is_escaped(format!("a{char}"));
        for char in ('\u{300}'..='\u{e01ef}').filter(is_mark) {
            assert!(extends(char), "{:x}", u32::from(char));
        }
        for char in "aß漢🙂\u{e000}\u{f0000}\u{10ffff}й–".chars() {
            assert!(!extends(char), "{char:?}");
        }
    }
}
