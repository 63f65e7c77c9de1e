//! A browser's storage as it is at its worst: what is asked for happens later and in order, may abort at the last
//! moment, and a relaxed transaction that completed may still be lost with the power. Several tabs may use one: their
//! transactions happen one after another, in the order in which they were asked for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::engine::effect::{Guard, Wanted, Write};
use crate::engine::ident::{LoadId, WriteId};
use crate::engine::input::{Bytes, Found, Meta, StoreFailure};

/// What is stored at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// The store's description; `None` where there is no store.
    pub meta: Option<Meta>,
    /// The directory.
    pub directory: Option<Arc<[u8]>>,
    /// The commits by position.
    pub log: BTreeMap<u64, Arc<[u8]>>,
    /// The pages by number.
    pub pages: BTreeMap<u32, Arc<[u8]>>,
    /// The last position given out; none is given out twice.
    last_position: u64,
}

/// The disk of one device.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    committed: Image,
    flushed: Image,
    unflushed: Vec<Change>,
    queue: VecDeque<Job>,
}

/// What was asked for, and in which life of a tab.
#[derive(Clone, Debug)]
struct Job {
    owner: u64,
    order: Order,
}

/// What a transaction changes: its bytes are shared by all who have them.
#[derive(Clone, Debug)]
struct Change {
    append: Option<Arc<[u8]>>,
    rewrite: Vec<(u64, Option<Arc<[u8]>>)>,
    pages: Vec<(u32, Option<Arc<[u8]>>)>,
    directory: Option<Arc<[u8]>>,
    meta: Option<Arc<Meta>>,
}

#[derive(Clone, Debug)]
enum Order {
    Read(LoadId, Wanted),
    Change(Box<Write>),
}

/// What becomes of a transaction at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It completes, if what it guards holds.
    Completes,
    /// It aborts, for no reason that it could know.
    Aborts,
    /// There is no room.
    Full,
}

/// What the oldest job has come to.
#[derive(Debug)]
pub enum Done {
    /// A reading.
    Loaded(LoadId, Found),
    /// A transaction completed.
    Written {
        /// What it held.
        write: Write,
        /// Where its commit stands; 0 where it had none.
        position: u64,
    },
    /// A transaction did not happen.
    Failed(WriteId, StoreFailure),
}

impl Disk {
    /// Takes a reading. It sees the transactions that were asked for before it, and waits for them.
    pub fn load(&mut self, owner: u64, load: LoadId, what: Wanted) {
        self.queue.push_back(Job { owner, order: Order::Read(load, what) });
    }

    /// Takes a transaction. Transactions happen in the order in which they were asked for.
    pub fn write(&mut self, owner: u64, write: impl Into<Box<Write>>) {
        self.queue.push_back(Job { owner, order: Order::Change(write.into()) });
    }

    /// How many jobs wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether the oldest job is a transaction.
    pub fn is_write_next(&self) -> bool {
        matches!(self.queue.front(), Some(Job { order: Order::Change(_), .. }))
    }

    /// What is stored, as a new tab would find it.
    pub fn image(&self) -> &Image {
        &self.committed
    }

    /// Ends the oldest job, and says whose it was; `None` where there is none. A reading cannot fail.
    pub fn finish(&mut self, fate: Fate) -> Option<(u64, Done)> {
        let Job { owner, order } = self.queue.pop_front()?;
        let done = match order {
            Order::Read(load, what) => Done::Loaded(load, self.committed.read(&what)),
            Order::Change(write) => match self.commit(&write, fate) {
                Ok(position) => Done::Written { write: *write, position },
                Err(why) => Done::Failed(write.write, why),
            },
        };
        Some((owner, done))
    }

    /// One tab of several is gone. Its oldest `kept` transactions have got far enough to complete without it, each in its
    /// turn; the rest never happens.
    pub fn abandon(&mut self, owner: u64, kept: usize) {
        let mut left = kept;
        self.queue.retain(|job| {
            let is_kept = job.owner != owner || (matches!(job.order, Order::Change(_)) && left > 0);
            left -= usize::from(is_kept && job.owner == owner);
            is_kept
        });
    }

    /// How many jobs of a life wait.
    pub fn waiting_of(&self, owner: u64) -> usize {
        self.queue.iter().filter(|job| job.owner == owner).count()
    }

    /// The last position that was given to a commit that is still there.
    pub fn last_position(&self) -> u64 {
        self.committed.last()
    }

    /// The tab is gone. The oldest `kept` transactions had got far enough to complete without it; the rest never
    /// happened. Gives what completed.
    pub fn crash(&mut self, kept: usize) -> Vec<(Write, u64)> {
        let mut completed = Vec::new();
        for job in std::mem::take(&mut self.queue).into_iter().take(kept) {
            let Order::Change(write) = job.order else { continue };
            if let Ok(position) = self.commit(&write, Fate::Completes) {
                completed.push((*write, position));
            }
        }
        completed
    }

    /// The power is gone, and the tab with it. Of the transactions that completed but were not flushed, the oldest
    /// `kept` are found again, and none that came after. Gives how many were lost.
    pub fn lose_power(&mut self, kept: usize) -> usize {
        self.queue.clear();
        let lost = self.unflushed.len().saturating_sub(kept);
        for change in std::mem::take(&mut self.unflushed).iter().take(kept) {
            self.flushed.apply(change);
        }
        self.committed = self.flushed.clone();
        lost
    }

    /// How many completed transactions a loss of power may take.
    pub fn unflushed(&self) -> usize {
        self.unflushed.len()
    }

    fn commit(&mut self, write: &Write, fate: Fate) -> Result<u64, StoreFailure> {
        match fate {
            Fate::Completes => {}
            Fate::Aborts => return Err(StoreFailure::Aborted { why: "the browser gave no reason".into() }),
            Fate::Full => return Err(StoreFailure::Quota),
        }
        self.committed.check(&write.guard)?;
        let change = Change::of(write);
        let position = self.committed.apply(&change);
        self.unflushed.push(change);
        if write.strict {
            for change in self.unflushed.drain(..) {
                self.flushed.apply(&change);
            }
        }
        Ok(position)
    }
}

impl Image {
    fn last(&self) -> u64 {
        self.log.last_key_value().map_or(0, |(position, _)| *position)
    }

    fn check(&self, guard: &Guard) -> Result<(), StoreFailure> {
        guard.refuses(self.meta.as_ref(), self.last()).map_or(Ok(()), Err)
    }

    fn apply(&mut self, change: &Change) -> u64 {
        for (position, bytes) in &change.rewrite {
            replace(&mut self.log, *position, bytes);
            // As the generator of keys does.
            if bytes.is_some() {
                self.last_position = self.last_position.max(*position);
            }
        }
        for (number, bytes) in &change.pages {
            replace(&mut self.pages, *number, bytes);
        }
        if let Some(bytes) = &change.directory {
            self.directory = Some(bytes.clone());
        }
        if let Some(meta) = &change.meta {
            self.meta = Some((**meta).clone());
        }
        match &change.append {
            Some(bytes) => {
                self.last_position += 1;
                self.log.insert(self.last_position, bytes.clone());
                self.last_position
            }
            None => 0,
        }
    }

    fn read(&self, what: &Wanted) -> Found {
        let bytes = |bytes: &Arc<[u8]>| Bytes(bytes.clone());
        Found {
            meta: self.meta.clone(),
            directory: self.directory.as_ref().filter(|_| what.directory).map(bytes),
            log: self.log.range(what.after + 1..).map(|(position, commit)| (*position, bytes(commit))).collect(),
            pages: what.pages.iter().filter_map(|number| Some((*number, bytes(self.pages.get(number)?)))).collect(),
        }
    }
}

impl Change {
    fn of(write: &Write) -> Change {
        let shared = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(Arc::from);
        Change {
            append: shared(&write.append),
            rewrite: write.rewrite.iter().map(|(position, bytes)| (*position, shared(bytes))).collect(),
            pages: write.pages.iter().map(|(number, bytes)| (*number, shared(bytes))).collect(),
            directory: shared(&write.directory),
            meta: write.meta.clone(),
        }
    }
}

fn replace<K: Ord + Copy>(map: &mut BTreeMap<K, Arc<[u8]>>, key: K, bytes: &Option<Arc<[u8]>>) {
    match bytes {
        Some(bytes) => map.insert(key, bytes.clone()),
        None => map.remove(&key),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::input::Versions;

    fn meta(epoch: u64) -> Meta {
        Meta {
            store_id: "s".into(),
            store_epoch: epoch,
            folded_to: 0,
            scope: String::new(),
            versions: Versions::default(),
            client_id: "c".into(),
            session_epoch: 1,
        }
    }

    fn append(number: u64, strict: bool, text: &str) -> Write {
        Write {
            write: WriteId(number),
            strict,
            guard: Guard::Known { store_id: "s".into(), epoch: Some(1), last: u64::MAX },
            append: Some(text.into()),
            rewrite: Vec::new(),
            pages: Vec::new(),
            directory: None,
            meta: None,
        }
    }

    fn opened() -> Disk {
        let mut disk = Disk::default();
        disk.write(1, Write { guard: Guard::Fresh, append: None, meta: Some(meta(1).into()), ..append(0, true, "") });
        assert!(matches!(disk.finish(Fate::Completes), Some((1, Done::Written { position: 0, .. }))));
        disk
    }

    fn texts(disk: &Disk) -> Vec<String> {
        disk.image().log.values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    #[test]
    fn nothing_is_stored_before_it_completes() {
        let mut disk = opened();
        disk.write(1, append(1, true, "a"));
        assert!(texts(&disk).is_empty());
        assert!(matches!(disk.finish(Fate::Completes), Some((1, Done::Written { position: 1, .. }))));
        assert_eq!(texts(&disk), ["a"]);
    }

    #[test]
    fn s1_an_aborted_transaction_leaves_nothing() {
        let mut disk = opened();
        for (fate, failure) in [(Fate::Full, StoreFailure::Quota), (Fate::Aborts, StoreFailure::Aborted { why: String::new() })] {
            disk.write(1, append(1, true, "a"));
            let Some((_, Done::Failed(WriteId(1), why))) = disk.finish(fate) else { panic!("it completed") };
            assert_eq!(std::mem::discriminant(&why), std::mem::discriminant(&failure));
        }
        assert!(texts(&disk).is_empty());
    }

    #[test]
    fn s11_a_crash_keeps_a_beginning_of_what_was_under_way() {
        let mut disk = opened();
        for (number, text) in ["a", "b", "c"].into_iter().enumerate() {
            disk.write(1, append(number as u64, true, text));
        }
        assert_eq!(disk.crash(2).len(), 2);
        assert_eq!(texts(&disk), ["a", "b"]);
        assert!(disk.finish(Fate::Completes).is_none());
    }

    #[test]
    fn s11_what_a_tab_leaves_behind_happens_among_what_others_ask_for() {
        let mut disk = opened();
        for (owner, text) in [(1, "a"), (2, "b"), (1, "c"), (1, "d")] {
            disk.write(owner, append(9, true, text));
        }
        disk.abandon(1, 2);
        assert_eq!((disk.waiting(), disk.waiting_of(1)), (3, 2));
        while disk.finish(Fate::Completes).is_some() {}
        assert_eq!(texts(&disk), ["a", "b", "c"]);
    }

    #[test]
    fn s10_a_loss_of_power_takes_relaxed_transactions_from_the_end() {
        let mut disk = opened();
        for (text, strict) in [("a", false), ("b", true), ("c", false), ("d", false)] {
            disk.write(1, append(9, strict, text));
            disk.finish(Fate::Completes);
        }
        assert_eq!(disk.unflushed(), 2);
        let mut other = disk.clone();
        assert_eq!((disk.lose_power(1), texts(&disk)), (1, vec!["a".into(), "b".into(), "c".into()]));
        assert_eq!((other.lose_power(0), texts(&other)), (2, vec!["a".into(), "b".into()]));
        other.write(1, append(9, false, "e"));
        other.finish(Fate::Completes);
        assert_eq!(texts(&other), ["a", "b", "e"]);
    }

    #[test]
    fn i15_a_guard_is_checked_when_the_transaction_happens() {
        let mut disk = opened();
        disk.write(1, Write { append: None, meta: Some(meta(2).into()), ..append(1, true, "") });
        disk.write(1, append(2, true, "late"));
        disk.finish(Fate::Completes);
        assert!(matches!(disk.finish(Fate::Completes), Some((_, Done::Failed(_, StoreFailure::Fenced { epoch: 2 })))));
        disk.write(1, Write { guard: Guard::Known { store_id: "other".into(), epoch: Some(2), last: u64::MAX }, ..append(3, true, "x") });
        assert!(matches!(disk.finish(Fate::Completes), Some((_, Done::Failed(_, StoreFailure::Replaced)))));
        assert!(texts(&disk).is_empty());
    }

    #[test]
    fn c6_what_is_stored_is_made_on_all_that_is() {
        let mut disk = opened();
        let after = |last| Guard::Known { store_id: "s".into(), epoch: None, last };
        for (text, last) in [("a", 0), ("behind", 0), ("b", 1)] {
            disk.write(1, Write { guard: after(last), ..append(1, false, text) });
            let done = disk.finish(Fate::Completes);
            assert_eq!(matches!(done, Some((_, Done::Failed(_, StoreFailure::Behind)))), text == "behind", "{done:?}");
        }
        assert_eq!(texts(&disk), ["a", "b"]);
        disk.load(1, LoadId(1), Wanted { after: 1, ..Wanted::default() });
        let Some((_, Done::Loaded(_, found))) = disk.finish(Fate::Completes) else { panic!("it did not load") };
        assert_eq!(found.log, [(2, Bytes((*b"b").into()))]);
    }

    #[test]
    fn a_reading_waits_for_the_transactions_before_it() {
        let mut disk = opened();
        disk.write(1, append(1, false, "a"));
        disk.load(1, LoadId(1), Wanted::all());
        disk.finish(Fate::Completes);
        let Some((_, Done::Loaded(LoadId(1), Found { meta: Some(_), log, .. }))) = disk.finish(Fate::Aborts) else {
            panic!("it did not load")
        };
        assert_eq!(log.len(), 1);
    }
}
