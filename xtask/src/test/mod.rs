//! `test`: everything that must pass, in two lanes of suites, with a count of what was executed and what was skipped.

mod counts;
mod skips;
mod suites;
mod transcript;
mod trial;

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::failure::{Done, Failure};
use crate::say::{self, say};
use counts::Counts;
use skips::AllowedSkips;
use suites::{LANES, Suite};
use trial::Trial;

/// How a suite ended: its row of the closing table, and what did not hold.
struct Ended {
    suite: &'static str,
    counts: Counts,
    took: Duration,
    complaints: Vec<String>,
}

/// A suite that is to run, and where its lines go.
struct Job {
    suite: &'static Suite,
    units: Vec<String>,
    lines: Sender<String>,
}

/// `cargo xtask test [SUITE[/UNIT] ...]`.
pub fn word(arguments: Arguments) -> Done {
    let wanted = arguments.rest();
    let suites = || LANES.iter().copied().flatten();
    let known = |name: &str| suites().any(|suite| suite.name == name.split('/').next().unwrap_or(name));
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        let names: Vec<&str> = suites().map(|suite| suite.name).collect();
        return Err(Failure::new(format!("no suite is called {unknown}; there are {}", names.join(", "))));
    }
    let allowed = AllowedSkips::read()?;
    let mut outputs = Vec::new();
    let lanes = LANES.map(|lane| jobs(lane, &wanted, &mut outputs));
    let started = Instant::now();
    let ended = thread::scope(|scope| {
        let lanes = lanes.map(|jobs| scope.spawn(|| jobs.into_iter().map(|job| run(job, &allowed)).collect::<Vec<Ended>>()));
        // Suite after suite: the lines of those that are not yet at their turn wait.
        outputs.iter().flatten().for_each(|line| println!("{line}"));
        lanes.map(|lane| lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    close(&ended.into_iter().flatten().collect::<Vec<Ended>>(), started.elapsed())
}

/// Those of a lane that are asked for; what they will say goes to `outputs`.
fn jobs(lane: &'static [Suite], wanted: &[String], outputs: &mut Vec<Receiver<String>>) -> Vec<Job> {
    let mut job = |suite: &'static Suite| {
        let units = units_wanted(suite.name, wanted)?;
        let (lines, output) = mpsc::channel();
        outputs.push(output);
        Some(Job { suite, units, lines })
    };
    lane.iter().filter_map(&mut job).collect()
}

fn run(Job { suite, units, lines }: Job, allowed: &AllowedSkips) -> Ended {
    let started = Instant::now();
    let (counts, mut complaints) = say::collected(lines, || {
        say(format!("\n== {}: {}", suite.name, suite.about));
        let ended = Trial::new(suite.name, units).map(|mut trial| {
            if let Err(failure) = (suite.run)(&mut trial) {
                trial.fail(&failure.to_string());
            }
            trial.end()
        });
        let (counts, complaints) = ended.unwrap_or_else(|failure| (Counts::default(), vec![format!("{}: {failure}", suite.name)]));
        say(format!("{}: {counts}", suite.name));
        (counts, complaints)
    });
    complaints.extend(allowed.complaints(suite.name, &counts));
    if counts.executed() == 0 {
        complaints.push(format!("{}: nothing was executed", suite.name));
    }
    Ended { suite: suite.name, counts, took: started.elapsed(), complaints }
}

/// Which units of a suite are asked for: `None` if not the suite at all, an empty list for all of them.
fn units_wanted(suite: &str, wanted: &[String]) -> Option<Vec<String>> {
    if wanted.is_empty() {
        return Some(Vec::new());
    }
    let mine: Vec<Option<&str>> = wanted
        .iter()
        .filter_map(|name| match name.split_once('/') {
            Some((of, unit)) if of == suite => Some(Some(unit)),
            None if name == suite => Some(None),
            _ => None,
        })
        .collect();
    if mine.is_empty() {
        return None;
    }
    // A suite named as a whole stands above units of it that are named too.
    Some(mine.iter().copied().collect::<Option<Vec<&str>>>().unwrap_or_default().into_iter().map(str::to_owned).collect())
}

/// The table, the complaints, and the closing line by itself.
fn close(rows: &[Ended], took: Duration) -> Done {
    println!("\n{:<10} {:>9} {:>8} {:>8} {:>8}", "suite", "executed", "failed", "skipped", "seconds");
    for Ended { suite, counts, took, .. } in rows {
        let seconds = took.as_secs_f64();
        println!("{suite:<10} {:>9} {:>8} {:>8} {seconds:>8.1}", counts.executed(), counts.failed, counts.skipped.len());
    }
    println!("{:<10} {:>36.1}", "all", took.as_secs_f64());
    let complaints: Vec<&String> = rows.iter().flat_map(|row| &row.complaints).collect();
    if !complaints.is_empty() {
        println!("\nwhat did not hold:");
        complaints.iter().for_each(|complaint| println!("  {complaint}"));
    }
    let total = rows.iter().fold(Counts::default(), |total, row| total.plus(&row.counts));
    println!("\n{total}");
    if complaints.is_empty() { Ok(()) } else { Err(Failure::new(format!("{} of it did not hold", complaints.len()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(suite: &str, names: &[&str]) -> Option<Vec<String>> {
        units_wanted(suite, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn suites_and_units_are_chosen_by_name() {
        assert_eq!(wanted("e2e", &[]), Some(vec![]));
        assert_eq!(wanted("e2e", &["native"]), None);
        assert_eq!(wanted("e2e", &["e2e/kill", "native"]), Some(vec!["kill".to_owned()]));
        assert_eq!(wanted("e2e", &["e2e/kill", "e2e"]), Some(vec![]));
        assert_eq!(wanted("e2", &["e2e"]), None);
    }
}
