//! Requests: the engine's calls over `fetch`, or through the app's own functions. Nothing is decided here: what came is
//! passed on, what did not come has a name.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{AbortController, AbortSignal};

use super::host::Host;
use super::value::{Calls, call, create, joined, length, member, object, set, settled, words};
use super::{Tell, clock, functions};
use crate::engine::clock::Timestamp;
use crate::engine::config::TransportKind;
use crate::engine::ident::RequestId;
use crate::engine::input::{Bytes, Input, REPLY_HEADERS, Reply, SendFailure};
use crate::protocol::{self, Call, Identity, Method};

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
    /// Few: a list will do.
    under_way: RefCell<Vec<(RequestId, AbortController)>>,
    me: Weak<Requests>,
}

impl Requests {
    /// Answers go to `tell`.
    pub fn new(target: Target, host: Host, tell: Tell) -> Rc<Requests> {
        Rc::new_cyclic(|me| Requests { target, host, tell, under_way: RefCell::default(), me: me.clone() })
    }

    /// Asks. Code of the app runs later, never inside this call. Answered by `Progressed`, and then `Replied` or
    /// `SendFailed`, unless the page is gone by then.
    pub fn send(&self, request: RequestId, call: Call, identity: Identity, reply_bytes_max: u64, outlives_page: bool) {
        let (Some(requests), Ok(controller)) = (self.me.upgrade(), AbortController::new()) else { return };
        let signal = controller.signal();
        self.under_way.borrow_mut().push((request, controller));
        let mut exchange = Box::new(Exchange {
            requests,
            request,
            signal,
            call,
            identity,
            bytes_max: reply_bytes_max,
            outlives_page,
            step: Step::Begin,
            reply: Reply::default(),
            reader: JsValue::UNDEFINED,
            calls: Calls::default(),
            chunks: Array::new(),
            received: 0,
            told: None,
        });
        spawn_local(async move {
            let mut came = Ok(JsValue::UNDEFINED);
            while let Some(awaited) = exchange.go_on(came) {
                came = settled(&awaited).await;
            }
        });
    }

    /// Aborts. The answer comes even where the app's code ignores the signal and never settles.
    pub fn cancel(&self, request: RequestId) {
        if let Some((_, controller)) = self.under_way.borrow().iter().find(|(other, _)| *other == request) {
            controller.abort();
        }
        self.end(request, Err(SendFailure::Cancelled));
    }

    /// Aborts all, without an answer.
    pub fn close(&self) {
        for (_, controller) in self.under_way.take() {
            controller.abort();
        }
    }

    fn is_under_way(&self, request: RequestId) -> bool {
        self.under_way.borrow().iter().any(|(other, _)| *other == request)
    }

    /// The first end of a request is the one that is told.
    fn end(&self, request: RequestId, result: Result<Reply, SendFailure>) {
        let mut under_way = self.under_way.borrow_mut();
        let Some(at) = under_way.iter().position(|(other, _)| *other == request) else { return };
        let (_, controller) = under_way.swap_remove(at);
        drop(under_way);
        (self.tell)(match result {
            Ok(reply) => Input::Replied { request, reply },
            Err(why) => {
                // Nobody reads the rest of a reply that is too large.
                controller.abort();
                Input::SendFailed { request, why }
            }
        });
    }
}

/// One request on its way, step by step: each waits for one value and says what to wait for next.
struct Exchange {
    requests: Rc<Requests>,
    request: RequestId,
    signal: AbortSignal,
    call: Call,
    identity: Identity,
    bytes_max: u64,
    outlives_page: bool,
    step: Step,
    reply: Reply,
    /// Where the body comes from.
    reader: JsValue,
    /// The calls of a step.
    calls: Calls,
    chunks: Array,
    /// Bytes of the body so far.
    received: u64,
    /// When progress was last told.
    told: Option<Timestamp>,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Begin,
    /// The app's headers.
    Headers,
    /// The reply's head.
    Head,
    /// A chunk of its body.
    Chunk,
    /// All of its body.
    Whole,
    /// What the app's own function gives.
    Text,
}

impl Exchange {
    /// Takes what was waited for. Gives what to wait for next; nothing where the request has ended.
    fn go_on(&mut self, came: Result<JsValue, JsValue>) -> Option<JsValue> {
        // Whoever aborted it has answered it.
        if self.signal.aborted() {
            return None;
        }
        let mut next = None;
        let why = match came {
            Err(_) if self.step == Step::Head => SendFailure::NoAnswer,
            came => {
                let came = self.calls.keep(came);
                if self.calls.failed.is_none() {
                    next = self.take(&came);
                }
                let Some(error) = self.calls.failed.take() else { return next };
                self.why(&error)
            }
        };
        self.requests.end(self.request, Err(why));
        None
    }

    /// What it means that something threw: that depends on how far the request had come.
    fn why(&self, error: &JsValue) -> SendFailure {
        match self.step {
            _ if self.received > self.bytes_max => SendFailure::TooLarge,
            Step::Chunk | Step::Whole => SendFailure::Truncated,
            _ => SendFailure::Threw { message: words(error) },
        }
    }

    fn take(&mut self, came: &JsValue) -> Option<JsValue> {
        match self.step {
            Step::Begin => return Some(self.begin()),
            Step::Headers => return Some(self.fetch(came)),
            Step::Head => return Some(self.take_head(came)),
            Step::Chunk if member(came, "done").is_truthy() => {}
            Step::Chunk => {
                self.take_bytes(&member(came, "value"));
                self.progressed();
                return Some(self.calls.call(&self.reader, "read", &[]));
            }
            Step::Whole => {
                let bytes = self.calls.keep(create("Uint8Array", &[came]));
                self.take_bytes(&bytes);
            }
            Step::Text => self.take_text(came),
        }
        self.end();
        None
    }

    /// The app's headers are asked for anew for each request and never kept (A4).
    fn begin(&mut self) -> JsValue {
        let host = &self.requests.host;
        if self.requests.target.transport == TransportKind::Functions {
            self.step = Step::Text;
            return self.calls.keep(functions::begin(host, &self.call, &self.identity, &self.signal));
        }
        self.step = Step::Headers;
        self.calls.call(host, "headers", &[])
    }

    /// The protocol's own headers lie over the app's.
    fn fetch(&mut self, given: &JsValue) -> JsValue {
        self.step = Step::Head;
        let Requests { target, host, .. } = &*self.requests;
        let http = self.call.to_http(&self.identity, target.cross_origin);
        let headers = self.calls.keep(create("Headers", &[given]));
        for (name, value) in &http.headers {
            self.calls.call(&headers, "set", &[&(*name).into(), &value.into()]);
        }
        let method = match http.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        // A redirect would turn a push into a GET of somebody's login page (N10).
        let options = object(&[
            ("method", &method.into()),
            ("headers", &headers),
            ("signal", &self.signal),
            ("redirect", &"error".into()),
            ("keepalive", &self.outlives_page.into()),
        ]);
        if http.no_store {
            set(&options, "cache", &"no-store".into());
        }
        if let Some(body) = &http.body {
            set(&options, "body", &body.into());
        }
        let url = &target.url;
        let end = url.bytes().rposition(|byte| byte != b'/').map_or(0, |last| last + 1);
        let url = protocol::words::join(&[&url[..end], "/", &http.path]);
        self.calls.call(host, "fetch", &[&url.into(), &options])
    }

    /// An app's own `fetch` may answer with anything.
    fn take_head(&mut self, answer: &JsValue) -> JsValue {
        let Some(status) = member(answer, "status").as_f64() else {
            self.calls.fail("the answer has no status".into());
            return JsValue::UNDEFINED;
        };
        let head = member(answer, "headers");
        for name in REPLY_HEADERS {
            if let Some(value) = call(&head, "get", &[&name.into()]).unwrap_or_default().as_string() {
                self.reply.headers.0.push((name.to_owned(), value));
            }
        }
        self.reply.status = status as u16;
        self.reply.redirected = member(answer, "redirected").is_truthy();
        self.progressed();
        let stream = member(answer, "body");
        if stream.is_object() {
            self.step = Step::Chunk;
            self.reader = self.calls.call(&stream, "getReader", &[]);
            return self.calls.call(&self.reader, "read", &[]);
        }
        // There is no body, or the app's own `fetch` streams none.
        self.step = Step::Whole;
        self.calls.call(answer, "arrayBuffer", &[])
    }

    fn take_bytes(&mut self, bytes: &JsValue) {
        if bytes.is_instance_of::<Uint8Array>() {
            self.chunks.push(bytes);
            self.take_length(length(bytes) as u64);
        } else {
            self.calls.fail(JsValue::UNDEFINED);
        }
    }

    /// What the app's own function gave; nothing where it only had to answer.
    fn take_text(&mut self, came: &JsValue) {
        let Some(text) = came.as_string().or_else(|| (self.call == Call::Ping).then(|| "{}".into())) else {
            return self.calls.fail("it gave no text".into());
        };
        self.take_length(text.len() as u64);
        self.reply.status = 200;
        self.reply.headers.0.push(("content-type".into(), "application/json".into()));
        self.reply.body = Bytes(text.into_bytes().into());
    }

    /// A body is counted while it is read: an endless one costs no more memory than it may (D3).
    fn take_length(&mut self, bytes: u64) {
        self.received += bytes;
        if self.received > self.bytes_max {
            self.calls.fail(JsValue::UNDEFINED);
        }
    }

    fn progressed(&mut self) {
        let now = clock::now();
        if self.told.is_none_or(|told| now.since(told) >= PROGRESS_MS) && self.requests.is_under_way(self.request) {
            self.told = Some(now);
            (self.requests.tell)(Input::Progressed { request: self.request, received: self.received });
        }
    }

    /// The reply is whole, unless something failed.
    fn end(&mut self) {
        if self.calls.failed.is_some() {
            return;
        }
        if self.step != Step::Text {
            self.reply.body = joined(&self.chunks, self.received as usize);
        }
        self.requests.end(self.request, Ok(std::mem::take(&mut self.reply)));
    }
}
