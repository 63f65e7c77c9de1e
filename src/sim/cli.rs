//! The simulator as a command: `--runs N --seed S [--bug B1|B12|B17|ALL] [--without N1,S13] [--plan FILE] [--tell] [--json]`.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "how long a person waited, not the world's time")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::fault::Fault;
use super::oracle::Violation;
use super::plan::Plan;
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
}

/// What many runs have come to.
#[derive(Default)]
struct Sum {
    runs: u64,
    events: u64,
    mutations: u64,
    crashes: u64,
    thin: u64,
    struck: BTreeMap<&'static str, u64>,
    digest: u64,
    failures: Vec<(u64, u64, Violation)>,
}

/// So many failures are told in full.
const TOLD_MAX: usize = 10;

/// Does what the arguments ask for. Success means that no law was broken; with `--bug`, that every planted bug was
/// caught.
pub fn run(arguments: &[String]) -> ExitCode {
    let asked = match asked(arguments) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("{why}\nusage: sim [--runs N] [--seed S] [--bug B1|B12|B17|ALL] [--without N1,S13] [--plan FILE] [--tell] [--json]");
            return ExitCode::from(2);
        }
    };
    let holds = if asked.bugs.is_empty() { check(&asked) } else { hunt(&asked) };
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
    let mut asked = Asked { runs: 1_000, seed: 1, bugs: Vec::new(), without: Vec::new(), plan: None, tell: false, json: false };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        let number = |text: &String| text.parse::<u64>().map_err(|_| format!("{argument} needs a number, not {text}"));
        match argument.as_str() {
            "--runs" => asked.runs = number(value()?)?,
            "--seed" => asked.seed = number(value()?)?,
            "--json" => asked.json = true,
            "--tell" => asked.tell = true,
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
    fn plan_of(&self, seed: u64) -> Plan {
        let mut plan = self.plan.as_ref().map_or_else(|| Plan::draw(seed), |(_, plan)| plan.clone());
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
fn check(asked: &Asked) -> bool {
    let start = Instant::now();
    let sum = run_many(asked, None, |_| true);
    tell(asked, &sum, start.elapsed());
    sum.failures.is_empty() && sum.thin == 0
}

/// Runs seeds with each bug until it is caught.
fn hunt(asked: &Asked) -> bool {
    let mut caught = Vec::new();
    for bug in &asked.bugs {
        // What is broken without the bug too is no catch.
        let holds_without = |seed| run_plan(asked.plan_of(seed), None, false).violation.is_none();
        let mut sum = run_many(asked, Some(*bug), |outcome| outcome.violation.is_none() || !holds_without(outcome.seed));
        let last = sum.failures.pop().filter(|(seed, ..)| holds_without(*seed));
        let first = last.as_ref();
        match first {
            Some((seed, step, Violation { law, what })) => {
                println!("{bug:?}: caught by {law} with seed {seed}, the {}. tried, at event {step}: {what}", seed - asked.seed + 1);
            }
            None => println!("{bug:?}: not caught in {} runs", sum.runs),
        }
        caught.push(json!({
            "bug": format!("{bug:?}"),
            "caught": first.is_some(),
            "seed": first.map(|failure| failure.0),
            "runs": first.map_or(sum.runs, |failure| failure.0 - asked.seed + 1),
            "law": first.map(|failure| failure.2.law),
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
fn run_many(asked: &Asked, bug: Option<Bug>, go_on: impl Fn(&Outcome) -> bool + Sync) -> Sum {
    let next = AtomicU64::new(0);
    let stop_at = AtomicU64::new(asked.runs);
    let outcomes = Mutex::new(BTreeMap::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= stop_at.load(Ordering::Relaxed) {
                return;
            }
            let outcome = run_plan(asked.plan_of(asked.seed + number), bug, asked.tell);
            if !go_on(&outcome) {
                stop_at.fetch_min(number + 1, Ordering::Relaxed);
            }
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(number, outcome);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    let stop_at = stop_at.into_inner();
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut sum = Sum::default();
    outcomes.into_iter().filter(|(number, _)| *number < stop_at).for_each(|(_, outcome)| sum.add(outcome, asked.plan.is_some()));
    sum
}

impl Sum {
    fn add(&mut self, outcome: Outcome, is_scripted: bool) {
        self.runs += 1;
        self.events += outcome.events;
        self.mutations += outcome.mutations;
        self.crashes += outcome.crashes;
        self.thin += u64::from(outcome.violation.is_none() && !is_scripted && !outcome.counts());
        self.digest = self.digest.rotate_left(1) ^ outcome.digest;
        for (fault, times) in outcome.struck {
            *self.struck.entry(fault).or_insert(0) += times;
        }
        if let Some((step, violation)) = outcome.violation {
            self.failures.push((outcome.seed, step, violation));
        }
    }
}

fn again(asked: &Asked, seed: u64) -> String {
    let without: Vec<&str> = asked.without.iter().map(|fault| fault.id()).collect();
    let without = if without.is_empty() { String::new() } else { format!(" --without {}", without.join(",")) };
    match &asked.plan {
        Some((path, _)) => format!("cargo xtask sim --plan {path}{without}"),
        None => format!("cargo xtask sim --runs 1 --seed {seed}{without}"),
    }
}

fn tell(asked: &Asked, sum: &Sum, took: Duration) {
    for (seed, step, Violation { law, what }) in sum.failures.iter().take(TOLD_MAX) {
        println!("seed {seed}, event {step}: {law} does not hold: {what}\n  again: {}", again(asked, *seed));
    }
    let mut laws: BTreeMap<&str, u64> = BTreeMap::new();
    sum.failures.iter().for_each(|(.., violation)| *laws.entry(violation.law).or_insert(0) += 1);
    let seconds = took.as_secs_f64();
    let rate = sum.events as f64 / seconds;
    println!(
        "{} runs, {} events, {:.0} events/s, {} mutations, {} crashes, {} kinds of fault, {} violations {laws:?}, {} runs too easy to count, digest {:016x}",
        sum.runs,
        sum.events,
        rate,
        sum.mutations,
        sum.crashes,
        sum.struck.len(),
        sum.failures.len(),
        sum.thin,
        sum.digest,
    );
    if asked.json {
        let failures: Vec<_> = sum
            .failures
            .iter()
            .take(TOLD_MAX)
            .map(|(seed, step, violation)| json!({ "seed": seed, "step": step, "law": violation.law, "what": violation.what, "again": again(asked, *seed) }))
            .collect();
        println!(
            "{}",
            json!({
                "runs": sum.runs,
                "firstSeed": asked.seed,
                "events": sum.events,
                "eventsPerSecond": rate.round(),
                "seconds": seconds,
                "mutations": sum.mutations,
                "crashes": sum.crashes,
                "faults": sum.struck,
                "tooEasy": sum.thin,
                "violations": sum.failures.len(),
                "failures": failures,
                "digest": format!("{:016x}", sum.digest),
            })
        );
    }
}
