//! One client of a harness: an engine, and what its tab and its disk hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::device::address;
use super::super::disk::Disk;
use super::super::net::Net;
use crate::engine::clock::{Timestamp, Wall};
use crate::engine::config::Config;
use crate::engine::error::Fault;
use crate::engine::ident::{AskId, MutationId, RequestId};
use crate::engine::input::{Ask, Input};
use crate::engine::notice::{Ending, Notice};
use crate::engine::{Engine, View};

/// When the world began, by the wall.
const EPOCH_MS: u64 = 1_790_000_000_000;

pub(super) struct Tab {
    pub engine: Engine,
    config: Config,
    seed: [u64; 2],
    /// Which life of the tab this is: what belongs to another one does not reach it.
    pub life: u64,
    born_at: u64,
    pub is_open: bool,
    pub is_connected: bool,
    pub net: Net,
    pub disk: Disk,
    pub disk_is_busy: bool,
    pub outstanding: BTreeSet<RequestId>,
    pub wake_at: Option<u64>,
    asks: u64,
    /// What was answered and is not taken yet; with an error, that.
    pub answers: BTreeMap<u64, Option<Fault>>,
    pub endings: BTreeMap<MutationId, Ending>,
}

impl Tab {
    pub fn new(config: Config, seed: [u64; 2], now: u64) -> Tab {
        Tab {
            engine: engine(&config, seed, now),
            config,
            seed,
            life: 0,
            born_at: now,
            is_open: false,
            is_connected: true,
            net: Net::default(),
            disk: Disk::default(),
            disk_is_busy: false,
            outstanding: BTreeSet::new(),
            wake_at: None,
            asks: 0,
            answers: BTreeMap::new(),
            endings: BTreeMap::new(),
        }
    }

    /// A new tab on the same disk. What the old one had asked the disk for and had not heard of never happened.
    pub fn restart(&mut self, now: u64) {
        let life = self.life + 1;
        self.disk.crash(0);
        let disk = std::mem::take(&mut self.disk);
        let seed = [self.seed[0], self.seed[1] + (life << 32)];
        let engine = engine(&self.config, seed, now);
        *self = Tab { engine, disk, life, is_connected: self.is_connected, ..Tab::new(self.config.clone(), self.seed, now) };
    }

    /// The engine's time, which begins with each tab.
    pub fn time(&self, now: u64) -> Timestamp {
        Timestamp(now - self.born_at + 1)
    }

    /// When the engine wants to be woken, in the harness's time.
    pub fn deadline(&self) -> Option<u64> {
        self.engine.deadline().map(|(at, _)| at.0 + self.born_at - 1)
    }

    pub fn view(&mut self, name: &str) -> Option<Value> {
        match self.engine.view(&address(name)) {
            View::Document(json) => serde_json::from_str(json.as_str()).ok(),
            View::Absent | View::NotLoaded => None,
        }
    }

    pub fn question(&mut self, what: Ask) -> (u64, Input) {
        self.asks += 1;
        (self.asks, Input::Asked { ask: AskId(self.asks), what })
    }

    /// Takes in what the app hears, and says what the app answers.
    pub fn hear(&mut self, notice: Notice) -> Option<Input> {
        match notice {
            Notice::Opened { .. } => self.is_open = true,
            Notice::Answered { ask, error } => drop(self.answers.insert(ask.0, error)),
            Notice::Settled { mutation, ending } => drop(self.endings.insert(mutation, ending)),
            Notice::TokenWanted { .. } => return Some(Input::TokenGiven { present: true, expires_at: None }),
            _ => {}
        }
        None
    }
}

fn engine(config: &Config, seed: [u64; 2], now: u64) -> Engine {
    Engine::new(config.clone(), seed, Timestamp(1), Wall(EPOCH_MS + now))
}
