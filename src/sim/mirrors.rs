//! The mirror files of one device, and the note that its store exists: what outlives a reset of its databases. Tabs write
//! them by workers, in order and some milliseconds later, whether the tab is frozen or not; of what was not flushed when a
//! tab is killed, a beginning is found, and perhaps half of what came next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::common::{Common, Event, Halt};
use super::device::Device;
use super::disk::{Disk, Image};
use super::fault::Fault;
use crate::engine::effect::Effect;
use crate::engine::input::{Bytes, Input};
use crate::engine::mirror::{Salvage, shifted};
use crate::engine::rng::Rng;

/// What is ordered is flushed after so many milliseconds at the most.
const FLUSHED_MS: u64 = 4;

/// What one device has outside of its databases.
pub(super) struct Mirrors {
    files: BTreeMap<String, Vec<u8>>,
    witness: Option<String>,
    /// By life of a tab.
    writers: BTreeMap<u64, Writer>,
    begun: u64,
    rng: Rng,
}

/// A tab's files, of which one holds, and what it has ordered.
#[derive(Default)]
struct Writer {
    name: String,
    slot: u8,
    queue: VecDeque<Order>,
}

struct Order {
    number: u64,
    anew: Option<String>,
    bytes: Vec<u8>,
}

impl Writer {
    fn file(&self, slot: u8) -> String {
        format!("{}.{slot}", self.name)
    }
}

impl Mirrors {
    /// None yet.
    pub fn new(rng: Rng) -> Mirrors {
        Mirrors { files: BTreeMap::new(), witness: None, writers: BTreeMap::new(), begun: 0, rng }
    }

    /// The next order of a tab is carried out. Gives its number, and the bytes.
    fn flush(&mut self, life: u64) -> Option<(u64, Vec<u8>)> {
        let writer = self.writers.get_mut(&life)?;
        let Order { number, anew, bytes } = writer.queue.pop_front()?;
        if let Some(store_id) = anew {
            if writer.name.is_empty() {
                self.begun += 1;
                writer.name = format!("{store_id}.tab-{life}-{}", self.begun);
            }
            let before = writer.file(writer.slot);
            writer.slot = 1 - writer.slot;
            self.files.insert(writer.file(writer.slot), bytes.clone());
            // It is written whole before the other one is emptied.
            self.files.insert(before, Vec::new());
        } else if let Some(file) = self.files.get_mut(&writer.file(writer.slot)) {
            file.extend_from_slice(&bytes);
        }
        Some((number, bytes))
    }

    /// The tab is gone with the rest of what it ordered, of which this much is found all the same.
    fn tear(&mut self, life: u64, share: u64) {
        let Some(writer) = self.writers.remove(&life) else { return };
        let Some(Order { anew, bytes, .. }) = writer.queue.front() else { return };
        let slot = if anew.is_some() { 1 - writer.slot } else { writer.slot };
        let torn = &bytes[..bytes.len() * share as usize / 100];
        match self.files.get_mut(&writer.file(slot)) {
            Some(file) if anew.is_some() => *file = torn.to_vec(),
            Some(file) => file.extend_from_slice(torn),
            None => {}
        }
    }

    fn remove(&mut self, is_meant: impl Fn(&str) -> bool) {
        let is_open = |name: &str| self.writers.values().any(|writer| !writer.name.is_empty() && name.starts_with(&writer.name));
        self.files.retain(|name, _| !is_meant(name) || is_open(name));
    }

    /// What whoever opens next is going to find in a database that has no store: what the files make of it.
    fn salvaged(&self, scope: &str) -> Image {
        let names: Vec<String> = self.files.keys().chain(&self.witness).cloned().collect();
        let files: Vec<_> = self.files.iter().map(|(name, bytes)| (name.clone(), Bytes(bytes.as_slice().into()))).collect();
        let mut image = Image::default();
        let mut last = 0;
        for (_, commits) in Salvage::of(&names, &files, scope, &|_| false).stores {
            let by = last;
            for (position, records) in commits {
                last = by + position;
                image.log.insert(last, Arc::from(shifted(&records, 0, by)));
            }
        }
        image
    }
}

impl Device {
    /// Carries out what is about mirrors.
    pub fn mirror(&mut self, common: &mut Common, effect: Effect) -> Halt {
        let life = self.tab.life;
        let answer = match effect {
            Effect::Mirror { order: number, anew, bytes } => {
                self.mirrors.writers.entry(life).or_default().queue.push_back(Order { number, anew, bytes });
                let ms = self.mirrors.rng.up_to(FLUSHED_MS);
                common.schedule(common.now + ms, self.number, Event::Flushed { life });
                return Ok(());
            }
            Effect::DropMirror => {
                if let Some(writer) = self.mirrors.writers.remove(&life).filter(|writer| !writer.name.is_empty()) {
                    self.mirrors.remove(|name| name.starts_with(&writer.name));
                }
                self.oracle.mirror_dropped();
                return Ok(());
            }
            Effect::RemoveMirrors { names } => {
                self.mirrors.remove(|name| names.iter().any(|other| other == name));
                return Ok(());
            }
            Effect::Witness { store_id } => {
                self.mirrors.witness = Some(store_id);
                return Ok(());
            }
            Effect::ListMirrors => {
                Input::MirrorsListed { names: self.mirrors.files.keys().chain(&self.mirrors.witness).cloned().collect() }
            }
            Effect::ReadMirrors { names } => {
                let read = |name: String| Some((Bytes(self.mirrors.files.get(&name)?.as_slice().into()), name));
                Input::MirrorsRead { files: names.into_iter().filter_map(read).map(|(bytes, name)| (name, bytes)).collect() }
            }
            _ => return Ok(()),
        };
        let ms = self.mirrors.rng.up_to(FLUSHED_MS);
        self.tell_later(common, ms, answer);
        Ok(())
    }

    /// A worker has flushed what its tab ordered.
    pub fn mirror_flushed(&mut self, common: &mut Common, life: u64) {
        if let Some((order, bytes)) = self.mirrors.flush(life) {
            self.oracle.mirrored(&bytes);
            common.schedule(common.now, self.number, Event::Tell { life, input: Box::new(Input::Mirrored { order }) });
        }
    }

    /// The tab that acts is killed, and its worker with it.
    pub fn kill_worker(&mut self) {
        let life = self.tab.life;
        let Some(waiting) = self.mirrors.writers.get(&life).map(|writer| writer.queue.len() as u64) else { return };
        for _ in 0..self.dice.size(Fault::Crash, 1, waiting) {
            self.mirrors.flush(life);
        }
        self.mirrors.tear(life, self.dice.size(Fault::Crash, 2, 99));
    }

    /// What a new tab is going to find.
    pub fn found(&self) -> Image {
        let image = self.disk.image();
        if image.meta.is_none() && self.config.mirror { self.mirrors.salvaged(&self.config.scope) } else { image.clone() }
    }

    /// The whole browser is killed, and begins with databases in which nothing is.
    pub fn reset(&mut self, common: &mut Common) -> Halt {
        if self.disk.image().meta.is_none() {
            return Ok(());
        }
        self.each_tab(|device| {
            device.kill_worker();
            Ok(())
        })?;
        self.disk = Disk::default();
        let found = self.found();
        common.say(self.place_of_tab(), || format!("the store is gone; mirrors have {} commits", found.log.len()));
        if self.oracle.reset(&found, self.config.mirror_awaited)? {
            *self.seen.entry("S17").or_insert(0) += 1;
        }
        self.lose_power(common)?;
        self.oracle.crashed(&common.truths[self.user], &found, true)
    }
}
