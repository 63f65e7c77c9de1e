//! What happens when the page goes out of view or away: nobody knows whether it comes back.

use syncline::engine::config::Config;
use syncline::engine::input::Input;

use crate::harness::*;

#[test]
fn what_waits_for_its_window_goes_when_the_page_is_hidden() {
    for leaving in [Input::BecameHidden, Input::PageHid] {
        let mut client = opened(&mut Server::new());
        client.mutate(put("a", "1")).unwrap();
        client.pass(10);
        client.tell(leaving);
        client.pass(0);
        assert_eq!(client.take_push().1.len(), 1);
        client.mutate(put("b", "1")).unwrap();
        client.pass(99);
        assert!(!client.has_push(), "what comes later waits for a window of its own");
    }
}

#[test]
fn in_a_hidden_page_writes_still_collect() {
    let mut client = opened(&mut Server::new());
    client.tell(Input::BecameHidden);
    client.mutate(put("a", "1")).unwrap();
    client.pass(99);
    assert!(!client.has_push(), "each request costs");
    client.pass(1);
    assert_eq!(client.take_push().1.len(), 1);
}

#[test]
fn l7_a_push_goes_on_without_its_page_as_long_as_all_that_do_are_few_bytes() {
    let mut server = Server::new();
    let mut client = Client::with(Config { batches_in_flight_max: 8, batch_items_max: 1, ..config() }, Disk::default(), 1);
    client.live(&mut server, 10);
    let mut write = |key: &str, bytes: usize| {
        client.mutate(put(key, &format!(r#""{}""#, "-".repeat(bytes)))).unwrap();
        client.pass(100);
        let (request, _, body) = client.take_push();
        (request, body, client.outliving.contains(&request))
    };
    let (first, second) = (write("a", 9_000), write("b", 9_000));
    assert_eq!((first.2, second.2), (true, false), "both together have more than 16 KiB");
    assert!(write("c", 6_000).2, "there is room for this one");
    let reply = server.push(&client.engine.identity(), &first.1);
    client.reply(first.0, reply);
    client.mutate(put("d", r#""e""#)).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    assert!(client.outliving.contains(&request), "what is answered has made room");
    let pull = client.ask(syncline::engine::input::Ask::Pull);
    assert_eq!(client.answered(pull), None);
    let (request, _) = client.take_sent();
    assert!(!client.outliving.contains(&request), "nobody needs a pull without its page");
}
