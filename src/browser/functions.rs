//! The app's own push, pull and ping, called as if they were a server.

use js_sys::{Function, Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::host::Host;
use super::value::{settled, words};
use crate::engine::input::{Bytes, Reply, SendFailure};
use crate::protocol::http::idempotency_key;
use crate::protocol::member::Fields;
use crate::protocol::{Call, Identity};

/// Calls the function for `call` and takes what it resolves to as the body of a reply with status 200.
pub async fn call(host: &Host, call: Call, identity: &Identity, signal: &AbortSignal, bytes_max: u64) -> Result<Reply, SendFailure> {
    let called = begin(host, &call, identity, signal).map_err(|error| threw(&error))?;
    let resolved = settled(&called).await.map_err(|error| threw(&error))?;
    let text = match (resolved.as_string(), &call) {
        (Some(text), _) => text,
        (None, Call::Ping) => "{}".into(),
        (None, _) => return Err(SendFailure::Threw { message: "it gave no text".into() }),
    };
    if text.len() as u64 > bytes_max {
        return Err(SendFailure::TooLarge);
    }
    let headers = [("content-type".to_owned(), "application/json".to_owned())].into();
    Ok(Reply { status: 200, redirected: false, headers, body: Bytes(text.into_bytes().into()) })
}

/// What the app's code threw, in words.
pub fn threw(error: &JsValue) -> SendFailure {
    SendFailure::Threw { message: words(error) }
}

fn begin(host: &Host, call: &Call, identity: &Identity, signal: &AbortSignal) -> Result<JsValue, JsValue> {
    let ctx = Object::new();
    let tell = |name: &str, value: &JsValue| Reflect::set(&ctx, &name.into(), value).map(drop);
    tell("signal", signal)?;
    tell("scope", &identity.scope.as_str().into())?;
    tell("epoch", &identity.session_epoch.to_string().into())?;
    let (attempt, key) = match call {
        Call::Push { ids, attempt, .. } => (*attempt, idempotency_key(ids)),
        Call::Pull { request, .. } => (0, request.clone()),
        Call::Outcome { .. } | Call::Ping => (0, String::new()),
    };
    tell("attempt", &attempt.into())?;
    tell("idempotencyKey", &key.into())?;
    let given = |function: Option<Function>| function.ok_or_else(|| JsValue::from("the app gave no such function"));
    match call {
        Call::Push { body, .. } => given(host.push())?.call2(host, &entries(body).into(), &ctx),
        Call::Pull { feed, cursor, limit, .. } => {
            tell("feed", &feed.into())?;
            tell("cursor", &cursor.as_ref().map_or(JsValue::NULL, JsValue::from))?;
            tell("limit", &(*limit).into())?;
            given(host.pull())?.call1(host, &ctx)
        }
        Call::Ping => given(host.ping())?.call1(host, &ctx),
        Call::Outcome { .. } => given(None)?.call1(host, &ctx),
    }
}

/// The list of entries, byte for byte as they were frozen.
fn entries(body: &str) -> &str {
    Fields::parse(body).ok().and_then(|push| push.raw("entries")).unwrap_or(body)
}
