//! What lcov's trace says about one file's lines; those of its own tests do not count.

use std::collections::BTreeMap;
use std::path::Path;

/// The lines of one file that hold code.
pub struct File {
    /// Its path below the sources.
    pub name: String,
    count: usize,
    /// Those that nothing has run, from 1.
    pub missing: Vec<usize>,
}

impl File {
    /// The file at `path` with this text, in a trace of many.
    pub fn read(sources: &Path, path: &Path, text: &str, trace: &str) -> File {
        let mut runs: BTreeMap<usize, u64> = BTreeMap::new();
        let mut is_here = false;
        for line in trace.lines() {
            if let Some(file) = line.strip_prefix("SF:") {
                is_here = Path::new(file) == path;
            } else if let Some((number, count)) = line.strip_prefix("DA:").filter(|_| is_here).and_then(|line| line.split_once(','))
                && let (Ok(number), Ok(count)) = (number.parse(), count.parse::<u64>())
            {
                let sum = runs.entry(number).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        let tests = text.lines().position(|line| line == "#[cfg(test)]").map_or(usize::MAX, |before| before + 1);
        runs.retain(|number, _| *number < tests);
        let missing = runs.iter().filter(|(_, count)| **count == 0).map(|(number, _)| *number).collect();
        let name = path.strip_prefix(sources).unwrap_or(path).to_string_lossy().into_owned();
        File { name, count: runs.len(), missing }
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many of them were run.
    pub fn covered(&self) -> usize {
        self.count - self.missing.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_up_and_those_of_tests_left_out() {
        let trace = "SF:/s/a.rs\nDA:1,0\nDA:2,3\nDA:9,1\nend_of_record\nSF:/s/b.rs\nDA:1,7\nend_of_record\nSF:/s/a.rs\nDA:1,0\nDA:3,0\nDA:3,18446744073709551615\n";
        let text = "fn a() {}\nfn b() {}\nfn c() {}\n#[cfg(test)]\nmod tests {}\n";
        let file = File::read(Path::new("/s"), Path::new("/s/a.rs"), text, trace);
        assert_eq!((file.name.as_str(), file.count(), file.covered(), &file.missing[..]), ("a.rs", 3, 2, &[1][..]));
        let unknown = File::read(Path::new("/s"), Path::new("/s/c.rs"), text, trace);
        assert_eq!((unknown.count(), unknown.covered()), (0, 0));
    }
}
