//! Acknowledged writes that no pull has shown yet, of a server whose answers have no positions. Nobody can say whether what a
//! pull brings is from before such a write or from after it, so it stays laid over the base until a pull shows it.

use std::sync::Arc;

use super::Engine;
use super::boot::add_to_part;
use super::clock::Timestamp;
use super::effect::{Effect, Sink};
use super::error::{Code, Fault};
use super::header;
use super::ident::MutationId;
use super::log::About;
use super::lowering::{as_values, parts_of};
use super::notice::{Ending, Notice};
use super::record::Kind;
use super::replica::Base;
use super::settling::tell_settled;
use crate::protocol::member::text_of;
use crate::protocol::{Address, Json, KeyedOperation, Operation, Part, Parts};

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
    pub(super) fn settle_in_shadow(
        &mut self,
        now: Timestamp,
        id: &MutationId,
        version: &Option<String>,
        value: &Option<Json>,
        effects: &mut impl Sink,
    ) -> bool {
        if self.shadows.len() >= SHADOWS_MAX {
            return false;
        }
        let Some((order, queued, entry)) = self.take_entry(id) else { return true };
        self.on_acknowledged(now);
        self.stage_settlement(id, &entry.members, "applied", None);
        let mut parts = parts_of(&entry.text);
        for part in &mut parts {
            let said = value.clone().filter(|_| !queued.is_group()).map(Operation::Put);
            let made = || as_values(self.replica.acknowledged(&part.address), &part.operations, true).ok();
            // What the server has made of something else than is known here only a pull can say.
            part.operations = said.or_else(made).into_iter().collect();
        }
        let text: Arc<str> = version.as_deref().unwrap_or_default().into();
        let header = header::shadow(id, &text, self.wall_at(now));
        self.store.stage(Kind::Shadow, &header, &text_of(&Parts(&parts)), Some(About::of(Kind::Shadow, id)));
        for part in parts {
            let befores = self.replica.replace(&part.address, std::slice::from_ref(id), order, id.clone(), part.operations);
            self.replica.shade(&part.address, id);
            self.keep_befores(befores);
            self.items.note_sync(&part.address);
            let (since, ends) = (self.last_id, now.after(SHADOW_MS));
            self.shadows.push(Shadow { id: id.clone(), address: part.address, version: text.clone(), since, ends });
        }
        tell_settled(&entry.members, &Ending::Applied { version: version.clone() }, effects);
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
        let of_it: Vec<&Shadow> = self.shadows.iter().filter(|shadow| shadow.address == *address).collect();
        let is_named = |shadow: &&Shadow| Some(&shadow.id) == entry || !shadow.version.is_empty() && shadow.version == theirs.version;
        let mut shown = of_it.iter().rposition(is_named).map_or(0, |at| at + 1);
        let later = of_it.iter().position(|shadow| shadow.since >= request).unwrap_or(of_it.len());
        shown = shown.max(self.replica.shadows_in(address, &theirs.value, later));
        let mut off = Vec::with_capacity(shown);
        for shadow in &of_it[..shown] {
            off.push(shadow.id.clone());
        }
        let is_news = self.is_news(address, &theirs);
        if is_news || !off.is_empty() {
            self.touch(address);
            self.rebase(address, Some(theirs).filter(|_| is_news), &off);
            self.end_shadows(address, &off);
        }
    }

    /// The server's truth about a document is known to hold all that was acknowledged.
    pub(super) fn end_all_shadows(&mut self, address: &Address) {
        let mut off = Vec::new();
        for shadow in self.shadows.iter().filter(|shadow| shadow.address == *address) {
            off.push(shadow.id.clone());
        }
        if !off.is_empty() {
            self.touch(address);
            self.rebase(address, None, &off);
            self.end_shadows(address, &off);
        }
    }

    /// A feed was pulled to its end: what should have been in it by now and was in none goes.
    pub(super) fn expire_shadows(&mut self, now: Timestamp, effects: &mut impl Sink) {
        let asked = self.feeds.iter().map(|feed| feed.pulled).min().unwrap_or_default();
        while let Some(shadow) = self.shadows.iter().find(|shadow| shadow.ends <= now && shadow.since < asked) {
            let (address, id) = (shadow.address.clone(), vec![shadow.id.clone()]);
            self.touch(&address);
            self.rebase(&address, None, &id);
            self.end_shadows(&address, &id);
            let error = Fault::new(Code::Protocol, "a write was acknowledged, and no pull shows it");
            effects.push(Effect::Notify(Notice::Troubled { error }));
        }
    }

    /// A shadow is found in the log. All pulls from here on began after it.
    pub(super) fn restore_shadow(&mut self, id: &MutationId, version: &Arc<str>, ends: Timestamp, keyed: Vec<KeyedOperation>) {
        let mut parts = Vec::new();
        for keyed in keyed {
            add_to_part(&mut parts, keyed);
        }
        for Part { address, operations, .. } in parts {
            self.replica.lay(&address, self.is_paged(&address), 0, id.clone(), operations);
            self.replica.shade(&address, id);
            self.shadows.push(Shadow { id: id.clone(), address, version: version.clone(), since: 0, ends });
        }
    }

    /// A shadow that was found has ended.
    pub(super) fn forget_shadow(&mut self, id: &MutationId) {
        let mut addresses = Vec::new();
        for shadow in self.shadows.iter().filter(|shadow| shadow.id == *id) {
            addresses.push(shadow.address.clone());
        }
        self.shadows.retain(|shadow| shadow.id != *id);
        for address in &addresses {
            self.replica.rebase(address, self.is_paged(address), None, std::slice::from_ref(id));
        }
        self.store.log.retire(id);
    }

    fn end_shadows(&mut self, address: &Address, ids: &[MutationId]) {
        self.shadows.retain(|shadow| shadow.address != *address || !ids.contains(&shadow.id));
        for id in ids {
            if !self.shadows.iter().any(|shadow| shadow.id == *id) {
                self.stage_settlement(id, &[], header::SHOWN, None);
            }
        }
    }
}
