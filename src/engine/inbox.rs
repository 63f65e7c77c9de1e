//! What was refused, or of which nobody knows, until the app tries it again or gives it up.

use std::sync::Arc;

use super::clock::Timestamp;
use super::effect::{Effect, Sink};
use super::error::{Code, Fault};
use super::header::{self, Header};
use super::ident::{AskId, MutationId};
use super::log::About;
use super::mutation::Mutation;
use super::notice::{Ending, Notice};
use super::record::Kind;
use super::replica::Before;
use super::settling::Ended;
use super::store::Taken;
use super::writing::addresses_of;
use super::{Engine, boot};
use crate::ordered::Ordered;
use crate::protocol::member::{Fields, ObjectWriter, Written, list, text_of};
use crate::protocol::{Address, Draft, Json, Operation, Part, Parts, Text};

/// One write in the inbox: its record's header and body, as they stand there.
#[derive(Clone, Debug)]
pub struct Item {
    pub(super) header: Arc<str>,
    body: Arc<str>,
    addresses: Vec<Address>,
    /// The names that it had before, as far as this run knows.
    carries: Vec<MutationId>,
    /// Whether nobody knows if the server has it.
    pub is_unknown: bool,
}

/// All of them, by the names of their entries.
#[derive(Debug, Default)]
pub struct Inbox {
    items: Ordered<Arc<str>, Arc<Item>>,
    bytes: u64,
    /// What came in, and the app is to be told of.
    news: Vec<MutationId>,
}

/// A text that a run of splices begins on: in which part, which operation of it, and the text.
type Ground = (usize, usize, Text);

impl Inbox {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// How much they are, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it has this one.
    pub fn has(&self, id: &MutationId) -> bool {
        self.items.contains_key(&id.0) || self.items.iter().any(|(_, item)| item.carries.contains(id) || item.members().contains(id))
    }

    /// What is in it under other names than it had before: its name, and those.
    pub fn carriers(&self) -> Vec<Vec<MutationId>> {
        let mut carriers = Vec::new();
        for (name, item) in self.items.iter().filter(|(_, item)| !item.carries.is_empty()) {
            carriers.push([&[MutationId(name.clone())], &item.carries[..]].concat());
        }
        carriers
    }

    /// What has one of these names in it.
    pub fn holder(&self, names: &[MutationId]) -> Option<MutationId> {
        let holds = |item: &Item| item.members().iter().any(|member| names.contains(member));
        self.items.iter().find(|(_, item)| holds(item)).map(|(name, _)| MutationId(name.clone()))
    }

    /// The one of this document that came last, by the order of the ids.
    pub fn last_of(&self, address: &Address) -> Option<&Item> {
        let mut last = None;
        for (_, item) in self.items.iter() {
            if item.addresses.contains(address) {
                last = Some(&**item);
            }
        }
        last
    }

    /// The one of this name.
    pub fn item(&self, id: &MutationId) -> Option<&Item> {
        self.items.get(&id.0).map(|item| &**item)
    }

    /// Header and body of each, by the names of their entries.
    #[cfg(feature = "sim")]
    pub fn records(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.items.iter().map(|(_, item)| (&item.header, &item.body))
    }

    /// Takes one in.
    pub fn keep(&mut self, id: &MutationId, item: Arc<Item>) {
        self.news.push(id.clone());
        self.bytes += item.bytes();
        let earlier = self.items.insert(id.0.clone(), item);
        self.bytes -= earlier.map_or(0, |earlier| earlier.bytes());
    }

    /// What it has of this name had these names before, and ended as merged under them or was made anew.
    pub fn carry(&mut self, id: &MutationId, carries: &[MutationId]) {
        if let Some(item) = self.items.get_mut(&id.0).filter(|_| !carries.is_empty()) {
            Arc::make_mut(item).carries.extend_from_slice(carries);
        }
    }

    /// One found in the store. Fails where it is none.
    pub fn restore(&mut self, id: &MutationId, header: &str, body: &str) -> Result<(), &'static str> {
        let mut ending = String::new();
        Header::parse(header)?.take("ending", &mut ending).check()?;
        let mut addresses = Vec::new();
        for raw in Fields::of(body).list("documents") {
            let mut fields = Fields::of(raw);
            addresses.push(Address::take_up(&mut fields));
            fields.finish().map_err(|_| OTHER_SHAPE)?;
        }
        if addresses.is_empty() {
            return Err(OTHER_SHAPE);
        }
        let (carries, is_unknown) = (Vec::new(), ending == "unknown");
        self.keep(id, Item { header: header.into(), body: body.into(), addresses, carries, is_unknown }.into());
        Ok(())
    }

    /// Takes one out: the app tried it again or gave it up.
    pub fn remove(&mut self, id: &MutationId) {
        let item = self.items.remove(&id.0);
        self.bytes -= item.map_or(0, |item| item.bytes());
    }
}

const OTHER_SHAPE: &str = "its body has another shape";

impl Item {
    fn bytes(&self) -> u64 {
        (self.header.len() + self.body.len()) as u64
    }

    /// The documents it is on.
    pub(super) fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The mutations that were sent as one.
    fn members(&self) -> Vec<MutationId> {
        Header::parse(&self.header).and_then(|mut header| header.read("members")).unwrap_or_default()
    }

    /// What it does, by document, and the texts that its splices were made on.
    fn parts(&self) -> (Vec<Part>, Vec<Ground>) {
        let fields = Fields::of(&self.body);
        let parts = boot::parts_of(fields.raw("operations").unwrap_or_default());
        let mut grounds = Vec::new();
        for raw in list(fields.raw("documents").unwrap_or_default()).unwrap_or_default() {
            let mut document = Fields::of(raw);
            let address = Address::take_up(&mut document);
            let base = document.raw("base").and_then(|base| Json::parse(base).ok());
            if let Some(at) = parts.iter().position(|part| part.address == address) {
                find_grounds(at, &parts[at].operations, base, &mut grounds);
            }
        }
        (parts, grounds)
    }
}

/// The texts that runs of splices begin on, where the operations are made on this document.
fn find_grounds(part: usize, operations: &[Operation], document: Option<Json>, grounds: &mut Vec<Ground>) {
    let mut draft = Draft::of(document);
    let mut run = None;
    for (at, operation) in operations.iter().enumerate() {
        let path = if let Operation::Splice(splice) = operation { Some(&splice.path) } else { None };
        if let Some(path) = path.filter(|path| run != Some(*path))
            && let Some(text) = draft.text(path)
        {
            grounds.push((part, at, text.clone()));
        }
        run = path;
        // What does not fit does nothing, here as in a view.
        let _ = draft.apply(operation);
    }
}

impl Engine {
    /// Keeps a refused, blocked or unknown write until the app removes it, with what each of its documents was (`base`), is
    /// with it (`local`), and is at the server where that said so with its answer.
    pub(super) fn set_aside(
        &mut self,
        now: Timestamp,
        ended: &Ended<'_>,
        name: &str,
        ending: &Ending,
        fields: &Option<Json>,
        server: Option<(&Address, &Option<Json>)>,
    ) {
        let (Some(id), Some(error)) = (ended.members.first(), ending.error()) else { return };
        let aside = |address: &Address| self.replica.set_aside(address, ended.layers);
        let mut versions = self.config.versions_of(ended.addresses);
        for (collection, version) in &mut versions.0 {
            let of = ended.addresses.iter().filter(|address| *address.collection == **collection).find_map(aside);
            *version = of.map_or(*version, |aside| aside.from);
        }
        let header = header::inbox(id, ended.members, name, error, fields, self.wall_at(now), &versions);
        let (mut parts, mut documents) = (Vec::with_capacity(ended.addresses.len()), String::from("["));
        for address in ended.addresses {
            let aside = self.replica.set_aside(address, ended.layers);
            let known = self.replica.base(address).and_then(|base| base.value.clone());
            let base = aside.map_or(known, |aside| aside.base.clone());
            // As they would be sent: on the base as it is. Where their place in it is lost, as they were made.
            let meant = self.replica.grounded(address, ended.layers).map(|made| made.operations).unwrap_or_default();
            let operations = match aside {
                Some(aside) => aside.operations.clone(),
                None if meant.is_empty() => self.replica.laid(address, ended.layers),
                None => meant,
            };
            let mut local = Draft::of(base.clone());
            for operation in &operations {
                let _ = local.apply(operation);
            }
            if !parts.is_empty() {
                documents.push(',');
            }
            let mut document = ObjectWriter::begin(&mut documents);
            document.member("collection", &address.collection).member("key", &address.key);
            document.member("base", &base).member("local", &local.to_json());
            document.member("server", server.filter(|(of, _)| *of == address).map_or(&None::<Json>, |(_, value)| value));
            document.end();
            parts.push(Part { address: address.clone(), operations, base: None });
            self.items.touch(address);
        }
        documents.push(']');
        let mut body = String::new();
        let mut object = ObjectWriter::begin(&mut body);
        Parts(&parts).append(object.name("operations"));
        object.name("documents").push_str(&documents);
        object.end();
        self.store.stage(Kind::Inbox, &header, &body, Some(About::of(Kind::Inbox, id)));
        let is_unknown = matches!(ending, Ending::Unknown { .. });
        let (addresses, carries) = (ended.addresses.to_vec(), Vec::new());
        self.inbox.keep(id, Item { header: header.into(), body: body.into(), addresses, carries, is_unknown }.into());
    }

    /// The app hears of what has come into the inbox.
    pub(super) fn tell_inbox(&mut self, effects: &mut impl Sink) {
        for id in &std::mem::take(&mut self.inbox.news) {
            if let Some(item) = self.inbox.items.get(&id.0) {
                effects.push(Effect::Notify(Notice::InboxAdded { item: item.header.clone(), write: item.body.clone() }));
            }
        }
    }

    /// Everything was read anew: the app hears of what is in the inbox no longer, and of what was not in it so before.
    pub(super) fn tell_inbox_renewed(&mut self, earlier: &Inbox, effects: &mut impl Sink) {
        for (name, _) in earlier.items.iter() {
            if !self.inbox.items.contains_key(name) {
                effects.push(Effect::Notify(Notice::InboxRemoved { entry: MutationId(name.clone()) }));
            }
        }
        // Where another tab has set it aside, too, it is there as that did.
        let said = |items: &Ordered<Arc<str>, Arc<Item>>, id: &MutationId| items.get(&id.0).map(|item| item.header.clone());
        let Inbox { news, items, .. } = &mut self.inbox;
        news.retain(|id| said(items, id) != said(&earlier.items, id));
    }

    /// The app makes a write in the inbox anew, as it was or with its document edited; or gives it up. Answered when that is
    /// kept: both are one commit.
    pub(super) fn on_inbox_asked(&mut self, now: Timestamp, ask: AskId, id: &MutationId, again: Option<Again>, effects: &mut impl Sink) {
        let taken = self.take_from_inbox(now, id, again, effects);
        match taken {
            Ok(()) => self.store.stage_ask(ask),
            Err(error) => self.answer(ask, Some(error), effects),
        }
    }

    fn take_from_inbox(&mut self, now: Timestamp, id: &MutationId, again: Option<Again>, effects: &mut impl Sink) -> Result<(), Fault> {
        self.check_open()?;
        let Some(item) = self.inbox.items.get(&id.0).cloned() else {
            return Err(Fault::new(Code::Validation, "there is no such write in the inbox"));
        };
        let ending = if again.is_some() { header::RETRIED } else { header::DISCARDED };
        if let Some(again) = again {
            let (parts, grounds) = match again {
                Again::AsItWas if self.is_of_earlier(&item) => {
                    return Err(Fault::new(Code::Validation, "it is of an earlier version of the app: give its document anew"));
                }
                Again::AsItWas => item.parts(),
                Again::Edited(text) => (self.edited(&item, &text)?, Vec::new()),
            };
            self.make_anew(now, parts, grounds, &item, effects)?;
        }
        self.inbox.remove(id);
        let members = item.members();
        let header = header::settlement(id, &members, ending, None);
        self.store.stage(Kind::Settlement, &header, "", None);
        self.store.log.forget(&About::of(Kind::Inbox, id));
        item.addresses.iter().for_each(|address| self.items.touch(address));
        // Where that cannot be stored, the next start finds the item, and what it would become must not have gone before.
        self.store.stage_taken(Taken { id: id.clone(), addresses: item.addresses.clone(), ending: None });
        effects.push(Effect::Notify(Notice::InboxRemoved { entry: id.clone() }));
        Ok(())
    }

    fn edited(&mut self, item: &Item, text: &str) -> Result<Vec<Part>, Fault> {
        let [address] = &item.addresses[..] else {
            return Err(Fault::new(Code::Validation, "a group is tried again as it was"));
        };
        let mut put = Mutation::put(address.clone(), text)?;
        self.check(&mut put)?;
        Ok(put.parts)
    }

    /// Queues these as a mutation of their own, which what comes after the item waits for.
    fn make_anew(
        &mut self,
        now: Timestamp,
        parts: Vec<Part>,
        grounds: Vec<Ground>,
        item: &Item,
        effects: &mut impl Sink,
    ) -> Result<(), Fault> {
        let body = text_of(&Parts(&parts));
        let mut bytes = body.len();
        for (.., text) in &grounds {
            bytes += text_of(&text.whole()).len();
        }
        self.check_outbox(1, bytes)?;
        let addresses = addresses_of(&parts);
        addresses.iter().for_each(|address| self.touch(address));
        let (id, order) = self.queue(now, addresses, &body, None, None);
        self.outbox.carry(order, item.carries.clone(), &item.members());
        for (at, Part { address, operations, .. }) in parts.into_iter().enumerate() {
            let (mut befores, mut kept) = (Vec::new(), Vec::new());
            for (_, operation, text) in grounds.iter().filter(|(part, ..)| *part == at) {
                if let Operation::Splice(splice) = &operations[*operation] {
                    let (path, text) = (splice.path.clone(), text.clone());
                    befores.push((*operation, text.clone()));
                    kept.push(Before { id: id.clone(), operation: *operation as u32, path, text });
                }
            }
            self.lay(&address, order, &id, operations, effects);
            self.replica.restore_befores(&address, &id, befores);
            self.keep_befores(&address, &kept);
        }
        self.window.get_or_insert(now);
        Ok(())
    }
}

/// How a write is made anew.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Again {
    /// With the operations that it had.
    AsItWas,
    /// Its document becomes what this text says.
    Edited(String),
}
