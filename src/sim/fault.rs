//! What can go wrong, by the ids of the fault catalogue, and the dice that decide when it does.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh64::xxh64;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $id:literal, at most $ppm:literal;)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Fault {$(
            $(#[$doc])*
            #[serde(rename = $id)]
            $name,
        )*}

        impl Fault {
            /// All of them.
            pub const ALL: [Fault; [$($id),*].len()] = [$(Fault::$name),*];

            /// Its id in the fault catalogue.
            pub fn id(self) -> &'static str {
                match self { $(Fault::$name => $id,)* }
            }

            /// The highest rate that a seed draws, in parts per million of its opportunities.
            pub fn ppm_max(self) -> u32 {
                match self { $(Fault::$name => $ppm,)* }
            }
        }
    };
}

faults! {
    /// A request is lost before it reaches the server. Once a request.
    RequestLost = "N1", at most 300_000;
    /// A reply is lost after the server has committed. Once a request.
    ReplyLost = "N2", at most 300_000;
    /// The browser sends a request twice. Once a request.
    RequestDoubled = "N3", at most 500_000;
    /// A request arrives once more, minutes later. Once a request.
    RequestComesAgain = "N4", at most 100_000;
    /// A message is overtaken by later ones; a reply also comes twice. Once a message.
    Overtaken = "N5", at most 200_000;
    /// A reply breaks off. Once a reply.
    ReplyTruncated = "N6", at most 100_000;
    /// A reply's head comes, and then nothing. Once a reply.
    ReplyStalls = "N7", at most 50_000;
    /// A request is never answered and never fails. Once a request.
    NoAnswer = "N8", at most 100_000;
    /// Something between answers 200 with a page of HTML. Once a request.
    CaptivePage = "N9", at most 100_000;
    /// The answer comes from another address. Once a request.
    Redirected = "N10", at most 50_000;
    /// The network dies, and nobody says so. Once a tick.
    CutUnannounced = "N11", at most 20_000;
    /// The browser says offline, and the network is fine. Once a tick.
    OfflineHintWrong = "N12", at most 20_000;
    /// Online and offline many times within a second. Once a tick.
    Flapping = "N13", at most 20_000;
    /// Requests pass, replies do not. Once a tick.
    CutOneWay = "N14", at most 20_000;
    /// The user writes what the server refuses. Once a put.
    Refused = "H1", at most 150_000;
    /// Another client writes the same document. Once a tick.
    WrittenElsewhere = "H2", at most 300_000;
    /// 401: the token is no longer good. Once a request.
    TokenRefused = "H3", at most 60_000;
    /// The app has no token, or does not answer the question. Once a question.
    TokenMissing = "H4", at most 300_000;
    /// 410: what came after a cursor is no longer known. Once a pull that has one.
    CursorGone = "H6", at most 30_000;
    /// 429 or 503 with a lawful Retry-After, or a good answer that says that nothing is left of a quota. Twice a request.
    RetryAfter = "H8", at most 60_000;
    /// 429 or 503 with a Retry-After that is none. Once a request.
    RetryAfterGarbage = "H9", at most 60_000;
    /// 5xx, before the server has done anything or after all of it. Twice a request.
    ServerError = "H11", at most 120_000;
    /// A good push reply in which outcomes are missing. Once a push.
    OutcomesMissing = "H12", at most 100_000;
    /// A good push reply with foreign and doubled outcomes, in another order. Once a push.
    OutcomesStrange = "H13", at most 150_000;
    /// 200 with an empty body. Once a request.
    BodyEmpty = "H14", at most 60_000;
    /// A status that the protocol has no use for. Once a request.
    OddStatus = "H15", at most 60_000;
    /// The server goes back to a copy of its data. Once a tick, where there is a copy.
    Restored = "H18", at most 10_000;
    /// A transaction aborts after its requests succeeded. Once a write.
    WriteAborts = "S1", at most 100_000;
    /// The power goes: what was not flushed is lost, from the end. Once an event.
    PowerLost = "S10", at most 300;
    /// The disk takes seconds. Once a write.
    SlowDisk = "S14", at most 100_000;
    /// There is no room for a while. Once a tick.
    DiskFull = "S13", at most 10_000;
    /// The tab is killed. Once an event.
    Crash = "L1", at most 1_500;
    /// The tab is frozen and wakes later. Once a tick.
    Frozen = "L3", at most 10_000;
    /// The tab is closed in the turn that wrote. Once a mutation.
    ClosedAtOnce = "L8", at most 10_000;
    /// The wall clock jumps by up to ten years. Once a tick.
    ClockJumps = "T1", at most 20_000;
    /// A timer fires late, or once more than asked. Once a wake.
    TimersLate = "T3", at most 200_000;
    /// The link carries a byte a millisecond for a while. Once a tick.
    SlowLink = "N15", at most 20_000;
    /// A cache answers a pull with what the server once said. Once a pull.
    CachedPage = "N18", at most 60_000;
    /// A whole push is refused, before anything of it is done. Once a push.
    PushRefused = "H5", at most 15_000;
    /// 413: the server takes less than it did. Once a push.
    TooLarge = "H7", at most 60_000;
    /// The server forgets the outcomes of a while ago. Once a tick.
    OutcomesForgotten = "H16", at most 15_000;
    /// A good reply has members that nobody knows. Once a reply.
    NewMembers = "H19", at most 200_000;
    /// A page that is not the last one fails. Once such a page.
    PageFails = "P2", at most 200_000;
    /// A page holds a change that cannot be read. Once a page.
    StrangeChange = "P3", at most 50_000;
    /// The server finds no meaning in a cursor, and begins again. Once a pull that has one.
    CursorMeaningless = "P5", at most 30_000;
    /// The server forgets the deletes of a while ago. Once a tick.
    DeletesForgotten = "P6", at most 15_000;
    /// Another client deletes a document and makes it anew. Once a tick.
    MadeAnew = "P9", at most 50_000;
    /// The machine sleeps, and its monotonic clock stands still. Once a tick.
    Asleep = "T2", at most 10_000;
    /// The wall clocks of the devices disagree, by up to a year. Once a tab.
    ClocksDiffer = "T6", at most 500_000;
    /// Two tabs are told that they have the lock. Once each time that one gets it.
    TwoHolders = "C3", at most 300_000;
    /// What a tab tells the others does not reach one of them. Once a message and tab.
    MessageLost = "C5", at most 500_000;
    /// The browser is killed, and all its databases are gone. Once an event.
    Reset = "S5", at most 2_000;
}

/// The first of those that came later. They are drawn by themselves, so that a seed without them is what it was.
pub(super) const LATER: usize = Fault::SlowLink as usize;

/// The first of those that only several tabs of one device meet.
pub(super) const OF_TABS: usize = Fault::TwoHolders as usize;

/// Those behind them that come with a mirror. They are drawn by themselves, too.
pub(super) const OF_MIRRORS: usize = Fault::Reset as usize;

/// What happens by itself where messages cross each other, mirrors do not have what the store has, or tabs meet, and is counted with
/// the faults.
pub const SEEN: [&str; 6] = ["P7", "P8", "S17", "C1", "C2", "C6"];

/// The rows of the fault catalogue that runs exercise, with several tabs a device or with one.
pub fn rows(has_tabs: bool) -> impl Iterator<Item = &'static str> {
    Fault::ALL.into_iter().map(Fault::id).chain(SEEN).filter(move |id| has_tabs || !id.starts_with('C'))
}

/// Decides when faults strike. The decision hangs on seed, fault and the number of the opportunity alone, so that
/// taking one fault away does not move the others.
#[derive(Clone, Debug)]
pub struct Dice {
    seed: u64,
    rates: [u32; Fault::ALL.len()],
    ordered: BTreeMap<Fault, Vec<u64>>,
    opportunities: [u64; Fault::ALL.len()],
    struck: [u64; Fault::ALL.len()],
    /// Where faults may strike, if not everywhere.
    only: Option<BTreeSet<(Fault, u64)>>,
    /// Where they have, if somebody writes it down.
    noted: Option<Vec<(Fault, u64)>>,
    healed: bool,
}

impl Dice {
    /// Dice for a seed, with rates in parts per million.
    pub fn new(seed: u64, rates: BTreeMap<Fault, u32>) -> Dice {
        let none = [0; Fault::ALL.len()];
        let rates = Fault::ALL.map(|fault| rates.get(&fault).copied().unwrap_or(0));
        Dice { seed, rates, ordered: BTreeMap::new(), opportunities: none, struck: none, only: None, noted: None, healed: false }
    }

    /// Dice whose faults strike at these opportunities and at no others, whatever their rates.
    pub fn only(self, strikes: BTreeSet<(Fault, u64)>) -> Dice {
        Dice { only: Some(strikes), ..self }
    }

    /// Writes down from here on where faults strike.
    pub fn note(&mut self) {
        self.noted = Some(Vec::new());
    }

    /// Where faults have struck, as far as it was written down.
    pub fn noted(&self) -> &[(Fault, u64)] {
        self.noted.as_deref().unwrap_or_default()
    }

    /// Whether `fault` strikes at this opportunity.
    pub fn strikes(&mut self, fault: Fault) -> bool {
        let rate = self.rates[fault as usize];
        if self.healed || (rate == 0 && self.ordered.is_empty()) {
            return false;
        }
        let opportunity = self.opportunities[fault as usize];
        self.opportunities[fault as usize] += 1;
        let ordered = self.ordered.get(&fault).is_some_and(|at| at.contains(&opportunity));
        let struck = match &self.only {
            Some(only) => ordered || only.contains(&(fault, opportunity)),
            None => ordered || self.draw(fault, opportunity, 0) % 1_000_000 < u64::from(rate),
        };
        if let Some(noted) = self.noted.as_mut().filter(|_| struck) {
            noted.push((fault, opportunity));
        }
        self.struck[fault as usize] += u64::from(struck);
        struck
    }

    /// A number from 0 to `max`, both included, that belongs to the last opportunity of `fault`; `salt` tells several
    /// numbers of one opportunity apart.
    pub fn size(&self, fault: Fault, salt: u8, max: u64) -> u64 {
        let drawn = self.draw(fault, self.opportunities[fault as usize], 1 + salt);
        ((u128::from(drawn) * (u128::from(max) + 1)) >> 64) as u64
    }

    /// Whether `fault` strikes in this run at all.
    pub fn has(&self, fault: Fault) -> bool {
        self.rates[fault as usize] > 0
    }

    /// `fault` has struck by itself.
    pub fn count(&mut self, fault: Fault) {
        self.struck[fault as usize] += 1;
    }

    /// Lets `fault` strike at its opportunity number `skip`, counted from here.
    pub fn order(&mut self, fault: Fault, skip: u64) {
        let opportunity = self.opportunities[fault as usize] + skip;
        self.ordered.entry(fault).or_default().push(opportunity);
    }

    /// No fault strikes from here on.
    pub fn heal(&mut self) {
        self.healed = true;
    }

    /// Whether `fault` has struck yet.
    pub fn has_struck(&self, fault: Fault) -> bool {
        self.struck[fault as usize] > 0
    }

    /// Which faults have struck, and how often.
    pub fn struck(&self) -> BTreeMap<&'static str, u64> {
        Fault::ALL.into_iter().map(|fault| (fault.id(), self.struck[fault as usize])).filter(|(_, times)| *times > 0).collect()
    }

    fn draw(&self, fault: Fault, opportunity: u64, salt: u8) -> u64 {
        let mut bytes = [0; 10];
        bytes[0] = fault as u8;
        bytes[1] = salt;
        bytes[2..].copy_from_slice(&opportunity.to_le_bytes());
        xxh64(&bytes, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_at_its_rate_and_not_when_healed() {
        let mut dice = Dice::new(7, BTreeMap::from([(Fault::RequestLost, 250_000)]));
        let struck = (0..10_000).filter(|_| dice.strikes(Fault::RequestLost)).count();
        assert!((2_300..2_700).contains(&struck), "{struck}");
        assert!(!(0..1_000).any(|_| dice.strikes(Fault::ReplyLost)));
        assert_eq!(dice.struck(), BTreeMap::from([("N1", struck as u64)]));
        dice.heal();
        assert!(!(0..1_000).any(|_| dice.strikes(Fault::RequestLost)));
    }

    #[test]
    fn faults_do_not_move_each_other() {
        let both = BTreeMap::from([(Fault::RequestLost, 500_000), (Fault::ReplyLost, 500_000)]);
        let mut one = Dice::new(3, BTreeMap::from([(Fault::RequestLost, 500_000)]));
        let mut two = Dice::new(3, both);
        for _ in 0..100 {
            two.strikes(Fault::ReplyLost);
            assert_eq!(one.strikes(Fault::RequestLost), two.strikes(Fault::RequestLost));
        }
    }

    #[test]
    fn an_ordered_fault_strikes_where_it_was_ordered() {
        let mut dice = Dice::new(3, BTreeMap::new());
        dice.order(Fault::Crash, 2);
        assert_eq!((0..5).map(|_| dice.strikes(Fault::Crash)).collect::<Vec<_>>(), [false, false, true, false, false]);
    }

    #[test]
    fn ids_are_unique() {
        let ids: std::collections::BTreeSet<_> = Fault::ALL.iter().map(|fault| fault.id()).collect();
        assert_eq!(ids.len(), Fault::ALL.len());
    }
}
