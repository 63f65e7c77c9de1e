//! Vector files: JSON, one vector a line, each with a name. A vector that is missing or different is printed as it would
//! have to be written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A file of this project.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text of a file of this project.
pub fn read(name: &str) -> String {
    let path = path(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The members of a vector file, each as it stands there.
pub fn members(file: &str) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_str(&read(&format!("tests/vectors/{file}"))).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// One list of a vector file.
pub struct Vectors {
    place: String,
    lines: BTreeMap<String, String>,
    wrong: Vec<String>,
}

impl Vectors {
    /// The vectors in this list of this file, by name.
    pub fn of(file: &str, list: &str) -> Vectors {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        let place = format!("tests/vectors/{file}, `{list}`");
        let members = members(file);
        let lines: Vec<Box<RawValue>> =
            serde_json::from_str(members.get(list).unwrap_or_else(|| panic!("no {place}")).get()).expect("a list");
        let named =
            lines.iter().map(|line| (serde_json::from_str::<Named>(line.get()).expect("a vector has a name").name, line.get().to_owned()));
        let named: Vec<(String, String)> = named.collect();
        let lines: BTreeMap<String, String> = named.iter().cloned().collect();
        assert_eq!(lines.len(), named.len(), "{place}: two vectors have one name");
        Vectors { place, lines, wrong: Vec::new() }
    }

    /// What the vector with this name says.
    pub fn text(&self, name: &str) -> &str {
        self.lines.get(name).unwrap_or_else(|| panic!("{}: no vector `{name}`", self.place))
    }

    /// The vector with this name is exactly what `line` is written as. Returns it, to be read back.
    pub fn pin(&mut self, name: &str, line: &impl Serialize) -> String {
        let written = serde_json::to_string(line).expect("vectors are JSON");
        match self.lines.remove(name) {
            Some(vector) if vector == written => {}
            _ => self.wrong.push(written.clone()),
        }
        written
    }

    /// Every vector was asked for, and was right.
    pub fn close(self) {
        let Vectors { place, lines, wrong } = self;
        assert!(wrong.is_empty(), "{place}: this build writes\n{}", wrong.join(",\n"));
        assert!(lines.is_empty(), "{place}: nothing writes {:?}", lines.keys());
    }
}

/// Names a type's variants: a function from a value to its variant's name, and the list of all. A variant that is added
/// to the type and not here does not compile.
macro_rules! variants {
    ($type:ident as $name:ident, $all:ident: $($variant:ident),+ $(,)?) => {
        fn $name(value: &$type) -> &'static str {
            match value { $($type::$variant { .. } => stringify!($variant),)+ }
        }
        const $all: &[&str] = &[$(stringify!($variant)),+];
    };
}
pub(crate) use variants;

/// Every one of `all` is among `seen`.
pub fn assert_covered<'a>(what: &str, all: &[&str], seen: impl IntoIterator<Item = &'a str>) {
    let seen: std::collections::BTreeSet<&str> = seen.into_iter().collect();
    let missing: Vec<&&str> = all.iter().filter(|name| !seen.contains(**name)).collect();
    assert!(missing.is_empty(), "{what}: no vector has {missing:?}");
}

/// A generated page is what it would be generated as. `SYNCLINE_BLESS=1` writes it.
pub fn assert_generated(page: &str, text: &str) {
    if std::env::var_os("SYNCLINE_BLESS").is_some() {
        std::fs::write(path(page), text).unwrap_or_else(|error| panic!("{page}: {error}"));
    }
    let written = std::fs::read_to_string(path(page)).unwrap_or_default();
    let differs = written.lines().zip(text.lines()).find(|(is, should)| is != should);
    assert!(written == text, "{page} is out of date, first in {differs:?}: SYNCLINE_BLESS=1 cargo test --test formats writes it");
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What [`hex`] was made of.
pub fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("two hexadecimal digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// A text as it stands, inside JSON.
pub fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).expect("JSON")
}

#[test]
#[should_panic(expected = "this build writes\n{\"name\":\"none such\"}")]
fn a_missing_vector_is_printed_as_it_should_be() {
    let mut vectors = Vectors::of("inputs.json", "inputs");
    vectors.pin("none such", &serde_json::json!({"name": "none such"}));
    vectors.close();
}

#[test]
#[should_panic(expected = "nothing writes")]
fn a_vector_that_nothing_writes_is_noticed() {
    Vectors::of("inputs.json", "inputs").close();
}

#[test]
#[should_panic(expected = "no vector has [\"C\"]")]
fn a_variant_without_a_vector_is_noticed() {
    assert_covered("letters", &["A", "C"], ["A", "B"]);
}
