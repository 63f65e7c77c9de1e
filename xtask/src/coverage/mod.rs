//! `coverage`: which lines of the engine the native tests and a slice of the simulator run, as the compiler's own counters say.

mod lines;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::child;
use crate::failure::{Done, Failure};
use crate::project;
use crate::tools::rust;
use lines::File;

/// The share of the engine's lines that must be run, in hundredths of a percent.
const LEAST: usize = 9_500;

/// What is looked at.
const SOURCES: &str = "src/engine";

/// Bugs that are planted on purpose, and tests in files of their own, which are no part of what ships.
const EXCEPT: [&str; 2] = ["planted.rs", "stories.rs"];

/// `cargo xtask coverage [--runs N] [--missing] [--json]`: exit code 0 only where more than 95 % of the lines are run.
pub fn word(mut arguments: Arguments) -> Done {
    let (as_json, missing) = (arguments.flag("--json"), arguments.flag("--missing"));
    let runs = arguments.value("--runs")?.unwrap_or_else(|| "100".to_owned());
    arguments.end()?;
    let tools = rust::llvm_tools()?;
    let build = Build::new();
    let programs = build.run(&runs)?;
    let files = measure(&tools, &build, &programs)?;
    print(&files, missing);
    let (count, covered) = total(&files);
    if as_json {
        println!("{}", as_value(&files));
    }
    if covered * 10_000 > LEAST * count {
        return Ok(());
    }
    Err(Failure::new(format!("{covered} of {count} lines are run; it must be more than {} %", LEAST / 100)))
}

/// A build of its own, with counters in it.
struct Build {
    folder: PathBuf,
}

impl Build {
    fn new() -> Build {
        Build { folder: project::target().join("coverage") }
    }

    fn profiles(&self) -> PathBuf {
        self.folder.join("profiles")
    }

    fn cargo(&self) -> Command {
        let mut cargo = child::cargo();
        cargo.env("CARGO_TARGET_DIR", &self.folder).env("RUSTFLAGS", "-C instrument-coverage");
        // Programs that run at the same time add to files of their own; there are no more than eight.
        cargo.env("LLVM_PROFILE_FILE", self.profiles().join("%8m.profraw"));
        // Optimised a little: the slice of the simulator takes seconds and not minutes, and the counters stay where they are.
        cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1").env("CARGO_PROFILE_TEST_OPT_LEVEL", "1");
        cargo
    }

    /// Runs everything, and names the programs that did.
    fn run(&self, runs: &str) -> Done<Vec<PathBuf>> {
        let profiles = self.profiles();
        if profiles.is_dir() {
            std::fs::remove_dir_all(&profiles).map_err(Failure::at(&profiles))?;
        }
        let tests = ["test", "--package", "syncline", "--features", "sim", "--lib", "--tests"];
        let sim = ["--package", "xtask", "--features", "sim", "--bin", "sim"];
        let mut programs = self.made_by(&tests, &["--no-run"])?;
        programs.append(&mut self.made_by(&["build"], &sim)?);
        child::run(self.cargo().args(tests).args(["--quiet", "--no-fail-fast"]))?;
        child::run(self.cargo().args(["run", "--quiet"]).args(sim).args(["--", "--seed", "1", "--runs", runs]))?;
        Ok(programs)
    }

    /// The programs that cargo makes of these arguments.
    fn made_by(&self, arguments: &[&str], more: &[&str]) -> Done<Vec<PathBuf>> {
        let printed = child::capture(self.cargo().args(arguments).args(more).args(["--quiet", "--message-format=json"]))?;
        let messages = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect())
    }
}

/// What was run, file by file.
fn measure(tools: &Path, build: &Build, programs: &[PathBuf]) -> Done<Vec<File>> {
    let all = build.folder.join("all.profdata");
    let profiles = project::files_in(&build.profiles(), ".profraw");
    child::run(child::command(tools.join("llvm-profdata")).args(["merge", "--sparse", "--output"]).arg(&all).args(profiles))?;
    let sources = project::root().join(SOURCES);
    let mut cov = child::command(tools.join("llvm-cov"));
    cov.args(["export", "--format=lcov", "--instr-profile"]).arg(&all);
    for program in programs {
        cov.arg("--object").arg(program);
    }
    let printed = child::capture(cov.arg("--sources").arg(&sources))?;
    let mut files = Vec::new();
    for path in project::files_below(&sources).iter().filter(|path| !EXCEPT.contains(&project::name_of(path).as_str())) {
        files.push(File::read(&sources, path, &project::read(path)?, &printed));
    }
    Ok(files)
}

fn total(files: &[File]) -> (usize, usize) {
    files.iter().fold((0, 0), |(count, covered), file| (count + file.count(), covered + file.covered()))
}

fn print(files: &[File], missing: bool) {
    println!("{:>6} {:>6} {:>8}  {SOURCES}", "lines", "run", "%");
    let row = |count, covered, name: &str| println!("{count:>6} {covered:>6} {:>8}  {name}", percent(count, covered));
    for file in files {
        row(file.count(), file.covered(), &file.name);
        if missing && !file.missing.is_empty() {
            println!("{:24}not run: {}", "", file.missing.iter().map(usize::to_string).collect::<Vec<_>>().join(" "));
        }
    }
    let (count, covered) = total(files);
    row(count, covered, "all of it");
}

fn as_value(files: &[File]) -> Value {
    let one = |count, covered| json!({ "lines": count, "run": covered, "percent": percent(count, covered).parse::<f64>().ok() });
    let (count, covered) = total(files);
    let each: serde_json::Map<String, Value> = files.iter().map(|file| (file.name.clone(), one(file.count(), file.covered()))).collect();
    json!({ "coverage": one(count, covered), "least": LEAST / 100, "files": each })
}

/// With two digits behind the point; rounded down, so that nothing that is missing looks like all.
fn percent(count: usize, covered: usize) -> String {
    let hundredths = (covered * 10_000).checked_div(count).unwrap_or(10_000);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_missing_looks_like_all() {
        assert_eq!([percent(0, 0), percent(3, 3), percent(10_001, 10_000), percent(7, 0)], ["100.00", "100.00", "99.99", "0.00"]);
    }
}
