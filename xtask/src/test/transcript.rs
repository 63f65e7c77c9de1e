//! Reading what test programs print: how much passed, failed and was skipped, and which lines a person wants to see.

use super::counts::Counts;

/// Reads a program's output line by line.
pub trait Transcript {
    /// Takes one line; true if it is worth showing while the tests run.
    fn line(&mut self, line: &str) -> bool;

    /// What was counted up to here.
    fn counts(&self) -> Counts;
}

/// What cargo's test harness prints, which wasm-bindgen's runner imitates.
///
/// A test that could not do its job says `skipped: why` and returns; that counts as skipped, not as passed. The harness shows the
/// output of passed tests only with `--show-output`.
#[derive(Default)]
pub struct CargoTests {
    counts: Counts,
    section: Section,
    /// Tests of the current binary that skipped themselves; the harness takes them for passed.
    skipped_themselves: u64,
}

#[derive(Default)]
enum Section {
    #[default]
    Running,
    /// The output of tests that passed; the name of the one being read, until it said that it skipped itself.
    Successes(Option<String>),
    Failures,
}

impl Transcript for CargoTests {
    fn line(&mut self, line: &str) -> bool {
        if let Some(totals) = line.strip_prefix("test result: ") {
            self.counts.passed += number_before(totals, " passed").saturating_sub(self.skipped_themselves);
            self.counts.failed += number_before(totals, " failed");
            self.skipped_themselves = 0;
            self.section = Section::Running;
            return number_before(totals, " passed") + number_before(totals, " failed") > 0;
        }
        match line {
            "successes:" => self.section = Section::Successes(None),
            "failures:" => self.section = Section::Failures,
            _ => {}
        }
        match &mut self.section {
            Section::Failures => true,
            Section::Successes(test) => {
                if let Some(name) = line.strip_prefix("---- ").and_then(|line| line.strip_suffix(" stdout ----")) {
                    *test = Some(name.to_owned());
                }
                let skips = line.starts_with("skipped: ");
                if let Some(test) = test.take_if(|_| skips) {
                    self.counts.skipped.push(test);
                    self.skipped_themselves += 1;
                }
                skips
            }
            Section::Running => {
                let Some((name, outcome)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) else {
                    return worth_showing(line);
                };
                if outcome.starts_with("ignored") {
                    self.counts.skipped.push(name.to_owned());
                }
                outcome != "ok"
            }
        }
    }

    fn counts(&self) -> Counts {
        self.counts.clone()
    }
}

/// How lines begin that only say that work goes on, from cargo and from wasm-bindgen's test runner.
const NOISE: [&str; 13] = [
    "running ",
    "Compiling ",
    "Finished ",
    "Running ",
    "Doc-tests ",
    "Downloading ",
    "Downloaded ",
    "Locking ",
    "Blocking ",
    "Set WASM_BINDGEN_",
    "Try find `webdriver.json`",
    "Ok",
    "Loading Wasm module",
];

fn worth_showing(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !NOISE.iter().any(|start| line.starts_with(start))
}

/// What a Node script prints: whatever it likes, and at the end `# passed N failed N skipped N`.
pub struct Script {
    name: String,
    closing: Option<Counts>,
}

impl Script {
    /// The transcript of the script with this name, under which its skips are listed.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), closing: None }
    }
}

impl Transcript for Script {
    fn line(&mut self, line: &str) -> bool {
        if let Some([passed, failed, skipped]) = closing_line(line) {
            let skipped = vec![self.name.clone(); usize::try_from(skipped).unwrap_or(usize::MAX)];
            self.closing = Some(Counts { passed, failed, skipped });
        }
        let line = line.trim_start();
        // Both marks of a test that passed: ours, and the one of Node's own runner.
        !line.is_empty() && !line.starts_with("ok ") && !line.starts_with('✔') && !line.starts_with('ℹ')
    }

    fn counts(&self) -> Counts {
        // A script that ends without the line has not said that anything passed.
        self.closing.clone().unwrap_or(Counts { failed: 1, ..Counts::default() })
    }
}

/// The number right before a word, as in `12 passed`; 0 where there is none.
fn number_before(text: &str, word: &str) -> u64 {
    let Some((before, _)) = text.split_once(word) else { return 0 };
    before.rsplit(|character: char| !character.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Passed, failed and skipped out of a script's last line, or nothing where the line is another one.
fn closing_line(line: &str) -> Option<[u64; 3]> {
    let mut words = line.strip_prefix("# ")?.split_whitespace();
    let mut next = |name: &str| if words.next()? == name { words.next()?.parse().ok() } else { None };
    Some([next("passed")?, next("failed")?, next("skipped")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut transcript: impl Transcript, output: &str) -> (Counts, Vec<&str>) {
        let shown = output.lines().filter(|line| transcript.line(line)).collect();
        (transcript.counts(), shown)
    }

    const NATIVE: &str = "
running 3 tests
test data::corpus ... ok
test engine::slow ... ignored, takes an hour
test engine::refuses - should panic ... ok

successes:

---- data::corpus stdout ----
skipped: the recordings are missing
skipped: and so are the others

successes:
    data::corpus

test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.09s

running 1 test
test src/lib.rs - open (line 12) - compile ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

    #[test]
    fn all_binaries_are_added_up_and_skips_are_named() {
        let (counts, shown) = read(CargoTests::default(), NATIVE);
        assert_eq!((counts.passed, counts.failed), (2, 0));
        assert_eq!(counts.skipped, ["engine::slow", "data::corpus"]);
        assert!(shown.iter().all(|line| !line.ends_with("... ok")), "{shown:?}");
    }

    const BROWSER: &str = "
running 2 tests
test twice_is_twice ... FAIL

failures:

---- twice_is_twice output ----
    panicked at tests/browser_a.rs:6:23:

test result: FAILED. 0 passed; 1 failed; 1 ignored; 0 filtered out; finished in 0.02s
";

    #[test]
    fn a_failure_is_counted_and_shown_with_its_reason() {
        let (counts, shown) = read(CargoTests::default(), BROWSER);
        assert_eq!((counts.passed, counts.failed), (0, 1));
        assert!(shown.iter().any(|line| line.contains("panicked")));
    }

    #[test]
    fn a_harness_that_never_closes_has_counted_nothing() {
        let (counts, _) = read(CargoTests::default(), "running 3 tests\ntest a ... ok\n");
        assert_eq!(counts.executed(), 0);
    }

    #[test]
    fn a_script_is_believed_only_with_its_closing_line() {
        let (counts, shown) = read(Script::new("kill"), "ok 1\n✔ 2\nFAILED 3\n# passed 3 failed 0 skipped 1\n");
        assert_eq!(shown, ["FAILED 3", "# passed 3 failed 0 skipped 1"]);
        assert_eq!((counts.passed, counts.failed, counts.skipped), (3, 0, vec!["kill".to_owned()]));
        let (counts, _) = read(Script::new("kill"), "everything passed\n# passed many failed 0 skipped 0\n");
        assert_eq!((counts.passed, counts.failed), (0, 1));
    }
}
