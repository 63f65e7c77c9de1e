//! Everything is pulled again, and meanwhile answers tell of documents: what no page brings is gone at the end, though a write of it
//! was acknowledged on the way (fault P6).

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::ident::{MutationId, RequestId};
use syncline::engine::input::{Ask, Reply};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::Ending;
use syncline::protocol::{Address, Call};

use crate::harness::*;

/// An answer of the server.
fn said(members: &str) -> Reply {
    json(200, &format!(r#"{{"generation":"g1","scope":"{}",{members}}}"#, config().scope))
}

/// The pull that is on its way, or soon is.
fn take_pull(client: &mut Client) -> (RequestId, String, Option<String>) {
    client.pass(2_000);
    let at = client.sent.iter().position(|(_, call)| matches!(call, Call::Pull { .. })).expect("a pull");
    let Some((request, Call::Pull { request: echo, cursor, .. })) = client.sent.remove(at) else { unreachable!("found above") };
    (request, echo, cursor)
}

/// It is answered with these members.
fn page(client: &mut Client, members: &str) {
    let (request, echo, _) = take_pull(client);
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"g1.c",{members}"#)));
}

/// A pull is answered: there is nothing.
fn answer_nothing(client: &mut Client, (request, echo): (RequestId, String), cursor: &str) {
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"{cursor}","changes":[],"more":false"#)));
}

/// A client that made a document, whose push has had no answer, and whose feed begins again. What the push asked for, and who.
fn beginning_again() -> (Client, RequestId, MutationId) {
    let mut client = opened(&mut Server::new());
    client.ask(Ask::Pull);
    page(&mut client, r#""changes":[],"more":false"#);
    let id = client.mutate(put("k", r#"{"t":"mine"}"#)).unwrap();
    client.pass(100);
    let (push, ..) = client.take_push();
    client.ask(Ask::Pull);
    let (request, ..) = take_pull(&mut client);
    client.reply(request, json(410, ""));
    (client, push, id)
}

fn acknowledged(client: &mut Client, push: RequestId, id: &MutationId) {
    client.reply(push, said(&format!(r#""outcomes":[{{"id":"{}","outcome":"ok","version":"g1.5","seq":5}}]"#, id.0)));
    assert!(matches!(client.ending(id), Some(Ending::Applied { .. })));
}

/// A client whose document was acknowledged while the pull was on its way that did not bring it.
fn acknowledged_on_the_way() -> Client {
    let (mut client, push, id) = beginning_again();
    let (request, echo, cursor) = take_pull(&mut client);
    assert_eq!(cursor, None);
    acknowledged(&mut client, push, &id);
    answer_nothing(&mut client, (request, echo), "g1.c");
    client
}

#[test]
fn p6_what_a_page_says_was_applied_and_no_page_brings_is_gone_when_all_was_pulled_again() {
    let (mut client, _, id) = beginning_again();
    page(&mut client, &format!(r#""changes":[],"more":true,"applied":[{{"id":"{}","version":"g1.5","seq":5}}]"#, id.0));
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})), "a later page may bring it");
    page(&mut client, r#""changes":[],"more":false"#);
    assert_eq!(client.view("k"), None, "somebody has deleted it, and the server has forgotten that");
}

/// A client of nothing but one write, whose push has had no answer, and whose first pull is on its way.
fn beginning() -> (Client, MutationId) {
    let mut client = Client::with(Config { poll_base_ms: 1 << 40, ..config() }, Disk::default(), 1);
    let id = client.mutate(put("k", r#"{"t":"mine"}"#)).unwrap();
    client.pass(100);
    let (push, ..) = client.take_push();
    client.fail(push);
    (client, id)
}

fn first_page_says_applied(client: &mut Client, id: &MutationId) {
    page(client, &format!(r#""changes":[],"more":true,"applied":[{{"id":"{}","version":"g1.1","seq":1}}]"#, id.0));
    assert!(matches!(client.ending(id), Some(Ending::Applied { .. })));
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})), "a later page may bring it");
}

#[test]
fn p6_what_the_first_pull_says_was_applied_and_no_page_brings_is_gone_at_its_end() {
    for crashes in [false, true] {
        let (mut client, id) = beginning();
        first_page_says_applied(&mut client, &id);
        if crashes {
            client = client.crash();
            let (request, echo, cursor) = take_pull(&mut client);
            assert_eq!(cursor, None, "which pages had come is not known any more");
            answer_nothing(&mut client, (request, echo), "g1.d");
        } else {
            page(&mut client, r#""changes":[],"more":false"#);
        }
        assert_eq!(client.view("k"), None, "somebody has deleted it, and the server has forgotten that");
    }
}

#[test]
fn p6_a_crash_in_a_first_pull_goes_on_where_it_was_unless_something_may_have_been_applied() {
    for is_sent in [false, true] {
        let mut client = Client::with(Config { poll_base_ms: 1 << 40, ..config() }, Disk::default(), 1);
        if is_sent {
            client = beginning().0;
        }
        page(&mut client, r#""changes":[],"more":true"#);
        let mut client = client.crash();
        assert_eq!(take_pull(&mut client).2.as_deref(), if is_sent { None } else { Some("g1.c") });
    }
}

#[test]
fn p6_what_a_page_of_the_first_pull_brings_stays_whoever_tells_of_it_before_or_after() {
    let brings = r#""changes":[{"collection":"c","key":"k","version":"g1.1","seq":1,"value":{"t":"mine"}}]"#;
    for is_before in [true, false] {
        let (mut client, id) = beginning();
        if is_before {
            first_page_says_applied(&mut client, &id);
            page(&mut client, &format!(r#"{brings},"more":false"#));
        } else {
            page(&mut client, &format!(r#"{brings},"more":true"#));
            page(&mut client, &format!(r#""changes":[],"more":false,"applied":[{{"id":"{}","version":"g1.1","seq":1}}]"#, id.0));
        }
        assert_eq!((client.view("k"), client.status().pending_mutations), (Some(json!({"t":"mine"})), 0));
        client.ask(Ask::Pull);
        page(&mut client, r#""changes":[],"more":false"#);
        assert_eq!(client.view("k"), Some(json!({"t":"mine"})));
    }
}

#[test]
fn p6_what_is_acknowledged_while_all_is_pulled_again_stays_until_a_pull_that_is_asked_after_that() {
    let mut client = acknowledged_on_the_way();
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})), "it may have been carried out after that answer was made");
    let (request, echo, cursor) = take_pull(&mut client);
    assert_eq!(cursor.as_deref(), Some("g1.c"), "nothing is pulled twice");
    answer_nothing(&mut client, (request, echo), "g1.d");
    assert_eq!(client.view("k"), None);
}

#[test]
fn p6_what_is_acknowledged_while_all_is_pulled_again_and_comes_with_the_next_pull_stays() {
    let mut client = acknowledged_on_the_way();
    let change = r#"{"collection":"c","key":"k","version":"g1.5","seq":5,"value":{"t":"mine"}}"#;
    page(&mut client, &format!(r#""changes":[{change}],"more":false"#));
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})));
    client.ask(Ask::Pull);
    page(&mut client, r#""changes":[],"more":false"#);
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})));
}

#[test]
fn p6_what_is_acknowledged_last_keeps_nothing_that_was_acknowledged_before_the_pull_began() {
    let (mut client, push, id) = beginning_again();
    let other = client.mutate(put("other", "1")).unwrap();
    acknowledged(&mut client, push, &id);
    let (request, ..) = take_pull(&mut client);
    client.reply(request, json(503, "{}"));
    client.pass(5_000);
    let (push, ..) = client.take_push();
    let (request, echo, cursor) = take_pull(&mut client);
    assert_eq!(cursor, None);
    client.reply(push, said(&format!(r#""outcomes":[{{"id":"{}","outcome":"ok","version":"g1.8","seq":8}}]"#, other.0)));
    answer_nothing(&mut client, (request, echo), "g1.c");
    assert_eq!((client.view("k"), client.view("other")), (None, Some(json!(1))));
}

#[test]
fn p6_what_is_written_again_while_the_pull_is_on_its_way_that_tells_that_it_is_gone_stays() {
    let mut client = acknowledged_on_the_way();
    let (request, echo, _) = take_pull(&mut client);
    let id = client.mutate(put("k", r#"{"t":"again"}"#)).unwrap();
    client.pass(100);
    let (push, ..) = client.take_push();
    client.reply(push, said(&format!(r#""outcomes":[{{"id":"{}","outcome":"ok","version":"g1.9","seq":9}}]"#, id.0)));
    answer_nothing(&mut client, (request, echo), "g1.d");
    assert_eq!(client.view("k"), Some(json!({"t":"again"})), "it was made after that answer");
    page(&mut client, r#""changes":[],"more":false"#);
    assert_eq!(client.view("k"), None);
}

#[test]
fn h18_what_a_server_acknowledged_before_it_was_restored_is_gone_with_the_first_page_of_its_new_life() {
    let (mut client, push, id) = beginning_again();
    let (request, echo, _) = take_pull(&mut client);
    acknowledged(&mut client, push, &id);
    let members = format!(r#""request":"{echo}","cursor":"g2.c","changes":[],"more":false,"reset":true"#);
    client.reply(request, json(200, &format!(r#"{{"generation":"g2","scope":"{}",{members}}}"#, config().scope)));
    assert_eq!(client.view("k"), None);
}

#[test]
fn p6_a_first_pull_that_was_asked_before_a_write_was_acknowledged_does_not_say_that_it_is_gone() {
    let feeds: Vec<String> = ["c", "d"].map(|name| format!("collection:{name}")).into();
    let mut client = Client::with(Config { feeds, ..config() }, Disk::default(), 1);
    let id = client.mutate(put("k", r#"{"t":"mine"}"#)).unwrap();
    client.pass(100);
    let (first, echo, cursor) = take_pull(&mut client);
    let (other, ..) = take_pull(&mut client);
    assert_eq!(cursor, None);
    let (push, ..) = client.take_push();
    acknowledged(&mut client, push, &id);
    client.reply(other, json(503, "{}"));
    client.pass(5_000);
    let asked: Vec<_> = client.sent.drain(..).collect();
    answer_nothing(&mut client, (first, echo), "g1.c");
    for (request, call) in asked {
        let Call::Pull { request: echo, .. } = call else { panic!("a pull: {call:?}") };
        answer_nothing(&mut client, (request, echo), "g1.d");
    }
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})), "the first answer was made before it");
}

#[test]
fn p6_one_feed_tells_that_a_group_was_applied_and_what_the_other_one_has_not_come_to_stays() {
    let feeds: Vec<String> = ["c", "d"].map(|name| format!("collection:{name}")).into();
    let mut client = Client::with(Config { feeds, poll_base_ms: 1 << 40, ..config() }, Disk::default(), 1);
    client.mutate(put("j", "1")).unwrap();
    client.live(&mut Server::new(), 1_000);
    let elsewhere = Mutation::put(Address::of("d", "k"), "2").unwrap();
    let id = client.mutate(Mutation::group(vec![put("j", "2"), elsewhere]).unwrap()).unwrap();
    client.pass(100);
    let (push, ..) = client.take_push();
    client.ask(Ask::Pull);
    for _ in 0..2 {
        let (request, ..) = take_pull(&mut client);
        client.reply(request, json(410, ""));
    }
    let (last, last_echo, _) = take_pull(&mut client);
    let (first, echo, cursor) = take_pull(&mut client);
    assert_eq!(cursor, None);
    acknowledged(&mut client, push, &id);
    answer_nothing(&mut client, (first, echo), "g1.d");
    let j = r#"{"collection":"c","key":"j","version":"g1.5","seq":5,"value":2}"#;
    let applied = format!(r#""changes":[{j}],"applied":[{{"id":"{}","version":"g1.5","seq":5}}]"#, id.0);
    client.reply(last, said(&format!(r#""request":"{last_echo}","cursor":"g1.c","more":false,{applied}"#)));
    let here = client.engine.view(&Address::of("d", "k"));
    assert!(here != client.engine.view(&Address::of("d", "none")), "the feed of it was asked before: {here:?}");
}

#[test]
fn p6_what_one_feed_has_said_to_be_applied_and_has_not_come_to_stays_when_another_one_ends() {
    let feeds: Vec<String> = ["c", "d"].map(|name| format!("collection:{name}")).into();
    let mut client = Client::with(Config { feeds, poll_base_ms: 1 << 40, ..config() }, Disk::default(), 1);
    // The one has come to its end, and the other one gets no answer.
    let (first, echo, _) = take_pull(&mut client);
    answer_nothing(&mut client, (first, echo), "g1.c");
    let (late, ..) = take_pull(&mut client);
    client.reply(late, json(503, "{}"));
    let id = client.mutate(put("k", r#"{"t":"mine"}"#)).unwrap();
    client.pass(100);
    let (push, ..) = client.take_push();
    acknowledged(&mut client, push, &id);
    client.ask(Ask::Pull);
    client.pass(5_000);
    let asked: Vec<_> = client.sent.drain(..).collect();
    let mut pages = asked.into_iter().map(|(request, call)| match call {
        Call::Pull { feed, request: echo, .. } => (feed, request, echo),
        other => panic!("a pull: {other:?}"),
    });
    let applied = format!(r#""applied":[{{"id":"{}","version":"g1.5","seq":5}}]"#, id.0);
    let (feed, request, echo) = pages.find(|(feed, ..)| feed == "collection:c").expect("the first feed");
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"g1.5","changes":[],"more":true,{applied}"#)));
    assert_eq!(feed, "collection:c");
    let (_, request, echo) = pages.next().expect("the second one");
    answer_nothing(&mut client, (request, echo), "g1.d");
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})), "the next page of the first feed may bring it");
    let change = r#"{"collection":"c","key":"k","version":"g1.5","seq":5,"value":{"t":"mine"}}"#;
    page(&mut client, &format!(r#""changes":[{change}],"more":false"#));
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})));
}

#[test]
fn p6_a_crash_before_the_pull_that_tells_pulls_all_again() {
    let client = acknowledged_on_the_way();
    let mut client = client.crash();
    let (request, echo, cursor) = take_pull(&mut client);
    assert_eq!((cursor, client.view("k")), (None, Some(json!({"t":"mine"}))));
    answer_nothing(&mut client, (request, echo), "g1.d");
    assert_eq!(client.view("k"), None);
}
