//! Syncline: reliable writes and fresh reads, on bad networks, for the HTTP API an app already has.
//!
//! The [`engine`] is a deterministic state machine without I/O. It is told what happened, in the past tense, and says
//! what to do, in the imperative; a shell carries that out. In a browser the shell is part of this crate, and the npm
//! package `syncline` is that; natively, the simulator is another shell around the same code.
//!
//! ```
//! use syncline::engine::clock::{Timestamp, Wall};
//! use syncline::engine::effect::Effect;
//! use syncline::engine::input::{Found, Input};
//! use syncline::engine::{Engine, View, config::Config, mutation::Mutation};
//! use syncline::protocol::Address;
//!
//! let (now, mut effects) = (Timestamp(0), Vec::new());
//! let mut engine = Engine::new(Config::default(), [1, 2], now, Wall(0));
//! engine.handle(now, Input::Started, &mut effects);
//! let Effect::Load { load, .. } = effects.remove(0) else { panic!("first it reads the store") };
//! let found = Found::default();
//! engine.handle(now, Input::Loaded { load, found }, &mut effects);
//!
//! let note = Address::of("notes", "1");
//! let hello = Mutation::put(note.clone(), r#"{"text":"hello"}"#)?;
//! engine.mutate(now, hello, &mut effects)?;
//! assert!(matches!(engine.view(&note), View::Document(_)), "seen at once");
//! engine.handle(now, Input::Woke, &mut effects);
//! assert!(effects.iter().any(|effect| matches!(effect, Effect::Write(_))), "then stored, and only then sent");
//! # Ok::<(), syncline::engine::error::Fault>(())
//! ```

#[cfg(target_arch = "wasm32")]
pub mod api;
#[cfg(feature = "authority")]
pub mod authority;
#[cfg(target_arch = "wasm32")]
pub mod browser;
pub mod engine;
pub mod merge;
mod ordered;
pub mod protocol;
#[cfg(feature = "sim")]
pub mod sim;

/// Less code than the one that comes with the standard library, and constant time for each call.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::GlobalTlsf = rlsf::GlobalTlsf::new();
