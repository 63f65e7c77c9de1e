//! The app's own push, pull and ping, called as if they were a server.

use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::host::Host;
use super::value::{parse, set};
use crate::protocol::http::idempotency_key;
use crate::protocol::member::{Fields, Member, ObjectWriter, text_of};
use crate::protocol::{Call, Identity};

/// Calls the function for `call`. It gives the body of a reply, or a promise of it.
pub fn begin(host: &Host, call: &Call, identity: &Identity, signal: &AbortSignal) -> Result<JsValue, JsValue> {
    let (name, attempt, key) = match call {
        Call::Push { ids, attempt, .. } => ("push", *attempt, idempotency_key(ids)),
        Call::Pull { request, .. } => ("pull", 0, request.clone()),
        Call::Outcome { .. } => ("outcome", 0, String::new()),
        Call::Ping => ("ping", 0, String::new()),
    };
    let function = host.function(name).ok_or_else(|| JsValue::from("the app gave no such function"))?;
    let mut text = String::new();
    let mut ctx = ObjectWriter::begin(&mut text);
    ctx.member("scope", &identity.scope).member("epoch", &text_of(&identity.session_epoch));
    ctx.member("attempt", &attempt).member("idempotencyKey", &key);
    if let Call::Pull { feed, cursor, limit, .. } = call {
        cursor.write(ctx.member("feed", feed).member("limit", limit).name("cursor"));
    }
    ctx.end();
    let ctx = parse(&text);
    set(&ctx, "signal", signal);
    match call {
        Call::Push { body, .. } => function.call2(host, &entries(body).into(), &ctx),
        _ => function.call1(host, &ctx),
    }
}

/// The list of entries, byte for byte as they were frozen.
fn entries(body: &str) -> &str {
    Fields::of(body).raw("entries").unwrap_or(body)
}
