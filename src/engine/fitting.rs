//! Which writes of a document are an entry together: as many as may be, but what cannot be applied takes nothing with it.

use super::Engine;
use super::ident::MutationId;
use crate::protocol::{Address, ApplyError, Operation};

/// More writes of one document than this are more than one entry: a server takes 1,000 operations in one.
const MEMBERS_MAX: usize = 500;

/// What members make on the base as it is.
#[derive(Debug)]
pub(super) struct Grounded {
    /// What is sent for them. An increment or append that cannot be applied is part of it: its end is the server's to say.
    pub(super) operations: Vec<Operation>,
    /// The first member, from 0, with something that cannot be applied.
    pub(super) unfit: Option<(usize, ApplyError)>,
}

impl Engine {
    /// The members that the next entry of a document has, and what they make. `None` where nothing can be an entry yet.
    ///
    /// An increment or append that cannot be applied (the base has moved, or was not in memory when it was written) is sent all
    /// the same: only the server knows what is there. It goes as an entry of its own, since a server refuses entries whole.
    pub(super) fn fit(&mut self, address: &Address) -> Option<(Vec<MutationId>, Vec<Operation>)> {
        let is_alone = self.config.uncoalesced.iter().any(|name| **name == *address.collection);
        let mut members = self.outbox.members(address, if is_alone { 1 } else { MEMBERS_MAX }, self.config.batch_bytes_max);
        let more = self.goes_on_behind(address, &members);
        if more > 0 {
            // Made on each other, on a text that is another one by now, they are one change.
            let all = members.len() + more;
            members = self.outbox.members(address, all, u64::MAX);
            if members.len() < all {
                self.outbox.postpone(address);
                return None;
            }
        }
        let mut grounded = self.replica.grounded(address, &members)?;
        if let Some((unfit, _)) = grounded.unfit {
            let fit = unfit.max(1);
            if fit < members.len() && self.goes_on_behind(address, &members[..fit]) == 0 {
                members.truncate(fit);
                grounded = self.replica.grounded(address, &members)?;
            }
        }
        Some((members, grounded.operations))
    }

    fn goes_on_behind(&self, address: &Address, members: &[MutationId]) -> usize {
        members.last().map_or(0, |last| self.replica.goes_on_behind(address, last))
    }
}
