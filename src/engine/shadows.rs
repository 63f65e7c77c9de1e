//! Acknowledged writes that no pull has shown yet, of a server whose answers have no positions. Nobody can say whether what a
//! pull brings is from before such a write or from after it, so it stays laid over the base until a pull shows it.

use std::sync::Arc;

use super::Engine;
use super::clock::Timestamp;
use super::effect::{Effect, Sink};
use super::error::{Code, Fault};
use super::header;
use super::ident::MutationId;
use super::log::About;
use super::lowering::{as_values, sent_in};
use super::notice::{Ending, Notice};
use super::queued::Queued;
use super::record::Kind;
use super::replica::Base;
use super::writing::addresses_of;
use crate::protocol::member::text_of;
use crate::protocol::{Address, Json, Operation, Part, Parts};

/// A write that is shown by no pull for this long, of which one began after it was acknowledged, is not waited for.
pub(super) const SHADOW_MS: u64 = 30_000;
/// With this many the base moves at once instead.
const SHADOWS_MAX: usize = 1_000;

/// One such write, in one of its documents.
#[derive(Debug)]
pub(super) struct Shadow {
    pub(super) id: MutationId,
    pub(super) address: Address,
    /// The version it made; empty where the server does not say.
    pub(super) version: Arc<str>,
    /// Requests with a higher number left after the answer.
    pub(super) since: u64,
    pub(super) ends: Timestamp,
}

impl Engine {
    /// The server has it, and does not say at which position. Whether it stays as a shadow.
    pub(super) fn settle_in_shadow(&mut self, now: Timestamp, id: &MutationId, version: &Option<String>, value: &Option<Json>) -> bool {
        if self.shadows.len() >= SHADOWS_MAX {
            return false;
        }
        let Some(Queued { entry: Some(entry), .. }) = self.outbox.entry(id) else { return true };
        let mut parts = sent_in(&entry.text);
        let is_group = parts.len() > 1;
        for part in &mut parts {
            let made = match value {
                Some(value) if !is_group => Operation::Put(value.clone()),
                _ => match as_values(self.replica.acknowledged(&part.address), &part.operations, true) {
                    Ok(made) => made,
                    // What the server has made of something else than is known here only a pull can say.
                    Err(_) => return false,
                },
            };
            part.operations = vec![made];
        }
        let Some((order, _, entry)) = self.take_entry(id) else { return true };
        self.on_acknowledged(now);
        self.stage_settlement(id, &entry.members, "applied", None);
        let text: Arc<str> = version.as_deref().unwrap_or_default().into();
        let versions = self.config.versions_of(&addresses_of(&parts));
        let header = header::shadow(id, &text, self.wall_at(now), &versions);
        self.store.stage(Kind::Shadow, &header, &text_of(&Parts(&parts)), Some(About::of(Kind::Shadow, id)));
        for part in parts {
            let befores = self.replica.replace(&part.address, std::slice::from_ref(id), order, id.clone(), part.operations);
            self.replica.shade(&part.address, id);
            self.keep_befores(&part.address, &befores);
            self.items.note_sync(&part.address);
            let (since, ends) = (self.last_id, now.after(SHADOW_MS));
            self.shadows.push(Shadow { id: id.clone(), address: part.address, version: text.clone(), since, ends });
        }
        self.store.stage_endings(&entry.members, &Ending::Applied { version: version.clone() });
        self.outbox.release_dependents(order);
        true
    }

    /// The last version of a document that a shadow made; `None` where it has no shadow.
    pub(super) fn shadow_version(&self, address: &Address) -> Option<&Arc<str>> {
        self.shadows.iter().rfind(|shadow| shadow.address == *address).map(|shadow| &shadow.version)
    }

    /// The server's truth about a document came with the request of this number: lays it under the shadows that it does not
    /// show, and takes off those that it does: by the entry's name, by the version, or because they change nothing in it.
    pub(super) fn lay_under(&mut self, address: &Address, theirs: Box<Base>, entry: Option<&MutationId>, request: u64) {
        let (mut named, mut earlier, mut off) = (0, 0, Vec::new());
        for shadow in &self.shadows {
            if shadow.address != *address {
                continue;
            }
            off.push(shadow.id.clone());
            if Some(&shadow.id) == entry || !shadow.version.is_empty() && shadow.version == theirs.version {
                named = off.len();
            }
            if shadow.since < request && earlier + 1 == off.len() {
                earlier = off.len();
            }
        }
        off.truncate(named.max(self.replica.shadows_in(address, &theirs.value, earlier)));
        let news = Some(theirs).filter(|theirs| self.is_news(address, theirs));
        self.end_shadows(address, news, &off);
    }

    /// The server's truth about a document is known to hold all that was acknowledged.
    pub(super) fn end_all_shadows(&mut self, address: &Address) {
        let mut off = Vec::new();
        for shadow in &self.shadows {
            if shadow.address == *address {
                off.push(shadow.id.clone());
            }
        }
        self.end_shadows(address, None, &off);
    }

    /// A feed was pulled to its end: what should have been in it by now and was in none goes.
    pub(super) fn expire_shadows(&mut self, now: Timestamp, effects: &mut impl Sink) {
        let asked = self.feeds.iter().map(|feed| feed.pulled).min().unwrap_or_default();
        while let Some(at) = self.shadows.iter().position(|shadow| shadow.ends <= now && shadow.since < asked) {
            let (address, id) = (self.shadows[at].address.clone(), self.shadows[at].id.clone());
            self.end_shadows(&address, None, std::slice::from_ref(&id));
            let error = Fault::new(Code::Protocol, "a write was acknowledged, and no pull shows it");
            effects.push(Effect::Notify(Notice::Troubled { error }));
        }
    }

    /// A shadow is found in the log. All pulls from here on began after it.
    pub(super) fn restore_shadow(&mut self, id: &MutationId, version: &Arc<str>, ends: Timestamp, parts: Vec<Part>) {
        for Part { address, operations, .. } in parts {
            self.replica.lay(&address, self.is_paged(&address), 0, id.clone(), operations);
            self.replica.shade(&address, id);
            self.shadows.push(Shadow { id: id.clone(), address, version: version.clone(), since: 0, ends });
        }
    }

    /// What is seen of a shadow's documents may change.
    pub(super) fn touch_shadow(&mut self, id: &MutationId) {
        let mut addresses = Vec::new();
        for shadow in self.shadows.iter().filter(|shadow| shadow.id == *id) {
            addresses.push(shadow.address.clone());
        }
        addresses.iter().for_each(|address| self.touch(address));
    }

    /// A shadow that was found has ended.
    pub(super) fn forget_shadow(&mut self, id: &MutationId) {
        while let Some(at) = self.shadows.iter().position(|shadow| shadow.id == *id) {
            let address = self.shadows.remove(at).address;
            self.replica.rebase(&address, self.is_paged(&address), None, std::slice::from_ref(id));
        }
        self.store.log.retire(id);
    }

    /// These shadows of a document end, and its base moves where it does, in one step.
    #[inline(never)]
    fn end_shadows(&mut self, address: &Address, base: Option<Box<Base>>, off: &[MutationId]) {
        if base.is_none() && off.is_empty() {
            return;
        }
        self.touch(address);
        self.rebase(address, base, off);
        for id in off {
            let is_it = |shadow: &Shadow| shadow.id == *id && shadow.address == *address;
            if let Some(at) = self.shadows.iter().position(is_it) {
                self.shadows.remove(at);
            }
            if !self.shadows.iter().any(|shadow| shadow.id == *id) {
                self.stage_settlement(id, &[], header::SHOWN, None);
            }
        }
    }
}
