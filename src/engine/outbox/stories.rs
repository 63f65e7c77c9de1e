//! What the outbox promises, figure by figure: each story fails where a comparison or a sum is another one.

use super::*;
use crate::engine::error::Code;
use crate::engine::record::Lineage;

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
    outbox.observe(true);
    outbox.hasten(Some(&Address::of("c", "k")), Timestamp(500));
    assert!(outbox.take_touched().is_empty(), "what waits no longer than that stays as it is");
    outbox.observe(false);
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
    outbox.mark_doubtful(&id("a"));
    outbox.mark_refused(&id("a"), Fault::new(Code::Rejected, "no"));
    let entry = outbox.entry(&id("a")).and_then(|queued| queued.entry.as_ref()).expect("an entry");
    assert_eq!((entry.sent, entry.is_doubtful, entry.refused.is_some()), (1, true, true));
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
    let own = stage(&mut outbox, "own", &["k"]);
    assert!(outbox.depend(own, &[id("a")], &[]) && outbox.depend(own, &[id("late")], &[Address::of("c", "k")]));
    assert_eq!(outbox.dependencies(&[own]), [(id("own"), vec![id("a"), id("late")])], "of its own document all that is before it");
    outbox.take(&id("own"));
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
    stage(&mut outbox, "other", &["m", "n"]);
    assert!(outbox.fills(9, 10) && !outbox.fills(9, 11), "on two documents it is sent once");
}

#[test]
fn i2_of_documents_that_are_sealed_nothing_goes() {
    let (k, l) = (Address::of("c", "k"), Address::of("c", "l"));
    let mut outbox = kept(&[("a", "k"), ("b", "l")]);
    assert!(!outbox.has_sealed(None));
    outbox.seal(9);
    assert!(!outbox.has_sealed(None), "what is in no store is not found again");
    outbox.mark_stored(&id("a"), Some((1, 1)), true);
    outbox.mark_stored(&id("b"), Some((2, 1)), true);
    outbox.seal(1);
    assert_eq!([outbox.has_sealed(None), outbox.has_sealed(Some(&k)), outbox.has_sealed(Some(&l))], [true, true, false]);
    assert!(outbox.is_sealed(&[l.clone(), k.clone()]) && !outbox.is_sealed(std::slice::from_ref(&l)));
    assert_eq!((chosen(&outbox, 9, 99), outbox.has_heads()), (vec!["b".to_owned()], true));
    freeze(&mut outbox, &["a"]);
    outbox.set_state(&id("a"), State::Ready);
    assert_eq!((outbox.has_ready(), chosen(&outbox, 9, 99)), (false, vec!["b".to_owned()]));
    freeze(&mut outbox, &["b"]);
    outbox.set_state(&id("b"), State::Ready);
    assert!(outbox.has_ready());
    outbox.seal(2);
    assert!(outbox.has_sealed(Some(&l)) && !outbox.has_ready(), "what is frozen is found again, where it was stored");
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
    outbox.ground(&k, &[&ungrounded]);
    assert!(!outbox.has_heads());
    ungrounded.remove(&l);
    outbox.ground(&l, &[&ungrounded]);
    assert_eq!(chosen(&outbox, 9, 99), ["group"]);
    freeze(&mut outbox, &["group"]);
    outbox.ground(&k, &[&ungrounded]);
    assert_eq!(outbox.entry(&id("group")).map(|queued| queued.state), Some(State::InBatch), "what is frozen stays so");
}

#[test]
fn what_waits_for_several_that_become_one_waits_for_that_once() {
    let mut outbox = kept(&[("a", "k"), ("b", "k"), ("x", "m"), ("late", "l")]);
    outbox.depend(4, &[id("a"), id("b"), id("x")], &[]);
    freeze(&mut outbox, &["a", "b"]);
    assert_eq!(outbox.dependents(1), [(id("late"), vec![id("a"), id("x")])]);
    outbox.release_dependents(1);
    outbox.release_dependents(3);
    assert_eq!(chosen(&outbox, 9, 99), ["x", "late"]);
}

#[test]
fn i9_what_is_one_change_goes_together_and_nothing_else_that_waits() {
    let mut outbox = kept(&[("x", "l"), ("a", "k"), ("b", "k"), ("c", "k")]);
    let mut expect = |after: &[&str], alone: &[&str], run: &[&str]| {
        let after: Vec<_> = after.iter().map(|name| id(name)).collect();
        outbox.depend(3, &after, &[]);
        for (is_run, names) in [(false, alone), (true, run)] {
            let names: Vec<_> = names.iter().map(|name| id(name)).collect();
            assert_eq!(outbox.members(&id("a"), 9, 99, is_run), names, "after {after:?}");
        }
    };
    expect(&[], &["a", "b", "c"], &["a", "b", "c"]);
    expect(&["a"], &["a"], &["a", "b", "c"]);
    expect(&["a", "x"], &["a"], &["a"]);
}

#[test]
fn what_comes_after_another_document_that_waits_for_this_one_never_goes_with_it() {
    let k = Address::of("c", "k");
    // Whether what follows `a` of k is crossed, where each of these comes after those.
    let crossed = |all: &[(&str, &str)], after: &[(&str, &[&str])]| {
        let mut outbox = kept(all);
        for (late, earlier) in after {
            let earlier: Vec<_> = earlier.iter().map(|name| id(name)).collect();
            assert!(outbox.depend(outbox.order(&id(late)).expect("it is queued"), &earlier, &[]));
        }
        outbox.is_crossed(&k, &id("a"))
    };
    assert!(!crossed(&[("a", "k"), ("x", "l")], &[("x", &["a"])]), "nothing follows");
    assert!(!crossed(&[("a", "k"), ("b", "k")], &[("b", &["a"])]), "only what is before it");
    assert!(!crossed(&[("x", "l"), ("a", "k"), ("b", "k")], &[("b", &["x"])]), "the other one waits for nothing");
    assert!(!crossed(&[("a", "k"), ("x", "l"), ("b", "k"), ("c", "k")], &[("x", &["a"]), ("c", &["x"])]), "not what is next");
    assert!(crossed(&[("a", "k"), ("x", "l"), ("b", "k")], &[("x", &["a"]), ("b", &["x"])]));
    assert!(crossed(&[("a", "k"), ("x", "l"), ("y", "l"), ("b", "k")], &[("x", &["a"]), ("b", &["y"])]), "behind one that waits");
    assert!(crossed(&[("a", "k"), ("x", "l"), ("y", "m"), ("z", "n"), ("b", "k")], &[("x", &["a"]), ("z", &["x", "y"]), ("b", &["z"])]));
}

#[test]
fn i10_what_carries_others_on_is_found_by_their_names() {
    let mut outbox = kept(&[("a", "k"), ("b", "l")]);
    freeze(&mut outbox, &["a"]);
    let (order, queued, _) = outbox.settle(&id("a")).expect("an entry");
    let mut follow_up = Queued::new(id("follow-up"), queued.addresses.clone(), 10);
    follow_up.lineage = Some(queued.line(1));
    outbox.stage(Box::new(follow_up), Some(order));
    outbox.carry(order, vec![id("a")], &[id("older")]);
    assert_eq!([outbox.order(&id("a")), outbox.order(&id("older")), outbox.order(&id("b"))], [Some(1), Some(1), Some(2)]);
    assert_eq!([outbox.carrier(&id("a")), outbox.carrier(&id("b"))], [Some(&id("follow-up")), None]);
    outbox.seal(0);
    assert!(outbox.has_sealed(Some(&Address::of("c", "k"))), "what follows a conflict is made again by the next start");
    outbox.take(&id("follow-up"));
    assert_eq!(outbox.order(&id("older")), None);
}

/// Mutations of `k` in an outbox that keeps three singly, named by their place.
fn crowd(outbox: &mut Outbox, count: u64) -> Vec<bool> {
    let mut crowded = Vec::new();
    for _ in 0..count {
        let name = (outbox.last_order() + 1).to_string();
        stage(outbox, &name, &["k"]);
        crowded.push(outbox.take_crowded().is_some());
    }
    crowded
}

#[test]
fn a_document_is_folded_when_twice_as_many_wait_as_are_kept_singly_and_after_each_as_many_more() {
    let mut outbox = Outbox::keeping(3, false);
    assert_eq!(crowd(&mut outbox, 9), [false, false, false, false, false, false, true, false, false]);
    outbox.calm(&Address::of("c", "k"));
    assert_eq!(crowd(&mut outbox, 4), [false, false, false, true]);
}

#[test]
fn the_oldest_are_folded_in_runs_of_what_may_become_one() {
    let k = Address::of("c", "k");
    let runs = |outbox: &Outbox, most, bytes| {
        let runs = outbox.foldable(&k, most, bytes).into_iter().filter(|run| !run.is_empty());
        runs.map(|run| run.iter().map(MutationId::to_string).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let mut outbox = Outbox::keeping(3, false);
    crowd(&mut outbox, 9);
    assert_eq!(runs(&outbox, 9, 99), ["1 2 3 4 5 6"], "the last three are kept singly");
    assert_eq!(runs(&outbox, 4, 99), ["1 2 3 4", "5 6"]);
    assert_eq!(
        (runs(&outbox, 9, 40), runs(&outbox, 9, 39)),
        (vec!["1 2 3 4".to_owned(), "5 6".to_owned()], vec!["1 2 3".to_owned(), "4 5 6".to_owned()])
    );
    outbox.depend(2, &[id("1")], &[]);
    outbox.change(&id("4")).expect("it is queued").lineage = Some(Lineage { root: id("0"), round: 1, place: (0, 0) });
    assert_eq!(runs(&outbox, 9, 99), ["1", "3", "4 5 6"], "what waits is by itself, and what carries another on begins");
    outbox.change(&id("5")).expect("it is queued").state = State::New;
    assert_eq!(runs(&outbox, 9, 99), ["1", "3", "4", "6"], "what is not kept stays");
    outbox.seal_documents(std::slice::from_ref(&k));
    assert!(runs(&outbox, 9, 99).is_empty());

    let mut outbox = Outbox::keeping(1, false);
    crowd(&mut outbox, 2);
    stage(&mut outbox, "group", &["k", "l"]);
    crowd(&mut outbox, 3);
    assert_eq!(runs(&outbox, 9, 99), ["1 2", "4 5"], "a group stays as it is");
}

#[test]
fn what_is_folded_keeps_its_names_and_is_counted_by_what_it_takes() {
    let mut outbox = Outbox::keeping(1, false);
    crowd(&mut outbox, 4);
    outbox.keep_text(&id("2"), 0, 7);
    outbox.keep_text(&id("2"), 0, 5);
    assert_eq!(outbox.bytes(), 45);
    #[cfg(feature = "sim")]
    assert!(outbox.folded().is_empty());
    outbox.fold(&[], 9);
    outbox.fold(&[id("1"), id("2")], 12);
    assert_eq!((outbox.bytes(), outbox.len(), outbox.mutations()), (12 + 64 + 20, 3, 4), "its texts are part of it");
    outbox.fold(&[id("1"), id("3")], 15);
    assert_eq!(outbox.names(&[id("1"), id("4")]), ["1", "2", "3", "4"].map(id));
    #[cfg(feature = "sim")]
    assert_eq!(outbox.folded(), [["1", "2", "3"].map(id).to_vec()]);
    assert_eq!((outbox.bytes(), outbox.order(&id("3"))), (15 + 2 * 64 + 10, Some(1)));
}
