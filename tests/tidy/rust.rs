//! Just enough of Rust's syntax to tell code from what is said in it: comments, strings and tests.

/// A source in three views of the same length, so that a place in one is the same place in the others.
pub struct Rust {
    /// Without comments, without what is inside strings, without tests.
    pub code: String,
    /// As `code`, but with strings.
    pub with_strings: String,
}

impl Rust {
    /// Reads a source.
    pub fn of(text: &str) -> Rust {
        let (mut code, mut with_strings) = blanked(text);
        for (from, to) in tests(&code) {
            blank(&mut code, from, to);
            blank(&mut with_strings, from, to);
        }
        let text = |bytes| String::from_utf8(bytes).expect("whole characters were blanked");
        Rust { code: text(code), with_strings: text(with_strings) }
    }

    /// The code's names, each with its place.
    pub fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = &self.code[at..];
            let start = at + rest.find(|char: char| char.is_alphabetic() || char == '_')?;
            let end =
                self.code[start..].find(|char: char| !char.is_alphanumeric() && char != '_').map_or(self.code.len(), |end| start + end);
            at = end;
            Some((start, &self.code[start..end]))
        })
    }

    /// The line of a place.
    pub fn line(&self, at: usize) -> usize {
        1 + self.code[..at].matches('\n').count()
    }
}

fn blank(bytes: &mut [u8], from: usize, to: usize) {
    bytes[from..to].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// The text without comments: once without strings, once with them.
fn blanked(text: &str) -> (Vec<u8>, Vec<u8>) {
    let bytes = text.as_bytes();
    let (mut code, mut with_strings) = (bytes.to_vec(), bytes.to_vec());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"//") || rest.starts_with(b"/*") {
            let end = at + comment(rest);
            blank(&mut code, at, end);
            blank(&mut with_strings, at, end);
            at = end;
        } else if let Some(hashes) = raw_string(bytes, at) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = at + rest.iter().position(|byte| *byte == b'"').expect("it was seen") + 1;
            let end = text[open..].find(&close).map_or(bytes.len(), |end| open + end);
            blank(&mut code, open, end);
            at = (end + close.len()).min(bytes.len());
        } else if rest[0] == b'"' {
            let end = at + 1 + quoted(&rest[1..], b'"');
            blank(&mut code, at + 1, end);
            at = (end + 1).min(bytes.len());
        } else if rest[0] == b'\'' && is_character(rest) {
            let end = at + 1 + quoted(&rest[1..], b'\'');
            blank(&mut code, at + 1, end);
            at = (end + 1).min(bytes.len());
        } else {
            at += 1;
        }
    }
    (code, with_strings)
}

/// The length of the comment that begins here.
fn comment(rest: &[u8]) -> usize {
    if rest.starts_with(b"//") {
        return rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// How many `#` the raw string has that begins here; `None` where none does.
fn raw_string(bytes: &[u8], at: usize) -> Option<usize> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if at > 0 && is_name(&bytes[at - 1]) {
        return None;
    }
    let rest = bytes[at..].strip_prefix(b"b").unwrap_or(&bytes[at..]).strip_prefix(b"r")?;
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    (rest.get(hashes) == Some(&b'"')).then_some(hashes)
}

/// How far it is to the closing quote.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at.min(rest.len())
}

/// Whether a character begins here, and not a lifetime.
fn is_character(rest: &[u8]) -> bool {
    let first = String::from_utf8_lossy(&rest[1..rest.len().min(5)]).chars().next();
    match first {
        Some('\\') => true,
        Some(char) => rest.get(1 + char.len_utf8()) == Some(&b'\''),
        None => false,
    }
}

/// Where items stand that are built for tests only.
fn tests(code: &[u8]) -> Vec<(usize, usize)> {
    const MARK: &str = "#[cfg(test)]";
    let text = String::from_utf8_lossy(code);
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, _) in text.match_indices(MARK) {
        if found.last().is_some_and(|(_, end)| at < *end) {
            continue;
        }
        let rest = &code[at + MARK.len()..];
        let mut depth = 0;
        let end = rest.iter().position(|byte| {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(byte, b'}' | b';')
        });
        found.push((at, at + MARK.len() + end.map_or(rest.len(), |end| end + 1)));
    }
    found
}

#[test]
fn only_code_is_left() {
    let rust = Rust::of(
        "//! unwrap\nfn a<'a>(x: &'a str) -> char { /* panic! /* deep */ */ b(\"unwrap \\\" {\", r#\"raw \" }\"#, b\"x\"); '{' }\n\
         #[cfg(test)]\nmod tests { fn t() { y.unwrap() } }\nfn after(c: char) { c == '\\'' }",
    );
    let names: Vec<&str> = rust.names().map(|(_, name)| name).collect();
    assert_eq!(names, ["fn", "a", "a", "x", "a", "str", "char", "b", "r", "b", "fn", "after", "c", "char", "c"]);
    assert!(rust.with_strings.contains("raw \" }"));
    assert_eq!(rust.line(rust.code.find("after").expect("it is there")), 5);
}
