//! The engine: a deterministic state machine without I/O. It is told what happened and says what to do.

mod boot;
pub mod clock;
mod coalesce;
pub mod config;
pub mod effect;
pub mod error;
pub mod ident;
pub mod input;
mod link;
mod log;
mod merge;
pub mod mutation;
pub mod notice;
mod outbox;
pub mod outcome;
mod pages;
mod pull;
mod push;
pub mod record;
mod replica;
pub mod retry;
pub mod rng;
mod store;
mod watch;

use clock::{Timer, Timestamp, Wall};
use config::Config;
use effect::Sink;
use error::Fault;
use ident::MutationId;
use input::Input;
use mutation::Mutation;
use notice::Status;

use crate::protocol::{Address, Identity, Json};

/// What a reader of a document sees: the server's truth with everything pending laid over it.
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// Nobody knows yet: the document is not in memory. `Ask::Load` brings it.
    NotLoaded,
    /// There is no such document.
    Absent,
    /// This one.
    Document(Json),
}

/// One client's engine.
pub struct Engine {}

impl Engine {
    /// An engine that has been told nothing yet. `seed` is fresh crypto bits in a browser, a number in a test.
    pub fn new(config: Config, seed: [u64; 2], now: Timestamp, wall: Wall) -> Engine {
        let _ = (config, seed, now, wall);
        Engine {}
    }

    /// The app changes documents. The view has changed when this returns; the write is durable when `Durable` says so.
    pub fn mutate(&mut self, now: Timestamp, mutation: Mutation, effects: &mut impl Sink) -> Result<MutationId, Fault> {
        let _ = (now, mutation, effects);
        unimplemented!()
    }

    /// Something happened.
    pub fn handle(&mut self, now: Timestamp, input: Input, effects: &mut impl Sink) {
        let _ = (now, input, effects);
    }

    /// When to be woken, and what for. A deadline that has come when a turn ends is due at once: the shell tells `Woke`
    /// before it lets other work in, and what was staged in one turn becomes one write.
    pub fn deadline(&self) -> Option<(Timestamp, Timer)> {
        None
    }

    /// What a reader of this document sees.
    pub fn view(&mut self, address: &Address) -> View {
        let _ = address;
        View::NotLoaded
    }

    /// What is going on.
    pub fn status(&self) -> Status {
        unimplemented!()
    }

    /// Who asks, for the headers of a request.
    pub fn identity(&self) -> Identity {
        unimplemented!()
    }
}
