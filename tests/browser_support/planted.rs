//! Known bugs of others, planted in the store: the test that guards against one fails over it, and for that reason. Without a bug the
//! same tests hold, in the same run.

use std::cell::Cell;

use syncline::browser::idb::Store;
use syncline::browser::planted::Bug;
use wasm_bindgen_test::wasm_bindgen_test;

thread_local! {
    /// What is planted in the next store, once it is made.
    static NEXT: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants in a store what is to be planted in it.
pub fn spoil(store: &Store) {
    if let Some(bug) = NEXT.take() {
        store.plant(bug);
    }
}

/// A test that fails leaves what it was doing half done, and what is half done must not be dropped.
async fn with(bug: Bug, test: impl Future<Output = ()> + 'static) {
    NEXT.set(Some(bug));
    Box::leak(Box::new(Box::pin(test))).await;
}

#[wasm_bindgen_test]
#[should_panic(expected = "the connection is opened again")]
async fn b22_a_connection_that_is_kept_for_ever_is_caught() {
    with(Bug::B22, super::b22_a_dead_connection_is_opened_again()).await;
}

#[wasm_bindgen_test]
#[should_panic(expected = "nothing was told")]
async fn b23_an_open_that_is_waited_for_for_ever_is_caught() {
    with(Bug::B23, super::b23_an_open_that_never_settles_has_a_deadline()).await;
}

#[wasm_bindgen_test]
#[should_panic(expected = "Error: blocked")]
async fn b23_a_connection_that_does_not_make_way_is_caught() {
    with(Bug::B23InTheWay, super::s4_a_deleted_database_is_noticed_and_made_again()).await;
}

#[wasm_bindgen_test]
#[should_panic(expected = "nothing was told")]
async fn b24_an_abort_of_which_nothing_is_heard_is_caught() {
    with(Bug::B24, super::b24_a_success_that_is_aborted_is_not_durable()).await;
}

#[wasm_bindgen_test]
#[should_panic(expected = "right: Err(Quota)")]
async fn b24_a_success_that_is_taken_for_durable_is_caught() {
    with(Bug::B24TooEarly, super::b24_a_success_that_is_aborted_is_not_durable()).await;
}

#[wasm_bindgen_test]
#[should_panic(expected = "nothing was told")]
async fn b25_a_reading_that_is_waited_for_for_ever_is_caught() {
    with(Bug::B25, super::b25_a_reading_without_an_answer_has_a_deadline()).await;
}

#[wasm_bindgen_test]
#[should_panic(expected = "all of it")]
async fn b26_half_a_write_is_caught() {
    with(Bug::B26, super::b26_s12_a_write_is_there_as_a_whole_or_not_at_all()).await;
}
