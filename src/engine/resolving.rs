//! Conflicts that are the app's to settle, or a person's. Its function is asked, or they are listed until somebody decides.
//!
//! Nothing is stored of them: a conflict is what waits in the outbox as it was written, on the document that it was made on, over a
//! document that has moved. So it is found again by whoever reads the store, and goes with what it is about.

use serde::Serialize;

use super::Engine;
use super::clock::Timestamp;
use super::effect::{Effect, Sink};
use super::error::{Code, Fault};
use super::fitting::Fitting;
use super::ident::{AskId, MutationId};
use super::input::{Ask, Decision, Input};
use super::lowering::applied;
use super::mutation::Mutation;
use super::notice::Notice;
use crate::merge::{Clash, Taken};
use crate::ordered::Ordered;
use crate::protocol::{Address, Json, Operation, Part, digits};

/// The app's function is asked so often about one conflict, each time because something has moved; then a person decides.
const ASKS_MAX: u32 = 5;
/// What was resolved so often, and met somebody else's again each time, is left to a person.
const ROUNDS_MAX: u32 = 2 * ASKS_MAX;
/// The app's function has this long to answer, in milliseconds.
const ANSWER_MS: u64 = 30_000;

/// A conflict that waits to be resolved, as the app sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unresolved {
    /// The document.
    pub address: Address,
    /// What a decision is about: another one as soon as anything of the following is something else.
    pub digest: String,
    /// The document as both knew it; `None` where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Json>,
    /// What is seen here: what this client made of it, with what only others have changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mine: Option<Json>,
    /// What the server has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theirs: Option<Json>,
    /// Where both have changed it, each to something else: RFC 6901 pointers, in which an item of a list that is merged item by item has
    /// its name.
    pub fields: Vec<String>,
    /// The mutations that wait for it.
    pub mutations: Vec<MutationId>,
    /// Whether the app's function is asked; otherwise it is listed until somebody decides.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
}

impl Unresolved {
    /// What to tell the engine: that this becomes of it.
    pub fn decided(&self, ask: AskId, decision: Decision) -> Input {
        Input::Asked { ask, what: Ask::Resolve { address: self.address.clone(), digest: self.digest.clone(), decision } }
    }
}

/// The app's own way to settle conflicts, for frontends in Rust: each [`Notice::Unresolved`] that is `asked` is given to it, and what it
/// says goes back as [`Unresolved::decided`], at once or within 30 seconds. Functions are resolvers.
///
/// ```
/// use syncline::engine::input::Decision;
/// use syncline::engine::resolving::{Resolver, Unresolved};
///
/// let mut resolver = |conflict: &Unresolved| match &conflict.theirs {
///     None => Decision::Mine,
///     Some(_) if conflict.fields == ["/title"] => Decision::Theirs,
///     Some(_) => Decision::Defer,
/// };
/// fn takes(_: &mut impl Resolver) {}
/// takes(&mut resolver);
/// ```
pub trait Resolver {
    /// What becomes of a conflict.
    fn resolve(&mut self, conflict: &Unresolved) -> Decision;
}

impl<F: FnMut(&Unresolved) -> Decision> Resolver for F {
    fn resolve(&mut self, conflict: &Unresolved) -> Decision {
        self(conflict)
    }
}

/// How far a conflict has come.
#[derive(Clone, Debug, Default, PartialEq)]
enum Step {
    /// It was found.
    #[default]
    Found,
    /// The app's function is asked about what has this digest, and answers until then.
    Asked(String, Timestamp),
    /// It is left to a person.
    Parked,
}

/// One conflict.
#[derive(Debug, Default)]
struct Open {
    step: Step,
    asks: u32,
    /// What the app was last told of it: the digest, and whether its function was asked.
    told: Option<(String, bool)>,
}

impl Open {
    /// Whether it is in the app's list.
    fn is_listed(&self) -> bool {
        matches!(self.told, Some((_, false)))
    }
}

/// All there are.
#[derive(Debug, Default)]
pub(super) struct Conflicts(Ordered<Address, Open>);

impl Conflicts {
    /// How many wait for somebody to decide.
    pub(super) fn len(&self) -> usize {
        self.0.iter().filter(|(_, open)| open.is_listed()).count()
    }

    pub(super) fn has(&self, address: &Address) -> bool {
        self.0.contains_key(address)
    }

    fn is_listed(&self, address: &Address) -> bool {
        self.0.get(address).is_some_and(Open::is_listed)
    }

    /// When the first answer is late.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let until = |open: &Open| if let Step::Asked(_, until) = &open.step { Some(*until) } else { None };
        self.0.iter().filter_map(|(_, open)| until(open)).min()
    }
}

/// What would be frozen next of a document, were it not for a conflict.
struct Dispute {
    addresses: Vec<Address>,
    members: Vec<MutationId>,
    parts: Vec<Part>,
    conflicts: Vec<(Address, Vec<Clash>)>,
    rounds: u32,
}

impl Dispute {
    fn clashes_of(&self, address: &Address) -> &[Clash] {
        self.conflicts.iter().find(|(of, _)| of == address).map_or(&[], |(_, clashes)| clashes)
    }
}

/// Whether any of these is not a rule's to settle.
pub(super) fn is_left(conflicts: &[(Address, Vec<Clash>)]) -> bool {
    conflicts.iter().any(|(_, clashes)| clashes.iter().any(Clash::is_left))
}

impl Engine {
    /// Whether what is about to be frozen waits for somebody to decide; then it is not, before that is looked at.
    pub(super) fn leaves(&mut self, addresses: &[Address], conflicts: &[(Address, Vec<Clash>)]) -> bool {
        let is_left = is_left(conflicts);
        for address in addresses.iter().filter(|_| is_left) {
            self.outbox.postpone(address);
            self.outbox.meet(address);
        }
        is_left
    }

    /// Finds the conflicts in documents of which something has changed, and has those asked about that are the app's.
    pub(super) fn review_conflicts(&mut self, now: Timestamp, effects: &mut impl Sink) {
        for open in self.conflicts.0.values_mut() {
            open.step = match std::mem::take(&mut open.step) {
                Step::Asked(_, until) if until <= now => Step::Parked,
                step => step,
            };
        }
        let late = self.conflicts.0.iter().filter(|(_, open)| open.step == Step::Parked && !open.is_listed());
        late.for_each(|(address, _)| self.outbox.meet(address));
        for address in self.outbox.take_met().keys() {
            self.review(now, address, effects);
        }
    }

    /// This client drains from here on, or everything is read anew: all conflicts are looked for, and asked about, again.
    pub(super) fn review_anew(&mut self) {
        self.outbox.meet_all();
        self.conflicts.0.keys().for_each(|address| self.outbox.meet(address));
        self.conflicts.0.values_mut().for_each(|open| open.step = Step::Found);
    }

    fn review(&mut self, now: Timestamp, address: &Address, effects: &mut impl Sink) {
        if self.outbox.has_sealed(Some(address)) {
            // It is found again with the store.
            return;
        }
        let dispute = self.dispute(address);
        for other in dispute.iter().flat_map(|dispute| &dispute.addresses) {
            self.outbox.postpone(other);
        }
        let Some((dispute, mut unresolved)) = dispute.and_then(|dispute| self.unresolved(address, &dispute).map(|told| (dispute, told)))
        else {
            if self.conflicts.0.remove(address).is_some() {
                self.items.touch(address);
                effects.push(Effect::Notify(Notice::Resolved { address: address.clone() }));
            }
            return;
        };
        let is_the_apps = dispute.clashes_of(address).iter().any(Clash::is_the_apps);
        if is_the_apps && self.store.is_taking_over() {
            // It is asked about when that is so.
            return;
        }
        let drains = self.store.is_held();
        let open = self.conflicts.0.get_or_insert_with(address.clone(), Open::default);
        if open.step == Step::Found && drains {
            let may_ask = is_the_apps && open.asks < ASKS_MAX && dispute.rounds <= ROUNDS_MAX;
            open.asks += u32::from(may_ask);
            open.step = if may_ask { Step::Asked(unresolved.digest.clone(), now.after(ANSWER_MS)) } else { Step::Parked };
        } else if matches!(open.step, Step::Asked(..)) {
            // What it says of what was there before will not count, and it is asked again then.
            return;
        }
        unresolved.asked = matches!(open.step, Step::Asked(..));
        let told = Some((unresolved.digest.clone(), unresolved.asked));
        if open.told != told {
            open.told = told;
            self.items.touch(address);
            effects.push(Effect::Notify(Notice::Unresolved(Box::new(unresolved))));
        }
    }

    /// What waits first of a document, where nobody but the app can settle it. It may be frozen as far as anybody else is concerned.
    fn dispute(&mut self, address: &Address) -> Option<Dispute> {
        self.config.merge.of_collection(&address.collection).filter(|rules| rules.leaves())?;
        self.outbox.find_head(address);
        self.outbox.head(Some(address))?;
        let first = self.outbox.first_queued(address)?;
        let (id, addresses, rounds) = (first.id.clone(), first.addresses.clone(), first.round());
        if !addresses.iter().any(|address| self.replica.has_befores(address)) {
            return None;
        }
        let (members, Ok(Fitting { parts, conflicts, .. })) = self.fit(&id, &addresses)? else { return None };
        is_left(&conflicts).then_some(Dispute { addresses, members, parts, conflicts, rounds })
    }

    /// The same as the app sees it; `None` where it is about another document.
    fn unresolved(&self, address: &Address, dispute: &Dispute) -> Option<Unresolved> {
        let mut fields = Vec::new();
        for clash in dispute.clashes_of(address).iter().filter(|clash| clash.is_left()) {
            let place = clash.place.as_str().to_owned();
            if !fields.contains(&place) {
                fields.push(place);
            }
        }
        let part = dispute.parts.iter().find(|part| part.address == *address && !fields.is_empty())?;
        let (mutations, theirs) = (self.outbox.names(&dispute.members), self.replica.acknowledged(address));
        let mine = applied(theirs.clone(), &part.operations);
        let mut about = String::new();
        for id in &mutations {
            about.push_str(&id.0);
        }
        for document in [&mine, &theirs] {
            about.push('\n');
            about.push_str(document.as_ref().map_or("", Json::as_str));
        }
        let digest = digits::hash(xxhash_rust::xxh64::xxh64(about.as_bytes(), 0));
        let base = self.replica.made_on(address, &dispute.members);
        Some(Unresolved { address: address.clone(), digest, base, mine, theirs, fields, mutations, asked: false })
    }

    /// The app has decided. Answered when that is stored; nothing has changed where it is about something else than what is there.
    pub(super) fn on_resolve_asked(
        &mut self,
        now: Timestamp,
        ask: AskId,
        address: &Address,
        digest: &str,
        decision: Decision,
        effects: &mut impl Sink,
    ) {
        self.outbox.meet(address);
        let answered = match self.conflicts.0.get_mut(address) {
            Some(open) if matches!(&open.step, Step::Asked(asked, _) if asked == digest) => {
                open.step = Step::Found;
                true
            }
            _ => false,
        };
        let resolved = self.resolve(now, address, digest, &decision, effects);
        let is_for_a_person = resolved.as_ref().map_or_else(|fault| fault.code != Code::Aborted, |()| decision == Decision::Defer);
        if let Some(open) = self.conflicts.0.get_mut(address).filter(|_| answered && is_for_a_person) {
            open.step = Step::Parked;
        }
        match resolved {
            Ok(()) if decision != Decision::Defer => self.store.stage_ask(ask),
            other => self.answer(ask, other.err(), effects),
        }
    }

    fn resolve(
        &mut self,
        now: Timestamp,
        address: &Address,
        digest: &str,
        decision: &Decision,
        effects: &mut impl Sink,
    ) -> Result<(), Fault> {
        self.check_open()?;
        if self.outbox.has_sealed(Some(address)) {
            return Err(Fault::new(Code::StorageUnavailable, "the store was lost, and with it the right to decide about what is in it"));
        }
        let dispute = self.dispute(address);
        let found = dispute.and_then(|dispute| self.unresolved(address, &dispute).map(|unresolved| (dispute, unresolved)));
        let Some((dispute, Unresolved { mine, theirs, .. })) = found.filter(|(_, unresolved)| unresolved.digest == digest) else {
            return Err(Fault::new(Code::Aborted, "the conflict is over, or another one by now"));
        };
        let (operation, taken) = match decision {
            Decision::Mine => (put(mine.clone()), Taken::Local),
            Decision::Theirs => (put(theirs.clone()), Taken::Remote),
            Decision::Value(None) => (Operation::Delete, Taken::Other),
            Decision::Value(Some(text)) => {
                let mut value = Mutation::put(address.clone(), text)?;
                self.check(&mut value)?;
                (value.parts.remove(0).operations.remove(0), Taken::Other)
            }
            Decision::Defer => return Ok(()),
        };
        let mut clashes = dispute.clashes_of(address).to_vec();
        for clash in clashes.iter_mut().filter(|clash| clash.is_left()) {
            clash.taken = taken;
            if taken == Taken::Remote {
                clash.lost = mine.as_ref().and_then(|mine| mine.to_tree().at(&clash.place.tokens()).cloned());
            }
        }
        self.tell_conflicts(vec![(address.clone(), clashes)], effects);
        let Dispute { addresses, members, .. } = dispute;
        let mut parts = Vec::with_capacity(addresses.len());
        for other in &addresses {
            self.touch(other);
            let operations = if other == address { vec![operation.clone()] } else { self.replica.laid(other, &members) };
            parts.push(Part { address: other.clone(), operations, base: None });
        }
        let names = self.outbox.names(&members);
        self.carry_on(now, &members, parts, &|other| other != address, &names, None, None);
        Ok(())
    }

    /// Whether all that is pending, of one document or of all, waits for somebody to decide.
    pub(super) fn is_all_parked(&self, address: Option<&Address>) -> bool {
        match address {
            Some(address) => self.conflicts.is_listed(address),
            None => self.conflicts.len() > 0 && self.outbox.documents().all(|address| self.conflicts.is_listed(address)),
        }
    }
}

/// What makes this of a document.
fn put(document: Option<Json>) -> Operation {
    document.map_or(Operation::Delete, Operation::Put)
}
