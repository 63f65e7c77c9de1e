//! Who owns what: `tests/ownership.txt` names for each law, fault and bug the tests that exercise it. This checks that the list is
//! whole, that every test in it exists, and that no test whose name begins with an id is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const LIST: &str = "tests/ownership.txt";
const UNOWNED: &str = "-";

/// Each family of ids, with how many there are.
const FAMILIES: [(char, u32, &str); 13] = [
    ('I', 28, "laws of safety"),
    ('V', 6, "laws of liveness"),
    ('N', 19, "faults of the network"),
    ('H', 19, "faults of HTTP"),
    ('P', 12, "faults of pulling and merging"),
    ('S', 17, "faults of storage"),
    ('L', 13, "faults of the page's life"),
    ('C', 9, "faults of several tabs"),
    ('T', 6, "faults of time"),
    ('O', 6, "faults of overload"),
    ('D', 12, "faults of data"),
    ('A', 12, "faults of sign-in and privacy"),
    ('B', 30, "bugs of others"),
];

/// A law, fault or bug: its family's place in the list, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id(usize, u32);

impl Id {
    fn parse(text: &str) -> Option<Id> {
        let letter = text.chars().next()?.to_ascii_uppercase();
        let (digits, number) = (&text[letter.len_utf8()..], text[letter.len_utf8()..].parse().ok()?);
        let family = FAMILIES.iter().position(|(family, count, _)| *family == letter && (1..=*count).contains(&number))?;
        (digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')).then_some(Id(family, number))
    }

    fn all() -> impl Iterator<Item = Id> {
        FAMILIES.iter().enumerate().flat_map(|(family, (_, count, _))| (1..=*count).map(move |number| Id(family, number)))
    }

    fn name(self) -> String {
        format!("{}{}", FAMILIES[self.0].0, self.1)
    }
}

/// A test: its file and its name.
type Test = (String, String);

/// What the list says of one id.
#[derive(Clone, Debug, PartialEq)]
enum Owner {
    Test(Test),
    /// Nobody, and why.
    Nobody(String),
}

/// Reads the list; what is no line of it is complained about.
fn parse(list: &str) -> (BTreeMap<Id, Vec<Owner>>, Vec<String>) {
    let (mut owners, mut complaints): (BTreeMap<Id, Vec<Owner>>, _) = (BTreeMap::new(), Vec::new());
    for (index, line) in list.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty()) {
        let mut words = line.splitn(3, ' ').map(str::trim);
        let (Some(id), Some(file), Some(rest)) = (words.next().and_then(Id::parse), words.next(), words.next()) else {
            complaints.push(format!("{LIST}:{}: is neither `ID FILE TEST` nor `ID {UNOWNED} WHY`: {line}", index + 1));
            continue;
        };
        let owner = if file == UNOWNED { Owner::Nobody(rest.into()) } else { Owner::Test((file.into(), rest.into())) };
        owners.entry(id).or_default().push(owner);
    }
    (owners, complaints)
}

/// The list as text.
fn print(owners: &BTreeMap<Id, Vec<Owner>>) -> String {
    let mut list = String::from(
        "# What exercises each law, fault and bug: `ID FILE TEST`, or `ID - WHY` where nothing does yet. A test whose name begins\n\
         # with ids stands under each of them. SYNCLINE_BLESS=1 cargo test --test ownership adds those that are missing.\n",
    );
    for (id, owners) in owners {
        if id.1 == 1 {
            let _ = writeln!(list, "\n# {}: {}", FAMILIES[id.0].0, FAMILIES[id.0].2);
        }
        for owner in owners {
            let _ = match owner {
                Owner::Test((file, test)) => writeln!(list, "{} {file} {test}", id.name()),
                Owner::Nobody(why) => writeln!(list, "{} {UNOWNED} {why}", id.name()),
            };
        }
    }
    list
}

/// The ids that a test's name begins with: `h12_h13_outcomes…`, or `h12, h13: outcomes …`.
fn ids_of(test: &str) -> Vec<Id> {
    match test.split_once(':') {
        Some((ids, _)) if ids.split([' ', ',']).filter(|word| !word.is_empty()).all(|word| Id::parse(word).is_some()) => {
            ids.split([' ', ',']).filter_map(Id::parse).collect()
        }
        _ => test.split('_').map_while(Id::parse).collect(),
    }
}

/// The names of the tests in a source.
fn tests_in(path: &str, text: &str) -> Vec<String> {
    let mut tests = if path.ends_with(".rs") { rust_tests(text) } else { script_tests(text) };
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let upper = |id: &str| Id::parse(id).is_some_and(|known| known.name() == id);
    if path.starts_with("src/sim/") {
        // What the oracle checks and what the dice bring about stands in its source by id.
        let ids: BTreeSet<&str> = code.split('"').filter(|text| upper(text)).collect();
        tests.extend(ids.into_iter().map(|id| format!("{id}: in every run of the simulator")));
    } else if path == "src/engine/planted.rs" {
        let bugs = code.lines().filter_map(|line| line.trim().strip_suffix(',')).filter(|name| upper(name));
        tests.extend(bugs.map(|id| format!("{id}: planted, for the simulator to catch")));
    }
    tests
}

/// Functions that are marked as tests, and those that a list of cases names.
fn rust_tests(text: &str) -> Vec<String> {
    let (mut marked, mut tests) = (false, Vec::new());
    let listed: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_suffix(','))
        .filter(|line| line.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        .collect();
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            marked |= line.starts_with("#[test]") || line.starts_with("#[wasm_bindgen_test");
            continue;
        }
        let declared = ["fn ", "async fn ", "pub fn ", "pub async fn "].into_iter().find_map(|start| line.strip_prefix(start));
        let name = declared.and_then(|rest| rest.split(['(', '<']).next());
        tests.extend(name.filter(|name| marked || listed.contains(name)).map(str::to_owned));
        marked = false;
    }
    tests
}

/// Texts given to `test(…)`.
fn script_tests(text: &str) -> Vec<String> {
    let calls = text.match_indices("test(").filter(|(at, _)| !text[..*at].ends_with(|char: char| char.is_alphanumeric() || char == '.'));
    let name = |(at, call): (usize, &str)| {
        let argument = text[at + call.len()..].trim_start();
        let quote = argument.chars().next().filter(|quote| "'\"`".contains(*quote))?;
        argument[1..].split(quote).next().map(str::to_owned)
    };
    calls.filter_map(name).collect()
}

/// What is wrong with the list.
fn complaints(list: &str, tests: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let (owners, mut complaints) = parse(list);
    for id in Id::all().filter(|id| !owners.contains_key(id)) {
        complaints.push(format!("{}: is not in {LIST}", id.name()));
    }
    for (id, owners) in &owners {
        let nobody = owners.iter().any(|owner| matches!(owner, Owner::Nobody(_)));
        if nobody && owners.len() > 1 {
            complaints.push(format!("{}: has a test and has none", id.name()));
        }
        for owner in owners {
            match owner {
                Owner::Nobody(why) if why.is_empty() => complaints.push(format!("{}: no word of why nothing exercises it", id.name())),
                Owner::Test((file, test)) if !tests.get(file).is_some_and(|tests| tests.contains(test)) => {
                    complaints.push(format!("{}: there is no test `{test}` in {file}", id.name()));
                }
                _ => {}
            }
        }
    }
    for (id, test) in named(tests) {
        if !owners.get(&id).is_some_and(|owners| owners.contains(&Owner::Test(test.clone()))) {
            complaints.push(format!("{LIST} lacks: {} {} {}", id.name(), test.0, test.1));
        }
    }
    complaints
}

/// Every test whose name says what it exercises.
fn named(tests: &BTreeMap<String, Vec<String>>) -> Vec<(Id, Test)> {
    let each = tests.iter().flat_map(|(file, names)| names.iter().map(move |name| (file.clone(), name.clone())));
    each.flat_map(|test| ids_of(&test.1).into_iter().map(move |id| (id, test.clone()))).collect()
}

/// The list with every test that is named after an id, and every id.
fn blessed(list: &str, tests: &BTreeMap<String, Vec<String>>) -> String {
    let (mut owners, _) = parse(list);
    for (id, test) in named(tests) {
        let owners = owners.entry(id).or_default();
        owners.retain(|owner| matches!(owner, Owner::Test(_)));
        if !owners.contains(&Owner::Test(test.clone())) {
            owners.push(Owner::Test(test));
        }
    }
    for id in Id::all() {
        owners.entry(id).or_insert_with(|| vec![Owner::Nobody("not built yet".into())]);
    }
    print(&owners)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The tests of each source, by file.
fn all_tests() -> BTreeMap<String, Vec<String>> {
    fn walk(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<String>>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if entry.path().is_dir() && name != "node_modules" {
                walk(&entry.path(), &format!("{path}/"), found);
            } else if (path.ends_with(".rs") || path.ends_with(".mjs")) && path != "tests/ownership.rs" {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
                found.insert(path.clone(), tests_in(&path, &text));
            }
        }
    }
    let mut found = BTreeMap::new();
    for folder in ["src", "tests", "server/src", "server/tests", "xtask/src", "bench"] {
        walk(&root().join(folder), &format!("{folder}/"), &mut found);
    }
    found
}

#[test]
fn each_law_fault_and_bug_has_tests_that_exist_or_says_why_not() {
    let (path, tests) = (root().join(LIST), all_tests());
    let list = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("SYNCLINE_BLESS").is_some() {
        std::fs::write(&path, blessed(&list, &tests)).unwrap_or_else(|error| panic!("{LIST}: {error}"));
    }
    let list = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{LIST}: {error}"));
    let complaints = complaints(&list, &tests);
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    assert_eq!(print(&parse(&list).0), list, "the list is in order, and has no other comments");
}

#[test]
fn tests_are_found_where_they_are_and_nowhere_else() {
    let rust = "#[test]\nfn i1_a() {}\nfn helper() {}\n#[wasm_bindgen_test]\nasync fn b2_b() {}\nnamed![\n    i2_story,\n]\n\
                fn i2_story<S: Store>(store: S) {}\nfn i3_nobody_calls_it() {}\n#[test]\n#[should_panic]\nfn c() {}";
    assert_eq!(tests_in("a.rs", rust), ["i1_a", "b2_b", "i2_story", "c"]);
    let sim = "fn check() { broken(\"I5\", \"I5 is broken\") }\n#[cfg(test)]\nmod tests { const OTHER: &str = \"I6\"; }";
    assert_eq!(tests_in("src/sim/oracle/mod.rs", sim), ["I5: in every run of the simulator"]);
    assert_eq!(tests_in("src/engine/push.rs", sim), Vec::<String>::new());
    assert_eq!(tests_in("src/engine/planted.rs", "enum Bug {\n    B1,\n}"), ["B1: planted, for the simulator to catch"]);
    let script = "test('h1: a', f);\nawait test(`b ${x}`, f); contest('c'); /x/.test('d'); test(\n  \"n1, n2: e's\", f)";
    assert_eq!(tests_in("a.mjs", script), ["h1: a", "b ${x}", "n1, n2: e's"]);
}

#[test]
fn names_say_what_they_exercise() {
    let names = |test: &str| ids_of(test).into_iter().map(Id::name).collect::<Vec<_>>();
    assert_eq!(names("h12_h13_outcomes_are_matched"), ["H12", "H13"]);
    assert_eq!(names("n1, n2: each way"), ["N1", "N2"]);
    assert_eq!(names("l11: a trap"), ["L11"]);
    for nothing in ["h20_is_no_id", "i0_neither", "i01_nor_this", "a_page", "the rule i1: late", "b31_none"] {
        assert_eq!(names(nothing), Vec::<String>::new(), "{nothing}");
    }
    assert_eq!(Id::all().count(), 28 + 6 + 125 + 30);
}

#[test]
fn what_is_wrong_with_the_list_is_noticed() {
    let tests = BTreeMap::from([("tests/a.rs".to_owned(), vec!["i1_kept".to_owned(), "other".to_owned()])]);
    let good = blessed("I2 tests/a.rs other\n", &tests);
    assert_eq!(complaints(&good, &tests), Vec::<String>::new());
    assert!(good.contains("\nI1 tests/a.rs i1_kept\n") && good.contains("\nB30 - not built yet\n"));
    for (from, to, complaint) in [
        ("I2 tests/a.rs other\n", "I2 tests/a.rs renamed\n", "I2: there is no test `renamed` in tests/a.rs"),
        ("I2 tests/a.rs other\n", "I2 tests/b.rs other\n", "I2: there is no test `other` in tests/b.rs"),
        ("I2 tests/a.rs other\n", "I2 tests/a.rs other\nI2 - not built yet\n", "I2: has a test and has none"),
        ("B30 - not built yet\n", "", "B30: is not in tests/ownership.txt"),
        ("I1 tests/a.rs i1_kept\n", "I1 - not built yet\n", "tests/ownership.txt lacks: I1 tests/a.rs i1_kept"),
    ] {
        assert_eq!(complaints(&good.replace(from, to), &tests), [complaint]);
    }
    assert_eq!(complaints(&format!("{good}X1 - not built yet\n"), &tests).len(), 1);
    assert_eq!(complaints(&good.replace("B30 - not built yet", "B30 - "), &tests).len(), 1);
}
