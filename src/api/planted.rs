//! Ways to break the module on purpose, for the tests of recovery. In no build that is shipped.

use std::hint::black_box;

use gloo_timers::callback::Timeout;
use wasm_bindgen::prelude::*;

use super::Client;

#[wasm_bindgen]
impl Client {
    /// Breaks the module: `panic` inside a turn of the engine, `overflow` of the stack inside one, or either of them
    /// in a timer, as `later-panic` and `later-overflow`.
    pub fn plant(&self, kind: String) {
        match kind.strip_prefix("later-") {
            None => self.break_now(&kind),
            Some(kind) => {
                let (client, kind) = (Client(self.0.clone()), kind.to_owned());
                Timeout::new(0, move || client.0.watched(|| client.break_now(&kind))).forget();
            }
        }
    }

    fn break_now(&self, kind: &str) {
        let broken = self.0.act(&mut |_, _, _| match kind {
            "overflow" => drop(black_box(dig(1))),
            _ => panic!("planted"),
        });
        drop(broken);
    }
}

#[expect(unconditional_recursion, reason = "it is there to fill the stack")]
fn dig(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    dig(depth + 1) + frame[(depth % 64) as usize]
}
