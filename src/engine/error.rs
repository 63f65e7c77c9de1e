//! What can go wrong, by name. The codes are the same in Rust, in JavaScript and in the docs.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::members;
use crate::protocol::member::Member;
use crate::protocol::value::write_string;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, retryable $retryable:literal;)*) => {
        /// A kind of error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code {$(
            $(#[$doc])*
            #[serde(rename = $text)]
            $name,
        )*}

        impl Code {
            /// All codes, in order: the name of each, and whether it is retryable.
            const ALL: &[(Code, &'static str, bool)] = &[$((Code::$name, $text, $retryable)),*];

            /// The code's name.
            pub fn as_str(self) -> &'static str {
                Code::ALL[self as usize].1
            }

            /// The code of this name.
            pub fn named(name: &str) -> Option<Code> {
                Code::ALL.iter().find(|(_, text, _)| *text == name).map(|(code, ..)| *code)
            }

            /// Whether the same call may succeed later.
            pub fn is_retryable(self) -> bool {
                Code::ALL[self as usize].2
            }
        }
    };
}

codes! {
    /// The module ended in a panic or a trap.
    WasmPanic = "WASM_PANIC", retryable true;
    /// There is no store here, or it may not be used.
    StorageUnavailable = "STORAGE_UNAVAILABLE", retryable true;
    /// The store was lost and made again.
    StorageLost = "STORAGE_LOST", retryable false;
    /// Something in the store could not be read, and is in quarantine.
    StorageCorrupt = "STORAGE_CORRUPT", retryable false;
    /// The store is full.
    QuotaExceeded = "QUOTA_EXCEEDED", retryable true;
    /// The outbox or the inbox is full; nothing was changed.
    QueueFull = "QUEUE_FULL", retryable true;
    /// It is larger than the limit.
    TooLarge = "TOO_LARGE", retryable false;
    /// The document is not in memory yet.
    NotLoaded = "NOT_LOADED", retryable true;
    /// A later build, or a later version of the app, made the store.
    VersionTooNew = "VERSION_TOO_NEW", retryable false;
    /// No answer from the server.
    Network = "NETWORK", retryable true;
    /// No progress for too long.
    Timeout = "TIMEOUT", retryable true;
    /// The server answered with a status that says no.
    Http = "HTTP", retryable false;
    /// The server's answer is not what the protocol says.
    Protocol = "PROTOCOL", retryable true;
    /// A token is missing or no longer good.
    Unauthorized = "UNAUTHORIZED", retryable true;
    /// The server acted for another user than the one this client is for.
    WrongScope = "WRONG_SCOPE", retryable false;
    /// Another client holds the session.
    Fenced = "FENCED", retryable false;
    /// The server refused the write.
    Rejected = "REJECTED", retryable false;
    /// An argument is not what it must be.
    Validation = "VALIDATION", retryable false;
    /// It is not a JSON document, or one beyond the limits.
    InvalidDocument = "INVALID_DOCUMENT", retryable false;
    /// The caller ended it.
    Aborted = "ABORTED", retryable false;
    /// The client is closed, or not yet open.
    Closed = "CLOSED", retryable false;
}

/// An error for the app. It is handed around much, and is one word for that.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fault(Arc<Reason>);

impl Clone for Fault {
    // Called from many places: a call is less code than what it does.
    #[inline(never)]
    fn clone(&self) -> Self {
        Fault(self.0.clone())
    }
}

/// What an error says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which.
    pub code: Code,
    /// In words, for developers.
    pub message: String,
    /// The HTTP status, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl Member for Code {
    fn write(&self, out: &mut String) {
        write_string(self.as_str(), out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        let code = Code::named(raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default());
        *self = code.unwrap_or(*self);
        code.is_some()
    }
    fn blank() -> Self {
        Code::Protocol
    }
}

members! { Reason { code = "code", message = "message", status = "status" } }

impl Member for Fault {
    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        let read = Reason::read(raw);
        let is_read = read.is_some();
        read.into_iter().for_each(|reason| *self = Fault(reason.into()));
        is_read
    }
    fn blank() -> Self {
        Fault(Reason::blank().into())
    }
}

impl Deref for Fault {
    type Target = Reason;
    fn deref(&self) -> &Reason {
        &self.0
    }
}

impl Fault {
    /// An error of this kind.
    pub fn new(code: Code, message: impl Into<String>) -> Fault {
        Fault::of(code, message.into(), None)
    }

    /// The server answered with this status.
    pub fn of_status(code: Code, message: impl Into<String>, status: u16) -> Fault {
        Fault::of(code, message.into(), Some(status))
    }

    /// The same error as one of another kind.
    pub fn as_kind(&self, code: Code) -> Fault {
        Fault::of(code, self.message.clone(), self.status)
    }

    fn of(code: Code, message: String, status: Option<u16>) -> Fault {
        Fault(Arc::new(Reason { code, message, status }))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Fault {}
