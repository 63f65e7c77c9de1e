//! Conflicts that no rule settles: the app's function is asked, or they wait until a person decides. Nothing is lost on the way.

use serde_json::{Value, json};
use syncline::engine::clock::Timestamp;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::ident::{AskId, MutationId};
use syncline::engine::input::{Ask, Decision, Input, StoreFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, ItemState, Notice, Phase};
use syncline::engine::resolving::{Resolver, Unresolved};
use syncline::protocol::Json;

use crate::harness::*;
use crate::merging::{by, settled, two};
use crate::tabs::Device;

/// The conflicts that the app has a list of, as the notices so far add up.
fn listed(client: &Client) -> Vec<Unresolved> {
    let mut all: Vec<Unresolved> = Vec::new();
    for notice in &client.notices {
        match notice {
            Notice::Unresolved(unresolved) => {
                all.retain(|other| other.address != unresolved.address);
                all.push((**unresolved).clone());
            }
            Notice::Resolved { address } => all.retain(|other| other.address != *address),
            _ => {}
        }
    }
    all.retain(|unresolved| !unresolved.asked);
    assert_eq!(all.len(), client.status().conflicts as usize);
    all
}

/// How often the app's function was asked.
fn asked(client: &Client) -> Vec<Unresolved> {
    let asked = client.notices.iter().filter_map(|notice| match notice {
        Notice::Unresolved(unresolved) if unresolved.asked => Some((**unresolved).clone()),
        _ => None,
    });
    asked.collect()
}

fn only(client: &Client) -> Unresolved {
    let mut listed = listed(client);
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed.remove(0)
}

fn value(document: &Option<Json>) -> Value {
    document.as_ref().map_or(Value::Null, Json::to_value)
}

/// Base, mine and theirs.
fn sides(unresolved: &Unresolved) -> [Value; 3] {
    [&unresolved.base, &unresolved.mine, &unresolved.theirs].map(value)
}

fn decide(client: &mut Client, about: &Unresolved, decision: Decision) -> Option<Code> {
    let ask = AskId(client.notices.len() as u64 + 1_000);
    client.tell(about.decided(ask, decision));
    client.turn();
    client.answered(ask).expect("an answer").map(|error| error.code)
}

/// Time passes, and the app's function answers at once.
fn live(client: &mut Client, server: &mut Server, ms: u64, resolver: &mut impl Resolver) {
    for _ in 0..ms.div_ceil(10) {
        let before = asked(client).len();
        client.live(server, 10);
        for unresolved in &asked(client)[before..] {
            let decision = resolver.resolve(unresolved);
            decide(client, unresolved, decision);
        }
    }
}

fn text(value: &Value) -> Decision {
    Decision::Value(Some(value.to_string()))
}

/// Somebody else makes `theirs` of a document, and then the other client hears of it: in answer to its push, or, with `pulls`, because
/// it pulls before it sends what it made of it.
fn conflict(server: &mut Server, rules: &Value, pulls: bool, [base, mine, theirs]: [&Value; 3]) -> (Client, Client, MutationId) {
    let (mut a, mut b) = two(server, rules, base);
    if pulls {
        b.tell(Input::WentOffline);
    }
    let becomes = |document: &Value| if document.is_null() { Mutation::delete(at("k")) } else { put("k", &document.to_string()) };
    let id = b.mutate(becomes(mine)).unwrap();
    b.turn();
    a.mutate(becomes(theirs)).unwrap();
    a.live(server, 1_000);
    if pulls {
        b.tell(Input::WentOnline);
        b.turn();
        b.answer(server);
        b.pass(20);
    } else {
        b.live(server, 1_000);
        assert!(matches!(b.ending(&id), Some(Ending::Merged { .. })), "its push was answered so");
    }
    (a, b, id)
}

fn documents() -> [Value; 3] {
    [json!({ "f": 0, "m": 0, "t": 0 }), json!({ "f": 1, "m": 1, "t": 0 }), json!({ "f": 2, "m": 0, "t": 2 })]
}

#[test]
fn i12_a_conflict_that_a_person_settles_waits_with_base_mine_and_theirs_and_is_resolved() {
    let [base, mine, theirs] = &documents();
    let merged = json!({ "f": 1, "m": 1, "t": 2 });
    let own = json!({ "f": 3 });
    let decisions = [
        (Decision::Mine, &merged, "local"),
        (Decision::Theirs, theirs, "remote"),
        (text(&own), &own, "other"),
        (Decision::Value(None), &Value::Null, "other"),
    ];
    for (decision, becomes, taken) in decisions {
        for (pulls, crashes) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut server = Server::new();
            let (mut a, mut b, id) = conflict(&mut server, &json!("manual"), pulls, [base, mine, theirs]);
            if crashes {
                b = b.crash_with(by(&json!("manual")));
                b.turn();
            }
            let found = only(&b);
            assert_eq!(sides(&found), [base.clone(), merged.clone(), theirs.clone()], "{pulls} {crashes}");
            assert_eq!(found.fields, ["/f"]);
            b.live(&mut server, 60_000);
            assert_eq!((server.document("k"), b.view("k")), (Some(theirs.clone()), Some(merged.clone())), "it waits");
            assert_eq!(only(&b), found, "and is told of once");
            assert_eq!(decide(&mut b, &found, decision.clone()), None);
            assert_eq!(b.view("k").unwrap_or(Value::Null), *becomes);
            b.live(&mut server, 1_000);
            a.live(&mut server, 12_000);
            assert_eq!(server.document("k").unwrap_or(Value::Null), *becomes, "{decision:?} {pulls} {crashes}");
            assert_eq!(a.view("k"), b.view("k"));
            assert_eq!((listed(&b).len(), b.status().pending_mutations, b.status().inbox), (0, 0, 0));
            assert_eq!((settled(&b), b.status().conflicts_settled), (vec![("/f".to_owned(), taken)], 1));
            let told: Vec<_> = b.engine.history().iter().filter_map(|row| row.conflicts.clone()).collect();
            assert_eq!(told, [[("manual", 1)].into()], "and in the history");
            let ending = found.mutations.iter().find_map(|id| b.ending(id));
            assert!(matches!(ending, Some(Ending::Merged { .. })), "{ending:?}");
            assert!(crashes || matches!(b.ending(&id), Some(Ending::Merged { .. })));
            let b = b.crash_with(by(&json!("manual")));
            assert_eq!((listed(&b).len(), b.status().pending_mutations), (0, 0), "it is over for good");
        }
    }
}

#[test]
fn i12_a_delete_against_an_update_waits_too() {
    let [base, changed] = [json!({ "n": 1 }), json!({ "n": 2 })];
    for (mine, theirs) in [(&Value::Null, &changed), (&changed, &Value::Null)] {
        let mut server = Server::new();
        let (mut a, mut b, _) = conflict(&mut server, &json!("manual"), false, [&base, mine, theirs]);
        let found = only(&b);
        assert_eq!((sides(&found), &found.fields[..]), ([base.clone(), mine.clone(), theirs.clone()], &["".to_owned()][..]));
        assert_eq!(decide(&mut b, &found, Decision::Mine), None);
        b.live(&mut server, 1_000);
        a.live(&mut server, 12_000);
        assert_eq!((server.document("k").unwrap_or(Value::Null), a.view("k").unwrap_or(Value::Null)), (mine.clone(), mine.clone()));
    }
}

#[test]
fn i9_a_conflict_that_waits_blocks_its_own_key_only() {
    let [base, mine, theirs] = &documents();
    let mut server = Server::new();
    let (_, mut b, _) = conflict(&mut server, &json!("manual"), false, [base, mine, theirs]);
    b.tell(Input::ItemObserved { address: at("k"), observed: true });
    let other = b.mutate(put("l", "{}")).unwrap();
    let push = b.ask(Ask::Push { timeout_ms: None });
    b.live(&mut server, 1_000);
    assert!(matches!(b.ending(&other), Some(Ending::Applied { .. })));
    assert_eq!(b.answered(push).expect("an answer").map(|error| error.code), Some(Code::Rejected), "and who pushes is told");
    assert_eq!((b.status().phase, b.status().pending_mutations), (Phase::Idle, 1));
    let item = b.notices.iter().rev().find_map(|notice| if let Notice::Item { status, .. } = notice { Some(status.state) } else { None });
    assert_eq!(item, Some(ItemState::Conflicted));
}

#[test]
fn i12_the_document_stays_editable_and_a_decision_about_what_it_was_counts_for_nothing() {
    let [base, mine, theirs] = &documents();
    for pulls in [false, true] {
        let mut server = Server::new();
        let (mut a, mut b, _) = conflict(&mut server, &json!("manual"), pulls, [base, mine, theirs]);
        let first = only(&b);
        b.mutate(merge("k", r#"{"m":5}"#)).unwrap();
        b.turn();
        let second = only(&b);
        assert_eq!(sides(&second)[1], json!({ "f": 1, "m": 5, "t": 2 }));
        assert_eq!(decide(&mut b, &first, Decision::Theirs), Some(Code::Aborted));
        a.mutate(merge("k", r#"{"t":7}"#)).unwrap();
        a.live(&mut server, 1_000);
        b.live(&mut server, 6_000);
        let third = only(&b);
        assert_eq!(sides(&third), [base.clone(), json!({ "f": 1, "m": 5, "t": 7 }), json!({ "f": 2, "m": 0, "t": 7 })]);
        assert_eq!(decide(&mut b, &second, Decision::Mine), Some(Code::Aborted));
        // What is written behind the decision is made on what was decided.
        assert_eq!(decide(&mut b, &third, text(&json!({ "f": 9, "m": 9, "t": 9 }))), None);
        b.mutate(merge("k", r#"{"m":10}"#)).unwrap();
        b.live(&mut server, 1_000);
        a.live(&mut server, 12_000);
        let all = Some(json!({ "f": 9, "m": 10, "t": 9 }));
        assert_eq!((server.document("k"), a.view("k"), b.view("k")), (all.clone(), all.clone(), all));
    }
}

#[test]
fn i8_what_is_taken_back_is_no_conflict_any_more() {
    let [base, mine, theirs] = &documents();
    let mut server = Server::new();
    let (_, mut b, id) = conflict(&mut server, &json!("manual"), true, [base, mine, theirs]);
    assert_eq!(listed(&b).len(), 1);
    b.tell(Input::CancelAsked { mutation: id.clone() });
    b.live(&mut server, 1_000);
    assert_eq!((listed(&b).len(), b.ending(&id), b.view("k")), (0, Some(Ending::Cancelled), Some(theirs.clone())));
    let gone = b.notices.iter().filter(|notice| matches!(notice, Notice::Resolved { .. })).count();
    assert_eq!(gone, 1);
}

#[test]
fn i12_the_apps_function_is_asked_and_what_it_says_is_sent() {
    let [base, mine, theirs] = &documents();
    for pulls in [false, true] {
        let mut server = Server::new();
        let (mut a, mut b, id) = conflict(&mut server, &json!("app"), pulls, [base, mine, theirs]);
        let first = asked(&b);
        assert_eq!((first.len(), sides(&first[0])), (1, [base.clone(), json!({ "f": 1, "m": 1, "t": 2 }), theirs.clone()]));
        assert_eq!(decide(&mut b, &first[0], text(&json!({ "f": 3, "m": 1, "t": 2 }))), None);
        b.live(&mut server, 1_000);
        a.live(&mut server, 12_000);
        let both = Some(json!({ "f": 3, "m": 1, "t": 2 }));
        assert_eq!((server.document("k"), a.view("k"), b.view("k")), (both.clone(), both.clone(), both));
        assert_eq!((asked(&b).len(), listed(&b).len(), b.status().pending_mutations, b.status().inbox), (1, 0, 0, 0));
        assert!(matches!(b.ending(&id), Some(Ending::Merged { .. })));
        assert_eq!(settled(&b), [("/f".to_owned(), "other")]);
    }
}

#[test]
fn i12_what_a_rule_can_settle_is_nobodys_question() {
    let mut server = Server::new();
    let rules = json!({ "fields": { "/n": "sum" }, "otherwise": "app" });
    let [base, mine, theirs] = [json!({ "n": 1, "f": 0 }), json!({ "n": 3, "f": 0 }), json!({ "n": 11, "f": 0 })];
    let (mut a, mut b, _) = conflict(&mut server, &rules, false, [&base, &mine, &theirs]);
    b.live(&mut server, 1_000);
    assert_eq!((asked(&b).len(), server.document("k")), (0, Some(json!({ "n": 13, "f": 0 }))));
    b.mutate(merge("k", r#"{"n":14,"f":1}"#)).unwrap();
    a.live(&mut server, 1);
    a.mutate(merge("k", r#"{"n":12,"f":2}"#)).unwrap();
    a.live(&mut server, 12_000);
    live(&mut b, &mut server, 1_000, &mut |conflict: &Unresolved| {
        assert_eq!(conflict.fields, ["/f"]);
        Decision::Theirs
    });
    assert_eq!(asked(&b).len(), 1);
}

#[test]
fn i12_an_answer_about_what_has_moved_is_asked_for_again_and_at_most_five_times() {
    let [base, mine, theirs] = &documents();
    let mut server = Server::new();
    let (_, mut b, _) = conflict(&mut server, &json!("app"), false, [base, mine, theirs]);
    for round in 1..=5 {
        assert_eq!(asked(&b).len(), round);
        assert_eq!(listed(&b).len(), 0);
        // While the function thinks, the app goes on.
        b.mutate(merge("k", &json!({ "m": 10 + round }).to_string())).unwrap();
        b.turn();
        assert_eq!(asked(&b).len(), round, "one question at a time");
        let about = asked(&b).pop().expect("a question");
        assert_eq!(decide(&mut b, &about, Decision::Theirs), Some(Code::Aborted));
    }
    assert_eq!((asked(&b).len(), sides(&only(&b))[1].clone()), (5, json!({ "f": 1, "m": 15, "t": 2 })));
    let found = only(&b);
    assert_eq!(decide(&mut b, &found, Decision::Mine), None);
    b.live(&mut server, 1_000);
    assert_eq!(server.document("k"), Some(json!({ "f": 1, "m": 15, "t": 2 })));
}

#[test]
fn i12_what_meets_somebody_elses_again_each_time_is_left_to_a_person() {
    let [base, mine, theirs] = &documents();
    let mut server = Server::new();
    let (mut a, mut b, _) = conflict(&mut server, &json!("app"), false, [base, mine, theirs]);
    for round in 0..20 {
        let Some(about) = asked(&b).pop().filter(|_| listed(&b).is_empty()) else { break };
        a.mutate(merge("k", &json!({ "f": 100 + round }).to_string())).unwrap();
        a.live(&mut server, 1_000);
        let before = asked(&b).len();
        assert_eq!(decide(&mut b, &about, text(&json!({ "f": round, "m": 1, "t": 2 }))), None);
        while asked(&b).len() == before && listed(&b).is_empty() {
            b.live(&mut server, 100);
        }
    }
    assert_eq!((asked(&b).len(), listed(&b).len(), b.status().inbox), (6, 1, 0));
    let found = only(&b);
    assert_eq!(decide(&mut b, &found, Decision::Mine), None);
    b.live(&mut server, 60_000);
    assert_eq!((server.document("k"), b.status().pending_mutations), (Some(value(&found.mine)), 0));
}

#[test]
fn i12_a_function_that_hangs_leaves_it_to_a_person_after_thirty_seconds() {
    let [base, mine, theirs] = &documents();
    let mut server = Server::new();
    let (_, mut b, _) = conflict(&mut server, &json!("app"), true, [base, mine, theirs]);
    let since = b.now;
    while asked(&b).is_empty() {
        b.pass(1);
    }
    let began = b.now;
    assert!(began.since(since) <= 20);
    b.pass(29_000);
    assert_eq!(listed(&b).len(), 0);
    while listed(&b).is_empty() {
        b.pass(1);
    }
    assert!(b.now.since(began) <= 30_000 && b.now > Timestamp(29_000), "{}", b.now.since(began));
    b.live(&mut server, 120_000);
    assert_eq!((asked(&b).len(), listed(&b).len(), server.document("k")), (1, 1, Some(theirs.clone())));
}

#[test]
fn i12_what_is_no_document_and_what_is_deferred_is_left_to_a_person() {
    let [base, mine, theirs] = &documents();
    let none = Decision::Value(Some("{".to_owned()));
    for (decision, answer) in [(Decision::Defer, None), (none, Some(Code::InvalidDocument))] {
        let mut server = Server::new();
        let (_, mut b, _) = conflict(&mut server, &json!("app"), false, [base, mine, theirs]);
        let about = asked(&b).remove(0);
        assert_eq!(decide(&mut b, &about, decision.clone()), answer);
        b.live(&mut server, 60_000);
        assert_eq!((asked(&b).len(), sides(&only(&b))[2].clone()), (1, theirs.clone()), "{decision:?}");
        let mut b = b.crash_with(by(&json!("app")));
        b.turn();
        assert_eq!((asked(&b).len(), listed(&b).len()), (1, 0), "who drains next asks again");
    }
}

#[test]
fn i12_what_moves_in_the_turn_in_which_it_would_be_sent_is_not_sent() {
    let [base, mine, theirs] = &documents();
    let mut server = Server::new();
    let (mut a, mut b) = two(&mut server, &json!("manual"), base);
    a.mutate(put("k", &theirs.to_string())).unwrap();
    a.live(&mut server, 1_000);
    b.ask(Ask::Pull);
    let (request, call) = b.take_sent();
    b.mutate(put("k", &mine.to_string())).unwrap();
    b.turn();
    b.now = b.now.after(200);
    let reply = server.answer(&b.engine.identity(), &call);
    b.reply(request, reply);
    assert_eq!((b.has_push(), listed(&b).len()), (false, 1));
}

#[test]
fn i26_a_group_with_a_conflict_waits_whole() {
    for crashes in [false, true] {
        let mut server = Server::new();
        let rules = json!({ "fields": { "/n": "sum" }, "otherwise": "manual" });
        let (mut a, mut b) = two(&mut server, &rules, &json!({ "n": 1, "f": 0 }));
        a.mutate(put("l", r#"{"n":1,"f":0}"#)).unwrap();
        a.live(&mut server, 1_000);
        b.live(&mut server, 6_000);
        let parts = ["k", "l"].map(|key| merge(key, r#"{"n":3,"f":1}"#));
        b.mutate(Mutation::group(parts.into()).unwrap()).unwrap();
        b.turn();
        a.mutate(merge("k", r#"{"n":11,"f":2}"#)).unwrap();
        a.mutate(merge("l", r#"{"n":21}"#)).unwrap();
        a.live(&mut server, 1_000);
        b.live(&mut server, 6_000);
        if crashes {
            b = b.crash_with(by(&rules));
            b.live(&mut server, 6_000);
        }
        let found = only(&b);
        assert_eq!((&*found.address.key, &found.fields[..]), ("k", &["/f".to_owned()][..]));
        b.mutate(merge("l", r#"{"later":true}"#)).unwrap();
        b.live(&mut server, 60_000);
        assert_eq!((server.document("k"), server.document("l")), (Some(json!({ "n": 11, "f": 2 })), Some(json!({ "n": 21, "f": 0 }))));
        let found = only(&b);
        assert_eq!(decide(&mut b, &found, text(&json!({ "n": 0, "f": 3 }))), None);
        b.live(&mut server, 1_000);
        let l = json!({ "n": 23, "f": 1, "later": true });
        assert_eq!((server.document("k"), server.document("l")), (Some(json!({ "n": 0, "f": 3 })), Some(l)), "{crashes}");
        assert_eq!((b.status().pending_mutations, b.status().inbox), (0, 0));
    }
}

/// A device of two tabs, the first of which drains, with a conflict.
fn device(server: &mut Server, rules: &Value) -> (Client, Device) {
    let [base, mine, theirs] = documents();
    let mut device = Device::of(by(rules), 1);
    let mut a = Client::with(by(rules), Disk::default(), 100);
    a.live(server, 100);
    a.mutate(put("k", &base.to_string())).unwrap();
    a.live(server, 1_000);
    device.live(server, 6_000);
    assert_eq!(device.views("k"), vec![Some(base); 2]);
    device.at(1, |tab| tab.mutate(put("k", &mine.to_string())).unwrap());
    a.mutate(put("k", &theirs.to_string())).unwrap();
    a.live(server, 1_000);
    device.live(server, 1_000);
    (a, device)
}

#[test]
fn c6_every_tab_lists_what_waits_and_any_of_them_resolves_it() {
    for tab in 0..2 {
        let mut server = Server::new();
        let (_, mut device) = device(&mut server, &json!("manual"));
        let found: Vec<_> = device.tabs.iter().map(only).collect();
        assert_eq!(found[0], found[1]);
        let decided = device.at(tab, |it| decide(it, &found[tab], text(&json!({ "f": 3 }))));
        assert_eq!(decided, None);
        device.live(&mut server, 2_000);
        assert_eq!(server.document("k"), Some(json!({ "f": 3 })));
        assert_eq!(device.views("k"), vec![Some(json!({ "f": 3 })); 2]);
        assert_eq!(device.tabs.iter().map(|tab| (listed(tab).len(), tab.status().pending_mutations)).collect::<Vec<_>>(), [(0, 0); 2]);
        let ending =
            device.tabs[1].notices.iter().filter(|notice| matches!(notice, Notice::Settled { ending: Ending::Unknown { .. }, .. }));
        assert_eq!(ending.count(), 0);
    }
}

#[test]
fn c1_only_the_tab_that_drains_asks_and_the_next_one_asks_again() {
    let mut server = Server::new();
    let (_, mut device) = device(&mut server, &json!("app"));
    assert_eq!([0, 1].map(|tab| asked(&device.tabs[tab]).len()), [1, 0]);
    device.at(0, |tab| tab.tell(Input::LockLost));
    device.at(1, |tab| tab.tell(Input::LockGained));
    device.live(&mut server, 1_000);
    assert_eq!([0, 1].map(|tab| asked(&device.tabs[tab]).len()), [1, 1]);
    let about = asked(&device.tabs[1]).remove(0);
    assert_eq!(device.at(1, |tab| decide(tab, &about, Decision::Theirs)), None);
    device.live(&mut server, 2_000);
    let [_, _, theirs] = documents();
    assert_eq!(device.views("k"), vec![Some(theirs); 2]);
    assert_eq!(device.tabs.iter().map(|tab| (listed(tab).len(), tab.status().pending_mutations)).collect::<Vec<_>>(), [(0, 0); 2]);
}

#[test]
fn s1_a_conflict_outlasts_a_store_that_is_full_and_is_resolved_behind_it() {
    let [base, mine, theirs] = &documents();
    for decides_meanwhile in [false, true] {
        let mut server = Server::new();
        let (_, mut b, _) = conflict(&mut server, &json!("manual"), true, [base, mine, theirs]);
        b.full = Some(StoreFailure::Quota);
        b.mutate(merge("k", r#"{"m":5}"#)).unwrap();
        b.turn();
        if decides_meanwhile {
            let about = only(&b);
            assert_eq!(decide(&mut b, &about, Decision::Mine), Some(Code::StorageUnavailable), "the next start would find it again");
        }
        b.live(&mut server, 1_000);
        b.full = None;
        b.live(&mut server, 600_000);
        let about = only(&b);
        assert_eq!(decide(&mut b, &about, Decision::Mine), None);
        b.live(&mut server, 2_000);
        assert_eq!(
            (server.document("k"), b.status().pending_mutations),
            (Some(json!({ "f": 1, "m": 5, "t": 2 })), 0),
            "{decides_meanwhile}"
        );
    }
}

/// A store is lost but for its mirror files.
fn reset(client: Client, rules: &Value) -> Client {
    let mut again = Client::fresh(mirrored(rules), 50);
    (again.files, again.storing) = (client.files, true);
    again.tell(Input::Started);
    again.turn();
    again
}

fn mirrored(rules: &Value) -> Config {
    Config { mirror: true, witnessed: true, ..by(rules) }
}

#[test]
fn s5_a_conflict_comes_back_with_the_mirror() {
    let [base, mine, theirs] = &documents();
    for (answered, before) in [(true, true), (false, true), (false, false)] {
        let mut server = Server::new();
        let rules = json!("manual");
        let mut a = Client::with(by(&rules), Disk::default(), 100);
        a.live(&mut server, 100);
        a.mutate(put("k", &base.to_string())).unwrap();
        a.live(&mut server, 1_000);
        let mut b = Client::with(mirrored(&rules), Disk::default(), 1);
        b.live(&mut server, 6_000);
        if !answered {
            b.tell(Input::WentOffline);
        }
        b.mutate(put("k", &mine.to_string())).unwrap();
        b.turn();
        a.mutate(put("k", &theirs.to_string())).unwrap();
        a.live(&mut server, 1_000);
        if before {
            b.tell(Input::WentOnline);
            b.live(&mut server, 1_000);
            assert_eq!(listed(&b).len(), 1, "{answered}");
        }
        let mut b = reset(b, &rules);
        b.live(&mut server, 12_000);
        let found = only(&b);
        assert_eq!((&sides(&found)[2], server.document("k")), (theirs, Some(theirs.clone())), "{answered} {before}");
        assert_eq!(decide(&mut b, &found, text(&json!({ "f": 3 }))), None);
        b.live(&mut server, 1_000);
        assert_eq!(server.document("k"), Some(json!({ "f": 3 })));
    }
}

#[test]
fn i17_a_decision_that_is_not_stored_is_as_if_it_had_not_been_made() {
    let [base, mine, theirs] = &documents();
    let mut server = Server::new();
    let (_, mut b, _) = conflict(&mut server, &json!("manual"), false, [base, mine, theirs]);
    let found = only(&b);
    b.storing = false;
    let ask = AskId(7);
    b.tell(found.decided(ask, Decision::Theirs));
    b.turn();
    assert_eq!(b.answered(ask), None);
    let mut b = b.crash_with(by(&json!("manual")));
    b.live(&mut server, 1_000);
    assert_eq!(sides(&only(&b)), sides(&found));
}

#[test]
fn i12_a_client_without_such_a_rule_looks_for_no_conflict() {
    let [base, mine, theirs] = &documents();
    let mut server = Server::new();
    let (_, mut b, _) = conflict(&mut server, &json!("local"), false, [base, mine, theirs]);
    b.live(&mut server, 1_000);
    assert_eq!((listed(&b).len(), asked(&b).len()), (0, 0));
    let config = Config::default();
    assert!(!config.merge.leave());
    let about = Unresolved { digest: "0".into(), ..unresolved() };
    assert_eq!(decide(&mut b, &about, Decision::Mine), Some(Code::Aborted));
}

fn unresolved() -> Unresolved {
    let (base, mine, theirs, fields, mutations) = Default::default();
    Unresolved { address: at("k"), digest: String::new(), base, mine, theirs, fields, mutations, asked: false }
}
