//! What a pull answers: what changed in a feed since a cursor, in the order it was committed.

use std::fmt;
use std::ops::ControlFlow;

use super::{Authority, Head, Revision, Rules, Store};
use crate::protocol::{Change, ChangeBody, Identity, PullReply};

/// A part of a user's documents that is pulled by its own cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// All documents; named `main`.
    Main,
    /// The documents of one collection; named `collection:` and the collection's name.
    Collection(String),
}

/// There is no feed of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFeed;

impl fmt::Display for UnknownFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no feed of this name")
    }
}

impl std::error::Error for UnknownFeed {}

impl Feed {
    /// The feed with this name.
    pub fn parse(name: &str) -> Result<Feed, UnknownFeed> {
        match name.strip_prefix("collection:") {
            None if name == "main" => Ok(Feed::Main),
            Some(collection) if !collection.is_empty() => Ok(Feed::Collection(collection.to_owned())),
            _ => Err(UnknownFeed),
        }
    }

    /// Whether the documents of `collection` are in this feed.
    pub fn holds(&self, collection: &str) -> bool {
        match self {
            Feed::Main => true,
            Feed::Collection(name) => name == collection,
        }
    }
}

/// What a pull asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullAsk {
    /// Of which feed.
    pub feed: Feed,
    /// Since when; `None` from the beginning.
    pub cursor: Option<String>,
    /// At most this many changes; `None`: as many as the server gives.
    pub limit: Option<usize>,
    /// Echoed in the reply.
    pub request: Option<String>,
}

impl<R: Rules> Authority<R> {
    /// One page. It ends at a position of the log and holds the latest state of every document of the feed that was
    /// written last behind the cursor and up to that position (fault P4); an entry's documents are on one page unless
    /// one was written again since. `applied` lists the asker's own entries up to the same position.
    pub fn pull<S: Store>(&self, store: &S, asker: &Identity, ask: &PullAsk) -> Result<PullReply, S::Error> {
        let head = store.head()?;
        let position = ask.cursor.as_deref().map(|cursor| position(cursor, &head));
        let since = position.flatten().unwrap_or(0);
        let limit = ask.limit.unwrap_or(self.limits.changes_per_pull).clamp(1, self.limits.changes_per_pull);

        let mut page = Page { changes: Vec::new(), bytes: 0, limit, bytes_max: self.limits.page_bytes, ends_at: None };
        store.changes(&asker.scope, &ask.feed, since, &mut |revision| page.take(revision))?;
        let Page { mut changes, mut ends_at, .. } = page;
        let through = ends_at.unwrap_or(head.seq);
        let mut applied = store.applied(&asker.scope, &asker.client, &ask.feed, since, through, limit + 1)?;
        if applied.len() > limit {
            applied.truncate(limit);
            ends_at = applied.last().map(|last| last.seq);
            changes.retain(|change| change.seq <= ends_at);
        }

        let ended = ends_at.unwrap_or(head.seq);
        Ok(PullReply {
            scope: Some(asker.scope.clone()),
            request: ask.request.clone(),
            cursor: format!("{}.{ended}", head.generation),
            more: ends_at.is_some(),
            reset: position == Some(None),
            changes,
            applied,
            unreadable: Vec::new(),
            generation: Some(head.generation),
        })
    }
}

/// The position that a cursor stands for; `None` where it is of another life of the data or nonsense (faults H18, P5).
fn position(cursor: &str, head: &Head) -> Option<u64> {
    let digits = cursor.strip_prefix(&head.generation)?.strip_prefix('.')?;
    let seq = digits.parse().ok()?;
    (seq <= head.seq && digits == u64::to_string(&seq)).then_some(seq)
}

/// A page while it is filled.
struct Page {
    changes: Vec<Change>,
    bytes: usize,
    limit: usize,
    bytes_max: usize,
    /// The position behind which there is more; `None` while nothing was left out.
    ends_at: Option<u64>,
}

impl Page {
    fn take(&mut self, revision: Revision) -> ControlFlow<()> {
        let last = self.changes.last().and_then(|change| change.seq);
        let full = self.changes.len() >= self.limit || self.bytes >= self.bytes_max;
        if full && last != Some(revision.seq) {
            self.ends_at = last;
            return ControlFlow::Break(());
        }
        self.bytes += revision.value.as_ref().map_or(0, |value| value.as_str().len());
        self.changes.push(Change {
            address: revision.address,
            version: revision.version,
            seq: Some(revision.seq),
            entry_id: Some(revision.entry_id),
            body: revision.value.map_or(ChangeBody::Deleted, ChangeBody::Value),
        });
        ControlFlow::Continue(())
    }
}
