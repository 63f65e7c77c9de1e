//! The oracle.

mod document;
mod stored;
mod truth;
