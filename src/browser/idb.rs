//! The store: the engine's readings and writes as transactions of one IndexedDB database.
//!
//! A write is durable at its transaction's `complete` and not before (a request's `success` can still be followed by an
//! abort over quota, B24). Everything of a transaction is issued in one synchronous burst; nothing is awaited inside
//! (B26) and `commit()` is never called, since behind it `abort()` comes too late. A connection that the browser closed,
//! for whatever reason, is opened again on the next use, and the transaction it took down is tried once more (B22).

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::Tell;
#[cfg(feature = "planted")]
use super::planted::{self, Bug};
use super::rows;
use super::value::{call, clear_timeout, get, kind, listen, listener, member, name_of, object, set_timeout, words};
use crate::engine::effect::{Wanted, Write};
use crate::engine::ident::LoadId;
use crate::engine::input::{Input, StoreFailure};
use crate::engine::record::LAYOUT_VERSION;
use crate::protocol;

/// An open that has not settled by then counts as failed: a blocked one can wait for ever (B23, B25).
pub const OPEN_MS_MAX: u32 = 5_000;

/// A reading whose first answer has not come by then counts as failed (B25).
pub const ANSWER_MS_MAX: u32 = 10_000;

/// One client's store.
pub struct Store {
    name: String,
    tell: Tell,
    /// Hears of all that happens to the database: an opening, a connection, transactions, and that one has had its time.
    hears: Function,
    connection: RefCell<Connection>,
    running: RefCell<Vec<Running>>,
    #[cfg(feature = "planted")]
    pub(super) planted: std::cell::Cell<Option<Bug>>,
}

#[expect(clippy::vec_box, reason = "a job passes through many hands, and lies in one place")]
enum Connection {
    Shut,
    Opening { request: JsValue, deadline: JsValue, waiting: Vec<Box<Job>> },
    Open(JsValue),
}

/// What the engine ordered, kept until it is answered. It lies in one place, since it passes through many hands.
struct Job {
    order: Order,
    retried: bool,
}

enum Order {
    Load(LoadId, Wanted),
    Write(Box<Write>),
}

/// A transaction under way.
struct Running {
    job: Box<Job>,
    db: JsValue,
    tx: JsValue,
    requests: Vec<JsValue>,
    /// Of a reading, until its first answer.
    deadline: JsValue,
    /// Why its guard aborted it.
    refused: Option<StoreFailure>,
}

impl Running {
    /// The request whose answer is waited for: of a reading the first, of a write the last that its guard looks at.
    fn awaited(&self) -> Option<&JsValue> {
        self.requests.get(if matches!(self.job.order, Order::Write(_)) { 1 } else { 0 })
    }
}

/// The name of the database of one app and one user: two users' data never meet.
pub fn database_name(app: &str, scope_hash: &str) -> String {
    protocol::words::join(&["syncline/", app, "/", scope_hash])
}

impl Store {
    /// The store in the database of this name. Nothing is opened before the first order; answers go to `tell`.
    pub fn new(name: String, tell: Tell) -> Rc<Store> {
        Store::over(name, tell, make)
    }

    /// The same where there is one; where there is none, none is made.
    pub fn existing(name: String, tell: Tell) -> Rc<Store> {
        Store::over(name, tell, |request| abort(&member(request, "transaction")))
    }

    /// `make` is called with a request that finds no database, or an older one.
    fn over(name: String, tell: Tell, make: fn(&JsValue)) -> Rc<Store> {
        Rc::new_cyclic(|me| {
            let me = me.clone();
            let hears = listener(move |event| on_event(&me, make, &event));
            Store {
                name,
                tell,
                hears,
                connection: RefCell::new(Connection::Shut),
                running: RefCell::default(),
                #[cfg(feature = "planted")]
                planted: std::cell::Cell::default(),
            }
        })
    }

    /// Reads. Answered by `Loaded` or `LoadFailed`.
    pub fn load(&self, load: LoadId, what: Wanted) {
        self.perform(Box::new(Job { order: Order::Load(load, what), retried: false }));
    }

    /// Writes, all or nothing. Answered by `Written` or `WriteFailed`.
    pub fn write(&self, write: Box<Write>) {
        self.perform(Box::new(Job { order: Order::Write(write), retried: false }));
    }

    /// Lets the database go. Transactions under way come to their end.
    pub fn close(&self) {
        if let Connection::Open(db) = self.connection.replace(Connection::Shut) {
            shut(&db);
        }
    }

    fn perform(&self, job: Box<Job>) {
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

    fn begin(&self, db: JsValue, job: Box<Job>) {
        let tx = match transaction(&db, &job.order) {
            Ok(tx) => tx,
            Err(error) => return self.fail(&db, job, &error),
        };
        let mut requests = rows::Requests::of(&tx);
        match &job.order {
            Order::Load(_, what) => requests.read(what),
            #[cfg(feature = "planted")]
            Order::Write(write) if self.has(Bug::B26) => planted::write_with_a_pause(&tx, &mut requests, write),
            Order::Write(write) => requests.write(write),
        }
        let requests = match requests.issued() {
            Ok(requests) => requests,
            Err(error) => {
                // What cannot be asked for in full must not happen in part.
                abort(&tx);
                return self.fail(&db, job, &error);
            }
        };
        self.hear_of(&tx, &["complete", "abort"]);
        let deadline = match &job.order {
            Order::Load(..) => self.tell_late(ANSWER_MS_MAX, &tx),
            Order::Write(_) => JsValue::UNDEFINED,
        };
        let running = Running { job, db, tx, requests, deadline, refused: None };
        if let Some(awaited) = running.awaited() {
            self.hear_of(awaited, &["success"]);
        }
        self.running.borrow_mut().push(running);
    }

    fn hear_of(&self, target: &JsValue, names: &[&str]) {
        listen(target, names, &self.hears, &JsValue::UNDEFINED);
    }

    /// Has itself told, as of an event, that the target has had its time.
    fn tell_late(&self, delay_ms: u32, target: &JsValue) -> JsValue {
        set_timeout(&self.hears, delay_ms, &object(&[("type", &"late".into()), ("target", target)]))
    }

    fn hear(&self, event: &JsValue) {
        let (kind, target) = (kind(event), member(event, "target"));
        let is_opening = matches!(&*self.connection.borrow(), Connection::Opening { request, .. } if is(request, &target));
        #[cfg(feature = "planted")]
        let Some((kind, target)) = self.misheard(kind, target, is_opening) else { return };
        match kind.as_str() {
            "success" if is_opening => self.opened(Ok(member(&target, "result"))),
            "late" if is_opening => self.opened(Err(StoreFailure::Unavailable { why: "opening did not settle in 5 s".into() })),
            _ if is_opening => {
                let error = member(&target, "error");
                self.opened(Err(match name_of(&error).as_str() {
                    "VersionError" => StoreFailure::TooNew,
                    _ => StoreFailure::Unavailable { why: words(&error) },
                }));
            }
            "success" => self.answered(&target),
            // A connection ends when the browser closes it, and makes way when somebody wants to upgrade or delete the
            // database.
            "close" | "versionchange" => self.lose(&target),
            kind => self.ended(kind, &target),
        }
    }

    /// The answer of a transaction that is waited for. A reading needs no deadline any more; a write goes on only where it may.
    fn answered(&self, request: &JsValue) {
        let mut running = self.running.borrow_mut();
        let Some(one) = running.iter_mut().find(|one| one.awaited().is_some_and(|awaited| is(awaited, request))) else {
            return let_go(request);
        };
        if let Order::Write(write) = &one.job.order {
            one.refused = rows::mismatch(&write.guard, &one.requests);
            if one.refused.is_some() {
                abort(&one.tx);
            }
        }
        clear_timeout(&one.deadline);
    }

    fn ended(&self, kind: &str, tx: &JsValue) {
        let mut running = self.running.borrow_mut();
        let Some(at) = running.iter().position(|one| is(&one.tx, tx)) else { return };
        let mut one = running.remove(at);
        drop(running);
        clear_timeout(&one.deadline);
        match (kind, one.refused.take()) {
            ("complete", _) => self.complete(&one.job.order, &one.requests),
            ("late", _) => {
                abort(&one.tx);
                self.lose(&one.db);
                self.refuse_for(&one.job.order, "reading had no answer for 10 s".into());
            }
            (_, Some(failure)) => self.refuse(&one.job.order, failure),
            (_, None) => self.fail(&one.db, one.job, &member(&one.tx, "error")),
        }
    }

    fn complete(&self, order: &Order, requests: &[JsValue]) {
        (self.tell)(match order {
            Order::Write(write) => Input::Written { write: write.write, position: rows::position(write, requests) },
            Order::Load(load, what) => Input::Loaded { load: *load, found: rows::found(what, requests) },
        });
    }

    /// A transaction did not happen, and nobody here wanted that. Unless there is no room, the connection may be dead
    /// without having said so: a fresh one gets the job once more.
    fn fail(&self, db: &JsValue, mut job: Box<Job>, error: &JsValue) {
        if name_of(error) == "QuotaExceededError" {
            self.refuse(&job.order, StoreFailure::Quota);
        } else if job.retried {
            self.refuse_for(&job.order, words(error));
        } else {
            self.lose(db);
            job.retried = true;
            self.perform(job);
        }
    }

    fn refuse_for(&self, order: &Order, why: String) {
        let failure = match order {
            // A store that cannot be read at its start is of no use to this client.
            Order::Load(_, Wanted { directory: true, .. }) => StoreFailure::Unavailable { why },
            _ => StoreFailure::Aborted { why },
        };
        self.refuse(order, failure);
    }

    fn refuse(&self, order: &Order, why: StoreFailure) {
        (self.tell)(match order {
            Order::Load(load, _) => Input::LoadFailed { load: *load, why },
            Order::Write(write) => Input::WriteFailed { write: write.write, why },
        });
    }

    /// Stops using this connection.
    fn lose(&self, db: &JsValue) {
        #[cfg(feature = "planted")]
        if self.has(Bug::B22) {
            return;
        }
        shut(db);
        let mut connection = self.connection.borrow_mut();
        if matches!(&*connection, Connection::Open(current) if current == db) {
            *connection = Connection::Shut;
        }
    }

    fn open(&self, job: Box<Job>) {
        let request = match open_database(&self.name) {
            Ok(request) => request,
            Err(error) => return self.refuse(&job.order, StoreFailure::Unavailable { why: words(&error) }),
        };
        self.hear_of(&request, &["upgradeneeded", "success", "error"]);
        let deadline = self.tell_late(OPEN_MS_MAX, &request);
        self.connection.replace(Connection::Opening { request, deadline, waiting: vec![job] });
    }

    /// An attempt to open has settled, or has had its time. What settles later than that is let go.
    fn opened(&self, result: Result<JsValue, StoreFailure>) {
        let next = match &result {
            Ok(db) => {
                self.hear_of(db, &["close", "versionchange"]);
                Connection::Open(db.clone())
            }
            Err(_) => Connection::Shut,
        };
        let Connection::Opening { deadline, waiting, .. } = self.connection.replace(next) else { return };
        clear_timeout(&deadline);
        for job in waiting {
            match &result {
                Ok(_) => self.perform(job),
                Err(failure) => self.refuse(&job.order, failure.clone()),
            }
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

fn on_event(store: &Weak<Store>, make: fn(&JsValue), event: &JsValue) {
    if kind(event) == "upgradeneeded" {
        return make(&member(event, "target"));
    }
    match store.upgrade() {
        Some(store) => store.hear(event),
        None => let_go(&member(event, "target")),
    }
}

fn is(one: &JsValue, other: &JsValue) -> bool {
    one == other
}

/// Makes the object stores, whoever waits for that. Where it cannot be done, the upgrade aborts and the open ends in an
/// error.
fn make(request: &JsValue) {
    if rows::create(&member(request, "result")).is_err() {
        abort(&member(request, "transaction"));
    }
}

/// Closes a connection that nobody waits for any more, where that is what was asked for.
fn let_go(request: &JsValue) {
    shut(&member(request, "result"));
}

fn shut(db: &JsValue) {
    // What is no connection has nothing to call.
    let _ = call(db, "close", &[]);
}

fn abort(tx: &JsValue) {
    // It fails only where the transaction has ended already, and then nothing is stored either.
    let _ = call(tx, "abort", &[]);
}

fn open_database(name: &str) -> Result<JsValue, JsValue> {
    let factory = get(&js_sys::global(), "indexedDB")?;
    if !factory.is_object() {
        return Err("there is no IndexedDB".into());
    }
    call(&factory, "open", &[&name.into(), &LAYOUT_VERSION.into()])
}

fn transaction(db: &JsValue, order: &Order) -> Result<JsValue, JsValue> {
    let (mode, durability) = match order {
        Order::Load(..) => ("readonly", "default"),
        Order::Write(write) if write.strict => ("readwrite", "strict"),
        Order::Write(_) => ("readwrite", "relaxed"),
    };
    let options = object(&[("durability", &durability.into())]);
    call(db, "transaction", &[&rows::stores(), &mode.into(), &options])
}
