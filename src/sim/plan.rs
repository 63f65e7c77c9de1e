//! What a run is made of: drawn from a seed, or written down. A plan is data, and the same plan is the same run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::fault::{Fault, LATER, OF_MIRRORS, OF_TABS};
use crate::engine::config::{Config, Level};
use crate::engine::merging::Strategies;
use crate::engine::rng::Rng;

/// Everything that decides a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// All that is drawn is drawn from this.
    pub seed: u64,
    /// How often each fault strikes, in parts per million of its opportunities; one that is left out never does.
    #[serde(default)]
    pub faults: BTreeMap<Fault, u32>,
    /// The engine's options.
    #[serde(default)]
    pub config: Config,
    /// At how many devices, up to [`DEVICES_MAX`].
    #[serde(default = "one")]
    pub devices: u32,
    /// Of how many users, up to [`USERS_MAX`]. Devices go to users in turn.
    #[serde(default = "one")]
    pub users: u32,
    /// How many tabs each device has open, up to [`TABS_MAX`].
    #[serde(default = "one")]
    pub tabs: u32,
    /// Whether the tabs have a lock that says which of them drains. Without it each one that opens takes the store over.
    #[serde(default = "yes")]
    pub locks: bool,
    /// Whether the server wants to know of each write what it was made on, and says 428 where it does not (and 412 where that
    /// has moved, at levels where there are no outcomes).
    #[serde(default)]
    pub conditional: bool,
    /// Where faults strike, if that is written down: there and nowhere else, whatever their rates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strikes: Option<Vec<Strike>>,
    /// Who acts.
    pub user: User,
}

/// One strike of a fault: at which device, which, and at which of its opportunities there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Strike(pub u32, pub Fault, pub u64);

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// Who acts in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum User {
    /// Somebody who writes this and that, now and then.
    #[serde(rename_all = "camelCase")]
    Random {
        /// At least this many mutations; after them the user only looks, until faults enough have struck.
        mutations: u32,
        /// Over this many documents of each collection.
        keys: u32,
        /// With a pause of up to this many milliseconds.
        pause_ms: u64,
        /// So many times in a million the user does not write, but asks for something, or sees to the inbox.
        #[serde(default)]
        asks: u32,
    },
    /// What is written here, and nothing else.
    Script(Vec<Step>),
}

/// One line of a script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// When, in milliseconds from the beginning.
    pub at: u64,
    /// At which device, counted from 0.
    #[serde(default)]
    pub device: u32,
    /// In which of its tabs, counted from 0.
    #[serde(default)]
    pub tab: u32,
    /// What.
    #[serde(rename = "do")]
    pub action: Action,
}

/// Faults that strike often enough to be counted on. Each seed has some of them.
const FREQUENT: [Fault; 10] = [
    Fault::RequestLost,
    Fault::ReplyLost,
    Fault::RequestDoubled,
    Fault::Overtaken,
    Fault::ReplyTruncated,
    Fault::CaptivePage,
    Fault::ServerError,
    Fault::WrittenElsewhere,
    Fault::WriteAborts,
    Fault::SlowDisk,
];

/// Mutations in a run that a seed draws.
pub const MUTATIONS: u32 = 500;

/// Devices in a run, at the most.
pub const DEVICES_MAX: u32 = 4;

/// Tabs of a device, at the most.
pub const TABS_MAX: u32 = 3;

/// Users in a run, at the most.
pub const USERS_MAX: u32 = super::app::MARKS.len() as u32;

/// Kinds of fault that strike at the least in a run that counts.
pub const KINDS: usize = 5;

impl Plan {
    /// The plan of a seed: its own mix of faults, some off altogether, and its own options.
    pub fn draw(seed: u64) -> Plan {
        let mut rng = Rng::new([seed, 0x706c_616e]);
        let mut faults = faults(&mut rng);
        let mut config = config(&mut rng);
        let keys = 1 + rng.up_to(5) as u32;
        let pause_ms = pick(&mut rng, &[5, 50, 300, 2_000]);
        let devices = pick(&mut rng, &[1, 2, 2, 3, 4]).min(DEVICES_MAX);
        let users = pick(&mut rng, &[1, 1, 2, 3]).min(devices);
        let mut later = Rng::new([seed, 0x6c61_7465]);
        let share = pick(&mut later, &[10, 25, 50, 80]);
        draw(&mut later, share, &Fault::ALL[LATER..OF_TABS], &mut faults);
        let conditional = later.up_to(3) == 0;
        let asks = pick(&mut later, &[0, 20_000, 100_000, 300_000]);
        with_mirror(&mut Rng::new([seed, 0x6d69_7272]), &mut config, &mut faults);
        let user = User::Random { mutations: MUTATIONS, keys, pause_ms, asks };
        let plan = Plan { seed, faults, config, devices, users, tabs: 1, locks: true, conditional, strikes: None, user };
        if Rng::new([seed, 0x6d65_7267]).up_to(2) == 0 { plan.with_rules() } else { plan }
    }

    /// The same with two or three tabs a device, and with what goes wrong between them.
    pub fn with_tabs(mut self) -> Plan {
        let mut rng = Rng::new([self.seed, 0x7461_6273]);
        self.tabs = pick(&mut rng, &[2, 2, TABS_MAX]);
        self.locks = rng.up_to(5) > 0;
        let share = pick(&mut rng, &[25, 50, 80]);
        draw(&mut rng, share, &Fault::ALL[OF_TABS..OF_MIRRORS], &mut self.faults);
        // What a tab's write was made on its judge does not know.
        self.config.merge = Strategies::default();
        self.without_mirror()
    }

    /// No device keeps a mirror, and no store is lost.
    fn without_mirror(mut self) -> Plan {
        (self.config.mirror, self.config.witnessed, self.config.mirror_awaited) = (false, false, false);
        self.faults.remove(&Fault::Reset);
        self
    }

    /// The same with rules for one of the collections, each rule for a field of its own, as every third seed has them.
    pub fn with_rules(mut self) -> Plan {
        let mut rng = Rng::new([self.seed, 0x7275_6c65]);
        let otherwise = pick(&mut rng, &["local", "remote"]);
        let rules = serde_json::json!({ super::app::RULED: {
            "fields": {
                "/sum": "sum", "/max": "max", "/min": "min", "/fixed": "fixed", "/last": { "lastWriter": "/at" }, "/at": "max",
                "/text": "text", "/set": "set", "/list": { "list": "/id" }, "/messages": { "messages": { "id": "/id", "at": "/at" } },
                "/n": "local", "/tags/a": "remote", "/list/*/n": "max", "/deep/*/est": "min", "/tags/b": "set",
            },
            "otherwise": otherwise,
        } });
        self.config.merge = serde_json::from_value(rules).expect("these are rules");
        // What a change comes to whose base went with a store is shown by stories.
        self.without_mirror()
    }

    /// How many devices there are.
    pub fn devices(&self) -> usize {
        self.devices.clamp(1, DEVICES_MAX) as usize
    }

    /// How many tabs each device has.
    pub fn tabs(&self) -> usize {
        self.tabs.clamp(1, TABS_MAX) as usize
    }

    /// How many users there are.
    pub fn users(&self) -> usize {
        self.users.clamp(1, USERS_MAX) as usize
    }

    /// The scope of a user.
    pub fn scope(&self, user: usize) -> String {
        if user == 0 { self.config.scope.clone() } else { crate::protocol::http::scope_hash(&format!("somebody else {user}")) }
    }
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.up_to(from.len() as u64 - 1) as usize]
}

fn faults(rng: &mut Rng) -> BTreeMap<Fault, u32> {
    let share = pick(rng, &[10, 25, 50, 80]);
    let mut faults = BTreeMap::new();
    draw(rng, share, &Fault::ALL[..LATER], &mut faults);
    let first = rng.up_to(FREQUENT.len() as u64 - 1) as usize;
    let step = pick(rng, &[1, 3, 7]);
    for number in 0..KINDS + 1 {
        let fault = FREQUENT[(first + number * step) % FREQUENT.len()];
        let rate = faults.entry(fault).or_insert(0);
        *rate = (*rate).max(fault.ppm_max() / 4);
    }
    if faults.len() == LATER {
        faults.pop_last();
    }
    faults
}

fn draw(rng: &mut Rng, share: u64, of: &[Fault], faults: &mut BTreeMap<Fault, u32>) {
    for fault in of {
        let ppm = u64::from(fault.ppm_max());
        if rng.up_to(99) < share {
            // Small rates are drawn more often than large ones: a run that hardly moves finds little.
            let ppm = rng.up_to(ppm).min(rng.up_to(ppm)).max(1);
            faults.insert(*fault, ppm as u32);
        }
    }
}

/// Some devices keep mirrors, and their stores may be lost.
fn with_mirror(rng: &mut Rng, config: &mut Config, faults: &mut BTreeMap<Fault, u32>) {
    let share = pick(rng, &[0, 0, 100]);
    draw(rng, share, &Fault::ALL[OF_MIRRORS..], faults);
    if faults.contains_key(&Fault::Reset) {
        (config.mirror, config.witnessed, config.mirror_awaited) = (true, true, rng.up_to(1) == 0);
    }
}

fn config(rng: &mut Rng) -> Config {
    let all = |collection: &&str| format!("collection:{collection}");
    let accepts: &[&str] =
        pick(rng, &[&[], &[], &[], &["put", "delete"], &["put", "delete", "patch"], &["put", "delete", "patch", "append"]]);
    let feeds = match rng.up_to(3) {
        0 => super::app::COLLECTIONS.iter().map(all).collect(),
        _ => vec!["main".to_owned()],
    };
    Config {
        scope: crate::protocol::http::scope_hash("somebody"),
        feeds,
        level: pick(rng, &[Level::A, Level::A, Level::A, Level::B, Level::C]),
        accepts: accepts.iter().map(|name| (*name).to_owned()).collect(),
        auth: rng.up_to(1) == 0,
        strict: rng.up_to(9) < 7,
        uncoalesced: if rng.up_to(4) == 0 { vec!["todos".into()] } else { Vec::new() },
        outbox_entries_max: pick(rng, &[50, 200, 100_000, 100_000]),
        outbox_bytes_max: pick(rng, &[32 << 10, 64 << 20, 64 << 20]),
        mutation_bytes_max: pick(rng, &[1_000, 8 << 20, 8 << 20]),
        batch_window_ms: pick(rng, &[0, 10, 100, 1_000, 5_000]),
        batch_items_max: pick(rng, &[1, 2, 10, 2_000]),
        batch_bytes_max: pick(rng, &[256, 4 << 10, 256 << 10]),
        batches_in_flight_max: pick(rng, &[1, 2, 4, 8]),
        poll_base_ms: pick(rng, &[1_000, 5_000, 30_000]),
        poll_max_ms: pick(rng, &[30_000, 60_000, 600_000]),
        pull_limit: pick(rng, &[1, 3, 1_000]),
        progress_ms: pick(rng, &[3_000, 10_000]),
        request_ms_max: pick(rng, &[20_000, 60_000]),
        compact_idle_ms: pick(rng, &[20, 1_000]),
        compact_bytes_min: pick(rng, &[0, 256, 8 << 10]),
        page_directly_bytes: pick(rng, &[64, 4 << 10, 64 << 10]),
        page_bytes: pick(rng, &[64, 1 << 10, 32 << 10]),
        memory_bytes_max: pick(rng, &[0, 1_000, 32 << 20]),
        members_max: pick(rng, &[1, 3, 8, 256]),
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_data() {
        for seed in 0..50 {
            let plan = Plan::draw(seed);
            assert_eq!(plan, Plan::draw(seed));
            let text = serde_json::to_string(&plan).unwrap();
            assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
        }
    }

    #[test]
    fn every_seed_has_its_own_mix_and_every_fault_its_seeds() {
        let plans: Vec<Plan> = (0..300).map(Plan::draw).collect();
        assert!(plans.iter().all(|plan| plan.faults.len() < Fault::ALL.len()), "some are off altogether");
        for fault in Fault::ALL {
            let is_on = |plan: &&Plan| plan.faults.contains_key(&fault) || (**plan).clone().with_tabs().faults.contains_key(&fault);
            let on = plans.iter().filter(is_on).count();
            assert!((30..270).contains(&on), "{fault:?} is on in {on} of 300");
        }
    }
}
