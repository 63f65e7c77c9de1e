//! The simulator against the engine: seeds, planted bugs, and every failure that a seed has found, as a plan.

#[path = "simulation/oracle.rs"]
mod oracle;

use std::collections::BTreeSet;
use std::path::Path;

use syncline::engine::planted;
use syncline::sim::fault::rows;
use syncline::sim::{Outcome, Plan, World};

/// Seeds of a slice that is short enough for here.
const SEEDS_WITH_TABS: std::ops::RangeInclusive<u64> = 14..=24;

fn run(seed: u64) -> Outcome {
    World::new(Plan::draw(seed), None).run()
}

#[test]
fn seeds_break_no_law_and_are_hard_enough_to_count() {
    let mut struck = BTreeSet::new();
    // Forty, and more of them until each fault has struck.
    for seed in 1..=150 {
        if seed > 40 && struck.len() == rows(false).count() {
            break;
        }
        let outcome = run(seed);
        assert_eq!(outcome.violation, None, "seed {seed}: cargo xtask sim --runs 1 --seed {seed}");
        assert!(outcome.counts(), "seed {seed}: {} mutations, {:?}", outcome.mutations, outcome.struck);
        struck.extend(outcome.struck.into_keys());
    }
    let never: Vec<&str> = rows(false).filter(|id| !struck.contains(id)).collect();
    assert!(never.is_empty(), "no seed had {never:?}");
}

/// `cargo xtask sim --tabs` runs more of them.
#[test]
fn c1_c2_c3_c5_c6_devices_with_several_tabs_keep_the_laws() {
    for seed in SEEDS_WITH_TABS {
        let outcome = World::new(Plan::draw(seed).with_tabs(), None).run();
        assert_eq!(outcome.violation, None, "seed {seed}: cargo xtask sim --tabs --runs 1 --seed {seed}");
    }
}

#[test]
fn i25_the_same_seed_is_the_same_run() {
    for seed in [3, 17, 30] {
        let (one, two) = (run(seed), run(seed));
        assert_eq!(one, two);
        assert_ne!(one.digest, run(seed + 1).digest);
    }
}

/// All of them are caught by `cargo xtask sim --bug ALL`, which tries more seeds than there is time for here.
#[test]
fn planted_bugs_are_caught() {
    let bugs = || planted::ALL.into_iter().filter(|bug| !bug.is_of_tabs() && bug.flaw().is_none());
    let is_caught = |bug, seed: &u64| World::new(Plan::draw(*seed), Some(bug)).run().violation.is_some() && run(*seed).violation.is_none();
    let caught: Vec<_> = bugs().filter(|bug| (1..=3).any(|seed| is_caught(*bug, &seed))).collect();
    assert!(caught.len() >= bugs().count() / 2, "{caught:?}");
}

#[test]
fn b11_i27_a_bug_of_each_rule_is_caught() {
    let holds = |seed: u64, bug| World::new(Plan::draw(seed).with_rules(), bug).run().violation.is_none();
    let seeds: Vec<u64> = (1..=6).filter(|seed| holds(*seed, None)).collect();
    assert_eq!(seeds.len(), 6, "{seeds:?}");
    for bug in planted::ALL.into_iter().filter(|bug| bug.flaw().is_some()) {
        assert!(seeds.iter().any(|seed| !holds(*seed, Some(bug))), "{bug:?}");
    }
}

/// The seeds of devices with several tabs keep the laws without them.
#[test]
fn b7_b29_planted_bugs_of_tabs_are_caught() {
    let is_caught = |bug, seed| World::new(Plan::draw(seed).with_tabs(), Some(bug)).run().violation.is_some();
    for bug in planted::ALL.into_iter().filter(|bug| bug.is_of_tabs()) {
        assert!(SEEDS_WITH_TABS.clone().any(|seed| is_caught(bug, seed)), "{bug:?}");
    }
}

#[test]
fn what_seeds_have_found_stays_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let mut plans = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let plan: Plan = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|why| panic!("{path:?}: {why}"));
            assert_eq!(World::new(plan, None).run().violation, None, "{path:?}");
            plans += 1;
        }
    }
    assert!(plans > 0, "the plans are where this test looks for them");
}
