//! Every format has a golden vector: what this build writes is what is written down, byte for byte, and what is written
//! down is read back as it was meant. `docs/formats.md` says where each format is described.

mod client;
mod errors;
mod inputs;
mod notices;
mod options;
mod outcomes;
mod records;
mod store;
mod vectors;
