//! Acting on the store: opening it, committing what is staged, folding the log, loading pages.

use super::awaiting::WAITERS_MAX;
use super::boot::lossless;
use super::clock::{Timer, Timestamp};
use super::effect::{Effect, Sink, Wanted};
use super::error::{Code, Fault};
use super::header;
use super::ident::{AskId, LoadId, MutationId, WriteId};
use super::input::{Bytes, Found, Meta, StoreFailure, Versions};
use super::log::About;
use super::mirror::SESSIONS_AHEAD;
use super::notice::{Ending, Notice};
use super::pages;
use super::record::{self, Kind, LAYOUT_VERSION, Place};
use super::replica::{Base, Before};
use super::retry;
use super::revived::Endings;
use super::settling::tell_settled;
use super::store::{Kept, Taken};
use super::tabs::Reads;
use super::{Engine, Life, View};
use crate::protocol::member::text_of;
use crate::protocol::words;
use crate::protocol::{Address, Text};

/// A transaction that keeps aborting is given up after this many times.
const ABORTS_MAX: u32 = 5;
/// Bytes of records with what came from the server and could not be read.
const SET_ASIDE_BYTES_MAX: usize = 1 << 20;
/// Most pages that are read in one transaction.
const PAGES_MAX: usize = 64;

/// What a reading is for.
#[derive(Debug)]
pub(super) enum Loading {
    /// To begin.
    Boot,
    /// To begin anew.
    Renewal,
    /// To take up a store that was given up.
    Adoption { pages: Vec<u32> },
    /// What others have stored since.
    Tail { failures: u32, directory: bool },
    /// Documents.
    Pages { pages: Vec<u32>, failures: u32 },
}

impl Engine {
    pub(super) fn on_started(&mut self, effects: &mut impl Sink) {
        if self.life == Life::Fresh {
            self.life = Life::Open;
            let load = LoadId(self.next_id());
            self.loading = Some((load, Loading::Boot));
            effects.push(Effect::Load { load, what: Wanted::all() });
            if self.config.witnessed {
                effects.push(Effect::ListMirrors);
            }
        }
    }

    pub(super) fn on_loaded(&mut self, now: Timestamp, load: LoadId, found: Found, effects: &mut impl Sink) {
        let Some((_, loading)) = self.loading.take_if(|(id, _)| *id == load) else { return };
        if !matches!(loading, Loading::Adoption { .. }) && found.meta.as_ref().is_some_and(|meta| self.is_of_later(meta)) {
            return self.refuse(too_new(), effects);
        }
        match loading {
            Loading::Boot => self.boot(now, found, effects),
            Loading::Renewal => self.renew(now, found, effects),
            Loading::Adoption { pages } => self.adopt(now, found, &pages, effects),
            Loading::Tail { .. } => drop(self.catch_up(now, &found, effects)),
            Loading::Pages { pages, .. } => {
                // Pages may be newer than what is known of the log: both go together.
                if self.catch_up(now, &found, effects) {
                    self.on_pages(now, &pages, &found.pages, effects);
                }
            }
        }
    }

    pub(super) fn on_load_failed(&mut self, now: Timestamp, load: LoadId, why: StoreFailure, effects: &mut impl Sink) {
        let Some((_, loading)) = self.loading.take_if(|(id, _)| *id == load) else { return };
        match loading {
            // A reading that was cut off says nothing about the pages.
            Loading::Pages { pages, failures } if why.is_passing() && failures < ABORTS_MAX => {
                self.load_pages(pages, failures + 1, effects);
            }
            Loading::Pages { pages, .. } => self.on_pages(now, &pages, &[], effects),
            Loading::Boot if why == StoreFailure::TooNew => self.refuse(too_new(), effects),
            Loading::Boot => self.open_in_memory(now, fault_of(&why), effects),
            Loading::Adoption { .. } => self.find_no_store(now, &why, effects),
            Loading::Tail { failures, directory } if why.is_passing() && failures < ABORTS_MAX => {
                self.load_tail(failures + 1, directory, effects);
            }
            Loading::Tail { .. } | Loading::Renewal => self.turn_to_memory(now, fault_of(&why), effects),
        }
    }

    pub(super) fn boot(&mut self, now: Timestamp, found: Found, effects: &mut impl Sink) {
        if found.meta.as_ref().is_some_and(|meta| meta.scope != self.config.scope) {
            self.open_in_memory(now, Fault::new(Code::StorageUnavailable, "the store belongs to another user"), effects);
            return self.adoption.give_up();
        }
        let Some(found) = self.await_mirrors(found, effects) else { return };
        self.begin(now, found, 0, effects);
        if !self.meets_later {
            effects.push(Effect::Notify(Notice::Opened { client: self.client.clone() }));
        }
    }

    /// Goes on from what was found, of which the bases up to the position `known` are in memory.
    pub(super) fn begin(&mut self, now: Timestamp, found: Found, known: u64, effects: &mut impl Sink) {
        let Found { meta, directory, mut log, pages } = found;
        let is_new = meta.is_none();
        let salvage = self.salvage(meta.as_ref(), &log);
        let meta = meta.unwrap_or_else(|| self.fresh_meta(now));
        let mut meta = self.raised(meta);
        if is_new && !self.client.is_empty() {
            // What was sent without a store is this client's.
            (meta.client_id, meta.session_epoch) = (self.client.clone(), self.session_epoch);
        }
        if let Some((client, session_epoch)) = salvage.client.as_ref().filter(|_| is_new) {
            // What this installation sent may be on its way still, or was carried out: to the server it is the same one.
            meta.client_id.clone_from(client);
            meta.session_epoch = session_epoch.saturating_add(SESSIONS_AHEAD);
        }
        self.client.clone_from(&meta.client_id);
        // Until the next one is stored, this is a part of the last session: should it never be, the server must not hear of a session that
        // the next start would begin once more (I15).
        self.session_epoch = meta.session_epoch;
        let folded_to = meta.folded_to;
        self.store.open(meta.into(), is_new);
        if self.tabs.may_drain {
            self.store.take_over();
        }
        self.restore(&salvage, folded_to, &mut log);
        self.take_up(now, directory, log, &pages, known, effects);
        self.count_salvage(&salvage);
        self.tabs.booted_at = self.store.log.last();
    }

    fn fresh_meta(&mut self, now: Timestamp) -> Meta {
        let wall = self.wall_at(now);
        Meta {
            store_id: self.rng.uuid(wall.0),
            store_epoch: 0,
            folded_to: 0,
            scope: self.config.scope.clone(),
            versions: Versions { layout: LAYOUT_VERSION, collections: Default::default() },
            client_id: self.rng.uuid(wall.0),
            session_epoch: 0,
        }
    }

    /// It is over, and what is stored stays as it is.
    pub(super) fn refuse(&mut self, error: Fault, effects: &mut impl Sink) {
        self.life = Life::Closed;
        self.timers = super::TimerTable::default();
        for request in &std::mem::take(&mut self.requests) {
            effects.push(Effect::Cancel { request: request.id });
        }
        effects.push(Effect::Notify(Notice::OpenFailed { error }));
    }

    fn open_in_memory(&mut self, now: Timestamp, error: Fault, effects: &mut impl Sink) {
        let meta = self.fresh_meta(now);
        self.client = meta.client_id;
        self.session_epoch = 1;
        self.turn_to_memory(now, error, effects);
        self.tell_awaited(&Endings::default(), effects);
        effects.push(Effect::Notify(Notice::Opened { client: self.client.clone() }));
    }

    /// One transaction with all that is staged.
    pub(super) fn commit(&mut self, effects: &mut impl Sink) {
        if self.is_reading_on() {
            return;
        }
        self.stage_history();
        if let Some(write) = self.store.commit(&self.replica, &self.config) {
            self.mirror_ahead();
            #[cfg(feature = "sim")]
            let write = self.unguard(write);
            effects.push(Effect::Write(write));
        }
    }

    pub(super) fn fold(&mut self, effects: &mut impl Sink) {
        self.tidy_mirror();
        if self.store.is_foldable(&self.config) && !self.is_reading_on() {
            // More may be in pages when it is done.
            self.evicts_at = 0;
            effects.push(Effect::Write(self.store.fold(&self.replica, &self.config)));
        }
    }

    pub(super) fn on_written(&mut self, now: Timestamp, write: WriteId, position: u64, effects: &mut impl Sink) {
        let was_held = self.store.is_held();
        if let Some(kept) = self.store.on_written(write, position) {
            self.end_adoption(effects);
            self.session_epoch = self.store.session_epoch().unwrap_or(self.session_epoch);
            self.timers.set(Timer::Compact, Some(now.after(self.config.compact_idle_ms)));
            self.post_written(position, was_held, effects);
            self.on_kept(now, kept, effects);
        }
    }

    pub(super) fn on_write_failed(&mut self, now: Timestamp, write: WriteId, why: StoreFailure, effects: &mut impl Sink) {
        let was_held = self.store.is_held();
        let Some(failures) = self.store.on_failed(write, &why) else { return };
        let is_final = !why.is_passing() || failures >= ABORTS_MAX;
        match why {
            why if self.adoption.is_under_way && is_final => self.fall_back(now, &why, effects),
            // What was salvaged was to stand where somebody else has written.
            StoreFailure::Behind if self.store.restores().is_some() => self.want(Reads::All),
            StoreFailure::Behind => self.tabs.reads = self.tabs.reads.max(Reads::Tail),
            StoreFailure::Fenced { .. } => self.on_fenced(was_held),
            _ if !is_final => {
                let wait = retry::STORE.draw(failures, &mut self.rng);
                self.timers.set(Timer::Commit, Some(now.after(wait)));
            }
            why => self.turn_to_memory(now, fault_of(&why), effects),
        }
    }

    /// The store is gone: the client goes on in memory, and says so, until the store is back.
    pub(super) fn turn_to_memory(&mut self, now: Timestamp, error: Fault, effects: &mut impl Sink) {
        self.troubles.storage = Some(error.clone());
        effects.push(Effect::Notify(Notice::Troubled { error: error.clone() }));
        self.close_mirror(now, effects);
        self.adopt_later(now);
        self.go_on_in_memory(now, error, effects);
    }

    pub(super) fn go_on_in_memory(&mut self, now: Timestamp, error: Fault, effects: &mut impl Sink) {
        (self.adoption.is_under_way, self.adoption.missed, self.tabs.reads) = (false, Reads::Nothing, Reads::Nothing);
        // What a mirror of a lost store has, the next start finds as well.
        self.outbox.seal(self.store.stored_to().max(self.mirror.salvaged_to));
        let mut kept = self.store.turn_to_memory();
        self.refuse_asks(&mut kept, &error, effects);
        self.on_kept(now, kept, effects);
    }

    pub(super) fn keep_in_memory(&mut self, now: Timestamp, effects: &mut impl Sink) {
        while let Some(kept) = self.store.keep_in_memory() {
            self.on_kept(now, kept, effects);
        }
    }

    fn on_kept(&mut self, now: Timestamp, kept: Kept, effects: &mut impl Sink) {
        let order = self.mirror_kept(&kept);
        let mut mutations = Vec::new();
        for staged in &kept.staged {
            for (id, ordinal) in &staged.mutations {
                self.keep(id, Some((kept.position.unwrap_or(staged.aside), *ordinal)));
                mutations.push(id.clone());
            }
        }
        if !mutations.is_empty() && !self.hold_word(order, &mutations, kept.durability) {
            effects.push(Effect::Notify(Notice::Durable { mutations, durability: kept.durability }));
        }
        for staged in &kept.staged {
            for (id, ending) in &staged.endings {
                tell_settled(std::slice::from_ref(id), ending, effects);
            }
            for taken in &staged.taken {
                self.on_taken(taken, kept.position.is_some(), effects);
            }
        }
        for staged in &kept.staged {
            for ask in &staged.asks {
                self.answer(*ask, None, effects);
            }
            for batch in &staged.batches {
                if !self.hold_batch(order, *batch) {
                    self.send_batch(now, *batch, effects);
                }
            }
            if let Some(reset) = staged.reset.as_ref().filter(|_| kept.position.is_some()) {
                self.tell_reset(reset, effects);
            }
        }
    }

    /// What ended unsent has ended for good, or, where the store is given up, may be found again by the next start: until
    /// then nothing is sent of its documents, which would go before it.
    pub(super) fn on_taken(&mut self, taken: &Taken, is_stored: bool, effects: &mut impl Sink) {
        if !is_stored {
            self.outbox.seal_documents(&taken.addresses);
        }
        if let Some(ending) = &taken.ending {
            let error = Fault::new(Code::StorageUnavailable, "that it was taken back could not be stored: it may come back");
            let ending = if is_stored { ending } else { &Ending::Unknown { error } };
            tell_settled(std::slice::from_ref(&taken.id), ending, effects);
        }
    }

    /// What calls have asked for was not stored.
    pub(super) fn refuse_asks(&self, lost: &mut Kept, error: &Fault, effects: &mut impl Sink) {
        for staged in &mut lost.staged {
            for ask in &std::mem::take(&mut staged.asks) {
                self.answer(*ask, Some(error.clone()), effects);
            }
        }
    }

    /// A mutation is kept; it may be frozen once its document's base is known.
    pub(super) fn keep(&mut self, id: &super::MutationId, place: Option<Place>) {
        let Some(addresses) = self.outbox.queued(id).map(|queued| queued.addresses.clone()) else { return };
        let mut is_grounded = true;
        for address in &addresses {
            if self.is_paged(address) && !self.replica.is_resident(address) {
                is_grounded = false;
                self.ungrounded.insert(address.clone(), ());
            }
            is_grounded &= !self.unpulled.contains_key(address);
        }
        self.outbox.mark_stored(id, place, is_grounded);
    }

    /// The app asks for documents: it is answered when they are in memory.
    pub(super) fn on_load_asked(&mut self, ask: AskId, addresses: &[Address], effects: &mut impl Sink) {
        let addresses = self.documents(addresses);
        if self.waiting.len() >= WAITERS_MAX && addresses.iter().any(|address| self.view(address) == View::NotLoaded) {
            let error = Fault::new(Code::QueueFull, "too many calls are waiting");
            return self.answer(ask, Some(error), effects);
        }
        self.await_pages_of(ask, &addresses);
        self.answer_loaded(ask, effects);
        self.load_wanted(effects);
    }

    fn await_pages_of(&mut self, ask: AskId, addresses: &[Address]) {
        for address in addresses {
            let Some(page) = self.store.pages.page_of(address).filter(|_| self.view(address) == View::NotLoaded) else { continue };
            self.wanted.insert(page.into(), ());
            let awaited = self.waiting.get_or_insert_with((page.into(), ask.0), Vec::new);
            if awaited.is_empty() {
                *self.loads.get_or_insert_with(ask.0, || 0) += 1;
            }
            awaited.push(address.clone());
        }
    }

    fn answer_loaded(&mut self, ask: AskId, effects: &mut impl Sink) {
        if !self.loads.contains_key(&ask.0) {
            self.answer(ask, None, effects);
        }
    }

    /// The documents that calls wait for may be in other pages.
    pub(super) fn load_waiting(&mut self, effects: &mut impl Sink) {
        let (waiting, loads) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.loads));
        for ((_, ask), addresses) in waiting.iter() {
            self.await_pages_of(AskId(*ask), addresses);
        }
        loads.keys().for_each(|ask| self.answer_loaded(AskId(*ask), effects));
        self.load_wanted(effects);
    }

    /// Brings the page that holds `address` into memory. One reading is on its way at a time: what is wanted meanwhile
    /// goes with the next.
    pub(super) fn load_page_of(&mut self, address: &Address, effects: &mut impl Sink) {
        self.want_page_of(address);
        self.load_wanted(effects);
    }

    pub(super) fn want_page_of(&mut self, address: &Address) {
        if let Some(page) = self.store.pages.page_of(address) {
            self.wanted.insert(page.into(), ());
        }
    }

    pub(super) fn load_wanted(&mut self, effects: &mut impl Sink) {
        if self.loading.is_none() && !self.wanted.is_empty() {
            let mut pages = Vec::new();
            for (page, ()) in self.wanted.iter() {
                if pages.len() < PAGES_MAX {
                    pages.push(*page as u32);
                }
            }
            self.load_pages(pages, 0, effects);
        }
    }

    fn load_pages(&mut self, pages: Vec<u32>, failures: u32, effects: &mut impl Sink) {
        let load = LoadId(self.next_id());
        self.loading = Some((load, Loading::Pages { pages: pages.clone(), failures }));
        effects.push(Effect::Load { load, what: Wanted { after: self.store.log.last(), directory: false, pages } });
    }

    pub(super) fn load_tail(&mut self, failures: u32, directory: bool, effects: &mut impl Sink) {
        let load = LoadId(self.next_id());
        self.loading = Some((load, Loading::Tail { failures, directory }));
        effects.push(Effect::Load { load, what: Wanted { after: self.store.log.last(), directory, ..Wanted::default() } });
    }

    pub(super) fn load_all_anew(&mut self, effects: &mut impl Sink) {
        let load = LoadId(self.next_id());
        self.loading = Some((load, Loading::Renewal));
        effects.push(Effect::Load { load, what: Wanted::all() });
    }

    fn on_pages(&mut self, now: Timestamp, pages: &[u32], found: &[(u32, Bytes)], effects: &mut impl Sink) {
        for page in pages {
            let bytes = found.iter().find(|(number, _)| number == page).map(|(_, bytes)| &*bytes.0);
            if self.read_page(now, *page, bytes.unwrap_or_default(), effects) < self.store.pages.count_of(*page) {
                self.lose_rest_of(now, *page);
            }
            let page = (*page).into();
            self.wanted.remove(&page);
            while let Some((page, ask)) = self.waiting.from(&(page, 0)).next().map(|(key, _)| *key).filter(|(of, _)| *of == page) {
                self.waiting.remove(&(page, ask));
                let pages = self.loads.get_or_insert_with(ask, || 1);
                *pages -= 1;
                if *pages == 0 {
                    self.loads.remove(&ask);
                    self.answer(AskId(ask), None, effects);
                }
            }
        }
        self.migrate_writes(now);
        self.load_wanted(effects);
    }

    /// Says how many documents it found that belong there.
    pub(super) fn read_page(&mut self, now: Timestamp, page: u32, bytes: &[u8], effects: &mut impl Sink) -> u32 {
        let mut found_here = 0;
        for found in record::decode(bytes) {
            match read_base(&found) {
                Ok((address, base, of)) if self.store.pages.page_of(&address) == Some(page) => {
                    found_here += 1;
                    let base = self.renewed(&address, base, of);
                    self.touch(&address);
                    self.replica.load(&address, base);
                    self.keep_grounded(&address);
                }
                Ok(_) => {}
                Err(why) => self.quarantine(now, "page", why, &lossless(found.raw()), effects),
            }
        }
        found_here
    }

    /// A page does not have what it should: the server does.
    fn lose_rest_of(&mut self, now: Timestamp, page: u32) {
        for address in &self.store.pages.documents_of(page) {
            if !self.replica.is_resident(address) {
                self.touch(address);
                self.replica.lose(address);
                self.store.pages.remove(address);
                self.keep_grounded(address);
            }
        }
        self.feeds.iter_mut().for_each(|feed| feed.restart(now, false));
    }

    pub(super) fn keep_grounded(&mut self, address: &Address) {
        self.ungrounded.remove(address);
        self.unpulled.remove(address);
        self.outbox.ground(address, &[&self.ungrounded, &self.unpulled]);
    }

    /// Sets aside what cannot be read, and says so. Of what comes from the server, who has it, only so much.
    pub(super) fn quarantine(&mut self, now: Timestamp, source: &str, why: &str, text: &str, effects: &mut impl Sink) {
        let is_servers = source == "pull";
        let header = header::quarantine(source, why, self.wall_at(now));
        let body = text_of(&text);
        // Of the tabs that find it, one keeps it.
        let is_kept = self.store.is_held() || self.store.is_taking_over();
        let has_room = !is_servers || self.store.log.set_aside() + header.len() + body.len() + record::FRAME_BYTES <= SET_ASIDE_BYTES_MAX;
        if is_kept && has_room {
            self.store.stage(Kind::Quarantine, &header, &body, Some(About::quarantine(&body)));
        }
        let code = if is_servers { Code::Protocol } else { Code::StorageCorrupt };
        let error = Fault::new(code, words::join(&["what cannot be read was set aside (", source, "): ", why]));
        effects.push(Effect::Notify(Notice::Troubled { error }));
    }

    /// Changes a base, or takes layers off, and stages what follows for the store.
    pub(super) fn rebase(&mut self, address: &Address, base: Option<Box<Base>>, off: &[super::MutationId]) {
        let unloaded = self.is_paged(address);
        let is_grounded = base.is_some();
        if is_grounded {
            self.items.note_sync(address);
            self.store.stage_base(address);
        }
        let befores = self.replica.rebase(address, unloaded, base, off);
        if is_grounded {
            self.keep_grounded(address);
        }
        self.keep_befores(address, &befores);
    }

    /// Stages the texts that runs of splices, and changes, of a document were made on.
    pub(super) fn keep_befores(&mut self, address: &Address, befores: &[Before]) {
        for before in befores {
            let operation = self.operations_before(address, &before.id) + before.operation;
            let about = About::before(&before.id, operation);
            let header = header::before(&before.id, operation, &before.path, false);
            let body = text_of(&before.text.whole());
            self.outbox.keep_text(&before.id, operation, body.len() as u64);
            self.store.stage(Kind::Before, &header, &body, Some(about));
        }
    }

    /// How many operations a write has on documents before this one: a record counts them over all of it.
    pub(super) fn operations_before(&self, address: &Address, id: &MutationId) -> u32 {
        let addresses = self.outbox.queued(id).map_or(&[] as &[Address], |queued| &queued.addresses);
        let earlier = addresses.iter().take_while(|other| *other != address);
        earlier.map(|other| self.replica.operations_of(other, id)).sum()
    }

    /// A text that was kept for one of the operations of a write, counted over all of it.
    pub(super) fn take_up_before(&mut self, id: &MutationId, mut operation: u32, text: Text) {
        let addresses = self.outbox.queued(id).map_or_else(Vec::new, |queued| queued.addresses.clone());
        for address in &addresses {
            let count = self.replica.operations_of(address, id);
            if operation < count {
                return self.replica.add_before(address, id, operation as usize, text);
            }
            operation -= count;
        }
    }

    pub(super) fn stage_cursors(&mut self) {
        (0..self.feeds.len()).for_each(|feed| self.stage_cursor(feed));
    }

    /// Stages where a feed's next pull goes on. While everything is pulled again, that is the beginning: a crash on the
    /// way starts over.
    pub(super) fn stage_cursor(&mut self, feed: usize) {
        let resync = self.begins_again();
        let feed = &self.feeds[feed];
        let cursor = if resync { &None } else { &feed.cursor };
        let header = header::cursor(&feed.name, cursor, &self.generation, resync, &self.seen);
        self.store.stage(Kind::Cursor, &header, "", Some(About::cursor(&feed.name)));
    }
}

fn read_base(found: &record::Found<'_>) -> Result<(Address, Box<Base>, u32), &'static str> {
    match found {
        record::Found::Record(record) if record.kind == Kind::Base => pages::read_base(&mut record.header()?, record.body),
        record::Found::Record(_) => Err("it does not belong here"),
        record::Found::Foreign { .. } => Err("it is of a later build"),
        record::Found::Broken { why, .. } => Err(why),
    }
}

pub(super) fn too_new() -> Fault {
    Fault::new(Code::VersionTooNew, "a later version of the app made this store")
}

pub(super) fn fault_of(why: &StoreFailure) -> Fault {
    match why {
        StoreFailure::Unavailable { why } | StoreFailure::Aborted { why } => Fault::new(Code::StorageUnavailable, why.clone()),
        StoreFailure::TooNew => too_new(),
        StoreFailure::Quota => Fault::new(Code::QuotaExceeded, "the store is full"),
        StoreFailure::Fenced { .. } => Fault::new(Code::Fenced, "another client holds the store"),
        StoreFailure::Replaced => Fault::new(Code::StorageLost, "the store was lost and made again"),
        StoreFailure::Behind => Fault::new(Code::StorageUnavailable, "another client has written meanwhile"),
    }
}
