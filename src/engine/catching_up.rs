//! Taking up what other tabs have stored: commit by commit where that can be done, and else everything once more. Whatever is stored
//! was made on all that was stored before it, so what is read comes before all that waits here.

use super::Engine;
use super::boot::{Attempt, parts_of, read_queued};
use super::clock::Timestamp;
use super::effect::{Effect, Sink};
use super::error::{Code, Fault};
use super::header;
use super::history::{ROWS_MAX, Row};
use super::ident::MutationId;
use super::inbox::Inbox;
use super::input::{Bytes, Found, Meta, StoreFailure};
use super::log::About;
use super::merging::is_change;
use super::notice::{Ending, Notice};
use super::outbox::Outbox;
use super::pages;
use super::queued::{Queued, State};
use super::record::{self, DirectoryRow, Kind, Record, names};
use super::replica::{Lifted, is_splice};
use super::settling::tell_settled;
use super::store::{Endings, Kept, Mode};
use super::storing::fault_of;
use super::tabs::Reads;
use crate::ordered::OrderedSet;
use crate::protocol::member::{Member, text_of};
use crate::protocol::{Address, Part, Parts, Pointer, Text};

/// A write of this tab that is not stored.
struct Unsaved {
    queued: Box<Queued>,
    /// What it comes after, what that carries on, and what is one with that: a follow-up or an entry may be lost with what was not stored.
    after: Vec<MutationId>,
    layers: Vec<(Address, Lifted)>,
}

/// It cannot be taken up as it is: everything has to be read anew.
#[derive(Debug)]
pub(super) struct Gap;

impl From<&'static str> for Gap {
    fn from(_: &'static str) -> Gap {
        Gap
    }
}

impl Engine {
    /// What is stored by now was read. Whether what is known of the log is as new as that.
    pub(super) fn catch_up(&mut self, now: Timestamp, found: &Found, effects: &mut impl Sink) -> bool {
        let (Mode::Durable, Some(known)) = (self.store.mode(), self.store.meta().cloned()) else { return true };
        let Some(meta) = found.meta.clone().filter(|meta| meta.store_id == known.store_id) else {
            self.turn_to_memory(now, fault_of(&StoreFailure::Replaced), effects);
            return false;
        };
        let (is_held, is_turned) = (self.store.is_held(), meta.store_epoch != known.store_epoch);
        if is_turned && is_held {
            self.on_fenced(true);
            return false;
        }
        let is_folded = meta.folded_to != known.folded_to && !is_held;
        if is_turned && self.store.is_taking_over() || is_folded && meta.folded_to != self.store.log.last() {
            self.want(Reads::All);
            return false;
        }
        if is_folded && !self.take_up_fold(found.directory.as_ref(), effects) {
            return false;
        }
        let is_news = found.log.iter().any(|(position, _)| *position > self.store.log.last());
        if is_news && self.store.is_writing() {
            // That will fail, and is made again on this.
            self.want(Reads::Tail);
            return false;
        }
        if is_news && self.take_up_tail(now, &found.log, effects).is_err() {
            self.want(Reads::All);
            return false;
        }
        if !is_held {
            self.store.note(self.raised(meta));
        }
        true
    }

    /// All that this tab knows was folded, and nothing else: documents are elsewhere, and it is the same that they are.
    fn take_up_fold(&mut self, directory: Option<&Bytes>, effects: &mut impl Sink) -> bool {
        let Some(directory) = directory else {
            self.want(Reads::Directory);
            return false;
        };
        let mut wanted = Vec::new();
        for page in std::mem::take(&mut self.wanted).keys() {
            wanted.extend(self.store.pages.documents_of(*page as u32));
        }
        if self.store.found_folded(&directory.0).is_err() {
            self.want(Reads::All);
            return false;
        }
        // What of the log has gone is not known here: whoever folds it next has read all of it.
        self.tabs.booted_at = u64::MAX;
        self.evicts_at = 0;
        self.load_waiting(effects);
        for address in &wanted {
            if !self.replica.is_resident(address) {
                self.load_page_of(address, effects);
            }
        }
        true
    }

    fn take_up_tail(&mut self, now: Timestamp, log: &[(u64, Bytes)], effects: &mut impl Sink) -> Result<(), Gap> {
        let last = self.store.log.last();
        let news = || log.iter().filter(|(position, _)| *position > last);
        self.check_tail(news())?;
        let unsaved = self.lift();
        let mut taken = Ok(());
        for (position, bytes) in news() {
            taken = taken.and_then(|()| self.take_up_commit(now, *position, &bytes.0, effects));
        }
        if !self.migrate_writes(now) {
            // With everything else that is stored it may be.
            taken = Err(Gap);
        }
        self.lay_back(now, unsaved, effects);
        self.store.laid_anew();
        self.note_last_syncs();
        taken
    }

    /// Whether all of it can be taken up record by record, whatever waits here to be stored.
    fn check_tail<'l>(&self, log: impl Iterator<Item = &'l (u64, Bytes)>) -> Result<(), Gap> {
        let (staged, has_bases) = self.store.waiting();
        let (mut named, mut is_moving) = (OrderedSet::default(), has_bases);
        for bytes in staged {
            for found in record::decode(bytes) {
                let record::Found::Record(record) = found else { continue };
                is_moving |= matches!(record.kind, Kind::Settlement | Kind::Cancel);
                if record.kind != Kind::Mutation {
                    names(&record, &mut |id| {
                        named.insert(id, ());
                    })?;
                }
            }
        }
        for (_, bytes) in log {
            for found in record::decode(&bytes.0) {
                let record::Found::Record(record) = found else { return Err(Gap) };
                let mut meets = false;
                names(&record, &mut |id| meets |= named.contains_key(&id))?;
                // The text that a splice was made on, or a change that is merged, may be gone here.
                let edits = |part: &Part| {
                    let has_rules = self.config.merge.of_collection(&part.address.collection).is_some();
                    part.operations.iter().any(|operation| is_splice(operation) || has_rules && is_change(operation))
                };
                let is_apart = record.kind == Kind::Mutation && is_moving && parts_of(record.body).iter().any(edits);
                if meets || is_apart || record.kind == Kind::Fold {
                    return Err(Gap);
                }
            }
        }
        Ok(())
    }

    /// Takes the writes that are not stored off all others.
    fn lift(&mut self) -> Vec<Unsaved> {
        let mut ids = self.store.unsaved();
        // A follow-up stands where what it carries on stood.
        ids.retain(|id| self.outbox.queued(id).is_some_and(|queued| queued.lineage.is_none() && queued.entry.is_none()));
        let mut addresses = OrderedSet::default();
        for id in &ids {
            for address in self.outbox.queued(id).map_or(&[][..], |queued| &queued.addresses) {
                addresses.insert(address.clone(), ());
            }
        }
        for address in addresses.keys() {
            self.touch(address);
            self.replica.capture(address);
        }
        let mut afters = Vec::with_capacity(ids.len());
        for id in &ids {
            let order = self.outbox.order(id);
            let after = order.and_then(|order| self.outbox.dependencies(&[order]).pop());
            let mut after = after.map(|(_, after)| after).unwrap_or_default();
            for at in 0..after.len() {
                let Some(queued) = self.outbox.queued(&after[at]) else { continue };
                after.extend_from_slice(&queued.carries);
                after.extend_from_slice(queued.others());
            }
            afters.push(after);
        }
        let mut unsaved = Vec::with_capacity(ids.len());
        for (id, after) in ids.iter().zip(afters) {
            let Some(queued) = self.outbox.take(id) else { continue };
            let mut layers = Vec::with_capacity(queued.addresses.len());
            for address in &queued.addresses {
                layers.extend(self.replica.lift(address, id).map(|layer| (address.clone(), layer)));
            }
            unsaved.push(Unsaved { queued, after, layers });
        }
        unsaved
    }

    /// Lays them over all that is there by now. Where what one comes after was refused, it is refused, too.
    fn lay_back(&mut self, now: Timestamp, unsaved: Vec<Unsaved>, effects: &mut impl Sink) {
        let (mut ids, mut addresses, mut refused) = (OrderedSet::default(), OrderedSet::default(), Vec::new());
        for Unsaved { mut queued, after, layers } in unsaved {
            let (id, carries) = (queued.id.clone(), std::mem::take(&mut queued.carries));
            queued.after.clear();
            ids.insert(id.clone(), ());
            let order = self.outbox.stage(queued, None);
            self.outbox.carry(order, carries, &[]);
            self.outbox.depend(order, &after, &[]);
            for (address, layer) in layers {
                if self.is_paged(&address) && !self.replica.is_resident(&address) {
                    self.load_page_of(&address, effects);
                }
                self.replica.lay_lifted(&address, self.is_paged(&address), order, layer);
                addresses.insert(address, ());
            }
            if after.iter().any(|id| self.inbox.has(id)) {
                refused.push(id);
            }
        }
        if !ids.is_empty() {
            self.await_all();
        }
        for address in addresses.keys() {
            let mut befores = self.replica.moved(address);
            befores.retain(|before| ids.contains_key(&before.id));
            self.keep_befores(address, &befores);
        }
        refused.iter().for_each(|id| self.refuse_behind(now, id, effects));
    }

    /// What it comes after was refused, and so it is, too.
    pub(super) fn refuse_behind(&mut self, now: Timestamp, id: &MutationId, effects: &mut impl Sink) {
        let Some(order) = self.outbox.order(id) else { return };
        let Some(queued) = self.outbox.take(id) else { return };
        self.block(now, &queued, false, effects);
        self.block_dependents(now, order, false, effects);
    }

    /// Remembers what all is that the app looks at: everything is about to be read anew.
    pub(super) fn touch_held(&mut self) {
        self.documents(&self.watch.held()).iter().for_each(|address| self.touch(address));
    }

    /// Everything was read anew. What waits here is laid over it.
    pub(super) fn renew(&mut self, now: Timestamp, found: Found, effects: &mut impl Sink) {
        let is_same = |meta: &Meta| self.store.meta().is_none_or(|known| known.store_id == meta.store_id);
        if !found.meta.as_ref().is_some_and(is_same) {
            return self.turn_to_memory(now, fault_of(&StoreFailure::Replaced), effects);
        }
        self.touch_held();
        let carriers = [self.outbox.carriers(), self.inbox.carriers()].concat();
        let unsaved = self.lift();
        let (last, has_bases) = (self.store.log.last(), self.store.waiting().1 || self.store.restores().is_some());
        let unsaid = self.store.unsaved();
        let mut lost = self.store.renew();
        let (ended, concluded) = lost.ended(&unsaid);
        self.tabs.concluded = concluded;
        self.refuse_asks(&mut lost, &Fault::new(Code::StorageUnavailable, "another tab has changed the store: try again"), effects);
        let taken = lost.taken();
        let inbox = self.forget(now, &unsaid, &taken, effects);
        // Bases that were folded without this tab may be others by now, and those that waited to be stored are nobody's.
        let known =
            if !has_bases && !self.has_earlier() && found.meta.as_ref().is_some_and(|meta| meta.folded_to <= last) { last } else { 0 };
        self.replica.begin_anew(known > 0);
        self.begin(now, found, known, effects);
        self.end_anew(&ended, &lost, effects);
        self.carry_anew(carriers);
        self.tell_inbox_renewed(&inbox, effects);
        self.lay_anew(now, unsaved, effects);
        for (id, _) in taken.iter().filter(|(_, ending)| *ending == Ending::Cancelled) {
            self.on_cancel_asked(now, id, effects);
        }
        self.want_anew(effects);
    }

    /// What is waited for is waited for anew, and so are documents that the app looks at.
    pub(super) fn want_anew(&mut self, effects: &mut impl Sink) {
        self.load_waiting(effects);
        for address in &self.documents(&self.watch.held()) {
            if self.is_paged(address) && !self.replica.is_resident(address) {
                self.load_page_of(address, effects);
            } else if !self.watch.is_touched(address) {
                self.tell_value(address, effects);
            }
        }
        self.await_all();
        self.hand_on_errands(effects);
    }

    /// In a tab that does not drain, calls wait for what the one that does can do.
    pub(super) fn hand_on_errands(&mut self, effects: &mut impl Sink) {
        if !self.tabs.may_drain {
            for (ask, what, until) in self.take_errands() {
                self.send_errand(ask, what, until, effects);
            }
        }
    }

    /// What ended before it was stored has ended whatever was read: nobody else knows of it. What of it was set aside is so again.
    fn end_anew(&mut self, ended: &Endings, lost: &Kept, effects: &mut impl Sink) {
        for (id, ending) in ended {
            let Some((header, body)) = lost.set_aside(id) else {
                tell_settled(std::slice::from_ref(id), ending, effects);
                continue;
            };
            if self.inbox.restore(id, header, body).is_ok() {
                self.store.stage_unsaved(id, Kind::Inbox, header, body);
                self.stage_settlement(id, std::slice::from_ref(id), ending.name(), None);
                self.store.stage_endings(std::slice::from_ref(id), ending);
            }
        }
    }

    /// The names that writes had before are nowhere but in this tab, and the app may use them as long as it lives.
    pub(super) fn carry_anew(&mut self, carriers: Vec<Vec<MutationId>>) {
        for mut names in carriers {
            if let Some(entry) = self.inbox.holder(&names) {
                names.retain(|id| !self.inbox.has(id));
                self.inbox.carry(&entry, &names);
            } else if let Some(order) = names.iter().find_map(|id| self.outbox.order(id)) {
                names.retain(|id| self.outbox.order(id).is_none());
                self.outbox.carry(order, names, &[]);
            }
        }
    }

    /// Stages them anew and lays them over all that is there by now. What was made anew from the inbox is there as it was.
    fn lay_anew(&mut self, now: Timestamp, mut unsaved: Vec<Unsaved>, effects: &mut impl Sink) {
        unsaved.retain(|unsaved| unsaved.queued.carries.is_empty());
        let mut ids = OrderedSet::default();
        for Unsaved { queued, after, layers } in &mut unsaved {
            let mut parts = Vec::with_capacity(layers.len());
            for (address, layer) in layers {
                parts.push(Part { address: address.clone(), operations: layer.operations().to_vec(), base: None });
            }
            let (wall, versions) = (self.wall_at(now), self.config.versions_of(&queued.addresses));
            let header = header::mutation(&queued.id, wall, &self.config.scope, &queued.addresses, &versions, &None, None);
            self.store.stage_mutation(&queued.id, &header, &text_of(&Parts(&parts)), self.config.strict);
            let mut names = Vec::with_capacity(after.len());
            for id in after.iter() {
                let name = if ids.contains_key(id) { Some(id.clone()) } else { self.outbox.standing_for(id) };
                names.extend(name.filter(|name| !names.contains(name)));
            }
            if !names.is_empty() {
                self.keep_dependencies(&[(queued.id.clone(), names)]);
            }
            ids.insert(queued.id.clone(), ());
            queued.texts.clear();
        }
        self.lay_back(now, unsaved, effects);
    }

    fn take_up_commit(&mut self, now: Timestamp, position: u64, bytes: &[u8], effects: &mut impl Sink) -> Result<(), Gap> {
        let own = self.store.log.begin_other();
        let mut end = 0;
        let mut taken = Ok(());
        for found in record::decode(bytes) {
            let start = end;
            end += found.raw().len();
            let record::Found::Record(record) = found else { continue };
            match self.take_up_record(now, position, &record, effects) {
                Ok(Some(about)) => self.store.log.keep(start..end, Some(about)),
                Ok(None) => {}
                Err(gap) => taken = Err(gap),
            }
        }
        self.mirror_other(position, bytes);
        let number = self.store.log.end_other(own);
        self.store.log.add(number, position, bytes, bytes.len());
        taken
    }

    /// Says what the record is about, where it is still needed.
    pub(super) fn take_up_record(
        &mut self,
        now: Timestamp,
        position: u64,
        record: &Record<'_>,
        effects: &mut impl Sink,
    ) -> Result<Option<About>, Gap> {
        let mut header = record.header()?;
        let mut id = MutationId::blank();
        if let Some(name) = record.kind.named_by() {
            header.take(name, &mut id).check()?;
        }
        let mut operation = 0_u32;
        let lives = match record.kind {
            Kind::Mutation => self.take_up_mutation(read_queued(position, &mut header, &id, record, &[])?, effects)?,
            Kind::Freeze => self.take_up_freeze(read_queued(position, &mut header, &id, record, &[])?)?,
            Kind::Attempt => {
                let Attempt { failures, until, asked } = Attempt::read(&mut header, now, self.wall_at(now))?;
                self.outbox.mark_tried(&id, failures, asked);
                self.outbox.set_state(&id, State::Waiting(until));
                self.outbox.entry(&id).is_some()
            }
            Kind::Before => {
                header.take("operation", &mut operation).take("path", &mut Pointer::blank()).check()?;
                let text = String::read(record.body).ok_or(Gap)?;
                let Some(queued) = self.outbox.queued(&id) else { return Ok(None) };
                queued.addresses.clone().iter().for_each(|address| self.touch(address));
                self.take_up_before(&id, operation, Text::of(&text));
                self.outbox.keep_text(&id, operation, record.body.len() as u64);
                true
            }
            Kind::After => {
                let mut after = Vec::new();
                header.take("after", &mut after).check()?;
                let Some(order) = self.outbox.order(&id) else { return Ok(None) };
                self.outbox.depend(order, &after, &[]);
                true
            }
            Kind::Cancel => {
                let Some(queued) = self.outbox.take(&id) else { return Err(Gap) };
                self.end_elsewhere(&queued.addresses, &id);
                tell_settled(std::slice::from_ref(&id), &Ending::Cancelled, effects);
                false
            }
            Kind::Settlement => {
                let (mut members, mut ending) = (Vec::<MutationId>::new(), String::new());
                header.take("members", &mut members).take("ending", &mut ending).check()?;
                self.take_up_settlement(&id, &members, &ending, effects)?;
                false
            }
            Kind::Shadow => {
                for part in &parts_of(record.body) {
                    self.touch(&part.address);
                    self.items.note_sync(&part.address);
                }
                self.read_shadow(now, &mut header, &id, record.body)?
            }
            Kind::Inbox => {
                self.inbox.restore(&id, record.header, record.body)?;
                let addresses = self.inbox.item(&id).map_or_else(Vec::new, |item| item.addresses().to_vec());
                addresses.iter().for_each(|address| self.items.touch(address));
                true
            }
            Kind::Base => {
                let (address, base, of) = pages::read_base(&mut header, record.body)?;
                let base = self.renewed(&address, base, of);
                self.touch(&address);
                self.items.note_sync(&address);
                self.replica.rebase(&address, false, Some(base), &[]);
                self.keep_grounded(&address);
                self.store.found_in_log(address);
                false
            }
            Kind::Paged => {
                let mut rows = Vec::<DirectoryRow>::new();
                header.take("pages", &mut rows).check()?;
                rows.iter().for_each(|row| self.take_up_row(row, effects));
                false
            }
            Kind::History => {
                let row = Row::read(record.header).filter(|row| row.slot < ROWS_MAX as u32).ok_or(Gap)?;
                operation = row.slot;
                self.history.restore(row);
                true
            }
            Kind::Cursor => self.read_cursor(now, &mut header, &id.0)?,
            Kind::Quarantine => return Ok(Some(About::quarantine(record.body))),
            _ => return Err(Gap),
        };
        Ok(lives.then(|| About::named(record.kind, id.0, operation)))
    }

    fn take_up_mutation(&mut self, (queued, parts): (Box<Queued>, Vec<Part>), effects: &mut impl Sink) -> Result<bool, Gap> {
        let (id, place, versions) = (queued.id.clone(), queued.place, queued.versions.clone());
        queued.addresses.iter().for_each(|address| self.touch(address));
        // Somebody may be looking at the tab that wrote it, and timers of a hidden one are a second late, or a minute.
        self.hastens |= self.hidden;
        let Some(line) = &queued.lineage else {
            let order = self.outbox.stage(queued, None);
            for Part { address, operations, .. } in parts {
                if self.lay(&address, order, &id, operations, effects) {
                    self.ungrounded.insert(address.clone(), ());
                }
                self.note_age(&id, &address, &versions);
            }
            self.keep(&id, place);
            return Ok(true);
        };
        // A follow-up takes the place of what it carries on, which need not be the first of its documents: what was frozen without the store
        // stands behind what others had stored. Of a conflict that was resolved, the others are told of behind it.
        let origin = self.outbox.carrier(&line.root).or(Some(&line.root)).and_then(|origin| self.outbox.queued(origin));
        let origin = origin.filter(|origin| origin.line(origin.round() + 1) == *line).ok_or(Gap)?.id.clone();
        let names = self.outbox.names(std::slice::from_ref(&origin));
        let (order, carried) = self.outbox.join(std::slice::from_ref(&origin)).ok_or(Gap)?;
        self.outbox.stage(queued, Some(order));
        self.outbox.carry(order, carried.carries, &names);
        for Part { address, operations, .. } in parts {
            self.replica.replace(&address, std::slice::from_ref(&origin), order, id.clone(), operations);
            self.note_age(&id, &address, &versions);
        }
        self.keep(&id, place);
        Ok(true)
    }

    fn take_up_freeze(&mut self, (queued, parts): (Box<Queued>, Vec<Part>)) -> Result<bool, Gap> {
        let Queued { id, versions, entry: Some(entry), .. } = *queued else { return Err(Gap) };
        let order = self.outbox.queued(&id).and_then(|_| self.outbox.order(&id)).ok_or(Gap)?;
        let mut layers = entry.members.clone();
        layers.retain(|member| self.outbox.queued(member).is_some());
        entry.members.iter().for_each(|member| self.store.log.retire(member));
        for Part { address, operations, .. } in parts {
            self.touch(&address);
            self.replica.replace(&address, &layers, order, id.clone(), operations);
            self.note_age(&id, &address, &versions);
        }
        self.outbox.freeze(entry);
        self.outbox.set_state(&id, State::Ready);
        Ok(true)
    }

    fn take_up_settlement(&mut self, id: &MutationId, members: &[MutationId], ending: &str, effects: &mut impl Sink) -> Result<(), Gap> {
        if ending == header::RETRIED || ending == header::DISCARDED {
            let addresses = self.inbox.item(id).map_or_else(Vec::new, |item| item.addresses().to_vec());
            addresses.iter().for_each(|address| self.items.touch(address));
            self.inbox.remove(id);
            self.store.log.forget(&About::of(Kind::Inbox, id));
            effects.push(Effect::Notify(Notice::InboxRemoved { entry: id.clone() }));
            return Ok(());
        }
        if ending == header::SHOWN {
            self.touch_shadow(id);
            self.forget_shadow(id);
            return Ok(());
        }
        let order = self.outbox.order(id);
        let mut ended = Vec::new();
        match self.outbox.settle(id) {
            Some((_, queued, _)) => ended.push(queued),
            // They ended together, and unsent: each of them stands for itself here.
            None => [id].into_iter().chain(members).for_each(|member| ended.extend(self.outbox.take(member))),
        }
        for queued in &ended {
            self.end_elsewhere(&queued.addresses, &queued.id);
            self.inbox.carry(id, &queued.carries);
        }
        if ending == "applied" && !ended.is_empty() {
            order.into_iter().for_each(|order| self.outbox.release_dependents(order));
        }
        for member in members {
            self.store.log.retire(member);
        }
        let ending = match self.ending(ending, id) {
            _ if ending == "merged" => {
                members.first().and_then(|first| self.outbox.standing_for(first)).map(|by| Ending::Merged { by, maybe_applied: None })
            }
            ending => ending,
        };
        tell_settled(members, &ending.ok_or(Gap)?, effects);
        Ok(())
    }

    /// What has ended in another tab leaves the overlay.
    fn end_elsewhere(&mut self, addresses: &[Address], id: &MutationId) {
        for address in addresses {
            self.touch(address);
            self.replica.rebase(address, self.is_paged(address), None, std::slice::from_ref(id));
        }
        self.store.log.retire(id);
    }

    fn take_up_row(&mut self, row: &DirectoryRow, effects: &mut impl Sink) {
        let mut addresses = Vec::with_capacity(row.2.len());
        for key in &row.2 {
            let address = Address::new(row.1.clone(), key.clone());
            self.touch(&address);
            self.items.note_sync(&address);
            self.replica.unload(&address);
            addresses.push(address);
        }
        self.store.found_in_page(row);
        for address in &addresses {
            let is_pending = self.outbox.first(Some(address)).is_some();
            if is_pending {
                self.ungrounded.insert(address.clone(), ());
            }
            if is_pending || self.watch.is_held(address) {
                self.load_page_of(address, effects);
            }
        }
    }

    /// Nothing is known any more but what the app wants. Gives what was in the inbox.
    pub(super) fn forget(
        &mut self,
        now: Timestamp,
        unsaid: &[MutationId],
        taken: &[(MutationId, Ending)],
        effects: &mut impl Sink,
    ) -> Inbox {
        for request in &std::mem::take(&mut self.requests) {
            effects.push(Effect::Cancel { request: request.id });
        }
        let mut awaited = Vec::new();
        let ended = self.tabs.concluded.iter().chain(taken).map(|(id, _)| id);
        for id in self.outbox.pending_ids().iter().chain(ended) {
            // Of what was to carry another one on, nobody has heard.
            if !unsaid.contains(id) {
                awaited.push(String::from(&*id.0));
            }
        }
        self.config.awaited = awaited;
        self.outbox = Outbox::keeping(self.config.members_max as usize, self.config.merge.leave());
        self.feeds.iter_mut().for_each(|feed| *feed = feed.begun_anew(now));
        (self.shadows, self.unsaid, self.early, self.batches) = Default::default();
        (self.again, self.history, self.wanted, self.ungrounded) = Default::default();
        self.unpulled = Default::default();
        self.mirror.part();
        (self.seen, self.generation, self.turns, self.evicts_at, self.window) = Default::default();
        self.observe_anew();
        self.review_anew();
        std::mem::take(&mut self.inbox)
    }
}
