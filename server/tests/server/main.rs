//! The real server over a real socket and a real file.

mod faults;
mod lifecycle;
mod pushes;
mod refusals;
mod support;
mod vectors;
mod web;
