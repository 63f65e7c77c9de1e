//! What passes between an engine and the world around it, in words.

use crate::engine::effect::Effect;
use crate::engine::input::Input;
use crate::engine::record;

/// An effect in words; bytes as the records they are.
pub(super) fn told_effect(effect: &Effect) -> String {
    let Effect::Write(write) = effect else { return format!("{effect:?}") };
    let records = |bytes: &[u8]| {
        let found = record::decode(bytes).map(|found| match found {
            record::Found::Record(record) => format!("{:?} {} {}", record.kind, record.header, record.body),
            other => format!("{other:?}"),
        });
        found.collect::<Vec<_>>().join("\n      ")
    };
    let rewritten: Vec<_> = write.rewrite.iter().map(|(at, bytes)| (at, bytes.as_deref().map(records))).collect();
    let pages: Vec<_> = write.pages.iter().map(|(at, bytes)| (at, bytes.as_deref().map(records))).collect();
    let appended = write.append.as_deref().map(records).unwrap_or_default();
    format!("{:?} strict {} rewrite {rewritten:?} pages {pages:?}\n      {appended}", write.write, write.strict)
}

/// What kind of input it is.
pub(super) fn kind(input: &Input) -> &'static str {
    match input {
        Input::Started => "started",
        Input::Loaded { .. } => "loaded",
        Input::LoadFailed { .. } => "loadFailed",
        Input::Written { .. } => "written",
        Input::WriteFailed { .. } => "writeFailed",
        Input::Progressed { .. } => "progressed",
        Input::Replied { .. } => "replied",
        Input::SendFailed { .. } => "sendFailed",
        Input::Woke => "woke",
        _ => "told",
    }
}
