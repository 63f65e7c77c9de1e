//! What many runs have come to, in words and as JSON, and how the slices of a long search are added up.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::fault;
use super::world::Outcome;

/// So many failures are told in full.
const TOLD_MAX: usize = 10;

/// What many runs have come to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Which sources ran.
    pub commit: String,
    /// Faults that were left out.
    pub without: Vec<String>,
    /// Seeds that ran: the first, and how many.
    pub ranges: Vec<(u64, u64)>,
    pub seconds: f64,
    /// Of all cores together.
    pub core_seconds: f64,
    pub failures: Vec<Failure>,
    runs: u64,
    events: u64,
    mutations: u64,
    crashes: u64,
    thin: u64,
    violations: u64,
    struck: BTreeMap<String, u64>,
    digest: u64,
}

/// A run that broke a law.
#[derive(Debug)]
pub(super) struct Failure {
    pub seed: u64,
    pub step: u64,
    pub law: &'static str,
    pub what: String,
    /// The faults without which it holds.
    pub faults: Vec<String>,
    /// What repeats it.
    pub again: String,
    /// What repeats it with less, and at which event.
    pub shrunk: Option<(String, u64)>,
}

/// A slice as its JSON says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slice {
    commit: String,
    without: Vec<String>,
    ranges: Vec<(u64, u64)>,
    seconds: f64,
    core_seconds: f64,
    runs: u64,
    events: u64,
    mutations: u64,
    crashes: u64,
    too_easy: u64,
    violations: u64,
    faults: BTreeMap<String, u64>,
    digest: String,
}

impl Tally {
    /// One more run.
    pub fn add(&mut self, outcome: Outcome, is_scripted: bool) {
        self.runs += 1;
        self.events += outcome.events;
        self.mutations += outcome.mutations;
        self.crashes += outcome.crashes;
        self.thin += u64::from(outcome.violation.is_none() && !is_scripted && !outcome.counts());
        self.digest = self.digest.rotate_left(1) ^ outcome.digest;
        for (fault, times) in outcome.struck {
            *self.struck.entry(fault.to_owned()).or_insert(0) += times;
        }
        if let Some((step, violation)) = outcome.violation {
            self.violations += 1;
            let (seed, law, what) = (outcome.seed, violation.law, violation.what);
            self.failures.push(Failure { seed, step, law, what, faults: Vec::new(), again: String::new(), shrunk: None });
        }
    }

    /// Whether no law was broken, and the runs were hard enough. In one of a thousand too few faults may have struck: it does not
    /// count.
    pub fn is_good(&self) -> bool {
        self.violations == 0 && self.thin <= self.runs / 1_000
    }

    /// The rows that these runs could exercise.
    fn rows(&self) -> impl Iterator<Item = &'static str> {
        let has_tabs = fault::rows(true).any(|id| id.starts_with('C') && self.struck.contains_key(id));
        fault::rows(has_tabs)
    }

    /// Runs that were hard enough.
    fn counted(&self) -> u64 {
        self.runs - self.thin
    }

    /// What `to_json` wrote, found in a program's output.
    pub fn read(text: &str) -> Result<Tally, String> {
        let line = text.lines().rfind(|line| line.starts_with('{')).ok_or("there is no JSON in it")?;
        let slice: Slice = serde_json::from_str(line).map_err(|why| why.to_string())?;
        Ok(Tally {
            commit: slice.commit,
            without: slice.without,
            ranges: slice.ranges,
            seconds: slice.seconds,
            core_seconds: slice.core_seconds,
            failures: Vec::new(),
            runs: slice.runs,
            events: slice.events,
            mutations: slice.mutations,
            crashes: slice.crashes,
            thin: slice.too_easy,
            violations: slice.violations,
            struck: slice.faults,
            digest: u64::from_str_radix(&slice.digest, 16).map_err(|why| why.to_string())?,
        })
    }

    /// Slices of one search as one. Fails where two hold the same seed, or are not of the same sources and faults.
    pub fn sum(mut slices: Vec<Tally>) -> Result<Tally, String> {
        slices.sort_by_key(|slice| slice.ranges.first().copied());
        let mut slices = slices.into_iter();
        let mut sum = slices.next().ok_or("there is nothing to add up")?;
        for slice in slices {
            if slice.commit != sum.commit {
                return Err(format!("these are of different sources: {} and {}", sum.commit, slice.commit));
            }
            if slice.without != sum.without {
                return Err(format!("these were run without different faults: {:?} and {:?}", sum.without, slice.without));
            }
            sum.ranges.extend(slice.ranges);
            sum.seconds += slice.seconds;
            sum.core_seconds += slice.core_seconds;
            sum.runs += slice.runs;
            sum.events += slice.events;
            sum.mutations += slice.mutations;
            sum.crashes += slice.crashes;
            sum.thin += slice.thin;
            sum.violations += slice.violations;
            sum.digest = sum.digest.rotate_left(1) ^ slice.digest;
            for (fault, times) in slice.struck {
                *sum.struck.entry(fault).or_insert(0) += times;
            }
        }
        sum.ranges.sort_unstable();
        match sum.ranges.windows(2).find(|pair| pair[0].0 + pair[0].1 > pair[1].0) {
            Some(pair) => Err(format!("{} seeds from {} and {} from {} overlap", pair[0].1, pair[0].0, pair[1].1, pair[1].0)),
            None => Ok(sum),
        }
    }

    fn rates(&self) -> (f64, f64, f64) {
        let (wall, cores) = (self.seconds.max(f64::EPSILON), self.core_seconds.max(f64::EPSILON));
        (self.events as f64 / wall, self.events as f64 / cores, self.runs as f64 / wall)
    }

    /// In words.
    pub fn said(&self) -> String {
        let (events, each, runs) = self.rates();
        format!(
            "{} runs ({runs:.1}/s), {} events ({events:.0}/s, {each:.0}/s and core), {} mutations, {} crashes, {} of {} fault rows exercised, \
             {} violations, {} runs hard enough to count, digest {:016x}",
            self.runs,
            self.events,
            self.mutations,
            self.crashes,
            self.struck.len(),
            self.rows().count(),
            self.violations,
            self.counted(),
            self.digest,
        )
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let (events, each, runs) = self.rates();
        let missing: Vec<&str> = self.rows().filter(|id| !self.struck.contains_key(*id)).collect();
        json!({
            "commit": self.commit,
            "without": self.without,
            "ranges": self.ranges,
            "runs": self.runs,
            "counted": self.counted(),
            "runsPerSecond": runs,
            "events": self.events,
            "eventsPerSecond": events.round(),
            "eventsPerSecondAndCore": each.round(),
            "seconds": self.seconds,
            "coreSeconds": self.core_seconds,
            "mutations": self.mutations,
            "crashes": self.crashes,
            "faults": self.struck,
            "faultRows": { "exercised": self.struck.len(), "owned": self.rows().count(), "missing": missing },
            "tooEasy": self.thin,
            "violations": self.violations,
            "failures": self.failures.iter().take(TOLD_MAX).map(Failure::to_json).collect::<Vec<_>>(),
            "digest": format!("{:016x}", self.digest),
        })
    }
}

impl Failure {
    /// In words, on standard output.
    pub fn tell(&self) {
        println!("seed {}, event {}: {} does not hold: {}\n  again: {}", self.seed, self.step, self.law, self.what, self.again);
        if let Some((command, step)) = &self.shrunk {
            println!("  with less, at event {step}: {command}");
        }
        if !self.faults.is_empty() {
            println!("  needs: {}", self.faults.join(","));
        }
    }

    fn to_json(&self) -> Value {
        let shrunk = self.shrunk.as_ref().map(|(command, step)| json!({ "again": command, "step": step }));
        json!({
            "seed": self.seed,
            "step": self.step,
            "law": self.law,
            "what": self.what,
            "again": self.again,
            "faults": self.faults,
            "shrunk": shrunk,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Plan, World};

    fn slice(seeds: std::ops::Range<u64>, commit: &str) -> Tally {
        let mut tally =
            Tally { commit: commit.into(), ranges: vec![(seeds.start, seeds.end - seeds.start)], seconds: 1.0, ..Tally::default() };
        seeds.for_each(|seed| tally.add(World::new(Plan::draw(seed), None).run(), false));
        tally
    }

    fn read(tally: &Tally) -> Tally {
        Tally::read(&format!("{}\n{}\n", tally.said(), tally.to_json())).unwrap()
    }

    #[test]
    fn slices_add_up_to_what_one_run_of_them_all_says() {
        let (all, one, two) = (slice(1..4, "a"), slice(1..2, "a"), slice(2..4, "a"));
        let sum = Tally::sum(vec![read(&two), read(&one)]).unwrap();
        assert_eq!((sum.runs, sum.events, sum.mutations, sum.crashes), (all.runs, all.events, all.mutations, all.crashes));
        assert_eq!((&sum.struck, &sum.ranges), (&all.struck, &vec![(1, 1), (2, 2)]));
        assert_eq!(read(&sum).ranges, sum.ranges, "a sum can be added to");
    }

    #[test]
    fn one_run_of_a_thousand_may_be_too_easy_and_does_not_count() {
        let of = |runs, thin| Tally { runs, thin, ..Tally::default() };
        assert!(of(1_000, 1).is_good() && !of(1_000, 2).is_good() && !of(999, 1).is_good());
        assert!(!Tally { violations: 1, ..of(5_000, 0) }.is_good());
        assert_eq!(of(1_000, 1).to_json()["counted"], 999);
    }

    #[test]
    fn what_does_not_belong_together_is_not_added_up() {
        let (one, two) = (slice(1..3, "a"), slice(2..3, "a"));
        assert!(Tally::sum(vec![read(&one), read(&two)]).unwrap_err().contains("overlap"));
        let other = Tally { commit: "b".into(), ranges: vec![(9, 1)], ..Tally::default() };
        assert!(Tally::sum(vec![read(&one), read(&other)]).unwrap_err().contains("different sources"));
        let without = Tally { commit: "a".into(), without: vec!["N1".into()], ranges: vec![(9, 1)], ..Tally::default() };
        assert!(Tally::sum(vec![read(&one), read(&without)]).unwrap_err().contains("without different faults"));
        assert!(Tally::sum(Vec::new()).is_err() && Tally::read("no JSON").is_err());
    }
}
