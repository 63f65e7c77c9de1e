//! The store: the engine's readings and writes as transactions of one IndexedDB database.
//!
//! A write is durable at its transaction's `complete` and not before (a request's `success` can still be followed by an
//! abort over quota, B24). Everything of a transaction is issued in one synchronous burst; nothing is awaited inside
//! (B26) and `commit()` is never called, since behind it `abort()` comes too late. A connection that the browser closed,
//! for whatever reason, is opened again on the next use, and the transaction it took down is tried once more (B22).

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo_timers::callback::Timeout;
use js_sys::{Function, Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{Event, IdbDatabase, IdbFactory, IdbOpenDbRequest, IdbTransaction};

use super::Tell;
use super::rows::{self, Reading, Writing};
use super::value::{name_of, words};
use crate::engine::effect::{Wanted, Write};
use crate::engine::ident::{LoadId, WriteId};
use crate::engine::input::{Input, StoreFailure};
use crate::engine::record::LAYOUT_VERSION;

/// An open that has not settled by then counts as failed: a blocked one can wait for ever (B23, B25).
pub const OPEN_MS_MAX: u32 = 5_000;

/// A reading whose first answer has not come by then counts as failed (B25).
pub const ANSWER_MS_MAX: u32 = 10_000;

/// One client's store.
pub struct Store {
    name: String,
    tell: Tell,
    connection: RefCell<Connection>,
    attempts: Cell<u32>,
    me: Weak<Store>,
}

enum Connection {
    Shut,
    Opening { attempt: u32, waiting: Vec<Job>, _deadline: Timeout },
    Open(IdbDatabase),
}

/// What the engine ordered, kept until it is answered.
struct Job {
    order: Order,
    retried: bool,
}

enum Order {
    Load(LoadId, Wanted),
    Write(Box<Write>),
}

/// A transaction under way.
enum Running {
    Reading(LoadId, Reading),
    Writing(WriteId, Writing),
}

/// The name of the database of one app and one user: two users' data never meet.
pub fn database_name(app: &str, scope_hash: &str) -> String {
    format!("syncline/{app}/{scope_hash}")
}

impl Store {
    /// The store in the database of this name. Nothing is opened before the first order; answers go to `tell`.
    pub fn new(name: String, tell: Tell) -> Rc<Store> {
        Rc::new_cyclic(|me| Store { name, tell, connection: RefCell::new(Connection::Shut), attempts: Cell::new(0), me: me.clone() })
    }

    /// Reads. Answered by `Loaded` or `LoadFailed`.
    pub fn load(&self, load: LoadId, what: Wanted) {
        self.perform(Job { order: Order::Load(load, what), retried: false });
    }

    /// Writes, all or nothing. Answered by `Written` or `WriteFailed`.
    pub fn write(&self, write: Write) {
        self.perform(Job { order: Order::Write(Box::new(write)), retried: false });
    }

    /// Lets the database go. Transactions under way come to their end.
    pub fn close(&self) {
        if let Connection::Open(db) = self.connection.replace(Connection::Shut) {
            db.close();
        }
    }

    fn perform(&self, job: Job) {
        let mut connection = self.connection.borrow_mut();
        match &mut *connection {
            Connection::Opening { waiting, .. } => waiting.push(job),
            Connection::Open(db) => {
                let db = db.clone();
                drop(connection);
                self.begin(db, job);
            }
            Connection::Shut => {
                drop(connection);
                self.open(job);
            }
        }
    }

    fn begin(&self, db: IdbDatabase, job: Job) {
        let tx = match transaction(&db, &job.order) {
            Ok(tx) => tx,
            Err(error) => return self.fail(&db, job, &error),
        };
        let running = match &job.order {
            Order::Load(load, what) => Reading::issue(&tx, what).map(|reading| Running::Reading(*load, reading)),
            Order::Write(write) => Writing::issue(&tx, write).map(|writing| Running::Writing(write.write, writing)),
        };
        match running {
            Ok(running) => self.follow(db, tx, running, job),
            Err(error) => {
                // What cannot be asked for in full must not happen in part.
                let _ = tx.abort();
                self.fail(&db, job, &error);
            }
        }
    }

    /// Waits for the transaction's end, and for a reading's first answer.
    fn follow(&self, db: IdbDatabase, tx: IdbTransaction, running: Running, job: Job) {
        let job = Rc::new(RefCell::new(Some(job)));
        if let Running::Reading(_, reading) = &running
            && let Some(first) = reading.first()
        {
            let (me, db, tx, job) = (self.me.clone(), db.clone(), tx.clone(), job.clone());
            let deadline = Timeout::new(ANSWER_MS_MAX, move || {
                let (Some(store), Some(job)) = (me.upgrade(), job.take()) else { return };
                let _ = tx.abort();
                store.lose(&db);
                store.refuse_for(job.order, "reading had no answer for 10 s".into());
            });
            let answered = Closure::once_into_js(move || drop(deadline));
            first.set_onsuccess(Some(answered.unchecked_ref()));
        }
        let (me, ended) = (self.me.clone(), tx.clone());
        let on_end = Closure::once_into_js(move |event: Event| {
            let (Some(store), Some(job)) = (me.upgrade(), job.take()) else { return };
            if event.type_() == "complete" {
                return store.complete(job, &running);
            }
            match &running {
                Running::Writing(_, writing) if let Some(failure) = writing.refused() => store.refuse(job.order, failure),
                _ => store.fail(&db, job, &ended.error().into()),
            }
        });
        let on_end: Function = on_end.unchecked_into();
        tx.set_oncomplete(Some(&on_end));
        tx.set_onabort(Some(&on_end));
    }

    fn complete(&self, job: Job, running: &Running) {
        match running {
            Running::Writing(write, writing) => (self.tell)(Input::Written { write: *write, position: writing.position() }),
            Running::Reading(load, reading) => match reading.found() {
                Ok(found) => (self.tell)(Input::Loaded { load: *load, found }),
                Err(error) => self.refuse_for(job.order, words(&error)),
            },
        }
    }

    /// A transaction did not happen, and nobody here wanted that. Unless there is no room, the connection may be dead
    /// without having said so: a fresh one gets the job once more.
    fn fail(&self, db: &IdbDatabase, job: Job, error: &JsValue) {
        if name_of(error) == "QuotaExceededError" {
            self.refuse(job.order, StoreFailure::Quota);
        } else if job.retried {
            self.refuse_for(job.order, words(error));
        } else {
            self.lose(db);
            self.perform(Job { retried: true, ..job });
        }
    }

    fn refuse_for(&self, order: Order, why: String) {
        let failure = match order {
            // A store that cannot be read at its start is of no use to this client.
            Order::Load(_, Wanted::Boot) => StoreFailure::Unavailable { why },
            _ => StoreFailure::Aborted { why },
        };
        self.refuse(order, failure);
    }

    fn refuse(&self, order: Order, why: StoreFailure) {
        (self.tell)(match order {
            Order::Load(load, _) => Input::LoadFailed { load, why },
            Order::Write(write) => Input::WriteFailed { write: write.write, why },
        });
    }

    /// Stops using this connection.
    fn lose(&self, db: &IdbDatabase) {
        db.close();
        let mut connection = self.connection.borrow_mut();
        if matches!(&*connection, Connection::Open(current) if current == db) {
            *connection = Connection::Shut;
        }
    }

    fn open(&self, job: Job) {
        let attempt = self.attempts.get() + 1;
        self.attempts.set(attempt);
        let request = match factory().and_then(|factory| factory.open_with_u32(&self.name, LAYOUT_VERSION)) {
            Ok(request) => request,
            Err(error) => return self.refuse(job.order, StoreFailure::Unavailable { why: words(&error) }),
        };
        let me = self.me.clone();
        let deadline = Timeout::new(OPEN_MS_MAX, move || {
            if let Some(store) = me.upgrade() {
                store.opened(attempt, Err(StoreFailure::Unavailable { why: "opening did not settle in 5 s".into() }));
            }
        });
        self.connection.replace(Connection::Opening { attempt, waiting: vec![job], _deadline: deadline });

        let (me, opening) = (self.me.clone(), request.clone());
        let on_event = Closure::<dyn FnMut(Event)>::new(move |event: Event| on_open_event(&me, attempt, &opening, &event));
        let on_event: Function = on_event.into_js_value().unchecked_into();
        request.set_onupgradeneeded(Some(&on_event));
        request.set_onsuccess(Some(&on_event));
        request.set_onerror(Some(&on_event));
    }

    /// An attempt to open has settled, or has had its time. What settles later than that changes nothing.
    fn opened(&self, attempt: u32, result: Result<IdbDatabase, StoreFailure>) {
        let mut connection = self.connection.borrow_mut();
        if !matches!(&*connection, Connection::Opening { attempt: current, .. } if *current == attempt) {
            if let Ok(db) = result {
                db.close();
            }
            return;
        }
        let next = match &result {
            Ok(db) => Connection::Open(db.clone()),
            Err(_) => Connection::Shut,
        };
        let Connection::Opening { waiting, .. } = std::mem::replace(&mut *connection, next) else { return };
        drop(connection);
        if let Ok(db) = &result {
            self.watch(db);
        }
        for job in waiting {
            match &result {
                Ok(_) => self.perform(job),
                Err(failure) => self.refuse(job.order, failure.clone()),
            }
        }
    }

    /// A connection ends when the browser closes it, and makes way when somebody wants to upgrade or delete the
    /// database.
    fn watch(&self, db: &IdbDatabase) {
        let (me, closing) = (self.me.clone(), db.clone());
        let on_event = Closure::<dyn FnMut()>::new(move || match me.upgrade() {
            Some(store) => store.lose(&closing),
            None => closing.close(),
        });
        let on_event: Function = on_event.into_js_value().unchecked_into();
        db.set_onclose(Some(&on_event));
        db.set_onversionchange(Some(&on_event));
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

fn on_open_event(store: &Weak<Store>, attempt: u32, request: &IdbOpenDbRequest, event: &Event) {
    let opened = |result| match (store.upgrade(), result) {
        (Some(store), result) => store.opened(attempt, result),
        (None, Ok(db)) => db.close(),
        (None, Err(_)) => {}
    };
    let db = || request.result().map(JsCast::unchecked_into::<IdbDatabase>);
    match event.type_().as_str() {
        "upgradeneeded" => {
            // Where the stores cannot be made, the upgrade aborts and the open ends in an error.
            let made = db().and_then(|db| rows::create(&db));
            if let (Err(_), Some(tx)) = (made, request.transaction()) {
                let _ = tx.abort();
            }
        }
        "success" => {
            if let Ok(db) = db() {
                opened(Ok(db));
            }
        }
        _ => {
            let error = request.error().ok().flatten().map_or(JsValue::UNDEFINED, JsValue::from);
            opened(Err(match name_of(&error).as_str() {
                "VersionError" => StoreFailure::TooNew,
                _ => StoreFailure::Unavailable { why: words(&error) },
            }));
        }
    }
}

fn factory() -> Result<IdbFactory, JsValue> {
    let factory = Reflect::get(&js_sys::global(), &"indexedDB".into())?;
    if factory.is_object() { Ok(factory.unchecked_into()) } else { Err("there is no IndexedDB".into()) }
}

fn transaction(db: &IdbDatabase, order: &Order) -> Result<IdbTransaction, JsValue> {
    let (mode, durability) = match order {
        Order::Load(..) => ("readonly", "default"),
        Order::Write(write) if write.strict => ("readwrite", "strict"),
        Order::Write(_) => ("readwrite", "relaxed"),
    };
    let options = Object::new();
    Reflect::set(&options, &"durability".into(), &durability.into())?;
    db.unchecked_ref::<Database>().transaction(&rows::stores(), mode, &options)
}

#[wasm_bindgen]
extern "C" {
    /// `durability` is not in the stable part of web-sys.
    type Database;
    #[wasm_bindgen(method, catch)]
    fn transaction(this: &Database, stores: &JsValue, mode: &str, options: &JsValue) -> Result<IdbTransaction, JsValue>;
}
