//! What every store of a client must do, as laws that run against each of them: the one in memory, the simulator's disk, and a
//! browser's IndexedDB. The shell and the simulator promise the engine the same.

#![allow(dead_code, unused_macros, reason = "each suite uses its part")]

pub mod memory;

use syncline::engine::effect::{Guard, Wanted, Write};
use syncline::engine::ident::WriteId;
use syncline::engine::input::{Bytes, Found, Meta, StoreFailure, Versions};
use syncline::engine::rng::Rng;

/// What a tab asks of its store.
#[derive(Clone, Debug)]
pub enum Order {
    Load(Wanted),
    Write(Write),
}

/// What the store answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Found(Found),
    Ended(Result<u64, StoreFailure>),
}

/// A store that two tabs have open.
pub trait Store {
    /// Has one of the tabs ask for all of this at once, and gives the answers.
    async fn carry_out(&mut self, tab: usize, orders: Vec<Order>) -> Vec<Answer>;

    async fn read(&mut self, tab: usize, what: Wanted) -> Found {
        match self.carry_out(tab, vec![Order::Load(what)]).await.pop() {
            Some(Answer::Found(found)) => found,
            other => panic!("{other:?}"),
        }
    }

    async fn change(&mut self, tab: usize, write: Write) -> Result<u64, StoreFailure> {
        match self.carry_out(tab, vec![Order::Write(write)]).await.pop() {
            Some(Answer::Ended(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    /// All that is stored, as long as that is in the first nine pages.
    async fn everything(&mut self) -> Found {
        self.read(0, Wanted { after: 0, directory: true, pages: (1..10).collect() }).await
    }
}

/// Hands the names of all laws to a macro, which makes a test of each.
macro_rules! laws_of_a_store {
    ($tests:ident) => {
        $tests! {
            a_fresh_store_is_empty,
            a_store_is_made_once,
            what_is_written_comes_back,
            a_reading_finds_what_was_asked_for_and_nothing_else,
            positions_never_come_again,
            c2_i15_another_epoch_writes_nothing,
            c6_what_is_stored_is_made_on_all_that_is,
            s12_a_refused_transaction_leaves_nothing,
            orders_are_carried_out_in_order,
            random_orders_have_the_answers_of_the_store_in_memory,
        }
    };
}

/// A store's description, held by this epoch.
pub fn meta(epoch: u64) -> Meta {
    Meta {
        store_id: "s1".into(),
        store_epoch: epoch,
        folded_to: 0,
        scope: "scope".into(),
        versions: Versions { layout: 1, collections: [("__proto__", 7), ("todos", 2)].into() },
        client_id: "c1".into(),
        session_epoch: 9_007_199_254_740_991,
    }
}

/// A transaction with nothing in it.
pub fn empty(guard: Guard) -> Write {
    Write { write: WriteId(0), strict: true, guard, append: None, rewrite: vec![], pages: vec![], directory: None, meta: None }
}

/// One of whoever holds the store by this epoch and knows all that is in it.
pub fn held(epoch: u64) -> Write {
    empty(Guard::Known { store_id: "s1".into(), epoch: Some(epoch), last: 1_000_000 })
}

/// One that makes the store, with one commit.
pub fn making() -> Write {
    Write { meta: Some(meta(1).into()), append: Some(b"first".into()), ..empty(Guard::Fresh) }
}

pub fn bytes(text: &[u8]) -> Bytes {
    Bytes(text.into())
}

/// What is found by one that begins.
pub fn boot<const N: usize>(meta: Option<Meta>, directory: Option<&[u8]>, log: [(u64, &[u8]); N]) -> Found {
    Found { meta, directory: directory.map(bytes), log: log.map(|(at, commit)| (at, bytes(commit))).into(), pages: Vec::new() }
}

fn append(text: &[u8]) -> Write {
    Write { append: Some(text.into()), ..held(1) }
}

/// Each part of a transaction changes something.
fn whole(guard: Guard) -> Write {
    Write {
        append: Some(b"second".into()),
        rewrite: vec![(1, Some(b"rewritten".into()))],
        pages: vec![(1, Some(b"page one".into()))],
        directory: Some(b"directory".into()),
        meta: Some(Meta { folded_to: 1, ..meta(2) }.into()),
        ..empty(guard)
    }
}

pub async fn a_fresh_store_is_empty(mut store: impl Store) {
    assert_eq!(store.read(0, Wanted { pages: vec![1], ..Wanted::all() }).await, boot(None, None, []));
    assert_eq!(store.change(0, held(1)).await, Err(StoreFailure::Replaced), "it is no store that anybody knows");
    assert_eq!(store.everything().await, boot(None, None, []));
}

pub async fn a_store_is_made_once(mut store: impl Store) {
    assert_eq!(store.change(0, making()).await, Ok(1));
    assert_eq!(store.change(1, making()).await, Err(StoreFailure::Fenced { epoch: 1 }));
    assert_eq!(store.everything().await, boot(Some(meta(1)), None, [(1, b"first")]));
}

pub async fn what_is_written_comes_back(mut store: impl Store) {
    store.change(0, making()).await.unwrap();
    let every: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let write = Write {
        append: Some(every.clone()),
        pages: vec![(1, Some(Vec::new())), (7, Some(every.clone()))],
        directory: Some(b"\0".into()),
        meta: Some(Meta { folded_to: 1, ..meta(1) }.into()),
        ..held(1)
    };
    assert_eq!(store.change(0, write).await, Ok(2));
    let pages = vec![(1, bytes(b"")), (7, bytes(&every))];
    let found = Found { pages, ..boot(Some(Meta { folded_to: 1, ..meta(1) }), Some(b"\0"), [(1, b"first"), (2, &every)]) };
    assert_eq!(store.read(1, Wanted { pages: vec![1, 7], ..Wanted::all() }).await, found);
}

pub async fn a_reading_finds_what_was_asked_for_and_nothing_else(mut store: impl Store) {
    store.change(0, making()).await.unwrap();
    let pages = vec![(1, Some(b"one".into())), (2, Some(b"two".into()))];
    store.change(0, Write { pages, directory: Some(b"directory".into()), ..append(b"second") }).await.unwrap();

    assert_eq!(store.read(0, Wanted { after: 2, ..Wanted::default() }).await, boot(Some(meta(1)), None, []));
    assert_eq!(store.read(0, Wanted { after: 9, ..Wanted::all() }).await, boot(Some(meta(1)), Some(b"directory"), []));
    let found = Found { pages: vec![(2, bytes(b"two")), (1, bytes(b"one"))], ..boot(Some(meta(1)), None, [(2, b"second")]) };
    let wanted = Wanted { after: 1, directory: false, pages: vec![2, 5, 1] };
    assert_eq!(store.read(0, wanted).await, found, "in the order of asking; what is not there is left out");
}

pub async fn positions_never_come_again(mut store: impl Store) {
    store.change(0, making()).await.unwrap();
    assert_eq!(store.change(0, append(b"second")).await, Ok(2));
    let emptied = Write { rewrite: vec![(1, None), (2, None)], ..held(1) };
    assert_eq!(store.change(0, emptied).await, Ok(0), "nothing was appended");
    assert_eq!(store.change(1, append(b"third")).await, Ok(3));
    let again = Write { rewrite: vec![(2, Some(b"again".into())), (3, Some(b"rewritten".into()))], ..append(b"fourth") };
    assert_eq!(store.change(1, again).await, Ok(4));
    assert_eq!(store.everything().await, boot(Some(meta(1)), None, [(2, b"again"), (3, b"rewritten"), (4, b"fourth")]));
    let gone = Write { rewrite: vec![(9, None)], pages: vec![(3, None)], ..held(1) };
    assert_eq!(store.change(0, gone).await, Ok(0), "what is not there can be taken away");
}

pub async fn c2_i15_another_epoch_writes_nothing(mut store: impl Store) {
    store.change(0, making()).await.unwrap();
    assert_eq!(store.change(1, Write { meta: Some(meta(2).into()), ..held(1) }).await, Ok(0), "the other tab takes it over");
    let before = store.everything().await;
    assert_eq!(store.change(0, whole(held(1).guard)).await, Err(StoreFailure::Fenced { epoch: 2 }));
    assert_eq!(store.everything().await, before);
    let of_any_epoch = Guard::Known { store_id: "s1".into(), epoch: None, last: 1 };
    assert_eq!(store.change(0, Write { append: Some(b"second".into()), ..empty(of_any_epoch) }).await, Ok(2), "any tab enqueues");
}

pub async fn c6_what_is_stored_is_made_on_all_that_is(mut store: impl Store) {
    store.change(0, making()).await.unwrap();
    let knows = |last| Guard::Known { store_id: "s1".into(), epoch: None, last };
    let mut append = async |tab, last, text: &[u8]| store.change(tab, Write { append: Some(text.into()), ..empty(knows(last)) }).await;
    assert_eq!(append(0, 0, b"late").await, Err(StoreFailure::Behind));
    assert_eq!(append(0, 1, b"second").await, Ok(2));
    assert_eq!(append(1, 1, b"late").await, Err(StoreFailure::Behind));
    assert_eq!(append(1, 2, b"third").await, Ok(3));

    // What was folded is in the log no longer, and is not to be missed for that.
    let folded = Write { rewrite: vec![(1, None), (2, None), (3, None)], meta: Some(Meta { folded_to: 3, ..meta(1) }.into()), ..held(1) };
    assert_eq!(store.change(0, folded).await, Ok(0));
    let write = |last| Write { directory: Some(b"directory".into()), ..empty(knows(last)) };
    assert_eq!(store.change(1, write(2)).await, Err(StoreFailure::Behind));
    assert_eq!(store.change(1, write(3)).await, Ok(0));
}

pub async fn s12_a_refused_transaction_leaves_nothing(mut store: impl Store) {
    store.change(0, making()).await.unwrap();
    let before = store.everything().await;
    let known = |store_id: &str, epoch, last| Guard::Known { store_id: store_id.into(), epoch, last };
    for (guard, why) in [
        (Guard::Fresh, StoreFailure::Fenced { epoch: 1 }),
        (known("s0", Some(1), 1), StoreFailure::Replaced),
        (known("", None, 1), StoreFailure::Replaced),
        (known("s1", Some(0), 1), StoreFailure::Fenced { epoch: 1 }),
        (known("s1", Some(2), 0), StoreFailure::Fenced { epoch: 1 }),
        (known("s1", Some(1), 0), StoreFailure::Behind),
        (known("s1", None, 0), StoreFailure::Behind),
    ] {
        assert_eq!(store.change(1, whole(guard.clone())).await, Err(why), "{guard:?}");
        assert_eq!(store.everything().await, before, "{guard:?}");
    }
    assert_eq!(store.change(1, whole(known("s1", Some(1), 1))).await, Ok(2), "and no position was given out");
}

pub async fn orders_are_carried_out_in_order(mut store: impl Store) {
    let all = || Order::Load(Wanted::all());
    let late = Write { guard: Guard::Known { store_id: "s1".into(), epoch: None, last: 1 }, ..append(b"late") };
    let orders = vec![
        all(),
        Order::Write(making()),
        all(),
        Order::Write(append(b"second")),
        Order::Write(late),
        Order::Write(append(b"third")),
        all(),
    ];
    let answers = [
        Answer::Found(boot(None, None, [])),
        Answer::Ended(Ok(1)),
        Answer::Found(boot(Some(meta(1)), None, [(1, b"first")])),
        Answer::Ended(Ok(2)),
        Answer::Ended(Err(StoreFailure::Behind)),
        Answer::Ended(Ok(3)),
        Answer::Found(boot(Some(meta(1)), None, [(1, b"first"), (2, b"second"), (3, b"third")])),
    ];
    assert_eq!(store.carry_out(0, orders).await, answers);
}

pub async fn random_orders_have_the_answers_of_the_store_in_memory(mut store: impl Store) {
    let (mut memory, mut rng) = (memory::Disk::default(), Rng::new([7, 7]));
    for turn in 0..200 {
        let tab = rng.up_to(1) as usize;
        let orders: Vec<_> = (0..=rng.up_to(3)).map(|_| any_order(&mut rng, &memory)).collect();
        let expected = memory.carry_out(tab, orders.clone()).await;
        assert_eq!(store.carry_out(tab, orders.clone()).await, expected, "turn {turn}: {orders:?}");
    }
    assert!(memory.last > 100, "most of them do something");
    assert_eq!(store.everything().await, memory.everything().await);
}

/// Something that may well be asked of a store like this.
fn any_order(rng: &mut Rng, disk: &memory::Disk) -> Order {
    let one_in = |rng: &mut Rng, n: u64| rng.up_to(n - 1) == 0;
    let page = |rng: &mut Rng| 1 + rng.up_to(8) as u32;
    if one_in(rng, 3) {
        let after = rng.up_to(disk.last + 1);
        return Order::Load(Wanted { after, directory: one_in(rng, 2), pages: [page(rng), page(rng)].into() });
    }
    let epoch = disk.meta.as_ref().map_or(1, |meta| meta.store_epoch);
    let last = if one_in(rng, 8) { rng.up_to(disk.last) } else { 1_000_000 };
    let guard = match rng.up_to(if disk.meta.is_some() { 15 } else { 1 }) {
        0 => Guard::Fresh,
        1 => Guard::Known { store_id: "s0".into(), epoch: None, last },
        2 => Guard::Known { store_id: "s1".into(), epoch: Some(epoch + 1), last },
        at => Guard::Known { store_id: "s1".into(), epoch: (at > 8).then_some(epoch), last },
    };
    let some = |rng: &mut Rng| (!one_in(rng, 3)).then(|| (0..rng.up_to(40)).map(|_| rng.bits() as u8).collect::<Vec<u8>>());
    let append = some(rng);
    let pages = if one_in(rng, 2) { vec![(page(rng), some(rng))] } else { Vec::new() };
    let rewrite = if one_in(rng, 2) { vec![(1 + rng.up_to(disk.last), some(rng))] } else { Vec::new() };
    let directory = if one_in(rng, 4) { some(rng) } else { None };
    let folded_to = disk.meta.as_ref().map_or(0, |meta| meta.folded_to.max(rng.up_to(disk.last)));
    let is_described = guard == Guard::Fresh || one_in(rng, 6);
    let meta = is_described.then(|| Meta { folded_to, ..meta(epoch + rng.up_to(1)) }.into());
    Order::Write(Write { strict: one_in(rng, 2), append, pages, rewrite, directory, meta, ..empty(guard) })
}
