//! Making a failing run smaller: as few kinds of fault, as few single strikes, and as short a workload as still break the
//! same law. Parts are left out by delta debugging: halves first, then ever smaller pieces, until no piece can go.

use super::cli::run_plan;
use super::fault::Fault;
use super::plan::{Plan, Step, Strike, User};
use super::world::World;
use crate::engine::planted::Bug;

/// Runs that making one failure smaller may take.
const RUNS_MAX: u32 = 1_500;

/// What is left of a failing run.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest plan that breaks the same law.
    pub plan: Plan,
    /// The kinds of fault without which it does not.
    pub faults: Vec<Fault>,
    /// Whether single strikes and lines of the workload were left out too: then only the plan as a file says it all.
    pub is_written: bool,
    /// At which event the law breaks.
    pub step: u64,
}

/// A failing run, made smaller.
pub fn shrink(plan: &Plan, bug: Option<Bug>, law: &'static str) -> Shrunk {
    let mut search = Search { bug, law, runs: 0, step: 0 };
    let mut best = plan.clone();
    search.fails(&best);
    let kinds: Vec<Fault> = best.faults.keys().copied().collect();
    let faults = search.fewest(kinds, |kinds| only(plan, kinds));
    best = only(plan, &faults);
    let written = search.written(&best);
    let is_written = written.is_some();
    let step = search.step;
    let mut shrunk = Shrunk { plan: written.unwrap_or(best), faults, is_written, step };
    shrunk.faults.retain(|fault| shrunk.plan.strikes.as_ref().is_none_or(|strikes| strikes.iter().any(|strike| strike.1 == *fault)));
    shrunk
}

fn only(plan: &Plan, kinds: &[Fault]) -> Plan {
    let mut plan = plan.clone();
    plan.faults.retain(|fault, _| kinds.contains(fault));
    plan
}

struct Search {
    bug: Option<Bug>,
    law: &'static str,
    runs: u32,
    /// Where the last failing run broke the law.
    step: u64,
}

impl Search {
    /// Whether a plan breaks the law. When enough was tried, none does.
    fn fails(&mut self, plan: &Plan) -> bool {
        self.runs += 1;
        let violation = if self.runs > RUNS_MAX { None } else { run_plan(plan.clone(), self.bug, false).violation };
        let step = violation.filter(|(_, violation)| violation.law == self.law).map(|(step, _)| step);
        self.step = step.unwrap_or(self.step);
        step.is_some()
    }

    /// The fewest of `parts` with which the plan still fails.
    fn fewest<T: Clone>(&mut self, mut parts: Vec<T>, plan: impl Fn(&[T]) -> Plan) -> Vec<T> {
        let mut size = parts.len().div_ceil(2);
        while size > 0 && self.runs < RUNS_MAX {
            let mut at = 0;
            while at < parts.len() {
                let mut fewer = parts.clone();
                fewer.drain(at..(at + size).min(parts.len()));
                if self.fails(&plan(&fewer)) {
                    parts = fewer;
                } else {
                    at += size;
                }
            }
            size /= 2;
        }
        parts
    }

    /// The run as a script of what happened in it, with as few lines and strikes as still break the law; `None` where
    /// the script does not.
    fn written(&mut self, plan: &Plan) -> Option<Plan> {
        let recorded = World::new(plan.clone(), self.bug).record()?;
        let script = |lines: &[Step], strikes: &[Strike]| Plan {
            user: User::Script(lines.to_vec()),
            strikes: Some(strikes.to_vec()),
            ..plan.clone()
        };
        let (lines, strikes) = (recorded.lines, recorded.strikes);
        if !self.fails(&script(&lines, &strikes)) {
            return None;
        }
        let lines = self.fewest(lines, |lines| script(lines, &strikes));
        let strikes = self.fewest(strikes, |strikes| script(&lines, strikes));
        let lines = self.fewest(lines, |lines| script(lines, &strikes));
        let plan = script(&lines, &strikes);
        self.fails(&plan).then_some(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_needed_goes() {
        let found = (1..60).find_map(|seed| {
            let plan = Plan::draw(seed);
            let (_, violation) = run_plan(plan.clone(), Some(Bug::B12), false).violation?;
            Some((plan, violation.law))
        });
        let (plan, law) = found.expect("a seed that catches the bug");
        let shrunk = shrink(&plan, Some(Bug::B12), law);
        assert!(shrunk.faults.len() < plan.faults.len(), "{:?}", shrunk.faults);
        let again = run_plan(shrunk.plan.clone(), Some(Bug::B12), false).violation;
        assert_eq!(again.map(|(step, violation)| (step, violation.law)), Some((shrunk.step, law)));
        assert!(shrunk.is_written && matches!(&shrunk.plan.user, User::Script(lines) if lines.len() < 10), "{:?}", shrunk.plan);
    }
}
