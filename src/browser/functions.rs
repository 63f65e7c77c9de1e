//! The app's own push, pull and ping, called as if they were a server.

use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::host::Host;
use super::value::{call, parse, set};
use crate::protocol::http::idempotency_key;
use crate::protocol::member::{Fields, Member, ObjectWriter, text_of};
use crate::protocol::{Call, Identity};

/// Calls the function for what is asked. It gives the body of a reply, or a promise of it.
pub fn begin(host: &Host, asked: &Call, identity: &Identity, signal: &AbortSignal) -> Result<JsValue, JsValue> {
    let (name, attempt, key) = match asked {
        Call::Push { ids, attempt, .. } => ("push", *attempt, idempotency_key(ids)),
        Call::Pull { request, .. } => ("pull", 0, request.clone()),
        Call::Outcome { .. } => ("outcome", 0, String::new()),
        Call::Ping => ("ping", 0, String::new()),
    };
    let mut text = String::new();
    let mut ctx = ObjectWriter::begin(&mut text);
    ctx.member("scope", &identity.scope).member("epoch", &text_of(&identity.session_epoch));
    ctx.member("attempt", &attempt).member("idempotencyKey", &key);
    if let Call::Pull { feed, cursor, limit, .. } = asked {
        cursor.write(ctx.member("feed", feed).member("limit", limit).name("cursor"));
    }
    ctx.end();
    let ctx = parse(&text);
    set(&ctx, "signal", signal);
    match asked {
        Call::Push { body, .. } => call(host, name, &[&entries(body).into(), &ctx]),
        _ => call(host, name, &[&ctx]),
    }
}

/// The list of entries, byte for byte as they were frozen.
fn entries(body: &str) -> &str {
    Fields::of(body).raw("entries").unwrap_or(body)
}
