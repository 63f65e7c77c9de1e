//! Known bugs of others, planted on purpose: a checker that has never failed is not trusted. Built for the simulator only.

use super::Engine;

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

impl Engine {
    /// Plants a bug.
    pub fn plant(&mut self, bug: Bug) {
        self.planted = Some(bug);
    }

    /// What is frozen: each entry's id, its members and its bytes. An entry is fixed before its record is ordered to be
    /// stored, and whoever judges the view has to know of it then.
    pub fn frozen(&self) -> Vec<(String, Vec<String>, String)> {
        let text = |id: &super::ident::MutationId| id.0.to_string();
        self.outbox.entries().map(|(id, entry)| (text(id), entry.members.iter().map(text).collect(), entry.text.to_string())).collect()
    }
}
