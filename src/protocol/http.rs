//! Calls as HTTP requests: paths, headers and bodies, the same in the browser, the simulator and the tests.

use super::member::text_of;
use super::{digits, words};

/// Who asks. Sent as headers with every request, never in a URL and never in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The hash of the user's scope.
    pub scope: String,
    /// This installation.
    pub client: String,
    /// The session epoch.
    pub session_epoch: u64,
}

/// What a client asks of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `POST push`.
    Push {
        /// The ids of the entries, in order.
        ids: Vec<String>,
        /// The body: [`super::PushRequest`], made of the frozen bytes.
        body: String,
        /// How many times these entries were sent before.
        attempt: u32,
    },
    /// `GET pull`.
    Pull {
        /// The feed's name.
        feed: String,
        /// Where to go on; `None` from the beginning.
        cursor: Option<String>,
        /// At most this many changes.
        limit: u32,
        /// Echoed by the server, so that a cached reply is told from a fresh one.
        request: String,
    },
    /// `GET outcome`.
    Outcome {
        /// The entry.
        id: String,
    },
    /// `GET ping`.
    Ping,
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// A request, without the origin and without what the app adds (its token).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Relative to the transport's URL, with the query.
    pub path: String,
    /// Names are lower case; values are visible ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Option<String>,
    /// Whether caches must be passed by. A cross-origin GET leaves that to the server's `Cache-Control`, since the
    /// header a browser would add costs a preflight each.
    pub no_store: bool,
}

impl Call {
    /// This call over HTTP. Across origins the pull's URL stays constant and its cursor goes as a header, so that the
    /// browser remembers one preflight.
    pub fn to_http(&self, identity: &Identity, cross_origin: bool) -> HttpRequest {
        let mut headers = Vec::new();
        let mut header = |name, value: String| headers.push((name, value));
        header("syncline-protocol", text_of(&super::PROTOCOL_VERSION));
        header("syncline-scope", header_value(&identity.scope));
        header("syncline-client", header_value(&identity.client));
        header("syncline-session", text_of(&identity.session_epoch));
        let (mut method, mut body) = (Method::Get, None);
        let path = match self {
            Call::Push { ids, body: entries, .. } => {
                header("idempotency-key", idempotency_key(ids));
                header("content-type", "application/json".into());
                (method, body) = (Method::Post, Some(entries.clone()));
                "push".to_owned()
            }
            Call::Pull { feed, cursor, limit, request } => {
                header("syncline-request", header_value(request));
                let path = words::join(&["pull?feed=", &escape(feed), "&limit=", &text_of(limit)]);
                match cursor {
                    Some(cursor) if cross_origin => {
                        header("syncline-since", escape(cursor));
                        path
                    }
                    Some(cursor) => path + "&since=" + &escape(cursor),
                    None => path,
                }
            }
            Call::Outcome { id } => words::join(&["outcome?id=", &escape(id)]),
            Call::Ping => "ping".to_owned(),
        };
        HttpRequest { method, path, headers, body, no_store: method == Method::Get && !cross_origin }
    }
}

/// The hash of a list of entry ids: the same list is the same request.
pub fn idempotency_key(ids: &[String]) -> String {
    let mut text = String::new();
    for id in ids {
        text.push_str(id);
        text.push('\n');
    }
    scope_hash(&text)
}

/// The hash under which a user's scope goes over the wire and into names of databases, locks and channels.
pub fn scope_hash(scope: &str) -> String {
    digits::hash(xxhash_rust::xxh64::xxh64(scope.as_bytes(), 0))
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(byte as char),
            _ => {
                escaped.push('%');
                escaped.push(digits::nibble(byte >> 4, b'A'));
                escaped.push(digits::nibble(byte, b'A'));
            }
        }
    }
    escaped
}

/// A header's value: what is not visible ASCII is percent-encoded (D12: no id can break out of its header).
fn header_value(text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) { text.to_owned() } else { escape(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity { scope: "s".into(), client: "c".into(), session_epoch: 3 }
    }

    #[test]
    fn d12_names_stay_inside_their_place() {
        let call = Call::Pull { feed: "a/../b?\r\n".into(), cursor: Some("é&x=1".into()), limit: 10, request: "1\r\nx: y".into() };
        let http = call.to_http(&identity(), false);
        assert_eq!(http.path, "pull?feed=a%2F..%2Fb%3F%0D%0A&limit=10&since=%C3%A9%26x%3D1");
        assert!(http.headers.iter().all(|(_, value)| value.bytes().all(|byte| byte.is_ascii_graphic())));
    }

    #[test]
    fn across_origins_the_url_is_constant() {
        let pull = |cursor: &str| Call::Pull { feed: "f".into(), cursor: Some(cursor.into()), limit: 10, request: "1".into() };
        let (a, b) = (pull("1").to_http(&identity(), true), pull("2").to_http(&identity(), true));
        assert_eq!(a.path, b.path);
        assert!(!a.no_store && b.headers.contains(&("syncline-since", "2".into())));
    }

    #[test]
    fn h17_the_same_entries_are_the_same_request() {
        let ids = ["a".to_owned(), "b".to_owned()];
        assert_eq!(idempotency_key(&ids), idempotency_key(&ids.clone()));
        assert_ne!(idempotency_key(&ids), idempotency_key(&["ab".to_owned()]));
    }
}
