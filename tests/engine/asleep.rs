//! A machine that slept, with a monotonic clock that stood still meanwhile (T2, B28).

use syncline::engine::clock::Wall;
use syncline::engine::error::Code;
use syncline::engine::input::{Ask, Input, Reply};

use crate::harness::*;

/// The machine slept so long, and the page hears of it; by the monotonic clock no time has passed.
fn sleep(client: &mut Client, slept: &mut u64, ms: u64) {
    *slept += ms;
    client.tell(Input::Resumed { wall: Wall(WALL.0 + client.now.0 + *slept) });
    client.turn();
}

/// A client whose one write waits until then, by the wall clock.
fn waiting() -> (Client, u64) {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    let headers = [("retry-after", "600".into())].into();
    client.reply(request, Reply { headers, ..json(503, "") });
    client.sent.clear();
    let until = client.status().retry_at.expect("a wait").0;
    (client, until)
}

#[test]
fn t2_b28_a_wait_that_was_over_in_sleep_does_not_begin_anew() {
    let (mut client, _) = waiting();
    sleep(&mut client, &mut 0, 3_600_000);
    assert!(client.has_push(), "it is later than it was to be: {:?}", client.status().retry_at);
}

#[test]
fn t2_a_wait_that_was_not_over_in_sleep_ends_when_it_was_to() {
    let (mut client, until) = waiting();
    let mut slept = 0;
    sleep(&mut client, &mut slept, 60_000);
    sleep(&mut client, &mut slept, 60_000);
    assert_eq!(client.status().retry_at, Some(Wall(until)), "two sleeps, and the same time of the day");
    let left = until - (WALL.0 + client.now.0 + slept);
    client.pass(left - 1);
    assert!(!client.has_push());
    client.pass(1);
    assert!(client.has_push());
}

#[test]
fn t2_what_was_on_its_way_is_given_up_and_sent_again_after_a_sleep() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (_, ids, body) = client.take_push();
    let asked = client.ask(Ask::Push { timeout_ms: Some(60_000) });
    sleep(&mut client, &mut 0, 3_600_000);
    assert_eq!(client.answered(asked).flatten().map(|error| error.code), Some(Code::Timeout), "it has waited longer than it wanted to");
    client.pass(1_000);
    let push = client.take_push();
    assert_eq!((push.1, push.2), (ids, body));
}

#[test]
fn t1_a_wall_clock_that_goes_back_or_lags_behind_is_no_sleep() {
    let (mut client, until) = waiting();
    let before = client.now.0;
    client.tell(Input::Resumed { wall: Wall(WALL.0 - 86_400_000) });
    let left = until - WALL.0 - before;
    client.pass(left - 1);
    assert!(!client.has_push());
    client.pass(1);
    assert!(client.has_push());
}
