//! What the outbox promises, figure by figure: each story fails where a comparison or a sum is another one.

use super::*;

fn id(name: &str) -> MutationId {
    MutationId(name.into())
}

/// Kept mutations of ten bytes each, by name and key, in order.
fn kept(all: &[(&str, &str)]) -> Outbox {
    let mut outbox = Outbox::default();
    for (name, key) in all {
        stage(&mut outbox, name, &[key]);
    }
    outbox
}

fn stage(outbox: &mut Outbox, name: &str, keys: &[&str]) -> u64 {
    let addresses = keys.iter().map(|key| Address::of("c", key)).collect();
    let order = outbox.stage(Box::new(Queued::new(id(name), addresses, 10)), None);
    outbox.mark_stored(&id(name), None, true);
    order
}

/// An entry of these, of five bytes, that can be sent.
fn freeze(outbox: &mut Outbox, members: &[&str]) {
    let members = members.iter().map(|name| id(name)).collect();
    outbox.freeze(Box::new(Entry::new(members, vec![None], "12345".into(), false)));
}

fn chosen(outbox: &Outbox, items: usize, bytes: u64) -> Vec<String> {
    let chosen = outbox.choose(items, bytes);
    chosen.entries.iter().chain(&chosen.heads).map(MutationId::to_string).collect()
}

#[test]
fn h7_a_batch_is_as_large_as_it_may_be_and_one_goes_whatever_its_size() {
    let outbox = kept(&[("a", "k"), ("b", "l"), ("c", "m")]);
    for (items, bytes, expected) in
        [(9, 99, 3), (9, 30, 3), (9, 29, 2), (9, 20, 2), (9, 10, 1), (9, 1, 1), (2, 99, 2), (1, 99, 1), (0, 99, 0)]
    {
        assert_eq!(chosen(&outbox, items, bytes).len(), expected, "{items} items, {bytes} bytes");
    }
    assert_eq!([outbox.fills(3, 99), outbox.fills(4, 99), outbox.fills(4, 30), outbox.fills(4, 31)], [true, false, true, false]);
}

#[test]
fn what_is_counted_stays_true() {
    let mut outbox = kept(&[("a", "k"), ("b", "k"), ("c", "l")]);
    assert_eq!((outbox.mutations(), outbox.len(), outbox.items(), outbox.bytes(), outbox.last_order()), (3, 3, 2, 30, 3));
    assert!(outbox.fills(2, 99) && !outbox.fills(3, 99) && outbox.fills(9, 20));
    freeze(&mut outbox, &["a", "b"]);
    assert_eq!((outbox.mutations(), outbox.len(), outbox.items(), outbox.bytes()), (3, 2, 2, 15 + 64));
    assert!(outbox.fills(1, 99) && !outbox.fills(2, 11), "what is frozen is not to be frozen");
    assert_eq!((outbox.order(&id("b")), outbox.first(None), outbox.head(None)), (Some(1), Some(1), Some(3)));
    outbox.settle(&id("a")).expect("an entry");
    outbox.take(&id("c")).expect("a mutation");
    assert_eq!((outbox.mutations(), outbox.len(), outbox.items(), outbox.bytes(), outbox.last_order()), (0, 0, 0, 0, 3));
    assert_eq!((outbox.first(None), outbox.head(None), outbox.order(&id("b")), outbox.fills(1, 1)), (None, None, None, false));
}

#[test]
fn i19_a_wait_ends_to_the_millisecond_and_is_cut_short_for_whom_it_is_asked() {
    let mut outbox = kept(&[("a", "k"), ("b", "l")]);
    for name in ["a", "b"] {
        freeze(&mut outbox, &[name]);
        outbox.set_state(&id(name), State::Waiting(Timestamp(1_000)));
    }
    outbox.mark_asked(&id("b"), Timestamp(700));
    outbox.end_waits(Timestamp(999));
    assert_eq!((outbox.has_ready(), outbox.next_wait()), (false, Some(Timestamp(1_000))));
    outbox.hasten(Some(&Address::of("c", "k")), Timestamp(500));
    assert_eq!(outbox.next_wait(), Some(Timestamp(500)));
    outbox.hasten(None, Timestamp(600));
    outbox.end_waits(Timestamp(500));
    assert_eq!(
        (chosen(&outbox, 9, 99), outbox.next_wait()),
        (vec!["a".to_owned()], Some(Timestamp(700))),
        "never later, nor before it may"
    );
    outbox.hasten(None, Timestamp(5_000));
    outbox.end_waits(Timestamp(700));
    assert_eq!((chosen(&outbox, 9, 99).len(), outbox.next_wait()), (2, None));
    assert_eq!((outbox.mark_failed(&id("a")), outbox.mark_failed(&id("a")), outbox.mark_failed(&id("b"))), (1, 2, 1));
    outbox.mark_sent(&id("a"));
    assert_eq!(outbox.entry(&id("a")).and_then(|queued| queued.entry.as_ref()).map(|entry| entry.sent), Some(1));
    assert_eq!(chosen(&outbox, 9, 99), ["b"]);
}

#[test]
fn i9_what_comes_after_others_waits_for_all_of_them_and_goes_with_them() {
    let mut outbox = kept(&[("a", "k"), ("b", "l")]);
    let late = stage(&mut outbox, "late", &["m"]);
    assert!(outbox.depend(late, &[id("a"), id("b"), id("gone")], &[]));
    assert!(!outbox.depend(late, &[id("late"), id("gone")], &[]), "nothing waits for itself, or for what has ended");
    assert!(outbox.depend(late, &[id("a")], &[Address::of("c", "l"), Address::of("c", "m"), Address::of("c", "none")]));
    assert_eq!(outbox.dependencies(&[late]), [(id("late"), vec![id("a"), id("b")])]);
    outbox.release_dependents(1);
    assert_eq!(chosen(&outbox, 9, 99), ["a", "b"]);
    outbox.release_dependents(2);
    assert_eq!(chosen(&outbox, 9, 99), ["a", "b", "late"]);
    let [later, last] = ["later", "last"].map(|name| stage(&mut outbox, name, &[name]));
    outbox.depend(later, &[id("late")], &[]);
    outbox.depend(last, &[id("later")], &[]);
    let taken: Vec<_> = outbox.take_dependents(late).into_iter().map(|queued| queued.id).collect();
    assert_eq!((taken, outbox.len()), (vec![id("later"), id("last")], 3));
}

#[test]
fn i26_a_group_goes_when_it_heads_all_its_documents() {
    let mut outbox = kept(&[("a", "k")]);
    stage(&mut outbox, "group", &["k", "l"]);
    stage(&mut outbox, "b", &["l"]);
    assert_eq!(chosen(&outbox, 9, 99), ["a"]);
    outbox.take(&id("a"));
    assert_eq!(chosen(&outbox, 9, 99), ["group"]);
    assert_eq!(outbox.members(&id("group"), 9, 99, false), [id("group")]);
    assert_eq!((outbox.head(Some(&Address::of("c", "k"))), outbox.first(Some(&Address::of("c", "l")))), (Some(2), Some(2)));
    outbox.postpone(&Address::of("c", "k"));
    assert_eq!(outbox.head(Some(&Address::of("c", "k"))), None);
}

#[test]
fn i2_of_documents_that_are_sealed_nothing_goes() {
    let (k, l) = (Address::of("c", "k"), Address::of("c", "l"));
    let mut outbox = kept(&[("a", "k"), ("b", "l")]);
    assert!(!outbox.has_sealed(None));
    outbox.mark_stored(&id("a"), Some((1, 1)), true);
    outbox.seal();
    assert_eq!([outbox.has_sealed(None), outbox.has_sealed(Some(&k)), outbox.has_sealed(Some(&l))], [true, true, false]);
    assert!(outbox.is_sealed(&[l.clone(), k.clone()]) && !outbox.is_sealed(&[l]));
    assert_eq!((chosen(&outbox, 9, 99), outbox.has_heads()), (vec!["b".to_owned()], true));
    freeze(&mut outbox, &["a"]);
    outbox.set_state(&id("a"), State::Ready);
    assert_eq!((outbox.has_ready(), chosen(&outbox, 9, 99)), (false, vec!["b".to_owned()]));
}

#[test]
fn what_changes_is_remembered_while_somebody_looks() {
    let mut outbox = kept(&[("a", "k")]);
    assert!(outbox.take_touched().is_empty());
    outbox.observe(true);
    stage(&mut outbox, "b", &["l"]);
    assert_eq!(outbox.take_touched().keys().collect::<Vec<_>>(), [&Address::of("c", "l")]);
    freeze(&mut outbox, &["a"]);
    outbox.take_touched();
    outbox.set_state(&id("a"), State::Ready);
    assert_eq!(outbox.take_touched().keys().collect::<Vec<_>>(), [&Address::of("c", "k")]);
    outbox.observe(false);
    stage(&mut outbox, "d", &["l"]);
    assert!(outbox.take_touched().is_empty());
    assert_eq!(outbox.first_queued(&Address::of("c", "l")).map(|queued| queued.id.clone()), Some(id("b")));
    assert_eq!(outbox.documents().count(), 2);
}

#[test]
fn what_waits_for_its_page_is_kept_when_all_its_pages_are_there() {
    let (k, l) = (Address::of("c", "k"), Address::of("c", "l"));
    let mut outbox = kept(&[]);
    stage(&mut outbox, "group", &["k", "l"]);
    outbox.mark_stored(&id("group"), None, false);
    let mut ungrounded = OrderedSet::default();
    ungrounded.insert(l.clone(), ());
    outbox.ground(&k, &ungrounded);
    assert!(!outbox.has_heads());
    ungrounded.remove(&l);
    outbox.ground(&l, &ungrounded);
    assert_eq!(chosen(&outbox, 9, 99), ["group"]);
    freeze(&mut outbox, &["group"]);
    outbox.ground(&k, &ungrounded);
    assert_eq!(outbox.entry(&id("group")).map(|queued| queued.state), Some(State::InBatch), "what is frozen stays so");
}

#[test]
fn what_waits_for_several_that_become_one_waits_for_that_once() {
    let mut outbox = kept(&[("a", "k"), ("b", "k"), ("late", "l")]);
    outbox.depend(3, &[id("a"), id("b")], &[]);
    freeze(&mut outbox, &["a", "b"]);
    assert_eq!(outbox.dependents(1), [(id("late"), vec![id("a")])]);
    outbox.release_dependents(1);
    assert_eq!(chosen(&outbox, 9, 99), ["late"]);
}
