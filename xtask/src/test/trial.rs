//! One suite under way: it starts programs, shows what matters of their output, keeps all of it in a log, and counts.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::counts::Counts;
use super::transcript::Transcript;
use crate::child;
use crate::failure::{Done, Failure};
use crate::project;
use crate::say::say;

/// How long one program of a suite may run. Far above what any needs: it bounds a hang, not the work.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// How often the state of a silent program is looked at.
const TICK: Duration = Duration::from_millis(100);

/// A suite that is running.
pub struct Trial {
    suite: &'static str,
    /// The only units to run; empty for all.
    units: Vec<String>,
    counts: Counts,
    failures: Vec<String>,
    log: File,
    log_path: PathBuf,
}

impl Trial {
    /// Begins a suite, with an empty log below `target/`.
    pub fn new(suite: &'static str, units: Vec<String>) -> Done<Self> {
        let log_path = project::target().join("test").join(format!("{suite}.log"));
        project::write(&log_path, "")?;
        let log = File::create(&log_path).map_err(Failure::at(&log_path))?;
        Ok(Self { suite, units, counts: Counts::default(), failures: Vec::new(), log, log_path })
    }

    /// Whether this unit was asked for.
    pub fn wants(&self, unit: &str) -> bool {
        self.units.is_empty() || self.units.iter().any(|wanted| wanted == unit)
    }

    /// Runs a program that is one test by itself: it passes with exit code 0. Everything it prints is shown.
    pub fn check(&mut self, unit: &str, command: &mut Command) {
        let ended = self.watch(command, &mut |_| true);
        self.step(unit, || match ended? {
            status if status.success() => Ok(()),
            status => Err(Failure::new(format!("{status}: {}", child::shown(command)))),
        });
    }

    /// Runs one step that is a test by itself and no program.
    pub fn step(&mut self, unit: &str, step: impl FnOnce() -> Done) {
        match step() {
            Ok(()) => self.counts.passed += 1,
            Err(failure) => {
                self.counts.failed += 1;
                self.complain(unit, &failure.to_string());
            }
        }
    }

    /// Runs a program that reports its own tests. One that fails without naming a failed test counts as one failure.
    pub fn tests(&mut self, unit: &str, command: &mut Command, transcript: &mut dyn Transcript) {
        let ended = self.watch(command, &mut |line| transcript.line(line));
        let mut counts = transcript.counts();
        let complaint = match ended {
            Ok(status) if status.success() => None,
            Ok(status) => Some(status.to_string()),
            Err(failure) => Some(failure.to_string()),
        };
        if complaint.is_some() {
            counts.failed = counts.failed.max(1);
        }
        if counts.failed > 0 {
            let why = complaint.unwrap_or_else(|| format!("{} failed", counts.failed));
            self.complain(unit, &format!("{why}: {}", child::shown(command)));
        }
        self.counts = std::mem::take(&mut self.counts).plus(&counts);
    }

    /// Records that the suite itself could not go on.
    pub fn fail(&mut self, why: &str) {
        self.counts.failed += 1;
        self.complain(self.suite, why);
    }

    /// The counts, and a sentence for each failure.
    pub fn end(self) -> (Counts, Vec<String>) {
        (self.counts, self.failures)
    }

    fn complain(&mut self, unit: &str, why: &str) {
        say(why);
        let again = if unit == self.suite { unit.to_owned() } else { format!("{}/{unit}", self.suite) };
        self.failures
            .push(format!("{again}: {why}\n    repeat with: cargo xtask test {again}\n    all output: {}", self.log_path.display()));
    }

    /// Runs a program to its end, or to the end of our patience. `on_line` hears each line and says whether to show it.
    fn watch(&mut self, command: &mut Command, on_line: &mut dyn FnMut(&str) -> bool) -> Done<ExitStatus> {
        let started = Instant::now();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| child::could_not_start(command, &error))?;
        let lines = lines_of(&mut process);
        let waiting = |error| Failure::new(format!("{}: {error}", child::shown(command)));
        let mut ended = None;
        loop {
            match lines.recv_timeout(TICK) {
                Ok(line) => {
                    // A log that can't be written must not stop the tests that it is about.
                    let _ = writeln!(self.log, "{line}");
                    if on_line(&line) {
                        say(format!("  {line}"));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                // Something that the program left behind may hold its output open: after its end, one silent tick is enough.
                Err(RecvTimeoutError::Timeout) if ended.is_some() => break,
                Err(RecvTimeoutError::Timeout) => ended = process.try_wait().map_err(waiting)?,
            }
            if ended.is_none() && started.elapsed() > PATIENCE {
                end(&mut process)?;
                return Err(Failure::new(format!("still running after {} s: {}", PATIENCE.as_secs(), child::shown(command))));
            }
        }
        match ended {
            Some(status) => Ok(status),
            None => process.wait().map_err(waiting),
        }
    }
}

/// Both outputs of a process, line by line, as they come.
fn lines_of(process: &mut Child) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    let outputs: [Option<Box<dyn Read + Send>>; 2] =
        [process.stdout.take().map(|output| Box::new(output) as _), process.stderr.take().map(|output| Box::new(output) as _)];
    for output in outputs.into_iter().flatten() {
        let sender = sender.clone();
        thread::spawn(move || pump(output, &sender));
    }
    lines
}

fn pump(output: impl Read, sender: &Sender<String>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
            return;
        }
        line.clear();
    }
}

/// Asks a process to end, so that it can close its browser, and kills it if it does not.
fn end(process: &mut Child) -> Done {
    // The standard library can only kill; every shell has the signal that asks.
    child::run(child::command("sh").args(["-c", &format!("kill -TERM {}", process.id())]))?;
    for _ in 0..50 {
        if matches!(process.try_wait(), Ok(Some(_))) {
            return Ok(());
        }
        thread::sleep(TICK);
    }
    process.kill().and_then(|()| process.wait()).map(drop).map_err(|error| Failure::new(format!("killing a test: {error}")))
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::transcript::{CargoTests, Script};
    use super::*;

    fn trial(name: &'static str) -> Trial {
        Trial::new(name, Vec::new()).unwrap()
    }

    fn shell(script: &str) -> Command {
        let mut command = child::command("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_check_passes_with_exit_code_zero_only() {
        let mut trial = trial("own-check");
        trial.check("good", &mut shell("true"));
        trial.check("bad", &mut shell("exit 3"));
        trial.check("absent", &mut child::command("no-such-program"));
        let (counts, failures) = trial.end();
        assert_eq!((counts.passed, counts.failed), (1, 2));
        assert!(failures[0].contains("cargo xtask test own-check/bad"), "{failures:?}");
    }

    #[test]
    fn a_program_that_breaks_off_counts_as_a_failure() {
        let mut trial = trial("own-breaks");
        trial.tests("half", &mut shell("echo 'test a ... ok'; exit 101"), &mut CargoTests::default());
        assert_eq!(trial.counts.failed, 1);
        trial.tests("named", &mut shell("echo '# passed 1 failed 2 skipped 0'; exit 1"), &mut Script::new("named"));
        assert_eq!((trial.counts.passed, trial.counts.failed), (1, 3));
        trial.tests("silent", &mut shell("true"), &mut Script::new("silent"));
        assert_eq!(trial.counts.failed, 4);
        trial.tests("lying", &mut shell("echo '# passed 1 failed 0 skipped 0'; exit 1"), &mut Script::new("lying"));
        assert_eq!(trial.end().0.failed, 5);
    }

    #[test]
    fn output_held_open_by_a_grandchild_does_not_hang_the_suite() {
        let mut trial = trial("own-orphan");
        let started = Instant::now();
        trial.check("orphan", &mut shell("sleep 5 & echo done"));
        assert!(started.elapsed() < Duration::from_secs(4));
        assert_eq!(trial.end().0.passed, 1);
    }
}
