//! What a push does: each entry by itself, once, and its outcome with its effect.

use std::collections::BTreeMap;

use super::request::{PushBody, Received, Unfit};
use super::{Authority, Client, Commit, Documents, Ending, Head, Proposal, Refusal, Remembered, Rules, Store};
use crate::protocol::{Address, ApplyError, Draft, Identity, Json, KeyedOperation, Outcome, PushReply, Seen, Verdict, Whole};

impl<R: Rules> Authority<R> {
    /// Does what `body` asks for, entry by entry in order. On an error of the store nothing may be answered: what was
    /// committed before it is found again when the entries come again.
    pub fn push<S: Store>(&self, store: &mut S, asker: &Identity, body: &PushBody) -> Result<PushReply, S::Error> {
        let head = store.head()?;
        let mut reply = PushReply { generation: Some(head.generation.clone()), scope: Some(asker.scope.clone()), ..PushReply::default() };
        let Some(client) = admit(store, asker, &head)? else {
            reply.whole = Some(Whole::Fenced);
            return Ok(reply);
        };
        let mut turn = Turn { authority: self, store, asker, client, head };
        for entry in &body.entries {
            let outcome = turn.entry(entry)?;
            reply.outcomes.push(outcome);
        }
        if let Some(kept) = self.outcomes_kept {
            let through = turn.head.seq.saturating_sub(kept);
            if through > turn.head.horizon {
                turn.store.forget_outcomes(through)?;
            }
        }
        Ok(reply)
    }
}

/// Knows the asker from here on; `None` where a later session of the same client has pushed before (law I15).
fn admit<S: Store>(store: &mut S, asker: &Identity, head: &Head) -> Result<Option<Client>, S::Error> {
    let known = store.client(&asker.scope, &asker.client)?;
    if known.is_some_and(|known| asker.session_epoch < known.session_epoch) {
        return Ok(None);
    }
    let client = Client { session_epoch: asker.session_epoch, since: known.map_or(head.seq, |known| known.since) };
    if known != Some(client) {
        store.put_client(&asker.scope, &asker.client, client)?;
    }
    Ok(Some(client))
}

/// What to answer about an entry that is remembered. A conflict is answered with what there is at the time of asking:
/// what there was when it happened is of no use to anybody.
pub(super) fn answer<S: Store>(store: &S, scope: &str, id: &str, remembered: Remembered) -> Result<Outcome, S::Error> {
    let verdict = match remembered.ending {
        Ending::Ok { version } => Verdict::Ok { version: Some(version), value: None },
        Ending::Conflict { address } => {
            let current = store.document(scope, &address)?;
            let value_seq = current.as_ref().map(|current| current.seq);
            let (version, value) = current.and_then(|current| Some((current.version, current.value?))).unzip();
            Verdict::Conflict { address: Some(address), version, value, value_seq }
        }
        Ending::Rejected { code, message, fields } => {
            let fields = fields.map(|fields| serde_json::Value::Object(fields).to_string());
            Verdict::Rejected { code, message, fields: fields.and_then(|text| Json::parse(&text).ok()) }
        }
        Ending::TooLarge => Verdict::TooLarge,
    };
    Ok(Outcome { id: id.to_owned(), seq: Some(remembered.seq), verdict })
}

/// One push while it is worked on.
struct Turn<'a, R, S> {
    authority: &'a Authority<R>,
    store: &'a mut S,
    asker: &'a Identity,
    client: Client,
    head: Head,
}

impl<R: Rules, S: Store> Turn<'_, R, S> {
    fn entry(&mut self, entry: &Received) -> Result<Outcome, S::Error> {
        if let Some(remembered) = self.store.remembered(&self.asker.scope, &entry.id)? {
            if remembered.fingerprint != entry.fingerprint {
                // H17: what this text asks for was never done and never will be; the other text's outcome stays.
                let message = "another entry had this id".to_owned();
                let verdict = Verdict::Rejected { code: "id_reused".into(), message, fields: None };
                return Ok(Outcome { id: entry.id.clone(), seq: None, verdict });
            }
            return answer(self.store, &self.asker.scope, &entry.id, remembered);
        }
        let proven = self.known_up_to(&entry.seen)?;
        if proven < self.head.horizon {
            return Ok(Outcome { id: entry.id.clone(), seq: None, verdict: Verdict::Expired });
        }
        let (ending, documents) = match &entry.content {
            Err(Unfit::TooLarge) => (Ending::TooLarge, Vec::new()),
            Err(Unfit::Malformed(why)) => (rejected("malformed", why.clone()), Vec::new()),
            Ok(operations) => match self.apply(operations, proven)? {
                Ok(documents) => (Ending::Ok { version: format!("{}.{}", self.head.generation, self.head.seq + 1) }, documents),
                Err(ending) => (ending, Vec::new()),
            },
        };
        let remembered = Remembered { seq: self.head.seq + 1, fingerprint: entry.fingerprint, ending };
        let (scope, client) = (&self.asker.scope, &self.asker.client);
        self.store.commit(&Commit { scope, client, id: &entry.id, remembered: remembered.clone(), documents })?;
        self.head.seq += 1;
        answer(self.store, scope, &entry.id, remembered)
    }

    /// A position of this log at or below which the entry was surely not executed, as far as its `seen` proves it:
    /// what was frozen after a position was seen is executed behind that position (fault H16).
    fn known_up_to(&self, seen: &Seen) -> Result<u64, S::Error> {
        if seen.generation == self.head.generation {
            return Ok(seen.seq);
        }
        if seen.generation.is_empty() {
            return Ok(self.client.since);
        }
        // H18: in a restored store the entry may have been executed before the restore, in what both lives share, or
        // after it; a life that this data never had proves nothing.
        Ok(self.store.life(&seen.generation)?.map_or(0, |life| seen.seq.min(life.ended_at)))
    }

    /// The documents after all operations, or why none of them is applied. What was made where nothing was does not bring back what
    /// was deleted behind `proven`, the position that its client knew of (law I12).
    fn apply(&self, operations: &[KeyedOperation], proven: u64) -> Result<Result<Documents, Ending>, S::Error> {
        let mut touched = BTreeMap::new();
        for KeyedOperation { address, base, .. } in operations {
            if !touched.contains_key(address) {
                touched.insert(address.clone(), Touched::load(self.store, &self.asker.scope, address)?);
            }
            let Touched { version, deleted_at, .. } = &touched[address];
            if base.as_ref().is_some_and(|base| base != version || *deleted_at > proven) {
                return Ok(Err(Ending::Conflict { address: address.clone() }));
            }
        }
        for KeyedOperation { address, operation, .. } in operations {
            let document = touched.get_mut(address).expect("every address was loaded above");
            match document.draft.apply(operation) {
                Ok(()) => {}
                Err(ApplyError::Moved) => return Ok(Err(Ending::Conflict { address: address.clone() })),
                Err(why) => return Ok(Err(rejected("not_applicable", why.to_string()))),
            }
        }
        let mut documents = Vec::with_capacity(touched.len());
        for (address, mut document) in touched {
            let after = document.draft.to_json();
            let proposal =
                Proposal { scope: &self.asker.scope, address: &address, before: document.before.as_ref(), after: after.as_ref() };
            if let Err(Refusal { code, message, fields }) = self.authority.rules.check(&proposal) {
                return Ok(Err(Ending::Rejected { code, message, fields }));
            }
            documents.push((address, after));
        }
        Ok(Ok(documents))
    }
}

/// A document that an entry names.
struct Touched {
    /// `None` where there is no document, be it deleted or never made.
    version: Option<String>,
    /// The position at which it was deleted; 0 where it was not.
    deleted_at: u64,
    before: Option<Json>,
    draft: Draft,
}

impl Touched {
    fn load<S: Store>(store: &S, scope: &str, address: &Address) -> Result<Touched, S::Error> {
        let current = store.document(scope, address)?;
        let deleted_at = current.as_ref().filter(|current| current.value.is_none()).map_or(0, |current| current.seq);
        let (version, before) = current.and_then(|current| Some((current.version, current.value?))).unzip();
        Ok(Touched { version, deleted_at, draft: Draft::of(before.clone()), before })
    }
}

fn rejected(code: &str, message: String) -> Ending {
    Ending::Rejected { code: code.into(), message, fields: None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::MemoryStore;
    use super::*;

    /// Entries of every ending: bases that fit and that do not, refusals, nonsense, the same id twice.
    fn entries() -> impl Strategy<Value = Vec<String>> {
        let operation = (0..8, 0..3, 0..5usize).prop_map(|(kind, key, base)| {
            let what = match kind {
                0 => json!({ "op": "delete" }),
                1 => json!({ "op": "increment", "path": "/n", "by": 1 }),
                2 => json!({ "op": "put", "value": { "reject": true } }),
                3 => json!({ "op": "grow" }),
                _ => json!({ "op": "put", "value": { "n": kind } }),
            };
            let mut operation = json!({ "collection": "c", "key": format!("k{key}") });
            operation.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
            match base {
                0 => operation["base"] = json!(null),
                1 => operation["base"] = json!("g.1"),
                _ => {}
            }
            operation
        });
        let entry = (0..12, prop::collection::vec(operation, 1..3)).prop_map(|(id, operations)| {
            json!({ "id": format!("e{id}"), "seen": { "generation": "g", "seq": 0 }, "operations": operations }).to_string()
        });
        prop::collection::vec(entry, 1..14)
    }

    fn tell(batches: impl Iterator<Item = Vec<String>>) -> (Vec<Outcome>, MemoryStore) {
        let authority = Authority { rules: super::super::RefuseMarked, ..Authority::default() };
        let asker = Identity { scope: "u".into(), client: "c".into(), session_epoch: 0 };
        let mut store = MemoryStore::new("g");
        let mut outcomes = Vec::new();
        for batch in batches {
            let body = authority.read_push(&format!(r#"{{"entries":[{}]}}"#, batch.join(","))).unwrap();
            outcomes.extend(authority.push(&mut store, &asker, &body).unwrap().outcomes);
        }
        (outcomes, store)
    }

    proptest! {
        #[test]
        fn i14_how_a_push_is_cut_does_not_matter(entries in entries(), size in 1usize..6) {
            let whole = tell([entries.clone()].into_iter());
            let cut = tell(entries.chunks(size).map(<[String]>::to_vec));
            prop_assert_eq!(&whole, &cut);
        }

        #[test]
        fn i2_sending_everything_again_changes_nothing(entries in entries()) {
            let once = tell([entries.clone()].into_iter());
            let twice = tell([entries.clone(), entries].into_iter());
            prop_assert_eq!(&once.1, &twice.1);
        }
    }
}
