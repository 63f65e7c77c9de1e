//! What every store must do, as cases that run against each of them.
//!
//! `cases` asks single methods; `agrees_with_memory` puts a store beside [`MemoryStore`] under one long random story.

use std::ops::ControlFlow;

use super::{Authority, Client, Commit, Ending, Feed, Head, Life, MemoryStore, PullAsk, RefuseMarked, Remembered, Revision, Store};
use crate::protocol::{Address, Applied, Identity, Json};

/// A case and its name.
pub type Case<S> = (&'static str, fn(S));

/// Every case. Each takes a fresh store whose generation is `g1`.
pub fn cases<S: Store>() -> Vec<Case<S>> {
    macro_rules! named {
        ($($case:ident,)*) => { vec![$((stringify!($case), $case::<S>),)*] };
    }
    named![
        a_fresh_store_is_empty,
        a_commit_is_read_back_whole,
        a_refusal_is_remembered_and_touches_nothing,
        a_delete_stays_as_a_change,
        users_never_meet,
        changes_come_in_log_order_and_stop_when_told,
        a_feed_holds_its_collection_only,
        applied_lists_own_entries_of_the_feed,
        forgetting_takes_the_oldest_outcomes_and_no_documents,
        a_client_is_known_by_user_and_name,
        another_life_goes_on_behind_the_same_head,
    ]
}

fn commit<S: Store>(store: &mut S, scope: &str, id: &str, ending: Ending, documents: &[(&str, &str, Option<&str>)]) -> u64 {
    let seq = store.head().unwrap().seq + 1;
    let documents =
        documents.iter().map(|(collection, key, value)| (Address::of(collection, key), value.map(|text| Json::parse(text).unwrap())));
    let remembered = Remembered { seq, fingerprint: u64::MAX - seq, ending };
    store.commit(&Commit { scope, client: "c1", id, remembered, documents: documents.collect() }).unwrap();
    seq
}

fn ok(version: &str) -> Ending {
    Ending::Ok { version: version.into() }
}

fn changes<S: Store>(store: &S, feed: &Feed, after: u64, most: usize) -> Vec<Revision> {
    let mut seen = Vec::new();
    store
        .changes("u", feed, after, &mut |revision| {
            seen.push(revision);
            if seen.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    seen
}

fn keys(revisions: &[Revision]) -> Vec<&str> {
    revisions.iter().map(|revision| &*revision.address.key).collect()
}

fn a_fresh_store_is_empty<S: Store>(store: S) {
    assert_eq!(store.head().unwrap(), Head { generation: "g1".into(), seq: 0, horizon: 0 });
    assert_eq!(store.life("g1").unwrap(), None, "the present life is no former one");
    assert_eq!(store.client("u", "c1").unwrap(), None);
    assert_eq!(store.remembered("u", "e").unwrap(), None);
    assert_eq!(store.document("u", &Address::of("n", "k")).unwrap(), None);
    assert_eq!(changes(&store, &Feed::Main, 0, 9), []);
    assert_eq!(store.applied("u", "c1", &Feed::Main, 0, 9, 9).unwrap(), []);
}

fn a_commit_is_read_back_whole<S: Store>(mut store: S) {
    let text = "{\"b\": 1.0, \"é😀\\u0000\":[9007199254740993]}";
    commit(&mut store, "u", "e1", ok("g1.1"), &[("n", "k/..%2f\r\n😀", Some(text)), ("n", "l", Some("null"))]);
    assert_eq!(store.head().unwrap().seq, 1);
    let address = Address::of("n", "k/..%2f\r\n😀");
    let value = Some(Json::parse(text).unwrap());
    let revision = Revision { address: address.clone(), seq: 1, version: "g1.1".into(), entry_id: "e1".into(), value };
    assert_eq!(store.document("u", &address).unwrap(), Some(revision));
    assert_eq!(store.document("u", &Address::of("n", "l")).unwrap().unwrap().value.unwrap().as_str(), "null");
    let remembered = Remembered { seq: 1, fingerprint: u64::MAX - 1, ending: ok("g1.1") };
    assert_eq!(store.remembered("u", "e1").unwrap(), Some(remembered));
}

fn a_refusal_is_remembered_and_touches_nothing<S: Store>(mut store: S) {
    let fields = Some(serde_json::Map::from_iter([("/a".to_owned(), "no".into())]));
    let endings = [
        Ending::Conflict { address: Address::of("n", "k\"😀") },
        Ending::Rejected { code: "c".into(), message: "m\"".into(), fields },
        Ending::Rejected { code: "c".into(), message: String::new(), fields: None },
        Ending::TooLarge,
    ];
    for (index, ending) in endings.into_iter().enumerate() {
        let id = format!("e{index}");
        let seq = commit(&mut store, "u", &id, ending.clone(), &[]);
        assert_eq!(seq, index as u64 + 1);
        assert_eq!(store.remembered("u", &id).unwrap(), Some(Remembered { seq, fingerprint: u64::MAX - seq, ending }));
    }
    assert_eq!(changes(&store, &Feed::Main, 0, 9), []);
    assert_eq!(store.applied("u", "c1", &Feed::Main, 0, 9, 9).unwrap(), []);
}

fn a_delete_stays_as_a_change<S: Store>(mut store: S) {
    commit(&mut store, "u", "e1", ok("g1.1"), &[("n", "k", Some("1"))]);
    commit(&mut store, "u", "e2", ok("g1.2"), &[("n", "k", None)]);
    let address = Address::of("n", "k");
    let deleted = Revision { address: address.clone(), seq: 2, version: "g1.2".into(), entry_id: "e2".into(), value: None };
    assert_eq!(store.document("u", &address).unwrap(), Some(deleted.clone()));
    assert_eq!(changes(&store, &Feed::Main, 0, 9), [deleted]);
}

fn users_never_meet<S: Store>(mut store: S) {
    commit(&mut store, "u", "e", ok("g1.1"), &[("n", "k", Some("1"))]);
    commit(&mut store, "v", "e", ok("g1.2"), &[("n", "k", Some("2"))]);
    assert_eq!(store.document("u", &Address::of("n", "k")).unwrap().unwrap().value.unwrap().as_str(), "1");
    assert_eq!(store.remembered("u", "e").unwrap().unwrap().seq, 1);
    assert_eq!(store.remembered("w", "e").unwrap(), None);
    assert_eq!(keys(&changes(&store, &Feed::Main, 0, 9)), ["k"]);
    assert_eq!(store.applied("v", "c1", &Feed::Main, 0, 9, 9).unwrap(), [Applied { id: "e".into(), version: "g1.2".into(), seq: 2 }]);
}

fn changes_come_in_log_order_and_stop_when_told<S: Store>(mut store: S) {
    commit(&mut store, "u", "e1", ok("g1.1"), &[("n", "c", Some("1")), ("n", "b", Some("1"))]);
    commit(&mut store, "u", "e2", ok("g1.2"), &[("n", "a", Some("1"))]);
    commit(&mut store, "u", "e3", ok("g1.3"), &[("m", "z", Some("1")), ("n", "b", Some("2"))]);
    assert_eq!(keys(&changes(&store, &Feed::Main, 0, 9)), ["c", "a", "z", "b"]);
    assert_eq!(keys(&changes(&store, &Feed::Main, 1, 9)), ["a", "z", "b"]);
    assert_eq!(keys(&changes(&store, &Feed::Main, 0, 2)), ["c", "a"]);
    assert_eq!(changes(&store, &Feed::Main, 3, 9), []);
}

fn a_feed_holds_its_collection_only<S: Store>(mut store: S) {
    commit(&mut store, "u", "e1", ok("g1.1"), &[("m", "a", Some("1")), ("n", "a", Some("1"))]);
    commit(&mut store, "u", "e2", ok("g1.2"), &[("nn", "b", Some("1"))]);
    let feed = Feed::Collection("n".into());
    let seen = changes(&store, &feed, 0, 9);
    assert_eq!(seen.iter().map(|revision| &revision.address).collect::<Vec<_>>(), [&Address::of("n", "a")]);
}

fn applied_lists_own_entries_of_the_feed<S: Store>(mut store: S) {
    commit(&mut store, "u", "e1", ok("g1.1"), &[("n", "a", Some("1"))]);
    commit(&mut store, "u", "e2", Ending::TooLarge, &[]);
    commit(&mut store, "u", "e3", ok("g1.3"), &[("m", "a", Some("1")), ("n", "a", Some("1"))]);
    commit(&mut store, "u", "e4", ok("g1.4"), &[("m", "a", None), ("m", "b", None)]);
    let ids = |feed: &Feed, after, through, limit| -> Vec<String> {
        let applied = store.applied("u", "c1", feed, after, through, limit).unwrap();
        applied.into_iter().map(|applied| applied.id).collect()
    };
    assert_eq!(ids(&Feed::Main, 0, 4, 9), ["e1", "e3", "e4"]);
    assert_eq!(ids(&Feed::Main, 1, 3, 9), ["e3"], "behind `after`, and up to `through`");
    assert_eq!(ids(&Feed::Main, 4, 4, 9), [""; 0]);
    assert_eq!(ids(&Feed::Main, 0, 4, 2), ["e1", "e3"]);
    assert_eq!(ids(&Feed::Collection("n".into()), 0, 4, 9), ["e1", "e3"], "a group is named in every feed");
    assert_eq!(ids(&Feed::Collection("m".into()), 0, 4, 9), ["e3", "e4"]);
    assert_eq!(store.applied("u", "c2", &Feed::Main, 0, 4, 9).unwrap(), []);
}

fn forgetting_takes_the_oldest_outcomes_and_no_documents<S: Store>(mut store: S) {
    for seq in 1..=4 {
        commit(&mut store, if seq == 2 { "v" } else { "u" }, &format!("e{seq}"), ok(&format!("g1.{seq}")), &[("n", "k", Some("1"))]);
    }
    store.forget_outcomes(3).unwrap();
    assert_eq!(store.head().unwrap(), Head { generation: "g1".into(), seq: 4, horizon: 3 });
    assert_eq!([store.remembered("u", "e3").unwrap(), store.remembered("v", "e2").unwrap()], [None, None]);
    assert!(store.remembered("u", "e4").unwrap().is_some());
    assert!(store.document("v", &Address::of("n", "k")).unwrap().is_some());
    assert_eq!(store.applied("u", "c1", &Feed::Main, 0, 4, 9).unwrap(), [Applied { id: "e4".into(), version: "g1.4".into(), seq: 4 }]);
    store.forget_outcomes(4).unwrap();
    assert_eq!(store.head().unwrap(), Head { generation: "g1".into(), seq: 4, horizon: 4 }, "the head stays where it is");
    store.forget_outcomes(1).unwrap();
    assert_eq!(store.head().unwrap().horizon, 4, "the horizon never goes back");
}

fn a_client_is_known_by_user_and_name<S: Store>(mut store: S) {
    let known = Client { session_epoch: 3, since: 7 };
    store.put_client("u", "c1", known).unwrap();
    assert_eq!(store.client("u", "c1").unwrap(), Some(known));
    assert_eq!([store.client("v", "c1").unwrap(), store.client("u", "c2").unwrap()], [None, None]);
    let later = Client { session_epoch: 4, ..known };
    store.put_client("u", "c1", later).unwrap();
    assert_eq!(store.client("u", "c1").unwrap(), Some(later));
}

fn another_life_goes_on_behind_the_same_head<S: Store>(mut store: S) {
    commit(&mut store, "u", "e1", ok("g1.1"), &[("n", "k", Some("1"))]);
    store.begin_life("g2").unwrap();
    assert_eq!(store.head().unwrap(), Head { generation: "g2".into(), seq: 1, horizon: 0 });
    assert_eq!(store.life("g1").unwrap(), Some(Life { generation: "g1".into(), ended_at: 1 }));
    assert_eq!(store.life("g2").unwrap(), None);
    assert_eq!(commit(&mut store, "u", "e2", ok("g2.2"), &[("n", "l", Some("1"))]), 2);
    store.begin_life("g3").unwrap();
    assert_eq!(store.life("g1").unwrap().unwrap().ended_at, 1);
    assert_eq!(store.life("g2").unwrap().unwrap().ended_at, 2);
    assert_eq!(store.document("u", &Address::of("n", "k")).unwrap().unwrap().version, "g1.1");
}

/// A long random story told to `store` and to a [`MemoryStore`] alike: every answer must be the same. `store` is fresh
/// and its generation is `g1`.
pub fn agrees_with_memory<S: Store>(mut store: S, seed: u64) {
    let mut dice = Dice(seed);
    let mut memory = MemoryStore::new("g1");
    let authority = Authority { rules: RefuseMarked, outcomes_kept: Some(60), ..Authority::default() };
    let mut told: Vec<String> = Vec::new();
    for turn in 0..300 {
        let asker = Identity { scope: dice.one_of(["u", "v"]).into(), client: dice.one_of(["c1", "c2"]).into(), session_epoch: turn / 100 };
        match dice.below(6) {
            0 => {
                let feed = Feed::parse(dice.one_of(["main", "collection:m", "collection:n"])).unwrap();
                let generation = memory.head().unwrap().generation;
                let place = dice.below(200);
                let cursor = dice.one_of([None, Some(format!("{generation}.{place}")), Some("g1.3".to_owned())]);
                let ask = PullAsk { feed, cursor, limit: Some(1 + dice.below(9)), request: None };
                let replies = [authority.pull(&store, &asker, &ask).unwrap(), authority.pull(&memory, &asker, &ask).unwrap()];
                assert_eq!(replies[0], replies[1], "turn {turn}: {ask:?}");
            }
            1 if dice.below(20) == 0 => {
                store.begin_life(&format!("life{turn}")).unwrap();
                memory.begin_life(&format!("life{turn}")).unwrap();
            }
            _ => {
                let body = match told.len() {
                    0 => dice.push(&memory, turn),
                    many if dice.below(4) == 0 => told[dice.below(many)].clone(),
                    _ => dice.push(&memory, turn),
                };
                let read = authority.read_push(&body).unwrap();
                let replies = [authority.push(&mut store, &asker, &read).unwrap(), authority.push(&mut memory, &asker, &read).unwrap()];
                assert_eq!(replies[0], replies[1], "turn {turn}: {body}");
                told.push(body);
            }
        }
        assert_eq!(store.head().unwrap(), memory.head().unwrap(), "turn {turn}");
    }
}

/// A small random source (splitmix64), so that a story is the same wherever it is told.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn one_of<T, const N: usize>(&mut self, all: [T; N]) -> T {
        let place = self.below(N);
        all.into_iter().nth(place).expect("the place is below the length")
    }

    fn push(&mut self, memory: &MemoryStore, turn: u64) -> String {
        let mut entries = Vec::new();
        for index in 0..self.below(4) {
            let operations = (0..=self.below(3)).map(|_| self.operation(memory)).collect::<Vec<_>>().join(",");
            let head = memory.head().unwrap();
            let seen = head.seq.saturating_sub(self.below(120) as u64);
            let generation = self.one_of([head.generation.as_str(), head.generation.as_str(), "g1", "", "nowhere"]);
            entries.push(format!(
                r#"{{"id":"e{turn}.{index}","seen":{{"generation":"{generation}","seq":{seen}}},"operations":[{operations}]}}"#
            ));
        }
        format!(r#"{{"entries":[{}]}}"#, entries.join(","))
    }

    fn operation(&mut self, memory: &MemoryStore) -> String {
        let address = Address::of(self.one_of(["m", "n"]), self.one_of(["a", "b", "c"]));
        let current = memory.document("u", &address).unwrap().filter(|revision| revision.value.is_some());
        let base = match (self.below(4), current) {
            (0, Some(current)) => format!(r#""base":"{}","#, current.version),
            (0, None) => r#""base":null,"#.to_owned(),
            (1, _) if self.below(3) == 0 => r#""base":"g1.1","#.to_owned(),
            _ => String::new(),
        };
        let number = self.below(100);
        let what = match self.below(8) {
            0 => r#""op":"delete""#.to_owned(),
            1 => format!(r#""op":"patch","set":{{"/p":{number}}},"remove":["/l"]"#),
            2 => r#""op":"increment","path":"/n","by":2"#.to_owned(),
            3 => format!(r#""op":"append","path":"/l","items":[{number}]"#),
            4 => r#""op":"splice","path":"/t","at":1,"remove":0,"insert":"é""#.to_owned(),
            5 => r#""op":"put","value":{"reject":true}"#.to_owned(),
            6 => r#""op":"grow""#.to_owned(),
            _ => format!(r#""op":"put","value":{{"n":{number},"t":"ab","l":[]}}"#),
        };
        format!(r#"{{"collection":"{}","key":"{}",{base}{what}}}"#, address.collection, address.key)
    }
}
