//! Tokens. The app's provider is asked for one, one question at a time (B21); without one nothing is sent, and nothing is
//! dropped (H3, H4). The token itself never comes here (A4): only whether there is one, and until when it is good.

use super::clock::{Timestamp, Wall};
use super::effect::{Effect, Sink};
use super::error::{Code, Fault};
use super::notice::Notice;
use super::{AUTH_PAUSE_MS, Engine, Pause};

/// A provider that has not answered after this long has no token.
const ANSWER_MS: u64 = 30_000;

/// Why a token is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenReason {
    /// There was none yet.
    Initial,
    /// The one there was is good no longer, as was said when it was given.
    Expired,
    /// The server does not take the one there is.
    Unauthorized,
}

impl TokenReason {
    /// The same in one word.
    pub fn name(self) -> &'static str {
        match self {
            TokenReason::Initial => "initial",
            TokenReason::Expired => "expired",
            TokenReason::Unauthorized => "unauthorized",
        }
    }
}

/// The token of one client, as far as the engine knows it.
#[derive(Debug, Default)]
pub struct Auth {
    has_provider: bool,
    /// Which one it is, counted.
    number: u32,
    /// Why there is none that is good; `None` where there is, or nobody could give one.
    wanted: Option<TokenReason>,
    expires: Option<Timestamp>,
    /// Until when the provider's answer is waited for.
    asked_until: Option<Timestamp>,
    /// Whether it was given in place of one that the server refused, and the server has taken nothing with it yet.
    is_doubted: bool,
}

/// What a refused token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was another one than there is by now: what was asked is asked again.
    Old,
    /// There has to be another one.
    Ask,
    /// Another one would be refused, too: it is tried later.
    Pause,
}

impl Auth {
    /// Nothing is known yet. Without a provider the app puts tokens into its requests by itself.
    pub fn new(has_provider: bool) -> Auth {
        Auth { has_provider, wanted: has_provider.then_some(TokenReason::Initial), ..Auth::default() }
    }

    /// Whether requests may go out.
    pub fn is_good(&self) -> bool {
        self.wanted.is_none()
    }

    /// Which token requests go out with.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What to ask for: nothing while a question is open.
    pub fn wants(&self) -> Option<TokenReason> {
        self.wanted.filter(|_| self.asked_until.is_none())
    }

    fn expire(&mut self, now: Timestamp) {
        if self.expires.is_some_and(|at| at <= now) {
            self.expires = None;
            self.wanted = Some(TokenReason::Expired);
        }
    }

    /// There is a token; it expires in so many milliseconds, where that is known.
    fn on_given(&mut self, now: Timestamp, lasts_ms: Option<u64>) {
        self.number = self.number.wrapping_add(1);
        self.is_doubted = self.wanted == Some(TokenReason::Unauthorized);
        // A device whose clock is ahead would find each token too old: the server is asked.
        self.expires = lasts_ms.filter(|ms| *ms > 0).map(|ms| now.after(ms));
        (self.wanted, self.asked_until) = (None, None);
    }

    /// The server refused the token of this number.
    fn on_refused(&mut self, number: u32) -> Refused {
        if !self.has_provider {
            return Refused::Pause;
        }
        if number != self.number || !self.is_good() {
            return Refused::Old;
        }
        self.wanted = Some(TokenReason::Unauthorized);
        self.expires = None;
        if self.is_doubted { Refused::Pause } else { Refused::Ask }
    }

    /// The server took a request.
    pub fn on_taken(&mut self) {
        self.is_doubted = false;
    }
}

impl Engine {
    /// A token that is too old is none, before anything goes out with it; nor is one that did not come in time.
    pub(super) fn check_token(&mut self, now: Timestamp, effects: &mut impl Sink) {
        self.auth.expire(now);
        if self.auth.asked_until.is_some_and(|until| until <= now) {
            effects.push(Effect::Notify(Notice::TokenGivenUp));
            self.on_no_token(now, effects);
        }
    }

    /// Asks the app where a token is missing and one could be used.
    pub(super) fn want_token(&mut self, now: Timestamp, effects: &mut impl Sink) {
        let is_due = self.is_free() && (self.link.is_open(now, 0) || self.link.is_probe_due(now));
        if let Some(reason) = self.auth.wants().filter(|_| is_due) {
            self.auth.asked_until = Some(now.after(ANSWER_MS));
            effects.push(Effect::Notify(Notice::TokenWanted { reason }));
        }
    }

    /// When to look after the token again.
    pub(super) fn token_due(&self) -> Option<Timestamp> {
        match (self.auth.asked_until, self.pause) {
            (Some(until), _) => Some(until),
            (None, Some(Pause::Auth(until))) => Some(until),
            (None, _) if self.auth.wants().is_some() && self.is_free() => self.link.retry_at(),
            _ => None,
        }
    }

    /// The pause for want of a token is over.
    pub(super) fn end_auth_pause(&mut self, now: Timestamp) {
        if matches!(self.pause, Some(Pause::Auth(until)) if until <= now) {
            self.pause = None;
        }
    }

    pub(super) fn on_token(&mut self, now: Timestamp, present: bool, expires_at: Option<Wall>, effects: &mut impl Sink) {
        if !present {
            if self.auth.asked_until.is_some() {
                self.on_no_token(now, effects);
            }
            return;
        }
        let wall = self.wall_at(now).0;
        self.auth.on_given(now, expires_at.map(|at| at.0.saturating_sub(wall)));
        if self.pause != Some(Pause::Fenced) {
            self.pause = None;
            self.troubles.network = None;
            self.ask_soon(now);
        }
    }

    fn on_no_token(&mut self, now: Timestamp, effects: &mut impl Sink) {
        self.auth.asked_until = None;
        self.pause_for_auth(now, &Fault::new(Code::Unauthorized, "the app gave no token"), effects);
    }

    /// The server wants another token than the one of this number. What was asked with it is asked again.
    pub(super) fn on_unauthorized(&mut self, now: Timestamp, number: u32, error: &Fault, effects: &mut impl Sink) {
        if self.auth.on_refused(number) == Refused::Pause {
            self.pause_for_auth(now, error, effects);
        }
    }

    /// Nothing is tried for a while, or until the app asks. Who waits for an answer hears why.
    fn pause_for_auth(&mut self, now: Timestamp, error: &Fault, effects: &mut impl Sink) {
        let error = error.as_kind(Code::Unauthorized);
        // What only the app can end is not ended by a token.
        if self.pause_for_good().is_none() {
            self.pause = Some(Pause::Auth(now.after(AUTH_PAUSE_MS)));
        }
        self.troubles.network = Some(error.clone());
        for feed in 0..self.feeds.len() {
            self.note_stale(feed, &error);
            self.answer_pull(feed, Some(error.clone()), effects);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b21_a_refusal_of_an_older_token_says_nothing_of_the_one_there_is() {
        let mut auth = Auth::new(true);
        auth.on_given(Timestamp(0), None);
        assert_eq!(auth.on_refused(1), Refused::Ask);
        assert_eq!(auth.on_refused(1), Refused::Old, "another one is on its way already");
        auth.on_given(Timestamp(0), None);
        assert_eq!(auth.on_refused(1), Refused::Old);
        assert!(auth.is_good());
        assert_eq!(auth.on_refused(2), Refused::Pause, "two in a row");
        auth.on_given(Timestamp(0), None);
        auth.on_taken();
        assert_eq!(auth.on_refused(3), Refused::Ask);
    }

    #[test]
    fn t1_a_token_that_is_too_old_when_it_comes_is_tried() {
        let mut auth = Auth::new(true);
        auth.on_given(Timestamp(5), Some(0));
        auth.expire(Timestamp(1_000_000));
        assert!(auth.is_good());
        auth.on_given(Timestamp(5), Some(10));
        auth.expire(Timestamp(14));
        assert!(auth.is_good());
        auth.expire(Timestamp(15));
        assert_eq!(auth.wants(), Some(TokenReason::Expired));
    }
}
