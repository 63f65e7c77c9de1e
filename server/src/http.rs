//! The sync endpoints, as `docs/protocol.md` describes them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use serde::Serialize;
use serde_json::json;
use syncline::authority::{Authority, Feed, PullAsk, PushBodyError, UnknownFeed};
use syncline::protocol::{Identity, PROTOCOL_VERSION};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::data::{AppRules, Data, Unavailable};
use crate::faults::{Counters, Faults};

/// Longest value of a header that names somebody, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// How long a body may pause between two pieces.
const BODY_PAUSE: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read and thrown away, so that its sender gets to hear why.
const DISCARDED_MAX: usize = 16 << 20;

/// What the endpoints work with.
pub struct Server {
    pub authority: Arc<Authority<AppRules>>,
    pub data: Arc<Data>,
    pub faults: Faults,
    pub counters: Counters,
    /// Asked for as a bearer token, where there is one.
    pub token: Option<String>,
}

/// Says to the listener that this reply is never to arrive.
#[derive(Clone, Copy)]
pub struct Lost;

/// The endpoints, for mounting under `/sync`. Pages of `origins` may call them too; `*` names every origin.
pub fn routes(server: Arc<Server>, origins: &[String]) -> Router {
    let routes = Router::new()
        .route("/push", post(push))
        .route("/pull", get(pull))
        .route("/outcome", get(outcome))
        .route("/ping", get(ping))
        .fallback(async || Refused::NotFound)
        .method_not_allowed_fallback(async || Refused::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(server.clone(), attend))
        .with_state(server);
    if origins.is_empty() { routes } else { routes.layer(cors(origins)) }
}

fn cors(origins: &[String]) -> CorsLayer {
    let named = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let allowed = if origins.iter().any(|origin| origin == "*") { AllowOrigin::any() } else { AllowOrigin::list(named) };
    let own = ["protocol", "scope", "client", "session", "request", "since"].map(|name| format!("syncline-{name}"));
    let own = own.iter().map(|name| HeaderName::try_from(name).expect("these are header names"));
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(own.chain([CONTENT_TYPE, AUTHORIZATION, HeaderName::from_static("idempotency-key")]).collect::<Vec<_>>())
        .expose_headers([RETRY_AFTER, axum::http::header::DATE])
        .max_age(Duration::from_secs(600))
}

/// Why a request is not done. Each becomes a status and a body `{ "error": { "code", "message" } }`.
enum Refused {
    Malformed(String),
    Unauthorized,
    NotFound,
    UnknownFeed,
    MethodNotAllowed,
    Timeout,
    TooLarge,
    NotJson,
    UnsupportedProtocol,
    /// With the seconds for Retry-After.
    Unavailable(Option<u64>),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, code, message) = match &self {
            Refused::Malformed(why) => (StatusCode::BAD_REQUEST, "malformed", why.as_str()),
            Refused::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "a token is missing or not good"),
            Refused::NotFound => (StatusCode::NOT_FOUND, "not_found", "there is no such endpoint"),
            Refused::UnknownFeed => (StatusCode::NOT_FOUND, "unknown_feed", "there is no feed of this name"),
            Refused::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this endpoint has another method"),
            Refused::Timeout => (StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not arrive"),
            Refused::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "more bytes or entries than are taken in one request"),
            Refused::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "a push has the content type application/json"),
            Refused::UnsupportedProtocol => {
                (StatusCode::NOT_IMPLEMENTED, "unsupported_protocol", "this server speaks another version of the protocol")
            }
            Refused::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "not now"),
        };
        let mut response = (status, reply(&json!({ "error": { "code": code, "message": message } }))).into_response();
        match self {
            Refused::Unauthorized => drop(response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Refused::Unavailable(Some(seconds)) => drop(response.headers_mut().insert(RETRY_AFTER, seconds.into())),
            _ => {}
        }
        response
    }
}

impl From<Unavailable> for Refused {
    fn from(_: Unavailable) -> Self {
        Refused::Unavailable(None)
    }
}

impl From<UnknownFeed> for Refused {
    fn from(_: UnknownFeed) -> Self {
        Refused::UnknownFeed
    }
}

impl From<PushBodyError> for Refused {
    fn from(error: PushBodyError) -> Self {
        match error {
            PushBodyError::Malformed(why) => Refused::Malformed(why),
            PushBodyError::TooLarge => Refused::TooLarge,
        }
    }
}

fn malformed(why: &str) -> Refused {
    Refused::Malformed(why.to_owned())
}

fn reply<T: Serialize>(body: &T) -> impl IntoResponse + use<T> {
    let text = serde_json::to_vec(body).expect("replies are plain data");
    ([(CONTENT_TYPE, "application/json")], text)
}

/// What happens around every sync request: counting, faults, the token, the version, and the header against caches.
async fn attend(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    Counters::add(&server.counters.requests, 1);
    tokio::time::sleep(server.faults.slowness()).await;
    // A body is read even where the answer will be a refusal: closing on a sender in the middle of it looks like a
    // broken network to the sender.
    let (head, body) = request.into_parts();
    let body = read_body(body, server.authority.limits.request_bytes).await;
    let mut response = match admit(&server, &head.headers).and(body) {
        Ok(body) => {
            Counters::add(&server.counters.bytes_in, body.len());
            next.run(Request::from_parts(head, Body::from(body))).await
        }
        Err(refused) => refused.into_response(),
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if response.extensions().get::<Lost>().is_none() {
        Counters::add(&server.counters.bytes_out, axum::body::HttpBody::size_hint(response.body()).lower() as usize);
    }
    response
}

fn admit(server: &Server, headers: &HeaderMap) -> Result<(), Refused> {
    if let Some(retry_after) = server.faults.fails() {
        Counters::add(&server.counters.errors_injected, 1);
        return Err(Refused::Unavailable(retry_after));
    }
    if let Some(token) = &server.token {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        if !given.is_some_and(|given| same(given, token.as_bytes())) {
            return Err(Refused::Unauthorized);
        }
    }
    match header(headers, "syncline-protocol")? {
        Some(version) if version != PROTOCOL_VERSION.to_string() => Err(Refused::UnsupportedProtocol),
        _ => Ok(()),
    }
}

/// Compares in a time that tells nothing but the length.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// A header that names something: visible ASCII, taken literally.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refused> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str() {
        Ok(text) if !text.is_empty() && text.len() <= NAME_BYTES_MAX => Ok(Some(text)),
        _ => Err(Refused::Malformed(format!("the header `{name}` has 1 to {NAME_BYTES_MAX} visible ASCII characters"))),
    }
}

/// Who asks. Without a scope nothing is answered, which also keeps pages of other sites out: they cannot send the
/// header without being allowed to (fault A5).
fn identity(headers: &HeaderMap) -> Result<Identity, Refused> {
    let scope = header(headers, "syncline-scope")?.ok_or_else(|| malformed("the header `syncline-scope` is missing"))?;
    let client = header(headers, "syncline-client")?.unwrap_or_default();
    let session_epoch = match header(headers, "syncline-session")? {
        None => 0,
        Some(digits) => digits.parse().map_err(|_| malformed("the header `syncline-session` is no number"))?,
    };
    Ok(Identity { scope: scope.to_owned(), client: client.to_owned(), session_epoch })
}

async fn push(State(server): State<Arc<Server>>, headers: HeaderMap, body: Body) -> Result<Response, Refused> {
    let asker = identity(&headers)?;
    if asker.client.is_empty() || !headers.contains_key("syncline-session") {
        return Err(malformed("a push needs the headers `syncline-client` and `syncline-session`"));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(|value| value.split(';').next());
    if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Refused::NotJson);
    }
    let body = body.collect().await.map_err(|error| Refused::Malformed(error.to_string()))?.to_bytes();
    let text = str::from_utf8(&body).map_err(|_| malformed("the body is not UTF-8"))?;
    let body = server.authority.read_push(text)?;
    Counters::add(&server.counters.pushes, 1);
    Counters::add(&server.counters.entries, body.len());
    let pushed = server.data.push(asker, body).await?;
    Counters::add(&server.counters.replays, pushed.replays);
    let mut response = reply(&pushed.reply).into_response();
    if server.faults.loses_reply() {
        Counters::add(&server.counters.replies_lost, 1);
        response.extensions_mut().insert(Lost);
    }
    Ok(response)
}

async fn read_body(mut body: Body, bytes_max: usize) -> Result<Vec<u8>, Refused> {
    let mut read = Vec::new();
    let mut bytes = 0;
    loop {
        let frame = tokio::time::timeout(BODY_PAUSE, body.frame()).await.map_err(|_| Refused::Timeout)?;
        let Some(frame) = frame else { break };
        let piece: Bytes = frame.map_err(|error| Refused::Malformed(error.to_string()))?.into_data().unwrap_or_default();
        bytes += piece.len();
        if bytes <= bytes_max {
            read.extend_from_slice(&piece);
        } else if bytes > bytes_max + DISCARDED_MAX {
            break;
        }
    }
    if bytes > bytes_max { Err(Refused::TooLarge) } else { Ok(read) }
}

async fn pull(State(server): State<Arc<Server>>, headers: HeaderMap, uri: Uri) -> Result<Response, Refused> {
    let asker = identity(&headers)?;
    let query = query(&uri)?;
    let limit = match parameter(&query, "limit") {
        None => None,
        Some(digits) => Some(digits.parse().map_err(|_| malformed("`limit` is no number"))?),
    };
    let cursor = match (parameter(&query, "since"), headers.get("syncline-since")) {
        (Some(cursor), _) => Some(cursor.to_owned()),
        (None, Some(escaped)) => Some(percent_encoding::percent_decode(escaped.as_bytes()).decode_utf8_lossy().into_owned()),
        (None, None) => None,
    };
    let feed = Feed::parse(parameter(&query, "feed").unwrap_or("main"))?;
    let request = header(&headers, "syncline-request")?.map(str::to_owned);
    let ask = PullAsk { feed, cursor, limit, request };
    let answered = server.data.read(move |authority, store| authority.pull(store, &asker, &ask)).await?;
    Counters::add(&server.counters.pulls, 1);
    Ok(reply(&answered).into_response())
}

async fn outcome(State(server): State<Arc<Server>>, headers: HeaderMap, uri: Uri) -> Result<Response, Refused> {
    let asker = identity(&headers)?;
    let query = query(&uri)?;
    let id = parameter(&query, "id").ok_or_else(|| malformed("`id` is missing"))?.to_owned();
    let answered = server.data.read(move |authority, store| authority.outcome(store, &asker.scope, &id)).await?;
    Ok(reply(&answered).into_response())
}

async fn ping(State(server): State<Arc<Server>>) -> Result<Response, Refused> {
    let answered = server.data.read(|authority, store| authority.ping(store)).await?;
    Ok(reply(&answered).into_response())
}

fn query(uri: &Uri) -> Result<Vec<(String, String)>, Refused> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).map_err(|error| Refused::Malformed(error.body_text()))
}

fn parameter<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
}
