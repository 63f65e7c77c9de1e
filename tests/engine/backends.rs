//! Worlds at random around backends that promise less: lost answers, late copies, crashes, and somebody else who writes. What a
//! document counts says of each increment whether it was carried out, and whether once.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use syncline::engine::config::{Config, Level};
use syncline::engine::ident::{MutationId, RequestId};
use syncline::engine::input::{Ask, Reply};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice};
use syncline::engine::rng::Rng;
use syncline::protocol::Call;

use crate::backend::{Backend, config};
use crate::harness::{Client, Disk, at, merge};

const KEYS: [&str; 2] = ["a", "b"];

struct World {
    rng: Rng,
    backend: Backend,
    client: Option<Client>,
    options: Config,
    /// What was written, and which bit of which document says that it was carried out.
    written: Vec<(MutationId, Option<(usize, u32)>)>,
    endings: BTreeMap<String, Ending>,
    /// Requests that come late, and answers that do.
    late: Vec<Call>,
    held: Vec<(RequestId, Reply)>,
    bits: u32,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::new([seed, 77]);
        let level = [Level::A, Level::B, Level::C][rng.up_to(2) as usize];
        let accepts: &[&str] =
            [&["put", "delete"][..], &["put", "delete", "patch"], &["put", "delete", "patch", "increment"], &[]][rng.up_to(3) as usize];
        let mut backend = Backend::new(level != Level::C);
        backend.outcomes = (level == Level::A).then(BTreeMap::new);
        backend.tells = level != Level::C || rng.up_to(1) == 0;
        for key in KEYS {
            backend.write(key, Some(json!({ "n": 0, "other": 0 })));
        }
        let options = Config { poll_base_ms: 2_000, batch_window_ms: 10, ..config(level, accepts) };
        let mut client = Client::with(options.clone(), Disk::default(), seed);
        backend.live(&mut client, 20);
        World {
            rng,
            backend,
            client: Some(client),
            options,
            written: Vec::new(),
            endings: BTreeMap::new(),
            late: Vec::new(),
            held: Vec::new(),
            bits: 0,
        }
    }

    fn client(&mut self) -> &mut Client {
        self.client.as_mut().unwrap()
    }

    fn step(&mut self) {
        match self.rng.up_to(9) {
            0..4 => self.write(),
            4 => {
                let key = KEYS[self.rng.up_to(1) as usize];
                if let Some(mut document) = self.backend.document(key) {
                    document["other"] = json!(self.rng.up_to(1_000));
                    self.backend.write(key, Some(document));
                }
            }
            5 if self.rng.up_to(3) == 0 => self.crash(),
            6 => drop(self.client().ask(Ask::Pull)),
            _ => {
                let ms = self.rng.up_to(1_500);
                self.client().pass(ms);
            }
        }
        self.carry();
        self.hear();
    }

    fn write(&mut self) {
        let which = self.rng.up_to(1) as usize;
        let key = KEYS[which];
        let (mutation, bit) = if self.rng.up_to(3) > 0 && self.bits < 50 {
            self.bits += 1;
            (Mutation::increment(at(key), "/n", 1 << (self.bits - 1)).unwrap(), Some((which, self.bits - 1)))
        } else {
            (merge(key, &format!(r#"{{"mine":{}}}"#, self.rng.up_to(1_000))), None)
        };
        let id = self.client().mutate(mutation).unwrap();
        // It is durable, from here on.
        self.client().turn();
        self.written.push((id, bit));
    }

    /// What is on its way arrives, or not, or late.
    fn carry(&mut self) {
        while let Some((request, call)) = self.client().sent.pop_front() {
            match self.rng.up_to(9) {
                0 => self.client().fail(request),
                1 => {
                    self.backend.answer(&call);
                    self.client().fail(request);
                }
                // At level C nothing tells a late copy from a fresh one.
                2 if self.options.level != Level::C => {
                    self.late.push(call);
                    self.client().fail(request);
                }
                3 => {
                    let reply = self.backend.answer(&call);
                    self.held.push((request, reply));
                }
                _ => {
                    let reply = self.backend.answer(&call);
                    self.client().reply(request, reply);
                }
            }
        }
        if self.rng.up_to(3) == 0 && !self.late.is_empty() {
            let call = self.late.remove(0);
            self.backend.answer(&call);
        }
        if self.rng.up_to(1) == 0 && !self.held.is_empty() {
            let (request, reply) = self.held.remove(0);
            self.client().reply(request, reply);
        }
    }

    fn crash(&mut self) {
        self.hear();
        self.held.clear();
        let client = self.client.take().unwrap();
        self.client = Some(client.crash_with(self.options.clone()));
    }

    fn hear(&mut self) {
        for notice in std::mem::take(&mut self.client().notices) {
            if let Notice::Settled { mutation, ending } = notice {
                let again = self.endings.insert(mutation.to_string(), ending.clone());
                assert!(again.is_none_or(|again| again == ending), "{mutation} ended twice");
            }
        }
    }

    /// How a write ended, through all that carried it on.
    fn ending(&self, id: &str) -> &Ending {
        match self.endings.get(id).unwrap_or_else(|| panic!("{id} has not ended: {:?}", self.options)) {
            Ending::Merged { by, .. } => self.ending(&by.0),
            ending => ending,
        }
    }

    fn rest(&mut self) {
        for (request, reply) in std::mem::take(&mut self.held) {
            self.client().reply(request, reply);
        }
        for call in std::mem::take(&mut self.late) {
            self.backend.answer(&call);
        }
        let client = self.client.as_mut().unwrap();
        self.backend.live(client, 20 * 60_000);
        self.hear();
        let status = self.client().status();
        assert_eq!((status.pending_mutations, status.error), (0, None));
        for (which, key) in KEYS.into_iter().enumerate() {
            let document = self.backend.document(key);
            assert_eq!(self.client().view(key), document, "{key}");
            let n = document.as_ref().and_then(|document| document["n"].as_u64()).unwrap();
            let mut known = 0;
            for (id, (_, bit)) in self.written.iter().filter_map(|(id, bit)| Some((id, (*bit).filter(|(of, _)| *of == which)?))) {
                known |= 1 << bit;
                let is_there = n >> bit & 1 == 1;
                match self.ending(&id.to_string()) {
                    Ending::Applied { .. } => assert!(is_there, "{id} was applied, and {key} says {n:b} without {bit}"),
                    Ending::Unknown { .. } => assert_ne!(self.options.level, Level::A),
                    ending => panic!("{ending:?}"),
                }
            }
            assert_eq!(n & !known, 0, "something counted twice in {key}: {n:b}");
        }
        let seen: Vec<Value> = KEYS.iter().map(|key| self.client().view(key).unwrap()).collect();
        self.crash();
        assert_eq!(KEYS.iter().map(|key| self.client().view(key).unwrap()).collect::<Vec<_>>(), seen, "and so after a crash");
    }
}

#[test]
fn i2_i4_i6_what_backends_of_all_levels_count_is_what_was_told() {
    let (mut unknown, mut applied) = (0, 0);
    for seed in 0..100 {
        let mut world = World::new(seed);
        let run = std::panic::AssertUnwindSafe(|| {
            (0..120).for_each(|_| world.step());
            world.rest();
        });
        if let Err(why) = std::panic::catch_unwind(run) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(why);
        }
        unknown += world.endings.values().filter(|ending| matches!(ending, Ending::Unknown { .. })).count();
        applied += world.endings.values().filter(|ending| matches!(ending, Ending::Applied { .. })).count();
    }
    assert!(unknown > 10 && applied > 1_500, "{unknown} unknown, {applied} applied");
}
