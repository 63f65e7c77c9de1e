//! What tabs of one store say to each other. All of it are hints: what is so stands in the store, and a message that is lost, late
//! or comes twice costs time and nothing else.

use serde::{Deserialize, Serialize};

use super::error::Fault;
use super::notice::Phase;
use crate::protocol::Address;
use crate::protocol::member::{Fields, ObjectWriter};

/// One message. It goes to all other tabs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tab", rename_all = "camelCase")]
pub enum Message {
    /// The log has a commit at this position.
    Grew {
        /// Where.
        position: u64,
    },
    /// The store was taken over, or folded: it has to be read anew.
    Turned,
    /// A tab has work: is there one that drains?
    Asked,
    /// This tab drains.
    Here {
        /// What it is about.
        phase: Phase,
    },
    /// The app asks in a tab that does not drain.
    Wanted {
        /// A number that nobody else draws.
        token: u64,
        /// How much of the log that tab knows.
        position: u64,
        /// For what.
        what: Errand,
    },
    /// The same is answered.
    Done {
        /// Its number.
        token: u64,
        /// How much of the log the tab that drains knew by then.
        position: u64,
        /// What went wrong, if anything.
        error: Option<Fault>,
    },
}

/// What one tab does for another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "errand", rename_all = "camelCase")]
pub enum Errand {
    /// Pull a feed, or all.
    Pull {
        /// Which.
        feed: Option<String>,
    },
    /// Push what is pending, of one document or of all.
    Push {
        /// Which.
        address: Option<Address>,
    },
}

impl Message {
    /// Its text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut object = ObjectWriter::begin(&mut text);
        match self {
            Message::Grew { position } => drop(object.member("tab", &"grew").member("position", position)),
            Message::Turned => drop(object.member("tab", &"turned")),
            Message::Asked => drop(object.member("tab", &"asked")),
            Message::Here { phase } => drop(object.member("tab", &"here").member("phase", &phase.name())),
            Message::Wanted { token, position, what } => {
                object.member("tab", &"wanted").member("token", token).member("position", position);
                match what {
                    Errand::Pull { feed } => drop(object.member("errand", &"pull").member("feed", feed)),
                    Errand::Push { address: None } => drop(object.member("errand", &"push")),
                    Errand::Push { address: Some(address) } => {
                        object.member("errand", &"push").member("collection", &address.collection).member("key", &address.key);
                    }
                }
            }
            Message::Done { token, position, error } => {
                object.member("tab", &"done").member("token", token).member("position", position).member("error", error);
            }
        }
        object.end();
        text
    }

    /// Reads one; `None` where it is none that this build knows.
    pub fn read(text: &str) -> Option<Message> {
        let fields = Fields::of(text);
        let word = |name| fields.read::<String>(name).ok();
        let number = |name| fields.read::<u64>(name).ok();
        Some(match word("tab")?.as_str() {
            "grew" => Message::Grew { position: number("position")? },
            "turned" => Message::Turned,
            "asked" => Message::Asked,
            "here" => Message::Here { phase: Phase::named(&word("phase")?)? },
            "wanted" => {
                let address = word("collection").zip(word("key")).map(|(collection, key)| Address::of(&collection, &key));
                let what = match word("errand")?.as_str() {
                    "pull" => Errand::Pull { feed: word("feed") },
                    "push" => Errand::Push { address },
                    _ => return None,
                };
                Message::Wanted { token: number("token")?, position: number("position")?, what }
            }
            "done" => Message::Done { token: number("token")?, position: number("position")?, error: fields.read::<Fault>("error").ok() },
            _ => return None,
        })
    }
}
