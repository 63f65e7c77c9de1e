//! Every figure the engine goes by, each with its unit. The defaults are MISSION's and the measured ones.

use serde::{Deserialize, Serialize};

use crate::protocol::member::{Fields, Filled, Member};
use crate::protocol::value::write_string;

/// The engine's options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// The hash of the user's scope.
    pub scope: String,
    /// Who answers.
    pub transport: TransportKind,
    /// Whether the server is at another origin.
    pub cross_origin: bool,
    /// Feeds that are pulled.
    pub feeds: Vec<String>,
    /// Whether an acknowledged-to-the-app write outlasts a loss of power (`true`) or a crash only.
    pub strict: bool,
    /// Most writes that wait to be sent; one more is `QUEUE_FULL`.
    pub outbox_entries_max: u32,
    /// Most bytes of them.
    pub outbox_bytes_max: u64,
    /// Most refused writes that are kept; at this many, no further write is taken.
    pub inbox_max: u32,
    /// Largest mutation in bytes; a larger one is `TOO_LARGE`.
    pub mutation_bytes_max: u64,
    /// How long writes collect before they are sent.
    pub batch_window_ms: u64,
    /// Most entries in a batch.
    pub batch_items_max: u32,
    /// Most bytes in a batch, unless one entry alone is larger.
    pub batch_bytes_max: u64,
    /// Most batches that are on their way at once, with disjoint keys.
    pub batches_in_flight_max: u32,
    /// Time between pulls while the page is in view.
    pub poll_base_ms: u64,
    /// Time between pulls while it is not.
    pub poll_max_ms: u64,
    /// Most changes a pull asks for.
    pub pull_limit: u32,
    /// A reply larger than this is cut off.
    pub reply_bytes_max: u64,
    /// A request that makes no progress for this long is aborted; sending its body counts as progress at
    /// `upload_bytes_per_s`.
    pub progress_ms: u64,
    /// A request is aborted after this long, or longer where its body needs it.
    pub request_ms_max: u64,
    /// Upload rate that deadlines expect.
    pub upload_bytes_per_s: u64,
    /// The log is folded when it is idle this long...
    pub compact_idle_ms: u64,
    /// ...and holds this many bytes of commits.
    pub compact_bytes_min: u64,
    /// A commit with more base than this writes pages directly.
    pub page_directly_bytes: u64,
    /// Bytes of documents in a page.
    pub page_bytes: u64,
}

/// Who answers the engine's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TransportKind {
    /// A server that speaks Syncline's protocol: replies name generation and scope.
    Protocol,
    /// The app's own functions: what their replies do not say is not checked.
    Functions,
    /// Nobody: writes queue.
    None,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            scope: String::new(),
            transport: TransportKind::Protocol,
            cross_origin: false,
            feeds: vec!["main".into()],
            strict: true,
            outbox_entries_max: 100_000,
            outbox_bytes_max: 64 << 20,
            inbox_max: 1_000,
            mutation_bytes_max: 8 << 20,
            batch_window_ms: 100,
            batch_items_max: 1_000,
            batch_bytes_max: 256 << 10,
            batches_in_flight_max: 2,
            poll_base_ms: 5_000,
            poll_max_ms: 60_000,
            pull_limit: 1_000,
            reply_bytes_max: 64 << 20,
            progress_ms: 10_000,
            request_ms_max: 60_000,
            upload_bytes_per_s: 8 << 10,
            compact_idle_ms: 1_000,
            compact_bytes_min: 128 << 10,
            page_directly_bytes: 64 << 10,
            page_bytes: 32 << 10,
        }
    }
}

impl Config {
    /// The options that an object's text gives; the others are as by default. Fails with the name of one that there is
    /// not, or that cannot be what the text says.
    pub fn read(text: &str) -> Result<Config, String> {
        let given = Fields::parse(text).map_err(|_| "config".to_owned())?;
        let mut config = Config::default();
        for (name, raw) in given.iter() {
            if !config.slot(name).is_some_and(|slot| slot.take(Some(raw))) {
                return Err(name.into());
            }
        }
        Ok(config)
    }

    fn slot(&mut self, name: &str) -> Option<&mut dyn Filled> {
        Some(match name {
            "scope" => &mut self.scope,
            "transport" => &mut self.transport,
            "crossOrigin" => &mut self.cross_origin,
            "feeds" => &mut self.feeds,
            "strict" => &mut self.strict,
            "outboxEntriesMax" => &mut self.outbox_entries_max,
            "outboxBytesMax" => &mut self.outbox_bytes_max,
            "inboxMax" => &mut self.inbox_max,
            "mutationBytesMax" => &mut self.mutation_bytes_max,
            "batchWindowMs" => &mut self.batch_window_ms,
            "batchItemsMax" => &mut self.batch_items_max,
            "batchBytesMax" => &mut self.batch_bytes_max,
            "batchesInFlightMax" => &mut self.batches_in_flight_max,
            "pollBaseMs" => &mut self.poll_base_ms,
            "pollMaxMs" => &mut self.poll_max_ms,
            "pullLimit" => &mut self.pull_limit,
            "replyBytesMax" => &mut self.reply_bytes_max,
            "progressMs" => &mut self.progress_ms,
            "requestMsMax" => &mut self.request_ms_max,
            "uploadBytesPerS" => &mut self.upload_bytes_per_s,
            "compactIdleMs" => &mut self.compact_idle_ms,
            "compactBytesMin" => &mut self.compact_bytes_min,
            "pageDirectlyBytes" => &mut self.page_directly_bytes,
            "pageBytes" => &mut self.page_bytes,
            _ => return None,
        })
    }
}

impl TransportKind {
    fn name(self) -> &'static str {
        match self {
            TransportKind::Protocol => "protocol",
            TransportKind::Functions => "functions",
            TransportKind::None => "none",
        }
    }
}

impl Member for TransportKind {
    fn write(&self, out: &mut String) {
        write_string(self.name(), out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        let name = String::read(raw).unwrap_or_default();
        for kind in [TransportKind::Protocol, TransportKind::Functions, TransportKind::None] {
            if kind.name() == name {
                *self = kind;
                return true;
            }
        }
        false
    }
    fn blank() -> Self {
        TransportKind::None
    }
}
