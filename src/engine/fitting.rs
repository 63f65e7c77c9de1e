//! Which writes are an entry together, and what they make: of one document as many as may be, but what cannot be applied takes
//! nothing with it.

use super::Engine;
use super::error::{Code, Fault};
use super::ident::MutationId;
use crate::merge::Clash;
use crate::protocol::{Address, Operation, Part};

/// More writes of one document than this are more than one entry, and no more than this many operations are one write.
pub(super) const MEMBERS_MAX: usize = 500;
/// A server takes no more operations in one entry.
const OPERATIONS_MAX: usize = 1_000;

/// What members make on the base of one document as it is.
#[derive(Debug)]
pub(super) struct Grounded {
    /// What is sent for them. An increment or append that cannot be applied is part of it: its end is the server's to say.
    pub(super) operations: Vec<Operation>,
    /// The first member, from 0, with something that cannot be applied.
    pub(super) unfit: Option<usize>,
    /// How what somebody else had changed, too, was settled.
    pub(super) clashes: Vec<Clash>,
}

/// What an entry is.
#[derive(Debug)]
pub(super) struct Fitting {
    /// What it means, one for each document.
    pub(super) parts: Vec<Part>,
    /// What is sent, where that is something else.
    pub(super) lowered: Option<Vec<Part>>,
    /// How what somebody else had changed, too, was settled.
    pub(super) conflicts: Vec<(Address, Vec<Clash>)>,
}

/// What members make on the bases of all their documents.
#[derive(Debug)]
pub(super) struct Made {
    /// One for each document.
    pub(super) parts: Vec<Part>,
    /// The first member, from 0, with something that cannot be applied.
    pub(super) unfit: Option<usize>,
    /// How what somebody else had changed, too, was settled.
    pub(super) conflicts: Vec<(Address, Vec<Clash>)>,
}

impl Engine {
    /// The members that the entry beginning with `head` has, and what they make; an error where they can be none: the text is lost
    /// that one of them was made on, or there is no way to say it to this backend. `None` where they cannot be an entry yet.
    ///
    /// An increment or append that cannot be applied (the base has moved, or was not in memory when it was written) is sent all
    /// the same: only the server knows what is there. It goes as an entry of its own, since a server refuses entries whole.
    pub(super) fn fit(&mut self, head: &MutationId, addresses: &[Address]) -> Option<(Vec<MutationId>, Result<Fitting, Fault>)> {
        let is_alone = self.config.uncoalesced.iter().any(|name| addresses.iter().any(|address| **name == *address.collection));
        let mut members = self.outbox.members(head, if is_alone { 1 } else { MEMBERS_MAX }, self.config.batch_bytes_max, false);
        members.first()?;
        let more = self.goes_on_behind(addresses, &members);
        if let (Some(address), 1..) = (addresses.first(), more) {
            // Made on each other, on a text that is another one by now, they are one change.
            let all = members.len() + more;
            let run = self.outbox.members(head, all, u64::MAX, true);
            if run.len() == all {
                members = run;
            } else if !run.last().is_some_and(|last| self.outbox.is_crossed(address, last)) {
                self.outbox.postpone(address);
                return None;
            }
        }
        let mut made = self.grounded_parts(addresses, &members)?;
        while made.as_ref().is_some_and(|made| made.parts[0].operations.len() > OPERATIONS_MAX) {
            let fit = members.len() / 2;
            if fit == 0 || self.goes_on_behind(addresses, &members[..fit]) > 0 {
                break;
            }
            members.truncate(fit);
            made = self.grounded_parts(addresses, &members)?;
        }
        if let Some(Made { unfit: Some(unfit), .. }) = made {
            let fit = unfit.max(1);
            if fit < members.len() && self.goes_on_behind(addresses, &members[..fit]) == 0 {
                members.truncate(fit);
                made = self.grounded_parts(addresses, &members)?;
            }
        }
        let Some(Made { parts, conflicts, .. }) = made else {
            let error = if addresses.iter().any(|address| self.replica.set_aside(address, &members).is_some()) {
                Fault::new(Code::Validation, "it is of an earlier version of the app, and could not be migrated")
            } else {
                Fault::new(Code::StorageCorrupt, "the text this was made on is lost")
            };
            return Some((members, Err(error)));
        };
        let lowered = self.lower(&parts).map_err(|why| Fault::new(Code::Rejected, why.said()));
        Some((members, lowered.map(|lowered| Fitting { parts, lowered, conflicts })))
    }

    /// For how many writes behind these a run of splices on a text that has moved goes on. A group has none.
    fn goes_on_behind(&self, addresses: &[Address], members: &[MutationId]) -> usize {
        let ([address], Some(last)) = (addresses, members.last()) else { return 0 };
        self.replica.goes_on_behind(address, last)
    }

    /// What is said of a document that a write is made on: its version, that there is none, or nothing where nobody knows.
    #[inline(never)]
    pub(super) fn made_on(&self, address: &Address) -> Option<Option<String>> {
        match (self.replica.base(address), self.shadow_version(address)) {
            (None, None) => Some(None),
            (Some(base), None) if base.value.is_none() => Some(None),
            (_, Some(_)) if self.replica.acknowledged(address).is_none() => Some(None),
            (base, shadow) => {
                let version = shadow.or(base.map(|base| &base.version)).filter(|version| !version.is_empty());
                version.map(|version| Some(String::from(&**version)))
            }
        }
    }

    /// What the layers of these mutations make on the bases as they are. `Some(None)`: there is a document that nobody can say
    /// it for; `None`: one that is not in memory.
    #[inline(never)]
    pub(super) fn grounded_parts(&self, addresses: &[Address], members: &[MutationId]) -> Option<Option<Made>> {
        let mut made = Made { parts: Vec::with_capacity(addresses.len()), unfit: None, conflicts: Vec::new() };
        for address in addresses {
            let Grounded { operations, unfit, clashes } = self.replica.grounded(address, members)?;
            if operations.is_empty() {
                return Some(None);
            }
            let base = self.made_on(address);
            made.unfit = made.unfit.or(unfit);
            if !clashes.is_empty() {
                made.conflicts.push((address.clone(), clashes));
            }
            made.parts.push(Part { address: address.clone(), operations, base });
        }
        Some(Some(made))
    }
}
