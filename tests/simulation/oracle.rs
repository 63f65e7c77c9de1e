//! A judge that has never said no is not trusted: one good history, and bad ones that differ from it in one thing.

use serde_json::{Value, json};
use syncline::engine::clock::Wall;
use syncline::engine::config::Level;
use syncline::engine::effect::{Guard, Write};
use syncline::engine::error::{Code, Fault};
use syncline::engine::header;
use syncline::engine::ident::{MutationId, WriteId};
use syncline::engine::input::Collections;
use syncline::engine::notice::{Durability, Ending, Notice};
use syncline::engine::record::{self, Kind};
use syncline::protocol::{Address, Seen};
use syncline::sim::action::Edit;
use syncline::sim::disk::{Disk, Fate, Image};
use syncline::sim::oracle::{Oracle, Truth, Verdict};

const NAME: &str = "c/k";
const ENTRY: &str = r#"{"id":"m1","operations":[{"op":"put","collection":"c","key":"k","base":null,"value":1}]}"#;

/// The records of one transaction.
#[derive(Default)]
struct Commit(Vec<u8>);

impl Commit {
    fn mutation(mut self, id: &str) -> Self {
        let header = header::mutation(&MutationId(id.into()), Wall(0), "s", &[Address::of("c", "k")], &Collections::default(), &None, None);
        record::encode(&mut self.0, Kind::Mutation, 0, &header, "[]");
        self
    }

    fn freeze(mut self, entry: &str, members: &[&str], bytes: &str) -> Self {
        let header = header::freeze(&MutationId(entry.into()), &ids(members), (1, 0), 0, &None, &[], &Collections::default());
        record::encode(&mut self.0, Kind::Freeze, 0, &header, bytes);
        self
    }

    fn settlement(mut self, entry: &str, members: &[&str], ending: &str) -> Self {
        let header = header::settlement(&MutationId(entry.into()), &ids(members), ending, None);
        record::encode(&mut self.0, Kind::Settlement, 0, &header, "");
        self
    }

    fn inbox(mut self, members: &[&str]) -> Self {
        let error = Fault::new(Code::Rejected, "no");
        let (entry, members) = (MutationId(members[0].into()), ids(members));
        let header = header::inbox(&entry, &members, "rejected", &error, &None, Wall(0), &Collections::default());
        record::encode(&mut self.0, Kind::Inbox, 0, &header, "[]");
        self
    }

    fn base(mut self, seq: u64, value: &str) -> Self {
        let version = format!("g.{seq}");
        let header = header::base(&Address::of("c", "k"), &version, Some(seq), "g", 0);
        record::encode(&mut self.0, Kind::Base, 0, &header, value);
        self
    }

    fn cursor(mut self, seq: u64) -> Self {
        let header = header::cursor("main", &Some(format!("g.{seq}")), "g", false, &Seen::default());
        record::encode(&mut self.0, Kind::Cursor, 0, &header, "");
        self
    }
}

fn ids(names: &[&str]) -> Vec<MutationId> {
    names.iter().map(|name| MutationId((*name).into())).collect()
}

fn write(append: Commit, rewrite: Vec<(u64, Option<Vec<u8>>)>) -> Write {
    let append = (!append.0.is_empty()).then_some(append.0);
    Write { write: WriteId(1), strict: true, guard: Guard::Fresh, append, rewrite, pages: Vec::new(), directory: None, meta: None }
}

/// A device with a disk and a judge, and what is true at the server, told by hand.
#[derive(Default)]
struct Told {
    oracle: Oracle,
    truth: Truth,
    disk: Disk,
    position: u64,
}

impl Told {
    fn stores(&mut self, commit: Commit) -> Verdict {
        self.rewrites(commit, Vec::new())
    }

    fn rewrites(&mut self, commit: Commit, rewrite: Vec<(u64, Option<Vec<u8>>)>) -> Verdict {
        let write = write(commit, rewrite);
        self.oracle.ordered(&self.truth, &write)?;
        self.position += u64::from(write.append.is_some());
        self.disk.write(1, write.clone());
        self.disk.finish(Fate::Completes);
        self.oracle.committed(&self.truth, &write, self.position)
    }

    fn puts(&mut self, id: &str, value: u64) -> Verdict {
        self.oracle.invoked(id, &[(NAME, &Edit::Put(json!(value)), None)])
    }

    fn settled(&mut self, id: &str, ending: Ending) -> Verdict {
        self.oracle.noticed(&self.truth, &Notice::Settled { mutation: MutationId(id.into()), ending })
    }

    fn durable(&mut self, id: &str) -> Verdict {
        self.oracle.noticed(&self.truth, &Notice::Durable { mutations: ids(&[id]), durability: Durability::Strict })
    }

    fn sees(&mut self, value: u64) -> Verdict {
        self.oracle.looked(&self.truth, true, |_| Some(Some(json!(value))))
    }

    fn sends(&mut self, body: &str) -> Verdict {
        self.oracle.sent(body, true)
    }

    /// The server applies what the device sent.
    fn applied(&mut self, entry: &str, seq: u64, value: Option<Value>) -> Verdict {
        let documents = vec![(NAME.to_owned(), value)];
        self.oracle.applied(&self.truth, entry, &documents)?;
        self.truth.applied(entry, documents, seq)
    }

    /// The server applies what somebody else sent.
    fn written_elsewhere(&mut self, entry: &str, seq: u64, value: Option<Value>) -> Verdict {
        self.truth.applied(entry, vec![(NAME.to_owned(), value)], seq)
    }

    fn pulled(&mut self, body: Value) -> Verdict {
        self.oracle.pull_delivered(&self.truth, "main", &body)
    }

    fn rested(&mut self, value: u64) -> Verdict {
        self.oracle.rested(&self.truth, |_| Some(Some(json!(value))))
    }

    fn loses_all(&mut self) -> Verdict {
        self.oracle.crashed(&self.truth, &Image::default(), true)
    }

    fn crashes(&mut self) -> Verdict {
        self.oracle.crashed(&self.truth, self.disk.image(), false)
    }
}

fn applied() -> Ending {
    Ending::Applied { version: None }
}

fn rejected() -> Ending {
    Ending::Rejected { error: Fault::new(Code::Rejected, "no") }
}

/// Written, stored, frozen, sent: what every history here begins with.
fn sent() -> Told {
    let mut told = Told::default();
    told.puts("m1", 1).unwrap();
    told.stores(Commit::default().mutation("m1")).unwrap();
    told.durable("m1").unwrap();
    told.stores(Commit::default().freeze("m1", &["m1"], ENTRY)).unwrap();
    told.sends(&format!(r#"{{"entries":[{ENTRY}]}}"#)).unwrap();
    told
}

/// And committed at the server, and answered.
fn answered() -> Told {
    let mut told = sent();
    told.applied("m1", 1, Some(json!(1))).unwrap();
    told.oracle.push_delivered(&told.truth, &["m1".into()], &json!({ "outcomes": [{ "id": "m1", "outcome": "ok", "seq": 1 }] }));
    told
}

fn law(verdict: Verdict) -> &'static str {
    verdict.err().map_or("none", |violation| violation.law)
}

#[test]
fn a_good_history_breaks_no_law() {
    let mut told = answered();
    told.sees(1).unwrap();
    told.settled("m1", applied()).unwrap();
    told.stores(Commit::default().settlement("m1", &["m1"], "applied").base(1, "1").cursor(1)).unwrap();
    told.crashes().unwrap();
    assert!(told.oracle.is_at_rest(&told.truth));
    told.rested(1).unwrap();
}

#[test]
fn i1_what_was_called_durable_is_there() {
    let mut told = Told::default();
    told.puts("m1", 1).unwrap();
    assert_eq!(law(told.durable("m1")), "I1", "called durable, and not on the disk");

    let mut told = Told::default();
    told.puts("m1", 1).unwrap();
    told.stores(Commit::default().mutation("m1")).unwrap();
    told.durable("m1").unwrap();
    assert_eq!(law(told.loses_all()), "I1", "gone with the power");

    let mut told = answered();
    told.settled("m1", applied()).unwrap();
    assert_eq!(law(told.settled("m1", applied())), "I1", "ended twice");

    let mut told = sent();
    told.truth.refused("m1", 9).unwrap();
    assert_eq!(law(told.stores(Commit::default().settlement("m1", &["m1"], "rejected"))), "I1", "refused, and not in the inbox");

    let mut told = sent();
    told.truth.refused("m1", 9).unwrap();
    assert_eq!(law(told.stores(Commit::default().settlement("m1", &["m1"], "merged"))), "I1", "merged, and nothing carries it on");

    let mut told = sent();
    told.truth.refused("m1", 9).unwrap();
    told.stores(Commit::default().settlement("m1", &["m1"], "rejected").inbox(&["m1"])).unwrap();
    assert_eq!(law(told.rewrites(Commit::default(), vec![(1, None), (2, None), (3, None)])), "I1", "and the inbox lost it");
}

#[test]
fn i2_an_effect_is_there_once_and_when_it_is_said() {
    assert_eq!(law(sent().settled("m1", applied())), "I2", "said to be applied, and never arrived");
    assert_eq!(law(sent().stores(Commit::default().settlement("m1", &["m1"], "applied"))), "I2", "stored as applied (B12)");
    assert_eq!(law(answered().settled("m1", rejected())), "I2", "said to be refused, and applied");
    assert_eq!(law(answered().applied("m1", 2, Some(json!(1)))), "I9", "again, out of order");
    assert_eq!(law(answered().written_elsewhere("m1", 2, Some(json!(1)))), "I2", "again");
    assert_eq!(law(sent().applied("m2", 1, Some(json!(1)))), "I2", "nobody wrote it (B1)");
    assert_eq!(law(answered().truth.refused("m1", 9)), "I2");
}

#[test]
fn i5_i6_the_view_is_base_and_pending() {
    assert_eq!(law(sent().sees(2)), "I5");
    let mut told = sent();
    assert_eq!(law(told.oracle.looked(&told.truth, true, |_| None)), "I6", "a pending put is seen without a base");
    told.written_elsewhere("x", 1, Some(json!(7))).unwrap();
    told.pulled(json!({ "changes": [{ "collection": "c", "key": "k", "seq": 1 }] })).unwrap();
    assert_eq!(law(told.sees(7)), "I5", "the pending put vanished behind somebody else's");
    told.sees(1).unwrap();
    told.truth.refused("m1", 9).unwrap();
    told.settled("m1", rejected()).unwrap();
    assert_eq!(law(told.sees(1)), "I5", "taken back, and still seen (I8)");
    told.sees(7).unwrap();
}

#[test]
fn i7_what_leaves_pending_is_in_the_base() {
    let mut told = sent();
    told.applied("m1", 1, Some(json!(1))).unwrap();
    assert_eq!(law(told.settled("m1", applied())), "I7", "the answer never came");
}

#[test]
fn i9_i13_entries_are_what_their_members_are_and_come_in_order() {
    assert_eq!(law(sent().applied("m1", 1, Some(json!(2)))), "I13");
    let mut told = Told::default();
    told.puts("m1", 1).unwrap();
    told.puts("m2", 2).unwrap();
    assert_eq!(law(told.stores(Commit::default().mutation("m1").mutation("m2").freeze("m2", &["m2"], ENTRY))), "I9");
}

#[test]
fn i10_a_device_goes_along_the_log_and_not_back() {
    let pulls = |told: &mut Told, cursor| law(told.oracle.pulls(&told.truth, "main", cursor));
    let mut told = answered();
    assert_eq!(pulls(&mut told, Some("g.1")), "none");
    assert_eq!(pulls(&mut told, Some("g.0")), "I10");
    assert_eq!(pulls(&mut answered(), Some("g.1")), "none");
    told.written_elsewhere("x", 2, Some(json!(7))).unwrap();
    assert_eq!(pulls(&mut told, Some("g.2")), "I16", "nobody brought it");

    let mut told = answered();
    told.stores(Commit::default().settlement("m1", &["m1"], "applied").base(1, "1").cursor(1)).unwrap();
    told.crashes().unwrap();
    assert_eq!(pulls(&mut told, None), "I10", "the disk had a cursor");
    told.rewrites(Commit::default(), vec![(1, None), (2, None), (3, None)]).unwrap();
    assert_eq!(law(told.crashes()), "I10", "and has lost it");
}

#[test]
fn i11_who_has_caught_up_sees_all_that_a_writer_had_seen() {
    let mut told = answered();
    told.written_elsewhere("x", 2, Some(json!(7))).unwrap();
    let page = |changes: Value| json!({ "changes": changes, "cursor": "g.2", "more": false });
    assert_eq!(law(told.pulled(page(json!([])))), "I11");
    assert_eq!(law(told.pulled(page(json!([{ "collection": "c", "key": "k", "seq": 2 }])))), "none");
}

#[test]
fn i12_what_was_deleted_does_not_come_back() {
    let mut told = answered();
    told.settled("m1", applied()).unwrap();
    told.sees(1).unwrap();
    told.written_elsewhere("x", 2, None).unwrap();
    told.pulled(json!({ "changes": [{ "collection": "c", "key": "k", "seq": 2 }], "cursor": "g.2", "more": false })).unwrap();
    assert_eq!(law(told.sees(1)), "I12");

    // The server has forgotten the delete: who has begun again, and was not told of the document, has it no more.
    let mut told = Told { oracle: Oracle::of(0, Level::A, vec!["main".into()], Default::default(), false), ..Told::default() };
    told.written_elsewhere("x", 1, Some(json!(1))).unwrap();
    told.pulled(json!({ "changes": [{ "collection": "c", "key": "k", "seq": 1 }], "cursor": "g.1", "more": false })).unwrap();
    told.sees(1).unwrap();
    told.written_elsewhere("y", 2, None).unwrap();
    told.truth.forgot_deletes(2);
    told.sees(1).unwrap();
    let had_cursor = told.oracle.known(true, true);
    assert!(!told.oracle.believes(&had_cursor, &json!({ "cursor": "g~1.2", "reset": true, "generation": "" })));
    told.pulled(json!({ "changes": [], "cursor": "g~1.2", "more": false })).unwrap();
    assert_eq!(law(told.sees(1)), "I12");
}

#[test]
fn i3_what_the_app_is_told_of_its_inbox_and_of_what_it_awaits_is_true() {
    let item = json!({ "entry": "m1", "members": ["m1"] });
    let body = json!({ "operations": [{ "op": "put", "collection": "c", "key": "k", "value": 1 }],
        "documents": [{ "collection": "c", "key": "k", "local": 1 }] });
    let mut told = sent();
    assert_eq!(law(told.oracle.is_aside(&item)), "I3", "it has not ended");
    assert_eq!(told.oracle.pending_of(None), ["m1"]);
    assert!(!told.oracle.is_over("m1"));
    told.truth.refused("m1", 1).unwrap();
    told.settled("m1", rejected()).unwrap();
    told.oracle.is_aside(&item).unwrap();
    assert!(told.oracle.is_over("m1") && told.oracle.fits_again(&item, &body));
    told.oracle.made_anew(&item, &body, None, "m2").unwrap();
    assert_eq!(law(told.rested(1)), "V1", "it has an end of its own");
    told.sees(1).unwrap();
    assert_eq!(law(told.oracle.made_anew(&item, &body, Some(json!(7)), "m2")), "I2");
}

#[test]
fn i20_what_another_user_wrote_is_nowhere() {
    let mut told = answered();
    assert_eq!(law(told.oracle.carried("one‡")), "I20");
    assert_eq!(law(told.oracle.carried("one†")), "none", "the user's own mark");
    assert_eq!(law(told.sends("{\"entries\":[\"one•\"]}")), "I20");
    assert_eq!(law(told.oracle.looked(&told.truth, true, |_| Some(Some(json!("one‡"))))), "I20");
    let mut told = Told::default();
    told.written_elsewhere("x", 4, Some(json!("one‡"))).unwrap();
    told.stores(Commit::default().base(4, "\"one‡\"")).unwrap();
    assert_eq!(law(told.crashes()), "I20");
}

#[test]
fn i16_the_cursor_is_not_ahead() {
    let mut told = sent();
    told.written_elsewhere("x", 4, Some(json!(7))).unwrap();
    told.stores(Commit::default().cursor(4)).unwrap();
    assert_eq!(law(told.crashes()), "I16");
    told.stores(Commit::default().base(4, "7")).unwrap();
    assert_eq!(law(told.crashes()), "none");
    told.stores(Commit::default().base(4, "8")).unwrap();
    assert_eq!(law(told.crashes()), "I3", "the server never had that");
}

#[test]
fn i17_an_entry_goes_with_its_ending() {
    let mut told = sent();
    assert_eq!(law(told.rewrites(Commit::default(), vec![(1, None), (2, None)])), "I17", "(B17)");
    let mut told = sent();
    told.rewrites(Commit::default(), vec![(1, None)]).unwrap();
    assert_eq!(law(told.rewrites(Commit::default(), vec![(2, None)])), "I17", "its freezing was all that was left");
    let mut told = answered();
    told.stores(Commit::default().settlement("m1", &["m1"], "applied")).unwrap();
    let again = Commit::default().mutation("m1");
    assert_eq!(law(told.rewrites(again, vec![(1, None), (2, None), (3, None)])), "I17", "it ended, and is back");
}

#[test]
fn i28_what_is_sent_is_what_is_stored() {
    let mut told = Told::default();
    told.puts("m1", 1).unwrap();
    let body = format!(r#"{{"entries":[{ENTRY}]}}"#);
    assert_eq!(law(told.sends(&body)), "I28", "sent before it was frozen");
    assert_eq!(law(sent().sends(&body.replace("null", "\"g.1\""))), "I28", "other bytes the second time");
    assert_eq!(law(sent().loses_all()), "I28", "sent, and forgotten");
}

#[test]
fn v1_i4_in_the_end_nothing_waits_and_all_is_equal() {
    assert_eq!(law(sent().rested(1)), "V1");
    let mut told = answered();
    told.settled("m1", applied()).unwrap();
    assert_eq!(law(told.rested(1)), "I4", "still pending on the disk");
    told.stores(Commit::default().settlement("m1", &["m1"], "applied").base(1, "1")).unwrap();
    told.written_elsewhere("x", 2, None).unwrap();
    assert!(!told.oracle.is_at_rest(&told.truth));
    assert_eq!(law(told.rested(1)), "I4", "the server has something else");
}
