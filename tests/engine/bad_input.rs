//! Whatever a server answers, nothing is lost, and the error has a name.

use serde_json::json;
use syncline::engine::error::Code;
use syncline::engine::input::{Bytes, Input, Named, Reply, SendFailure};
use syncline::engine::notice::Ending;
use syncline::protocol::Call;

use crate::harness::*;

fn html() -> Reply {
    let headers = [("content-type", "text/html".into())].into();
    Reply { status: 200, headers, body: Bytes(b"<html>sign in</html>"[..].into()), ..Reply::default() }
}

#[test]
fn n6_n9_n10_h14_d8_nonsense_instead_of_outcomes_leaves_everything_queued() {
    let ok = r#"{"generation":"g1","scope":"SCOPE","outcomes":[{"id":"ID","outcome":"ok","seq":1,"version":"1"}]}"#;
    let nonsense = [
        html(),
        json(200, ""),
        json(200, "null"),
        json(200, "{}"),
        json(200, r#"{"outcomes":7}"#),
        json(200, r#"{"outcomes":[{"id":"ID","outcome":"ok"}]}"#),
        json(200, r#"{"generation":"g1","scope":"SCOPE","outcomes":[["ID","ok"]]}"#),
        json(200, &ok[..ok.len() - 5]),
        json(204, ""),
        json(304, ""),
        json(599, "{"),
        json(700, ok),
        Reply { redirected: true, ..json(200, ok) },
        Reply { headers: Named::default(), ..json(200, ok) },
        Reply { body: Bytes(b"\xff\xfe{}"[..].into()), ..json(200, "") },
        json(200, &format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))),
    ];
    for (number, reply) in nonsense.into_iter().enumerate() {
        let mut server = Server::new();
        let mut client = Client::open(Disk::default(), 1);
        client.live(&mut server, 10);
        let id = client.mutate(put("k", r#"{"n":1}"#)).unwrap();
        client.pass(100);
        let (request, ids, _) = client.take_push();
        let body = String::from_utf8_lossy(&reply.body.0).replace("ID", &ids[0]).replace("SCOPE", &config().scope);
        let body = if std::str::from_utf8(&reply.body.0).is_ok() { Bytes(body.as_bytes().into()) } else { reply.body.clone() };
        client.reply(request, Reply { body, ..reply });
        assert_eq!(client.ending(&id), None, "{number}");
        let code = client.status().error.map(|error| error.code);
        assert!(matches!(code, Some(Code::Protocol | Code::Http)), "{number}: {code:?}");
        client.live(&mut server, 120_000);
        assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })), "{number}");
        assert_eq!((server.document("k"), client.status().error), (Some(json!({"n":1})), None), "{number}");
    }
}

#[test]
fn h12_h13_outcomes_are_matched_by_id_alone() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.live(&mut server, 10);
    let first = client.mutate(put("a", "1")).unwrap();
    let second = client.mutate(put("b", "1")).unwrap();
    client.pass(100);
    let (request, ids, _) = client.take_push();
    let scope = config().scope;
    let outcome = |id: &str| format!(r#"{{"id":"{id}","outcome":"ok","seq":1,"version":"1"}}"#);
    let body = format!(
        r#"{{"generation":"g1","scope":"{scope}","outcomes":[{},{},{}]}}"#,
        outcome("stranger"),
        outcome(&ids[1]),
        outcome(&ids[1])
    );
    client.reply(request, json(200, &body));
    assert_eq!(client.ending(&first), None, "a missing outcome is unknown");
    assert!(matches!(client.ending(&second), Some(Ending::Applied { .. })));
    assert_eq!(client.status().entries_acknowledged, 1);
    client.live(&mut server, 5_000);
    assert!(matches!(client.ending(&first), Some(Ending::Applied { .. })));
}

#[test]
fn d3_n6_a_reply_too_large_or_cut_short_is_no_reply() {
    for why in [SendFailure::TooLarge, SendFailure::Truncated, SendFailure::Threw { message: "oops".into() }] {
        let mut server = Server::new();
        let mut client = Client::open(Disk::default(), 1);
        client.live(&mut server, 10);
        let id = client.mutate(put("k", "1")).unwrap();
        client.pass(100);
        let (request, ..) = client.take_push();
        client.tell(Input::SendFailed { request, why });
        assert!(client.status().error.is_some());
        client.live(&mut server, 10_000);
        assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
    }
}

#[test]
fn p3_d2_d5_a_change_that_cannot_be_read_is_set_aside_and_reported() {
    let mut client = Client::open(Disk::default(), 1);
    client.turn();
    let (request, call) = client.take_sent();
    let Call::Pull { request: echo, .. } = call else { panic!() };
    let scope = config().scope;
    let deep = format!("{}1{}", "[".repeat(101), "]".repeat(101));
    let change = |key: &str, value: &str| format!(r#"{{"collection":"c","key":"{key}","version":"v","seq":1,"value":{value}}}"#);
    let changes = [
        change("good", r#"{"__proto__":{"x":1}}"#),
        change("deep", &deep),
        change("lone", r#""\ud800""#),
        change("big", "1e999"),
        change("fine", "9007199254740993"),
    ];
    client.reply(
        request,
        json(
            200,
            &format!(
                r#"{{"generation":"g1","scope":"{scope}","request":"{echo}","cursor":"g1.5","more":false,"changes":[{}]}}"#,
                changes.join(",")
            ),
        ),
    );
    assert_eq!(client.view("good"), Some(serde_json::from_str(r#"{"__proto__":{"x":1}}"#).unwrap()));
    assert_eq!(client.view("fine"), Some(json!(9007199254740993_u64)));
    assert_eq!((client.view("deep"), client.view("lone"), client.view("big")), (None, None, None));
    let troubles = client
        .notices
        .iter()
        .filter(|notice| matches!(notice, syncline::engine::notice::Notice::Troubled { error } if error.code == Code::Protocol))
        .count();
    assert_eq!(troubles, 3);
    let kept: usize = client.disk.log.values().flat_map(|commit| syncline::engine::record::decode(commit)).filter(|found| matches!(found, syncline::engine::record::Found::Record(record) if record.kind == syncline::engine::record::Kind::Quarantine)).count();
    assert_eq!(kept, 3, "what was set aside is stored with the cursor that passed it");
}
