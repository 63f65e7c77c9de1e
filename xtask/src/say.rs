//! Where lines for the reader go: to the standard output, or to whoever collects those of a thread, so that what runs side by
//! side is read one after the other.

use std::cell::RefCell;
use std::sync::mpsc::Sender;

thread_local! {
    static COLLECTOR: RefCell<Option<Sender<String>>> = const { RefCell::new(None) };
}

/// Says a line.
pub fn say(line: impl Into<String>) {
    let line = line.into();
    let unheard = COLLECTOR.with_borrow(|collector| match collector {
        // Where nobody listens any more, somebody may still look at the output.
        Some(lines) => lines.send(line).err().map(|unsent| unsent.0),
        None => Some(line),
    });
    if let Some(line) = unheard {
        println!("{line}");
    }
}

/// Does `work` with all lines that this thread says meanwhile going to `lines`.
pub fn collected<R>(lines: Sender<String>, work: impl FnOnce() -> R) -> R {
    let outer = COLLECTOR.replace(Some(lines));
    let result = work();
    COLLECTOR.replace(outer);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn lines_of_a_thread_go_to_its_collector() {
        let (sender, lines) = mpsc::channel();
        collected(sender, || {
            say("one");
            std::thread::scope(|scope| scope.spawn(|| say("of another thread")).join()).unwrap();
            say("two");
        });
        say("behind it");
        assert_eq!(lines.iter().collect::<Vec<_>>(), ["one", "two"]);
    }
}
