//! The shell in a browser: ports that carry out the engine's orders and tell it what came of them, and the driver that
//! joins them. No port decides anything.

pub mod clock;
pub mod count;
mod functions;
pub mod host;
pub mod http;
pub mod idb;
mod mirrors;
#[cfg(feature = "planted")]
pub mod planted;
mod rows;
mod signals;
mod timer;
mod trap;
pub mod value;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::engine::Engine;
use crate::engine::clock::Timestamp;
use crate::engine::config::Config;
use crate::engine::effect::Effect;
use crate::engine::error::{Code, Fault};
use crate::engine::ident::AskId;
use crate::engine::input::{Ask, Input};
use crate::engine::notice::Notice;
use host::Host;
use http::{Requests, Target};
use idb::Store;
use mirrors::Mirrors;
use timer::Alarm;

/// Turns inside notices of turns.
const DEPTH_MAX: u32 = 100;

/// Where a port says what happened.
pub type Tell = Rc<dyn Fn(Input)>;

/// One client: its engine and its ports.
///
/// A *turn* tells the engine one thing, inside a borrow of it; what the engine orders is carried out behind the borrow,
/// and the notices go to JavaScript last, when everything else of the turn is done. So the app may call back in from
/// wherever it is called, and begins a turn of its own.
pub struct Driver {
    engine: RefCell<Engine>,
    host: Host,
    mirrors: Mirrors,
    store: Rc<Store>,
    requests: Rc<Requests>,
    alarm: Alarm,
    sleep: clock::SleepWatch,
    /// Whether a turn is under way, up to its notices. A port that answers at once is heard behind it; behind a turn that
    /// trapped nothing is heard any more.
    busy: Cell<bool>,
    heard: RefCell<Vec<Input>>,
    asks: Cell<u64>,
    /// How many turns are being told at this moment: what hears of one may begin another.
    depth: Cell<u32>,
    stage: Cell<Stage>,
}

/// What a turn does to the engine.
pub type Act<'a> = &'a mut dyn FnMut(&mut Engine, Timestamp, &mut Vec<Effect>);

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Open,
    Closing(AskId),
    Ended,
}

impl Driver {
    /// A client over the database of this name, started.
    pub fn start(config: Box<Config>, database: String, url: String, host: Host) -> Rc<Driver> {
        let target = Target { url, cross_origin: config.cross_origin, transport: config.transport };
        let driver = Rc::new_cyclic(|me: &Weak<Driver>| {
            let (told, awake) = (me.clone(), me.clone());
            let tell: Tell = Rc::new(move |input| {
                if let Some(driver) = told.upgrade() {
                    driver.watched(|| driver.happen(input));
                }
            });
            let ring = move || {
                if let Some(driver) = awake.upgrade() {
                    driver.watched(|| driver.happen(Input::Woke));
                }
            };
            signals::listen(tell.clone(), &host.life().signal());
            let mut engine = Engine::new(*config, clock::seed(), clock::now(), clock::wall());
            let app = host.clone();
            engine.migrate_with(Box::new(move |collection, from, text| app.migrate(collection, from, text)));
            Driver {
                engine: RefCell::new(engine),
                mirrors: Mirrors::new(host.clone(), &database, tell.clone()),
                store: Store::new(database, tell.clone()),
                requests: Requests::new(target, host.clone(), tell),
                alarm: Alarm::new(ring),
                host,
                sleep: clock::SleepWatch::start(),
                busy: Cell::new(false),
                heard: RefCell::default(),
                asks: Cell::new(0),
                depth: Cell::new(0),
                stage: Cell::new(Stage::Open),
            }
        });
        if driver.host.shares() {
            driver.hear(Input::LockLost);
        }
        driver.hear(Input::Started);
        signals::at_start(|hint| driver.hear(hint));
        driver
    }

    /// Fails where the app calls from inside so many notices that one more would be too much for the stack: observers that
    /// write for ever get an error, and the module lives on.
    pub fn check_depth(&self) -> Result<(), Fault> {
        if self.depth.get() < DEPTH_MAX {
            return Ok(());
        }
        Err(Fault::new(Code::Validation, "observers call each other for ever"))
    }

    /// Lets the app act on the engine, in a turn of its own. Fails where the client has ended.
    pub fn act(&self, act: Act<'_>) -> Result<(), Fault> {
        assert!(!self.busy.get(), "a turn of this client trapped");
        if self.stage.get() == Stage::Ended {
            return Err(Fault::new(Code::Closed, "the client is closed"));
        }
        self.turn(act);
        Ok(())
    }

    /// Tells the engine what the app does. Fails where the client has ended.
    pub fn tell(&self, input: Input) -> Result<(), Fault> {
        let mut input = Some(input);
        self.act(&mut |engine, now, effects| {
            if let Some(input) = input.take() {
                engine.handle(now, input, effects);
            }
        })
    }

    /// Asks the engine for something that a notice answers.
    pub fn ask(&self, what: Ask) -> Result<AskId, Fault> {
        let ask = AskId(self.asks.get() + 1);
        self.asks.set(ask.0);
        if what == Ask::Close && self.stage.get() == Stage::Open {
            self.stage.set(Stage::Closing(ask));
        }
        self.tell(Input::Asked { ask, what }).map(|()| ask)
    }

    /// Looks at the engine without telling it anything.
    pub fn look<R>(&self, look: impl FnOnce(&mut Engine) -> R) -> R {
        look(&mut self.engine.borrow_mut())
    }

    /// Does `work` that the browser called for; should it trap, the host is told.
    pub fn watched(&self, work: impl FnOnce()) {
        trap::watched(&self.host, work);
    }

    fn hear(&self, input: Input) {
        if self.busy.get() {
            self.heard.borrow_mut().push(input);
        } else {
            // What has ended hears nothing.
            let _ = self.tell(input);
        }
    }

    /// Whatever comes first after a sleep, the engine hears of the sleep before it.
    fn happen(&self, input: Input) {
        if let Some(wall) = self.sleep.slept() {
            self.hear(Input::Resumed { wall });
        }
        self.hear(input);
    }

    /// One turn. It is not generic, so that it is in the module once.
    fn turn(&self, act: Act<'_>) {
        self.busy.set(true);
        let now = clock::now();
        let mut effects = Vec::new();
        let deadline = {
            let mut engine = self.engine.borrow_mut();
            act(&mut engine, now, &mut effects);
            engine.deadline()
        };
        self.alarm.set(deadline.map(|(at, _)| at), now);
        self.carry_out(effects);
        while let Some(input) = self.next_heard() {
            self.hear(input);
        }
    }

    fn next_heard(&self) -> Option<Input> {
        let mut heard = self.heard.borrow_mut();
        (!heard.is_empty()).then(|| heard.remove(0))
    }

    fn carry_out(&self, effects: Vec<Effect>) {
        let (mut notices, mut cancels, mut steals) = (Vec::new(), Vec::new(), false);
        for effect in effects {
            match effect {
                Effect::Load { load, what } => self.store.load(load, what),
                Effect::Write(write) => self.store.write(write),
                Effect::Send { request, call, reply_bytes_max, outlives_page } => {
                    let identity = self.engine.borrow().identity();
                    self.requests.send(request, call, identity, reply_bytes_max, outlives_page);
                }
                Effect::Cancel { request } => cancels.push(request),
                Effect::Post(message) => self.host.post(&message.text()),
                Effect::Steal => steals = true,
                Effect::Notify(notice) => notices.push(notice),
                other => self.mirrors.carry_out(other),
            }
        }
        self.busy.set(false);
        self.notify(&notices);
        // Last, since the app may listen to the signals of its requests, and call back in.
        cancels.into_iter().for_each(|request| self.requests.cancel(request));
        if steals {
            self.host.steal();
        }
    }

    fn notify(&self, notices: &[Notice]) {
        if notices.is_empty() {
            return;
        }
        let text = Notice::list(notices);
        self.depth.set(self.depth.get() + 1);
        let told = self.host.notify(&text);
        self.depth.set(self.depth.get() - 1);
        if let Err(error) = told {
            // It is the host's own failure: it shows up as an unhandled rejection and harms nobody here.
            let _ = value::call(&value::global("Promise"), "reject", &[&error]);
        }
        for notice in notices {
            match notice {
                Notice::OpenFailed { .. } => self.end(),
                Notice::Answered { ask, .. } if self.stage.get() == Stage::Closing(*ask) => self.end(),
                _ => {}
            }
        }
    }

    /// After this nothing happens any more: no timer, no listener, no request, no connection is left.
    fn end(&self) {
        if self.stage.replace(Stage::Ended) == Stage::Ended {
            return;
        }
        self.alarm.set(None, Timestamp::default());
        self.requests.close();
        self.store.close();
        self.host.life().abort();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.end();
    }
}
