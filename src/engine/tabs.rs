//! Acting among the tabs of one store: any of them writes, one drains. Which one, the lock says, and in the end the epoch in the store.
//! What tabs tell each other are hints, and what is so is read from the store.

use super::awaiting::WAITERS_MAX;
use super::clock::Timestamp;
use super::config::TransportKind;
use super::effect::{Effect, Sink};
use super::error::{Code, Fault};
use super::ident::AskId;
use super::input::{Ask, StoreFailure};
use super::message::{Errand, Message};
use super::notice::Phase;
use super::store::{Endings, Mode};
use super::storing::Loading;
use super::{Engine, Life, Pause};

/// A tab that drains answers within this time, or its lock is taken from it.
const ANSWER_MS: u64 = 3_000;
/// A tab with work that has heard nothing of the one that drains for this long asks for it.
const ASK_MS: u64 = 5_000;
/// What the tab that drains was asked for, and has not done by then, it is asked for once more.
const ERRAND_MS: u64 = 10_000;
/// Questions of other tabs have numbers from here on.
const FOREIGN: u64 = 1 << 63;

/// What of the store is to be read, since others have changed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reads {
    /// Nothing.
    #[default]
    Nothing,
    /// What is new in the log.
    Tail,
    /// The same, and where the documents are: the log was folded.
    Directory,
    /// Everything.
    All,
}

/// What this tab knows of the others.
#[derive(Debug)]
pub(super) struct Tabs {
    /// Whether this tab has the lock, or there is none.
    pub(super) may_drain: bool,
    /// Whether this tab has the lock, and another one has taken the store over all the same: should that one go, nobody gets the lock.
    is_fenced: bool,
    pub(super) reads: Reads,
    /// How writes had ended, as far as this tab knew, when it began to read everything anew.
    pub(super) concluded: Endings,
    /// The log's last position when everything was read.
    pub(super) booted_at: u64,
    /// Since when the tab that drains is asked without an answer.
    asked: Option<Timestamp>,
    /// When it was last heard.
    heard: Option<Timestamp>,
    /// What it was about then.
    phase: Option<Phase>,
    /// What this one last said that it is about.
    told: Option<Phase>,
    /// What others are to do for this tab.
    errands: Vec<Sent>,
    /// Whether another one may drain since that was said.
    is_turned: bool,
    /// What this tab is to do for others, once it knows as much of the log as they did.
    for_others: Vec<(AskId, u64, Errand)>,
}

/// A question of the app, and when it is over in any case.
type Call = (AskId, Option<Timestamp>);

/// What another tab is to do, for all who have asked for it.
#[derive(Debug)]
struct Sent {
    calls: Vec<Call>,
    /// Those that came when it had been said. What is under way may be older than they are: it is asked for once more for them.
    later: Vec<Call>,
    token: u64,
    what: Errand,
    /// When it was last said.
    posted: Option<Timestamp>,
    /// How it was answered, and how much of the log the app must have heard of before it hears that.
    done: Option<(u64, Option<Fault>)>,
}

impl Sent {
    /// All who have asked for it.
    fn all(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().chain(&self.later)
    }
}

impl Default for Tabs {
    fn default() -> Self {
        let (errands, for_others) = Default::default();
        Tabs {
            may_drain: true,
            is_fenced: false,
            reads: Reads::Nothing,
            concluded: Vec::new(),
            booted_at: 0,
            asked: None,
            heard: None,
            phase: None,
            told: None,
            errands,
            is_turned: false,
            for_others,
        }
    }
}

impl Engine {
    /// Whether another tab may drain the outbox, and this one does not.
    pub(super) fn follows(&self) -> bool {
        self.store.mode() == Mode::Durable && !self.store.is_held()
    }

    /// Whether something is read, or is to be, before anything more is stored.
    pub(super) fn is_reading_on(&self) -> bool {
        let is_read = matches!(self.loading, Some((_, Loading::Tail { .. } | Loading::Renewal)));
        self.tabs.reads != Reads::Nothing || is_read
    }

    /// Reads what is to be read, as soon as that can be done.
    pub(super) fn read_on(&mut self, effects: &mut impl Sink) {
        if self.loading.is_some() || self.store.is_writing() || self.store.mode() != Mode::Durable {
            return;
        }
        match std::mem::take(&mut self.tabs.reads) {
            Reads::Nothing => self.load_wanted(effects),
            reads @ (Reads::Tail | Reads::Directory) => self.load_tail(0, reads == Reads::Directory, effects),
            Reads::All => self.load_all_anew(effects),
        }
    }

    pub(super) fn want(&mut self, reads: Reads) {
        if self.adoption.is_under_way {
            self.adoption.missed = self.adoption.missed.max(reads);
        } else if self.store.mode() == Mode::Durable {
            self.tabs.reads = self.tabs.reads.max(reads);
        }
    }

    /// Another tab may drain, or has taken the lock: this one only writes.
    pub(super) fn on_lock_lost(&mut self, now: Timestamp, effects: &mut impl Sink) {
        (self.tabs.may_drain, self.tabs.is_fenced) = (false, false);
        if self.adoption.is_under_way {
            self.fall_back(now, &StoreFailure::Behind, effects);
        } else if self.store.mode() == Mode::Durable && (self.store.is_held() || self.store.is_taking_over()) {
            self.store.lose();
            self.want(Reads::All);
        }
    }

    /// This tab is to drain. What it knows of the store it knows from the start, or it reads everything once more.
    pub(super) fn on_lock_gained(&mut self) {
        (self.tabs.may_drain, self.tabs.is_fenced) = (true, false);
        self.tabs.asked = None;
        if !self.follows() {
            return;
        }
        #[cfg(feature = "sim")]
        if self.has(super::planted::Bug::B29) {
            return;
        }
        if self.tabs.booted_at == self.store.log.last() && !self.is_reading_on() {
            self.store.take_over();
        } else {
            self.want(Reads::All);
        }
    }

    /// Somebody has taken the store over. A client that held it does not take it back.
    pub(super) fn on_fenced(&mut self, was_held: bool) {
        self.tabs.is_fenced |= self.tabs.may_drain && was_held;
        self.tabs.may_drain &= !was_held;
        self.store.lose();
        self.want(Reads::All);
    }

    /// The others hear that there is something to read.
    pub(super) fn post_written(&mut self, position: u64, was_held: bool, effects: &mut impl Sink) {
        let message = if position > 0 { Message::Grew { position } } else { Message::Turned };
        effects.push(Effect::Post(message));
        if !was_held && self.store.is_held() {
            self.tabs.told = None;
            // This is a session of its own.
            self.pause = self.pause.filter(|pause| *pause != Pause::Fenced);
            self.review_anew();
        }
    }

    pub(super) fn on_heard(&mut self, now: Timestamp, message: Message, effects: &mut impl Sink) {
        match message {
            Message::Grew { position } if position > self.store.log.last() => self.note_news(),
            Message::Grew { .. } => {}
            Message::Turned => {
                self.tabs.is_turned = true;
                self.note_news();
            }
            Message::Asked if self.store.mode() == Mode::Durable && self.store.is_held() => {
                effects.push(Effect::Post(Message::Here { phase: self.phase() }));
            }
            Message::Asked => {}
            Message::Here { phase } => {
                self.tabs.asked = None;
                self.tabs.heard = Some(now);
                self.tabs.phase = Some(phase);
            }
            Message::Wanted { token, position, what } => {
                let ask = AskId(FOREIGN | token);
                let is_known = self.is_awaited(ask) || self.tabs.for_others.iter().any(|(other, ..)| *other == ask);
                if self.store.mode() == Mode::Durable && self.store.is_held() && !is_known && self.tabs.for_others.len() < WAITERS_MAX {
                    self.tabs.for_others.push((ask, position, what));
                    if position > self.store.log.last() {
                        self.note_news();
                    }
                }
            }
            Message::Done { token, position, error } => {
                if let Some(errand) = self.tabs.errands.iter_mut().find(|errand| errand.token == token) {
                    errand.done = Some((position, error));
                    if position > self.store.log.last() {
                        self.want(Reads::Tail);
                    }
                }
            }
        }
    }

    /// Something may have been missed: that another tab has taken the store over, too.
    pub(super) fn read_news(&mut self) {
        self.want(Reads::Tail);
    }

    /// A hidden tab that waits for nothing reads what is new when it is looked at again.
    fn note_news(&mut self) {
        let is_needed = !self.hidden || self.tabs.may_drain || self.outbox.len() > 0 || !self.tabs.errands.is_empty();
        if is_needed {
            self.want(Reads::Tail);
        }
    }

    /// The app asks, in a tab that does not drain, for what the one that does can do.
    pub(super) fn send_errand(&mut self, ask: AskId, what: Errand, until: Option<Timestamp>, effects: &mut impl Sink) {
        let waiting: usize = self.tabs.errands.iter().map(|errand| errand.all().count()).sum();
        let error = match self.check_askable() {
            Ok(()) if waiting >= WAITERS_MAX => Fault::new(Code::QueueFull, "too many calls are waiting"),
            Ok(()) => {
                let call = (ask, until);
                return match self.tabs.errands.iter_mut().find(|errand| errand.what == what) {
                    Some(errand) if errand.posted.is_some() => errand.later.push(call),
                    Some(errand) => errand.calls.push(call),
                    None => {
                        let token = self.rng.bits() >> 11;
                        self.tabs.errands.push(Sent { calls: vec![call], later: Vec::new(), token, what, posted: None, done: None });
                    }
                };
            }
            Err(error) => error,
        };
        self.answer(ask, Some(error), effects);
    }

    fn run(&mut self, now: Timestamp, ask: AskId, what: Errand, until: Option<Timestamp>, effects: &mut impl Sink) {
        let timeout_ms = until.map(|until| until.since(now));
        let what = match what {
            Errand::Pull { feed: None } => Ask::Pull,
            Errand::Pull { feed: Some(feed) } => Ask::PullFeed { feed: feed.into() },
            Errand::Push { address: None } => Ask::Push { timeout_ms },
            Errand::Push { address: Some(address) } => Ask::Sync { address, timeout_ms },
        };
        self.on_asked(now, ask, what, effects);
    }

    /// Does for others what they ask for, has done what this tab asks for, and sees to it that somebody drains.
    pub(super) fn act_among_tabs(&mut self, now: Timestamp, effects: &mut impl Sink) {
        let last = self.store.log.last();
        while let Some(at) = self.tabs.for_others.iter().position(|(_, position, _)| *position <= last) {
            let (ask, _, what) = self.tabs.for_others.remove(at);
            self.run(now, ask, what, None, effects);
        }
        if self.follows() {
            self.send_errands(now, effects);
        } else {
            // There is nobody else who would do it.
            for errand in &std::mem::take(&mut self.tabs.errands) {
                errand.all().for_each(|(ask, until)| self.run(now, *ask, errand.what.clone(), *until, effects));
            }
        }
        self.tell_phase(effects);
        if !self.needs_drainer() {
            self.tabs.asked = None;
        } else if let Some(asked) = self.tabs.asked {
            if now.since(asked) >= ANSWER_MS {
                self.tabs.asked = Some(now);
                effects.push(Effect::Steal);
            }
        } else if self.tabs.heard.is_none_or(|heard| now.since(heard) >= ASK_MS) {
            self.tabs.asked = Some(now);
            effects.push(Effect::Post(Message::Asked));
        }
    }

    /// Whether everything is stored that this tab has, and known that is.
    fn is_caught_up(&self) -> bool {
        !self.store.is_staged() && !self.store.is_writing() && !self.is_reading_on()
    }

    fn send_errands(&mut self, now: Timestamp, effects: &mut impl Sink) {
        let mut over = Vec::new();
        for errand in &mut self.tabs.errands {
            for calls in [&mut errand.calls, &mut errand.later] {
                let is_over = |(_, until): &Call| until.is_some_and(|until| until <= now);
                over.extend(calls.iter().filter(|call| is_over(call)).map(|(ask, _)| *ask));
                calls.retain(|call| !is_over(call));
            }
        }
        for ask in over {
            self.answer(ask, Some(Fault::new(Code::Timeout, "not all of it has ended in time")), effects);
        }
        let last = self.store.log.last();
        for at in (0..self.tabs.errands.len()).rev() {
            let errand = &mut self.tabs.errands[at];
            let done = errand.done.take_if(|(position, _)| *position <= last);
            if done.is_none() && !errand.calls.is_empty() {
                continue;
            }
            // It is over; who came later asks anew.
            let calls = std::mem::replace(&mut errand.calls, std::mem::take(&mut errand.later));
            (errand.token, errand.posted, errand.done) = (self.rng.bits() >> 11, None, None);
            if errand.calls.is_empty() {
                self.tabs.errands.remove(at);
            }
            for (ask, _) in &calls {
                self.answer(*ask, done.as_ref().and_then(|(_, error)| error.clone()), effects);
            }
        }
        if !self.is_caught_up() {
            return;
        }
        let is_turned = std::mem::take(&mut self.tabs.is_turned);
        for Sent { token, what, posted, done, .. } in &mut self.tabs.errands {
            if done.is_none() && posted.is_none_or(|posted| is_turned || now.since(posted) >= ERRAND_MS) {
                *posted = Some(now);
                effects.push(Effect::Post(Message::Wanted { token: *token, position: last, what: what.clone() }));
            }
        }
    }

    /// The others hear what this tab is about, where it drains.
    fn tell_phase(&mut self, effects: &mut impl Sink) {
        let phase = Some(self.phase());
        if self.store.mode() == Mode::Durable && self.store.is_held() && self.tabs.told != phase {
            self.tabs.told = phase;
            effects.push(Effect::Post(Message::Here { phase: self.phase() }));
        }
    }

    /// Whether this tab has work for one that drains, or has to see to it that there is one, and is none.
    fn needs_drainer(&self) -> bool {
        let has_work = self.outbox.len() > 0 || !self.tabs.errands.is_empty() || self.tabs.is_fenced;
        self.life == Life::Open && self.follows() && !self.tabs.may_drain && has_work && self.config.transport != TransportKind::None
    }

    /// When somebody who drains is to be asked, or has not answered; or an errand ends.
    pub(super) fn next_among_tabs(&self) -> Option<Timestamp> {
        let open = self.tabs.errands.iter().filter(|errand| errand.done.is_none() && self.is_caught_up());
        let again = open.filter_map(|errand| errand.posted).min().map(|posted| posted.after(ERRAND_MS));
        let errands = self.tabs.errands.iter().flat_map(Sent::all).filter_map(|(_, until)| *until).min();
        let drainer = match self.tabs.asked {
            _ if !self.needs_drainer() => None,
            Some(asked) => Some(asked.after(ANSWER_MS)),
            None => self.tabs.heard.map(|heard| heard.after(ASK_MS)),
        };
        errands.into_iter().chain(again).chain(drainer).min()
    }

    /// What is told of a tab that does not drain: what the one that does is about.
    pub(super) fn phase_of_drainer(&self) -> Phase {
        let nobody = if self.outbox.len() > 0 { Phase::Waiting } else { Phase::Idle };
        self.tabs.phase.unwrap_or(nobody)
    }

    /// A question is answered; one of another tab, there.
    pub(super) fn answer_elsewhere(&self, ask: AskId, error: &Option<Fault>, effects: &mut impl Sink) -> bool {
        let is_foreign = ask.0 & FOREIGN != 0;
        if is_foreign {
            let position = self.store.log.last();
            effects.push(Effect::Post(Message::Done { token: ask.0 & !FOREIGN, position, error: error.clone() }));
        }
        is_foreign
    }

    /// Errands end with the client.
    pub(super) fn give_up_errands(&mut self, why: &Fault, effects: &mut impl Sink) {
        for (ask, _) in std::mem::take(&mut self.tabs.errands).iter().flat_map(Sent::all) {
            self.answer(*ask, Some(why.clone()), effects);
        }
    }
}
