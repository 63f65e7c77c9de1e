//! What must be there after a crash: all that was promised, and a device that goes on from the disk alone (law I1).

use std::collections::{BTreeMap, BTreeSet};

use super::found::Durable;
use super::replica::{Replica, as_it_is};
use super::shown::Shown;
use super::truth::Fate;
use super::{Oracle, Told, Truth, Verdict, broken, found};
use crate::engine::notice::Durability;
use crate::sim::disk::Image;

impl Oracle {
    /// The tab is gone, and `image` is what a new one will find. What it promised must be there.
    pub fn crashed(&mut self, truth: &Truth, image: &Image, power: bool) -> Verdict {
        if self.shared.is_some() {
            return self.tab_crashed(truth, image, power);
        }
        self.stored.crashed();
        if power {
            self.stored.restore(image.log.iter().map(|(at, bytes)| (*at, bytes)));
        }
        for entry in &self.sent {
            if self.stored.frozen(entry).is_none() && self.stored.ending(entry).is_none() {
                return broken("I28", format!("entry {entry} was sent, and the disk does not know it"));
            }
        }
        let mut ids: Vec<String> = self.told.keys().cloned().collect();
        while let Some(id) = ids.pop() {
            for by in self.stored.carried_on_by(&id).to_vec() {
                if let Some(atom) = self.replica.carry_on(&id, &by, as_it_is) {
                    self.dependences.carried_on(&id, &by, truth);
                    self.atoms.insert(by.clone(), atom);
                    self.told.insert(by.clone(), Told::default());
                    ids.push(by);
                }
            }
            let told = self.told.get_mut(&id).expect("an id of told");
            let promised = match told.promise {
                Some(Durability::Strict) => true,
                Some(Durability::Relaxed) => !power,
                Some(Durability::Memory) | None => false,
            };
            if self.stored.is_pending(&id) {
                let had_ended = told.ending.take().is_some() && power;
                self.dependences.is_back(&id, had_ended);
            } else if let Some(ending) = self.stored.ending(&id) {
                if !matches!(ending, "applied" | "merged") {
                    self.dependences.ended_unapplied(&id);
                }
                told.ending = Some(ending.to_owned());
            } else if promised && told.ending.is_none() {
                return broken("I1", format!("{id} was called durable, and is gone"));
            } else {
                told.ending.get_or_insert_with(|| "never durable".to_owned());
            }
        }
        self.open = self.told.iter().filter(|(_, told)| told.ending.is_none()).map(|(id, _)| id.clone()).collect();
        self.dependents_have_ended()?;
        self.has_nothing_foreign(image)?;
        self.restart(truth, image, power)
    }

    /// The device as it must come up again, from the disk alone.
    fn restart(&mut self, truth: &Truth, image: &Image, power: bool) -> Verdict {
        let pending: BTreeSet<String> = self.stored.pending().cloned().collect();
        let durable = found::durable(image, truth, &self.carried_out(truth, &pending))?;
        self.lay_all(&durable, &pending)?;
        self.shown = Shown::default();
        self.in_memory.clear();
        self.anew.clear();
        self.generation.clone_from(&durable.generation);
        self.course.restarted(durable, truth, power)
    }

    /// The replica as it is on the disk.
    pub(super) fn lay_all(&mut self, durable: &Durable, pending: &BTreeSet<String>) -> Verdict {
        self.replica = Replica::default();
        durable.bases.iter().for_each(|(name, state)| self.replica.deliver(name, state));
        for id in pending {
            match self.stored.frozen_in(id) {
                Some(entry) if entry != id => {}
                Some(entry) => {
                    let (order, parts) = (self.atoms[id].order, self.grounded[entry].clone());
                    let members = self.stored.frozen(entry).map(|frozen| frozen.members.clone()).unwrap_or_default();
                    let is_late = self.shared.as_ref().is_some_and(|shared| shared.knows_apart(entry));
                    self.replica.lay_entry(entry, &members, order, is_late, parts);
                }
                None => match self.atoms.get(id) {
                    Some(atom) => {
                        self.replica.lay(id, atom);
                        self.unseen.extend(atom.parts.keys().cloned());
                    }
                    None => return broken("I1", format!("{id} is on the disk, and nobody wrote it")),
                },
            }
        }
        Ok(())
    }

    /// Where the server has carried out some of these, in whatever life, the positions of that for each document.
    pub(super) fn carried_out(&self, truth: &Truth, pending: &BTreeSet<String>) -> BTreeMap<String, Vec<u64>> {
        let mut positions = BTreeMap::<String, Vec<u64>>::new();
        for entry in pending.iter().filter(|id| self.stored.frozen(id).is_some()) {
            for fate in truth.fates(entry) {
                if let Fate::Applied { seq, names } = fate {
                    names.iter().for_each(|name| positions.entry(name.clone()).or_default().push(*seq));
                }
            }
        }
        positions
    }
}
