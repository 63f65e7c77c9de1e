//! The shell in a browser: ports that carry out the engine's orders and tell it what came of them, and the driver that
//! joins them. No port decides anything.

pub mod clock;
mod functions;
pub mod host;
pub mod http;
pub mod idb;
mod rows;
mod signals;
mod timer;
pub mod trap;
mod value;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use js_sys::Promise;
use wasm_bindgen::JsValue;

use crate::engine::Engine;
use crate::engine::clock::Timestamp;
use crate::engine::config::Config;
use crate::engine::effect::Effect;
use crate::engine::error::{Code, Fault};
use crate::engine::ident::AskId;
use crate::engine::input::{Ask, Input};
use crate::engine::notice::Notice;
use crate::protocol::Identity;
use host::Host;
use http::{Requests, Target};
use idb::Store;
use timer::Alarm;
use trap::Life;

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
    store: Rc<Store>,
    requests: Rc<Requests>,
    alarm: Alarm,
    life: Life,
    sleep: clock::SleepWatch,
    /// Whether orders are being carried out: a port that answers at once is heard when they are.
    carrying: Cell<bool>,
    heard: RefCell<VecDeque<Input>>,
    asks: Cell<u64>,
    stage: Cell<Stage>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Open,
    Closing(AskId),
    Ended,
}

impl Driver {
    /// A client over the database of this name, started.
    pub fn start(config: Config, database: String, url: String, host: Host) -> Result<Rc<Driver>, JsValue> {
        let life = Life::begin(&host)?;
        let target = Target { url, cross_origin: config.cross_origin, transport: config.transport };
        let driver = Rc::new_cyclic(|me: &Weak<Driver>| {
            let (told, awake) = (me.clone(), me.clone());
            let tell: Tell = Rc::new(move |input| {
                let Some(driver) = told.upgrade() else { return };
                trap::watched(|| driver.hear(input));
            });
            let ring = move || {
                let Some(driver) = awake.upgrade() else { return };
                trap::watched(|| driver.wake());
            };
            signals::listen(tell.clone(), &life.signal());
            Driver {
                engine: RefCell::new(Engine::new(config, clock::seed(), clock::now(), clock::wall())),
                store: Store::new(database, tell.clone()),
                requests: Requests::new(target, host.clone(), tell),
                alarm: Alarm::new(ring),
                life,
                host,
                sleep: clock::SleepWatch::start(),
                carrying: Cell::new(false),
                heard: RefCell::default(),
                asks: Cell::new(0),
                stage: Cell::new(Stage::Open),
            }
        });
        driver.turn(&mut |engine, now, effects| {
            engine.handle(now, Input::Started, effects);
            for hint in signals::at_start() {
                engine.handle(now, hint, effects);
            }
        });
        Ok(driver)
    }

    /// Lets the app act on the engine, in a turn of its own. Fails where there is no engine to act on any more.
    pub fn act<R>(&self, act: impl FnOnce(&mut Engine, Timestamp, &mut Vec<Effect>) -> Result<R, Fault>) -> Result<R, Fault> {
        let closed = || Fault::new(Code::Closed, "the client is closed");
        if trap::is_dead() {
            return Err(Fault::new(Code::WasmPanic, "the module ended in a panic"));
        }
        if self.stage.get() == Stage::Ended {
            return Err(closed());
        }
        let (mut act, mut result) = (Some(act), None);
        self.turn(&mut |engine, now, effects| result = act.take().map(|act| act(engine, now, effects)));
        result.unwrap_or_else(|| Err(closed()))
    }

    /// Asks the engine for something that a notice answers.
    pub fn ask(&self, what: Ask) -> Result<AskId, Fault> {
        let ask = AskId(self.asks.get() + 1);
        self.asks.set(ask.0);
        self.act(|engine, now, effects| {
            if what == Ask::Close {
                self.stage.set(Stage::Closing(ask));
            }
            engine.handle(now, Input::Asked { ask, what }, effects);
            Ok(ask)
        })
    }

    /// Looks at the engine without telling it anything.
    pub fn look<R>(&self, look: impl FnOnce(&mut Engine) -> R) -> R {
        look(&mut self.engine.borrow_mut())
    }

    fn hear(&self, input: Input) {
        if self.stage.get() == Stage::Ended || trap::is_dead() {
            return;
        }
        if self.carrying.get() {
            self.heard.borrow_mut().push_back(input);
            return;
        }
        let mut input = Some(input);
        self.turn(&mut |engine, now, effects| {
            if let Some(input) = input.take() {
                engine.handle(now, input, effects);
            }
        });
    }

    fn wake(&self) {
        if let Some(wall) = self.sleep.slept() {
            self.hear(Input::Resumed { wall });
        }
        self.hear(Input::Woke);
    }

    /// One turn. It is not generic, so that it is in the module once.
    fn turn(&self, act: &mut dyn FnMut(&mut Engine, Timestamp, &mut Vec<Effect>)) {
        let now = clock::now();
        let mut effects = Vec::new();
        let (deadline, identity) = {
            let mut engine = self.engine.borrow_mut();
            act(&mut engine, now, &mut effects);
            let sends = effects.iter().any(|effect| matches!(effect, Effect::Send { .. }));
            (engine.deadline(), sends.then(|| engine.identity()))
        };
        self.alarm.set(deadline.map(|(at, _)| at), now);
        self.carry_out(effects, identity);
        while let Some(input) = { self.heard.borrow_mut().pop_front() } {
            self.hear(input);
        }
    }

    fn carry_out(&self, effects: Vec<Effect>, identity: Option<Identity>) {
        let mut notices = Vec::new();
        self.carrying.set(true);
        for effect in effects {
            match effect {
                Effect::Load { load, what } => self.store.load(load, what),
                Effect::Write(write) => self.store.write(write),
                Effect::Send { request, call, reply_bytes_max } => {
                    if let Some(identity) = &identity {
                        self.requests.send(request, call, identity.clone(), reply_bytes_max);
                    }
                }
                Effect::Cancel { request } => self.requests.cancel(request),
                Effect::Notify(notice) => notices.push(notice),
            }
        }
        self.carrying.set(false);
        self.notify(&notices);
    }

    fn notify(&self, notices: &[Notice]) {
        if notices.is_empty() {
            return;
        }
        let text = Notice::list(notices);
        if let Err(error) = self.host.notify(&text) {
            // It is the host's own failure: it shows up as an unhandled rejection and harms nobody here.
            let _ = Promise::reject(&error);
        }
        let is_last = |notice: &Notice| match notice {
            Notice::OpenFailed { .. } => true,
            Notice::Answered { ask, .. } => self.stage.get() == Stage::Closing(*ask),
            _ => false,
        };
        if notices.iter().any(is_last) {
            self.end();
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
        self.life.end();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.end();
    }
}
