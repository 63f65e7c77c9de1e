//! A store in memory. A clone of it is a backup.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::ControlFlow;

use super::{Client, Commit, Ending, Feed, Head, Life, Remembered, Revision, Store};
use crate::protocol::{Address, Applied};

/// Keeps everything in ordered maps, so that what it does is the same in every run.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryStore {
    head: Head,
    lives: Vec<Life>,
    users: BTreeMap<String, User>,
    /// Which entry got which position, for forgetting in order.
    log: BTreeMap<u64, (String, String)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct User {
    documents: BTreeMap<Address, Revision>,
    /// The latest states by position.
    changes: BTreeSet<(u64, Address)>,
    remembered: BTreeMap<String, Remembered>,
    clients: BTreeMap<String, Client>,
    /// Entries that ended well, by client: position to id and collection.
    applied: BTreeMap<String, BTreeMap<u64, (String, Option<String>)>>,
}

impl MemoryStore {
    /// An empty store in its first life.
    pub fn new(generation: &str) -> MemoryStore {
        let head = Head { generation: generation.to_owned(), seq: 0, horizon: 0 };
        MemoryStore { head, lives: Vec::new(), users: BTreeMap::new(), log: BTreeMap::new() }
    }

    /// The documents of a user that are there, by address, with the revision each is at.
    pub fn documents(&self, scope: &str) -> impl Iterator<Item = &Revision> {
        self.users.get(scope).into_iter().flat_map(|user| user.documents.values()).filter(|revision| revision.value.is_some())
    }

    fn user(&mut self, scope: &str) -> &mut User {
        self.users.entry(scope.to_owned()).or_default()
    }
}

impl Store for MemoryStore {
    type Error = Infallible;

    fn head(&self) -> Result<Head, Infallible> {
        Ok(self.head.clone())
    }

    fn life(&self, generation: &str) -> Result<Option<Life>, Infallible> {
        Ok(self.lives.iter().find(|life| life.generation == generation).cloned())
    }

    fn client(&self, scope: &str, client: &str) -> Result<Option<Client>, Infallible> {
        Ok(self.users.get(scope).and_then(|user| user.clients.get(client)).copied())
    }

    fn remembered(&self, scope: &str, id: &str) -> Result<Option<Remembered>, Infallible> {
        Ok(self.users.get(scope).and_then(|user| user.remembered.get(id)).cloned())
    }

    fn document(&self, scope: &str, address: &Address) -> Result<Option<Revision>, Infallible> {
        Ok(self.users.get(scope).and_then(|user| user.documents.get(address)).cloned())
    }

    fn changes(&self, scope: &str, feed: &Feed, after: u64, visit: &mut dyn FnMut(Revision) -> ControlFlow<()>) -> Result<(), Infallible> {
        let Some(user) = self.users.get(scope) else { return Ok(()) };
        for (_, address) in user.changes.range((after + 1, Address::of("", ""))..) {
            if feed.holds(&address.collection) && visit(user.documents[address].clone()).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn applied(&self, scope: &str, client: &str, feed: &Feed, after: u64, through: u64, limit: usize) -> Result<Vec<Applied>, Infallible> {
        let Some(user) = self.users.get(scope) else { return Ok(Vec::new()) };
        let own = user.applied.get(client).into_iter().flat_map(|own| own.range(after + 1..));
        let own = own.take_while(|(seq, _)| **seq <= through);
        let inside = own.filter(|(_, (_, collection))| collection.as_ref().is_none_or(|collection| feed.holds(collection)));
        let entry = |(seq, (id, _)): (&u64, &(String, Option<String>))| match &user.remembered.get(id)?.ending {
            Ending::Ok { version } => Some(Applied { id: id.clone(), version: version.clone(), seq: *seq }),
            _ => None,
        };
        Ok(inside.filter_map(entry).take(limit).collect())
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), Infallible> {
        let seq = commit.remembered.seq;
        assert_eq!(seq, self.head.seq + 1, "the authority gives out positions one by one");
        self.head.seq = seq;
        self.log.insert(seq, (commit.scope.to_owned(), commit.id.to_owned()));
        let user = self.user(commit.scope);
        if let Ending::Ok { version } = &commit.remembered.ending {
            for (address, value) in &commit.documents {
                let (entry_id, version) = (commit.id.to_owned(), version.clone());
                let revision = Revision { address: address.clone(), seq, version, entry_id, value: value.clone() };
                if let Some(former) = user.documents.insert(address.clone(), revision) {
                    user.changes.remove(&(former.seq, former.address));
                }
                user.changes.insert((seq, address.clone()));
            }
            let place = (commit.id.to_owned(), commit.collection().map(str::to_owned));
            user.applied.entry(commit.client.to_owned()).or_default().insert(seq, place);
        }
        user.remembered.insert(commit.id.to_owned(), commit.remembered.clone());
        Ok(())
    }

    fn put_client(&mut self, scope: &str, client: &str, known: Client) -> Result<(), Infallible> {
        self.user(scope).clients.insert(client.to_owned(), known);
        Ok(())
    }

    fn forget_outcomes(&mut self, through: u64) -> Result<(), Infallible> {
        let kept = self.log.split_off(&(through + 1));
        for (seq, (scope, id)) in std::mem::replace(&mut self.log, kept) {
            let user = self.user(&scope);
            user.remembered.remove(&id);
            for own in user.applied.values_mut() {
                own.remove(&seq);
            }
        }
        self.head.horizon = self.head.horizon.max(through);
        Ok(())
    }

    fn begin_life(&mut self, generation: &str) -> Result<(), Infallible> {
        let known = self.head.generation == generation || self.lives.iter().any(|life| life.generation == generation);
        assert!(!known, "whoever restores draws a generation that was never used");
        let former = std::mem::replace(&mut self.head.generation, generation.to_owned());
        self.lives.push(Life { generation: former, ended_at: self.head.seq });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{contract, stories};
    use super::*;

    #[test]
    fn memory_keeps_the_contract() {
        for (name, case) in contract::cases() {
            println!("{name}");
            case(MemoryStore::new("g1"));
        }
    }

    #[test]
    fn the_rules_hold_over_memory() {
        for (name, story) in stories::stories() {
            println!("{name}");
            story(MemoryStore::new("g1"));
        }
    }

    #[test]
    fn a_store_can_go_to_another_thread() {
        fn sendable<T: Send + Sync + 'static>() {}
        sendable::<MemoryStore>();
        sendable::<super::super::Authority>();
    }
}
