//! The laws of a store, for the two that run here: the stories' own, in memory, and the simulator's disk.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What waits for nothing has its answer at once.
fn at_once<T>(task: impl Future<Output = T>) -> T {
    match pin!(task).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits for something"),
    }
}

macro_rules! tests {
    ($($law:ident,)*) => {
        $(#[test]
        fn $law() {
            super::at_once(store::$law(Disk::default()));
        })*
    };
}

mod memory {
    use crate::store::{self, memory::Disk};

    laws_of_a_store!(tests);
}

mod simulated {
    use syncline::engine::ident::LoadId;
    use syncline::sim::disk::{Disk, Done, Fate};

    use crate::store::{self, Answer, Order, Store};

    impl Store for Disk {
        async fn carry_out(&mut self, tab: usize, orders: Vec<Order>) -> Vec<Answer> {
            let owner = tab as u64;
            for order in orders {
                match order {
                    Order::Load(what) => Disk::load(self, owner, LoadId(0), what),
                    Order::Write(write) => Disk::write(self, owner, write),
                }
            }
            let answer = |(whose, done)| {
                assert_eq!(whose, owner);
                match done {
                    Done::Loaded(_, found) => Answer::Found(found),
                    Done::Written { position, .. } => Answer::Ended(Ok(position)),
                    Done::Failed(_, why) => Answer::Ended(Err(why)),
                }
            };
            std::iter::from_fn(|| self.finish(Fate::Completes)).map(answer).collect()
        }
    }

    laws_of_a_store!(tests);
}
