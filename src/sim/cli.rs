//! The simulator as a command: `--facade N`, see [`facade`]; `--runs N --seed S [--bug B1|ALL] [--without N1,S13] [--tabs] [--plan FILE] [--tell] [--json]`, or
//! `--sum FILES`, which adds up what `--json` said of slices.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "how long a person waited, not the world's time")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::facade;
use super::fault::Fault;
use super::oracle::Violation;
use super::plan::Plan;
use super::shrink;
use super::tally::{Failure, Tally};
use super::world::{Outcome, World};
use crate::engine::planted::{self, Bug};

/// What the command was asked for.
struct Asked {
    runs: u64,
    seed: u64,
    bugs: Vec<Bug>,
    without: Vec<Fault>,
    /// Its file, and itself.
    plan: Option<(String, Plan)>,
    tell: bool,
    json: bool,
    /// Several tabs a device.
    tabs: bool,
    /// A collection with rules.
    rules: bool,
    /// Nothing but each seed's digest.
    digests: bool,
}

/// So many failures are made smaller.
const SHRUNK_MAX: usize = 3;
/// Where plans of failures are put.
const PLANS: &str = "target/sim";
const USAGE: &str = "usage: sim [--runs N] [--seed S] [--bug B1|ALL] [--without N1,S13] [--tabs] [--rules] [--plan FILE] [--tell] [--json | --digests]\n       sim --facade N [--seed S] [--broken] [--json]\n       sim --sum FILES";

/// Does what the arguments ask for. Success means that no law was broken; with `--bug`, that every planted bug was
/// caught; with `--sum`, that all slices together broke none. `commit` says which sources these are.
pub fn run(arguments: &[String], commit: &str) -> ExitCode {
    let holds = match arguments {
        [first, files @ ..] if first == "--sum" => sum(files),
        [first, options @ ..] if first == "--facade" => facade::command(options, commit),
        _ => asked(arguments).map(|asked| match asked {
            asked if asked.digests => tell_digests(&asked),
            asked if asked.bugs.is_empty() => check(&asked, commit),
            asked => hunt(&asked),
        }),
    };
    match holds {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Each seed and the digest of its run, a line each, and the law that was broken, if one was.
fn tell_digests(asked: &Asked) -> bool {
    let mut is_good = true;
    for seed in asked.seed..asked.seed + asked.runs {
        let outcome = run_plan(asked.plan_of(seed, None), None, asked.tell);
        println!("{seed} {:016x}", outcome.digest);
        if let Some((event, Violation { law, what })) = outcome.violation {
            eprintln!("seed {seed}, event {event}: {law}: {what}");
            is_good = false;
        }
    }
    is_good
}

/// Adds up what `--json` said of several slices.
fn sum(files: &[String]) -> Result<bool, String> {
    let mut slices = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(path).map_err(|why| format!("{path}: {why}"))?;
        slices.push(Tally::read(&text).map_err(|why| format!("{path}: {why}"))?);
    }
    let tally = Tally::sum(slices)?;
    println!("{}", tally.said());
    println!("{}", tally.to_json());
    Ok(tally.is_good())
}

/// The run of one plan, telling on the way what happens or not. A panic of the engine is a broken law like any other.
pub fn run_plan(plan: Plan, bug: Option<Bug>, tell: bool) -> Outcome {
    let seed = plan.seed;
    let world = || World::new(plan, bug);
    std::panic::catch_unwind(|| if tell { world().telling().run() } else { world().run() }).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let violation = Violation { law: "I22", what: format!("it panicked: {}", said.unwrap_or_default()) };
        Outcome { seed, events: 0, mutations: 0, crashes: 0, struck: BTreeMap::new(), digest: 0, ms: 0, violation: Some((0, violation)) }
    })
}

fn asked(arguments: &[String]) -> Result<Asked, String> {
    let mut asked = Asked {
        runs: 1_000,
        seed: 1,
        bugs: Vec::new(),
        without: Vec::new(),
        plan: None,
        tell: false,
        json: false,
        tabs: false,
        rules: false,
        digests: false,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        let number = |text: &String| text.parse::<u64>().map_err(|_| format!("{argument} needs a number, not {text}"));
        match argument.as_str() {
            "--runs" => asked.runs = number(value()?)?,
            "--seed" => asked.seed = number(value()?)?,
            "--json" => asked.json = true,
            "--digests" => asked.digests = true,
            "--tell" => asked.tell = true,
            "--tabs" => asked.tabs = true,
            "--rules" => asked.rules = true,
            "--bug" => asked.bugs = bugs(value()?)?,
            "--without" => asked.without = faults(value()?)?,
            "--plan" => {
                let path = value()?;
                let text = std::fs::read_to_string(path).map_err(|why| format!("{path}: {why}"))?;
                asked.plan = Some((path.clone(), serde_json::from_str(&text).map_err(|why| format!("{path}: {why}"))?));
                asked.runs = 1;
            }
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(asked)
}

impl Asked {
    fn plan_of(&self, seed: u64, bug: Option<Bug>) -> Plan {
        let has_tabs = self.tabs || bug.is_some_and(Bug::is_of_tabs);
        let drawn = || {
            let plan = if has_tabs { Plan::draw(seed).with_tabs() } else { Plan::draw(seed) };
            if self.rules { plan.with_rules() } else { plan }
        };
        let mut plan = self.plan.as_ref().map_or_else(drawn, |(_, plan)| plan.clone());
        plan.faults.retain(|fault, _| !self.without.contains(fault));
        plan
    }
}

fn faults(ids: &str) -> Result<Vec<Fault>, String> {
    let named = |id| Fault::ALL.into_iter().find(|fault| fault.id() == id).ok_or_else(|| format!("no fault has the id {id}"));
    ids.split(',').map(named).collect()
}

fn bugs(name: &str) -> Result<Vec<Bug>, String> {
    let named: Vec<Bug> = planted::ALL.into_iter().filter(|bug| name == "ALL" || name == format!("{bug:?}")).collect();
    if named.is_empty() { Err(format!("no bug is called {name}")) } else { Ok(named) }
}

/// Runs everything that was asked for and tells what came of it.
fn check(asked: &Asked, commit: &str) -> bool {
    let start = Instant::now();
    let mut tally = run_many(asked, None, |_| true);
    tally.commit = commit.to_owned();
    tally.without = asked.without.iter().map(|fault| fault.id().to_owned()).collect();
    (tally.seconds, tally.core_seconds) = (start.elapsed().as_secs_f64(), core_seconds(start.elapsed()));
    for (number, failure) in tally.failures.iter_mut().enumerate() {
        failure.again = again(asked, failure.seed);
        // What it comes to with less takes a while.
        let Failure { seed, step, law, what, .. } = failure;
        eprintln!("seed {seed}, event {step}: {law}: {what}");
        if number < SHRUNK_MAX {
            shrink_failure(asked, failure);
        }
        failure.tell();
    }
    println!("{}", tally.said());
    if asked.json {
        println!("{}", tally.to_json());
    }
    tally.is_good()
}

/// Says with how little a failure comes again.
fn shrink_failure(asked: &Asked, failure: &mut Failure) {
    let plan = asked.plan_of(failure.seed, None);
    let off: Vec<&str> = plan.faults.keys().map(|fault| fault.id()).collect();
    let shrunk = shrink::shrink(&plan, None, failure.law);
    failure.faults = shrunk.faults.iter().map(|fault| fault.id().to_owned()).collect();
    let left_out: Vec<&str> = off.into_iter().filter(|id| !failure.faults.iter().any(|needed| needed == id)).collect();
    if !shrunk.is_written {
        let without = asked.without.iter().map(|fault| fault.id()).chain(left_out).collect::<Vec<_>>().join(",");
        failure.again = format!("cargo xtask sim --runs 1 --seed {} --without {without}", failure.seed);
        return;
    }
    let path = format!("{PLANS}/{}-{}.json", failure.law, failure.seed);
    let text = serde_json::to_string_pretty(&shrunk.plan).expect("a plan is plain data");
    let written = std::fs::create_dir_all(PLANS).and_then(|()| std::fs::write(&path, text));
    if written.is_ok() {
        failure.shrunk = Some((format!("cargo xtask sim --plan {path}"), shrunk.step));
    }
}

/// How long all cores together have worked on this: what the system says, or, where it does not, all of them all the
/// time.
fn core_seconds(wall: Duration) -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the program's name, which may hold anything: user and system time are the 12th and 13th field.
    let times = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: f64 = times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    if ticks > 0.0 { ticks / TICKS_PER_SECOND } else { wall.as_secs_f64() * cores() as f64 }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Runs seeds with each bug until it is caught.
fn hunt(asked: &Asked) -> bool {
    let mut caught = Vec::new();
    for bug in &asked.bugs {
        // What is broken without the bug too is no catch.
        let holds_without = |seed| run_plan(asked.plan_of(seed, Some(*bug)), None, false).violation.is_none();
        let mut tally = run_many(asked, Some(*bug), |outcome| outcome.violation.is_none() || !holds_without(outcome.seed));
        let first = tally.failures.pop().filter(|failure| holds_without(failure.seed));
        let tried = first.as_ref().map_or(asked.runs, |failure| failure.seed - asked.seed + 1);
        match &first {
            Some(Failure { seed, step, law, what, .. }) => {
                println!("{bug:?}: caught by {law} with seed {seed}, the {tried}. tried, at event {step}: {what}");
            }
            None => println!("{bug:?}: not caught in {tried} runs"),
        }
        caught.push(json!({
            "bug": format!("{bug:?}"),
            "caught": first.is_some(),
            "seed": first.as_ref().map(|failure| failure.seed),
            "runs": tried,
            "law": first.as_ref().map(|failure| failure.law),
        }));
    }
    let all = caught.iter().all(|bug| bug["caught"] == true);
    if asked.json {
        println!("{}", json!({ "bugs": caught, "allCaught": all }));
    }
    all
}

/// Runs the seeds on all cores, in order of their numbers, as long as `go_on` says so. What comes out does not hang on
/// how many cores there are.
fn run_many(asked: &Asked, bug: Option<Bug>, go_on: impl Fn(&Outcome) -> bool + Sync) -> Tally {
    let next = AtomicU64::new(0);
    let stop_at = AtomicU64::new(asked.runs);
    let outcomes = Mutex::new(BTreeMap::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= stop_at.load(Ordering::Relaxed) {
                return;
            }
            let outcome = run_plan(asked.plan_of(asked.seed + number, bug), bug, asked.tell);
            if !go_on(&outcome) {
                stop_at.fetch_min(number + 1, Ordering::Relaxed);
            }
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(number, outcome);
        }
    };
    std::thread::scope(|scope| (0..cores()).for_each(|_| drop(scope.spawn(work))));
    let stop_at = stop_at.into_inner();
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut tally = Tally::default();
    outcomes.into_iter().filter(|(number, _)| *number < stop_at).for_each(|(_, outcome)| tally.add(outcome, asked.plan.is_some()));
    tally.ranges = vec![(asked.seed, stop_at)];
    tally
}

fn again(asked: &Asked, seed: u64) -> String {
    let without: Vec<&str> = asked.without.iter().map(|fault| fault.id()).collect();
    let without = if without.is_empty() { String::new() } else { format!(" --without {}", without.join(",")) };
    match &asked.plan {
        Some((path, _)) => format!("cargo xtask sim --plan {path}{without}"),
        None if asked.tabs || asked.rules => {
            let with = [("--tabs ", asked.tabs), ("--rules ", asked.rules)].map(|(word, is_on)| if is_on { word } else { "" }).concat();
            format!("cargo xtask sim {with}--runs 1 --seed {seed}{without}")
        }
        None => format!("cargo xtask sim --runs 1 --seed {seed}{without}"),
    }
}
