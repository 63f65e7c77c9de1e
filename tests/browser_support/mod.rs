//! What the browser tests share: what a port told, time, and a look at IndexedDB that shares no code with the store.

#![allow(dead_code, missing_docs, reason = "each suite uses its part")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::{Function, Promise};
use syncline::browser::Tell;
use syncline::engine::input::Input;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// What a port told, in order.
#[derive(Clone, Default)]
pub struct Heard(Rc<RefCell<VecDeque<Input>>>);

impl Heard {
    pub fn tell(&self) -> Tell {
        let heard = self.0.clone();
        Rc::new(move |input| heard.borrow_mut().push_back(input))
    }

    /// The next, within 5 seconds.
    pub async fn next(&self) -> Input {
        for _ in 0..500 {
            if let Some(input) = self.0.borrow_mut().pop_front() {
                return input;
            }
            sleep(10).await;
        }
        panic!("nothing was told within 5 s");
    }

    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

pub async fn sleep(ms: i32) {
    let timer = Promise::new(&mut |resolve, _| set_timeout(&resolve, ms));
    JsFuture::from(timer).await.expect("a timer fires");
}

/// A name that no other test uses.
pub fn fresh(name: &str) -> String {
    format!("{name}-{}", js_sys::Math::random())
}

pub async fn of(promise: Promise) -> JsValue {
    JsFuture::from(promise).await.expect("the test's own JavaScript works")
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(task: &Function, ms: i32);
}
