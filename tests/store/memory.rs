//! The simplest store: what is asked for happens at once, in memory.

use std::collections::BTreeMap;

use syncline::engine::effect::{Wanted, Write};
use syncline::engine::input::{Bytes, Found, Meta, StoreFailure};

/// What is stored.
#[derive(Clone, Default)]
pub struct Disk {
    pub meta: Option<Meta>,
    pub directory: Option<Vec<u8>>,
    pub log: BTreeMap<u64, Vec<u8>>,
    pub pages: BTreeMap<u32, Vec<u8>>,
    pub last: u64,
}

impl Disk {
    pub fn apply(&mut self, write: &Write) -> Result<u64, StoreFailure> {
        let last = self.log.last_key_value().map_or(0, |(position, _)| *position);
        if let Some(why) = write.guard.refuses(self.meta.as_ref(), last) {
            return Err(why);
        }
        for (position, bytes) in &write.rewrite {
            match bytes {
                Some(bytes) => {
                    self.log.insert(*position, bytes.clone());
                    // As the generator of keys does.
                    self.last = self.last.max(*position);
                }
                None => drop(self.log.remove(position)),
            }
        }
        for (page, bytes) in &write.pages {
            match bytes {
                Some(bytes) => drop(self.pages.insert(*page, bytes.clone())),
                None => drop(self.pages.remove(page)),
            }
        }
        if let Some(directory) = &write.directory {
            self.directory = Some(directory.clone());
        }
        if let Some(meta) = &write.meta {
            self.meta = Some((**meta).clone());
        }
        let Some(bytes) = &write.append else { return Ok(0) };
        self.last += 1;
        self.log.insert(self.last, bytes.clone());
        Ok(self.last)
    }

    pub fn load(&self, what: &Wanted) -> Found {
        let bytes = |bytes: &Vec<u8>| Bytes(bytes.as_slice().into());
        Found {
            meta: self.meta.clone(),
            directory: self.directory.as_ref().filter(|_| what.directory).map(bytes),
            log: self.log.range(what.after + 1..).map(|(position, commit)| (*position, bytes(commit))).collect(),
            pages: what.pages.iter().filter_map(|page| Some((*page, bytes(self.pages.get(page)?)))).collect(),
        }
    }
}

impl super::Store for Disk {
    async fn carry_out(&mut self, _: usize, orders: Vec<super::Order>) -> Vec<super::Answer> {
        let answer = |order: super::Order| match order {
            super::Order::Load(what) => super::Answer::Found(self.load(&what)),
            super::Order::Write(write) => super::Answer::Ended(self.apply(&write)),
        };
        orders.into_iter().map(answer).collect()
    }
}
