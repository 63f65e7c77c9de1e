//! Known bugs of others, planted on purpose: a checker that has never failed is not trusted. Built for the simulator only.

/// A bug of RELIABILITY's museum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// What was queued is replayed twice on reload.
    B1,
    /// A refusal inside a good reply counts as written.
    B12,
    /// A request leaves the durable queue before it is answered, and is lost with the page.
    B17,
}

/// All of them.
pub const ALL: [Bug; 3] = [Bug::B1, Bug::B12, Bug::B17];
