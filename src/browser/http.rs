//! Requests: the engine's calls over `fetch`, or through the app's own functions. Nothing is decided here: what came is
//! passed on, what did not come has a name.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::{Function, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{AbortController, AbortSignal};

use super::host::Host;
use super::value::{joined, settled};
use super::{Tell, clock, functions};
use crate::engine::clock::Timestamp;
use crate::engine::config::TransportKind;
use crate::engine::ident::RequestId;
use crate::engine::input::{Bytes, Input, REPLY_HEADERS, Reply, SendFailure};
use crate::ordered::Ordered;
use crate::protocol::{Call, HttpRequest, Identity, Method};

/// A body's progress is told not more often than this.
const PROGRESS_MS: u64 = 100;

/// Where a client's requests go.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server's address, absolute; empty where the app's functions answer.
    pub url: String,
    /// Whether that is another origin than the page's.
    pub cross_origin: bool,
    /// Who answers.
    pub transport: TransportKind,
}

/// The requests of one client.
pub struct Requests {
    target: Target,
    host: Host,
    tell: Tell,
    under_way: RefCell<Ordered<RequestId, AbortController>>,
    me: Weak<Requests>,
}

impl Requests {
    /// Answers go to `tell`.
    pub fn new(target: Target, host: Host, tell: Tell) -> Rc<Requests> {
        Rc::new_cyclic(|me| Requests { target, host, tell, under_way: RefCell::default(), me: me.clone() })
    }

    /// Asks. Code of the app runs later, never inside this call. Answered by `Progressed`, and then `Replied` or
    /// `SendFailed`.
    pub fn send(&self, request: RequestId, call: Call, identity: Identity, reply_bytes_max: u64) {
        let (Some(me), Ok(controller)) = (self.me.upgrade(), AbortController::new()) else { return };
        let signal = controller.signal();
        self.under_way.borrow_mut().insert(request, controller);
        spawn_local(async move {
            if signal.aborted() {
                return;
            }
            let result = match me.target.transport {
                TransportKind::Functions => functions::call(&me.host, call, &identity, &signal, reply_bytes_max).await,
                _ => {
                    let http = call.to_http(&identity, me.target.cross_origin);
                    let mut progress = Progress { requests: &me, request, told: None };
                    fetch(&me, http, &signal, reply_bytes_max, &mut progress).await
                }
            };
            me.end(request, result);
        });
    }

    /// Aborts. The answer comes even where the app's code ignores the signal and never settles.
    pub fn cancel(&self, request: RequestId) {
        if let (Some(me), Some(controller)) = (self.me.upgrade(), self.under_way.borrow().get(&request)) {
            controller.abort();
            spawn_local(async move { me.end(request, Err(SendFailure::Cancelled)) });
        }
    }

    /// Aborts all, without an answer.
    pub fn close(&self) {
        for controller in self.under_way.take().into_iter().map(|(_, controller)| controller) {
            controller.abort();
        }
    }

    /// The first end of a request is the one that is told.
    fn end(&self, request: RequestId, result: Result<Reply, SendFailure>) {
        let Some(controller) = self.under_way.borrow_mut().remove(&request) else { return };
        let input = match result {
            Ok(reply) => Input::Replied { request, reply },
            Err(_) if controller.signal().aborted() => Input::SendFailed { request, why: SendFailure::Cancelled },
            Err(why) => {
                // Nobody reads the rest of a reply that is too large.
                controller.abort();
                Input::SendFailed { request, why }
            }
        };
        (self.tell)(input);
    }
}

/// Tells of a reply that is coming in.
struct Progress<'a> {
    requests: &'a Requests,
    request: RequestId,
    told: Option<Timestamp>,
}

impl Progress<'_> {
    fn came(&mut self, received: u64) {
        let now = clock::now();
        if self.told.is_none_or(|told| now.since(told) >= PROGRESS_MS) && self.requests.under_way.borrow().contains_key(&self.request) {
            self.told = Some(now);
            (self.requests.tell)(Input::Progressed { request: self.request, received });
        }
    }
}

async fn fetch(
    requests: &Requests,
    http: HttpRequest,
    signal: &AbortSignal,
    bytes_max: u64,
    progress: &mut Progress<'_>,
) -> Result<Reply, SendFailure> {
    let threw = |error: JsValue| functions::threw(&error);
    let headers = headers(&requests.host, &http).await.map_err(threw)?;
    if signal.aborted() {
        return Err(SendFailure::Cancelled);
    }
    let url = format!("{}/{}", requests.target.url.trim_end_matches('/'), http.path);
    let options = fetch_options(&http, &headers, signal).map_err(threw)?;
    let answered = match requests.host.fetch() {
        Some(own) => own.call2(&JsValue::UNDEFINED, &url.into(), &options).map_err(threw)?,
        None => global_fetch(&url, &options).map_err(threw)?,
    };
    let response: Answer = settled(&answered).await.map_err(|_| SendFailure::NoAnswer)?.unchecked_into();
    progress.came(0);
    // A status is missing only in what an app's own fetch made up; no row of the table of outcomes is for 0.
    let status = response.status().map_err(threw)? as u16;
    let head = response.headers().map_err(threw)?;
    let known = REPLY_HEADERS.into_iter().filter_map(|name| Some((name.to_owned(), head.get(name).ok()??)));
    let headers = known.collect();
    let redirected = response.redirected().map_err(threw)?;
    let body = body(&response, bytes_max, progress).await?;
    Ok(Reply { status, redirected, headers, body })
}

/// The app's headers, fresh for each request and never kept (A4), with the protocol's own over them.
async fn headers(host: &Host, http: &HttpRequest) -> Result<Headers, JsValue> {
    let given = match host.headers() {
        Some(own) => settled(&own.call0(host)?).await?,
        None => JsValue::UNDEFINED,
    };
    let headers = Headers::new(&given)?;
    for (name, value) in &http.headers {
        headers.set(name, value)?;
    }
    Ok(headers)
}

fn fetch_options(http: &HttpRequest, headers: &Headers, signal: &AbortSignal) -> Result<Object, JsValue> {
    let options = Object::new();
    let set = |name: &str, value: &JsValue| Reflect::set(&options, &name.into(), value).map(drop);
    let method = match http.method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    set("method", &method.into())?;
    set("headers", headers)?;
    set("signal", signal)?;
    // A redirect would turn a push into a GET of somebody's login page (N10).
    set("redirect", &"error".into())?;
    if http.no_store {
        set("cache", &"no-store".into())?;
    }
    if let Some(body) = &http.body {
        set("body", &body.into())?;
    }
    Ok(options)
}

/// The reply's body, counted while it is read: an endless one costs no more memory than it may (D3).
async fn body(response: &Answer, bytes_max: u64, progress: &mut Progress<'_>) -> Result<Bytes, SendFailure> {
    let truncated = |_| SendFailure::Truncated;
    let Some(stream) = response.body().map_err(truncated)? else {
        // There is no body, or the app's own `fetch` streams none.
        let whole = settled(&response.array_buffer().map_err(truncated)?).await.map_err(truncated)?;
        let whole = Uint8Array::new(&whole);
        return if u64::from(whole.length()) > bytes_max { Err(SendFailure::TooLarge) } else { Ok(joined(&[whole])) };
    };
    let reader = stream.reader().map_err(truncated)?;
    let (mut chunks, mut received) = (Vec::<Uint8Array>::new(), 0u64);
    loop {
        let read: Chunk = settled(&reader.read().map_err(truncated)?).await.map_err(truncated)?.unchecked_into();
        if read.done() {
            break;
        }
        let chunk: Uint8Array = read.value().dyn_into().map_err(truncated)?;
        received += u64::from(chunk.length());
        if received > bytes_max {
            return Err(SendFailure::TooLarge);
        }
        chunks.push(chunk);
        progress.came(received);
    }
    Ok(joined(&chunks))
}

fn global_fetch(url: &str, options: &Object) -> Result<JsValue, JsValue> {
    let fetch: Function = Reflect::get(&js_sys::global(), &"fetch".into())?.dyn_into()?;
    fetch.call2(&JsValue::UNDEFINED, &url.into(), options)
}

// By hand and with `catch`, because an app's own `fetch` may answer with anything.
#[wasm_bindgen]
extern "C" {
    type Answer;
    #[wasm_bindgen(method, getter, catch)]
    fn status(this: &Answer) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, getter, catch)]
    fn redirected(this: &Answer) -> Result<bool, JsValue>;
    #[wasm_bindgen(method, getter, catch)]
    fn headers(this: &Answer) -> Result<Headers, JsValue>;
    #[wasm_bindgen(method, getter, catch)]
    fn body(this: &Answer) -> Result<Option<Stream>, JsValue>;

    #[wasm_bindgen(method, catch, js_name = arrayBuffer)]
    fn array_buffer(this: &Answer) -> Result<JsValue, JsValue>;

    type Headers;
    #[wasm_bindgen(constructor, catch)]
    fn new(init: &JsValue) -> Result<Headers, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn get(this: &Headers, name: &str) -> Result<Option<String>, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn set(this: &Headers, name: &str, value: &str) -> Result<(), JsValue>;

    type Stream;
    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn reader(this: &Stream) -> Result<Reader, JsValue>;

    type Reader;
    #[wasm_bindgen(method, catch)]
    fn read(this: &Reader) -> Result<JsValue, JsValue>;

    type Chunk;
    #[wasm_bindgen(method, getter)]
    fn done(this: &Chunk) -> bool;
    #[wasm_bindgen(method, getter)]
    fn value(this: &Chunk) -> JsValue;
}
