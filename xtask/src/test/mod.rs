//! `test`: everything that must pass, suite after suite, with a count of what was executed and what was skipped.

mod counts;
mod skips;
mod suites;
mod transcript;
mod trial;

use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::failure::{Done, Failure};
use counts::Counts;
use skips::AllowedSkips;
use suites::SUITES;
use trial::Trial;

/// One row of the closing table.
struct Row {
    suite: &'static str,
    counts: Counts,
    took: Duration,
}

/// `cargo xtask test [SUITE[/UNIT] ...]`.
pub fn word(arguments: Arguments) -> Done {
    let wanted = arguments.rest();
    let known = |name: &str| SUITES.iter().any(|(suite, ..)| *suite == name.split('/').next().unwrap_or(name));
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        let names: Vec<&str> = SUITES.iter().map(|(suite, ..)| *suite).collect();
        return Err(Failure::new(format!("no suite is called {unknown}; there are {}", names.join(", "))));
    }
    let allowed = AllowedSkips::read()?;
    let mut rows = Vec::new();
    let mut complaints = Vec::new();
    for (suite, about, run) in SUITES {
        let Some(units) = units_wanted(suite, &wanted) else { continue };
        println!("\n== {suite}: {about}");
        let started = Instant::now();
        let mut trial = Trial::new(suite, units)?;
        if let Err(failure) = run(&mut trial) {
            trial.fail(&failure.to_string());
        }
        let (counts, failures) = trial.end();
        println!("{suite}: {counts}");
        complaints.extend(failures);
        complaints.extend(allowed.complaints(suite, &counts));
        if counts.executed() == 0 {
            complaints.push(format!("{suite}: nothing was executed"));
        }
        rows.push(Row { suite, counts, took: started.elapsed() });
    }
    close(&rows, &complaints)
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
fn close(rows: &[Row], complaints: &[String]) -> Done {
    println!("\n{:<10} {:>9} {:>8} {:>8} {:>8}", "suite", "executed", "failed", "skipped", "seconds");
    for Row { suite, counts, took } in rows {
        let seconds = took.as_secs_f64();
        println!("{suite:<10} {:>9} {:>8} {:>8} {seconds:>8.1}", counts.executed(), counts.failed, counts.skipped.len());
    }
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
