//! What the server no longer knows of deletes: below a horizon it has forgotten them, and what a cursor from before would
//! have to bring it cannot say any more (fault P6). Such a cursor is answered 410, or with a beginning from the start.

use crate::authority::Revision;

/// How far the server has forgotten deletes, and how often it did.
#[derive(Clone, Debug, Default)]
pub struct Horizon {
    through: u64,
    times: u64,
}

/// A cursor as the authority has it, or none.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// It goes on from there.
    At(String),
    /// 410.
    Gone,
    /// From the start, and the reply says so.
    Start,
}

impl Horizon {
    /// Deletes up to this position are forgotten.
    pub fn raise(&mut self, through: u64) {
        if through > self.through {
            (self.through, self.times) = (through, self.times + 1);
        }
    }

    /// Up to which position deletes are forgotten.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// Whether this is forgotten.
    pub fn hides(&self, revision: &Revision) -> bool {
        revision.value.is_none() && revision.seq <= self.through
    }

    /// A document as it is known: one whose delete is forgotten is known not to be there at the horizon.
    pub fn blur(&self, revision: Revision) -> Revision {
        let seq = if self.hides(&revision) { self.through } else { revision.seq };
        Revision { seq, ..revision }
    }

    /// A cursor as it is given out. It says how often deletes were forgotten before: who began behind the last time needs
    /// none of them.
    pub fn sign(&self, cursor: String) -> String {
        match cursor.rsplit_once('.') {
            Some((generation, seq)) if self.times > 0 => format!("{generation}~{}.{seq}", self.times),
            _ => cursor,
        }
    }

    /// A cursor as it comes back, in this generation of the data.
    pub fn read(&self, cursor: &str, generation: &str) -> Place {
        let Some((life, seq)) = cursor.rsplit_once('.') else { return Place::At(cursor.to_owned()) };
        let (life, times) = life.split_once('~').unwrap_or((life, "0"));
        let is_old = life == generation && seq.parse().is_ok_and(|seq: u64| seq < self.through) && times != self.times.to_string();
        match is_old {
            false => Place::At(format!("{life}.{seq}")),
            true if self.times.is_multiple_of(2) => Place::Gone,
            true => Place::Start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_only_who_may_have_missed_a_delete_begins_again() {
        let mut horizon = Horizon::default();
        assert_eq!(horizon.sign("g.3".into()), "g.3");
        horizon.raise(5);
        horizon.raise(4);
        assert_eq!(horizon.read("g.4", "g"), Place::Start);
        assert_eq!(horizon.read("g.5", "g"), Place::At("g.5".into()));
        assert_eq!(horizon.read("f.4", "g"), Place::At("f.4".into()), "it is for the authority to say what that is");
        let begun_behind = horizon.sign("g.2".into());
        assert_eq!(horizon.read(&begun_behind, "g"), Place::At("g.2".into()));
        horizon.raise(6);
        assert_eq!(horizon.read(&begun_behind, "g"), Place::Gone);
    }
}
