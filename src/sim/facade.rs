//! Whether the JavaScript half of the package shows what the engine means: what each device's app hears goes, turn by turn,
//! through the facade as it ships, in Node, and behind each turn the facade's view is held against the engine's.
//!
//! What is streamed: two lines a turn, first an object, then the very text of the turn's notices that the module would hand
//! to JavaScript. The object says whose turn it is (`seed`, `device`, `turn`), what the app did to begin it (`call`), and
//! what has become different of what the engine itself says at its end: `documents` that are in view, `status`, `items`,
//! `pending`, `inbox`, and which writes were `settled`. `tests/facade/stream` is the other side.
//!
//! The app's calls go through the facade too. A facade that has looked at a document goes on doing so, so here the device
//! does not let go of any.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::action::{Edit, Name};
use super::common::{Common, Halt};
use super::device::{Device, address};
use super::plan::Plan;
use super::world::World;
use crate::engine::effect::Effect;
use crate::engine::error::Code;
use crate::engine::ident::MutationId;
use crate::engine::input::{Ask, Input};
use crate::engine::notice::{ItemStatus, Notice, Status};
use crate::engine::rng::Rng;
use crate::engine::{Engine, View};
use crate::protocol::{Address, Json};

/// Where turns are told.
pub type Out = Rc<RefCell<dyn Write>>;

/// The other side, from the project's root.
const SCRIPT: &str = "tests/facade/stream/run.mjs";
/// One turn in so many the app looks away from what is pending, or at it again.
const TURNS_A_LOOK: u64 = 200;

/// What one device has told.
pub struct Stream {
    out: Out,
    seed: u64,
    device: usize,
    turn: u64,
    rng: Rng,
    call: Option<Value>,
    tab: Told,
}

/// What it has told of one tab.
#[derive(Default)]
struct Told {
    is_open: bool,
    documents: BTreeMap<Name, Seen>,
    /// Documents of which the facade has heard.
    known: BTreeSet<Name>,
    /// Documents that it waits for, by question.
    loading: BTreeMap<u64, Name>,
    observed: BTreeMap<Name, Option<ItemStatus>>,
    is_pending_observed: bool,
    pending: Vec<Address>,
    status: Option<Status>,
    /// The headers of its records, which stay the same ones.
    inbox: Vec<Arc<str>>,
}

/// A document as an app sees it; `None` where it is not in memory, and nothing is said of it.
type Seen = Option<Option<Json>>;

impl Stream {
    /// That of a device of a run.
    pub fn new(out: Out, seed: u64, device: usize) -> Stream {
        let rng = Rng::new([seed, 0x6661_6365 + device as u64]);
        Stream { out, seed, device, turn: 0, rng, call: None, tab: Told::default() }
    }

    fn say(&mut self, mut line: Value, notices: &str) {
        self.turn += 1;
        line["at"] = json!([self.seed, self.device, self.turn]);
        // Where nobody reads any more, the reader has said why.
        let _ = writeln!(self.out.borrow_mut(), "{line}\n{notices}");
    }

    fn turn(&mut self, engine: &mut Engine, effects: &[Effect]) {
        let notices: Vec<Notice> = effects.iter().filter_map(noticed).cloned().collect();
        let mut line = Map::new();
        for notice in &notices {
            self.take(engine, notice, &mut line);
        }
        let call = self.call.take();
        self.tab.compare_documents(engine, &mut line);
        self.tab.compare_rest(engine, &mut line);
        // What is staged is counted in the status that is told with the commit, which is the next turn.
        if call.as_ref().is_none_or(|call| call[0] != "write") {
            self.tab.compare_status(engine, &mut line);
        }
        line.extend(call.map(|call| ("call".to_owned(), call)));
        if line.is_empty() && notices.is_empty() {
            self.turn += 1;
            return;
        }
        self.say(Value::Object(line), &Notice::list(&notices));
    }

    fn take(&mut self, engine: &Engine, notice: &Notice, line: &mut Map<String, Value>) {
        let mut settled = |ids: &[MutationId], ending: &str, code: Option<Code>| {
            let all = line.entry("settled").or_insert_with(|| json!([]));
            let rows = ids.iter().map(|id| json!([id.0, ending, code]));
            if let Some(all) = all.as_array_mut() {
                all.extend(rows);
            }
        };
        match notice {
            Notice::Opened { .. } => {
                self.tab.is_open = true;
                line.insert("opened".into(), json!(Notice::list(&[Notice::Status(engine.status())])));
            }
            Notice::Changed { address, .. } => drop(self.tab.known.insert(name(address))),
            Notice::Answered { ask, .. } => drop(self.tab.loading.remove(&ask.0)),
            Notice::Settled { mutation, ending } => {
                settled(std::slice::from_ref(mutation), ending.name(), ending.error().map(|error| error.code));
            }
            _ => {}
        }
    }
}

impl Told {
    /// Which documents are otherwise than before.
    fn compare_documents(&mut self, engine: &mut Engine, line: &mut Map<String, Value>) {
        let mut documents = Map::new();
        for (name, told) in &mut self.documents {
            let seen = match engine.view(&address(name)) {
                View::NotLoaded => None,
                View::Absent => Some(None),
                View::Document(json) => Some(Some(json)),
            };
            if *told != seen {
                let said = seen.as_ref().map_or(json!(false), |seen| json!(seen.as_ref().map(Json::as_str)));
                documents.insert(name.clone(), said);
                *told = seen;
            }
        }
        if !documents.is_empty() {
            line.insert("documents".into(), Value::Object(documents));
        }
    }

    fn compare_status(&mut self, engine: &Engine, line: &mut Map<String, Value>) {
        let status = Some(engine.status());
        if self.status != status {
            line.insert("status".into(), json!(status));
            self.status = status;
        }
    }

    /// What else the engine says otherwise than before.
    fn compare_rest(&mut self, engine: &Engine, line: &mut Map<String, Value>) {
        let mut items = Map::new();
        for (name, told) in &mut self.observed {
            let is = engine.item_status(&address(name));
            if *told != is {
                items.insert(name.clone(), json!(is));
                *told = is;
            }
        }
        if !items.is_empty() {
            line.insert("items".into(), Value::Object(items));
        }
        if !self.pending.iter().eq(engine.pending_documents()) {
            self.pending = engine.pending_documents().cloned().collect();
            line.insert("pending".into(), json!(self.pending));
        }
        if !self.inbox.iter().map(Arc::as_ptr).eq(engine.inbox_records().map(|(header, _)| Arc::as_ptr(header))) {
            self.inbox = engine.inbox_records().map(|(header, _)| header.clone()).collect();
            let inbox: Vec<Value> = engine.inbox_records().map(|(header, body)| json!([parsed(header), parsed(body)])).collect();
            line.insert("inbox".into(), json!(inbox));
        }
    }
}

impl Device {
    /// A new tab.
    pub fn stream_birth(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.tab = Told::default();
            stream.say(json!({ "born": true }), "[]");
        }
    }

    /// The tab is gone.
    pub fn stream_death(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.call = None;
            stream.say(json!({ "died": true }), "[]");
        }
    }

    /// A turn of the engine.
    pub fn stream_turn(&mut self, effects: &[Effect]) {
        if let (Some(stream), Some(engine)) = (&mut self.stream, &mut self.tab.engine) {
            stream.turn(engine, effects);
        }
    }

    /// What the app does to begin the next turn.
    pub fn stream_call(&mut self, call: impl FnOnce() -> Value) {
        if let Some(stream) = &mut self.stream {
            stream.call = Some(call());
        }
    }

    /// The app has written.
    pub fn stream_write(&mut self, id: &MutationId, edits: &[(Name, Edit)], after: &[String], reads: &[Name]) {
        let Some(stream) = &mut self.stream else { return };
        // What its function reads of documents that are not in view comes along.
        let engine = &mut self.tab.engine;
        let mut views = Map::new();
        for name in reads {
            let view = engine.as_mut().map(|engine| engine.view(&address(name)));
            match view {
                Some(View::Document(json)) => drop(views.insert(name.clone(), json!(json.as_str()))),
                Some(View::Absent) => drop(views.insert(name.clone(), Value::Null)),
                Some(View::NotLoaded) | None => {}
            }
        }
        stream.call = Some(json!(["write", id.0, edits, after, reads, views]));
    }

    /// The app asks for something, as the facade would.
    pub fn stream_ask(&mut self, common: &mut Common, what: Ask) -> Halt {
        let number = self.next_ask();
        let call = match &what {
            Ask::Load { addresses } => {
                return addresses.iter().map(name).try_for_each(|name| {
                    self.stream_view(common, &name)?;
                    self.stream_load(common, "get", &name)
                });
            }
            Ask::Pull => json!(["pull", number]),
            Ask::PullFeed { feed } => json!(["pull", number, feed]),
            Ask::Retry { entry, edited } => json!(["retry", number, entry.0, edited.as_ref().map(|text| parsed(text.as_str()))]),
            Ask::Resolve { address, digest, .. } => json!(["resolve", number, name(address), digest]),
            Ask::Discard { entry } => json!(["discard", number, entry.0]),
            Ask::Push { timeout_ms } => json!(["push", number, timeout_ms]),
            Ask::Sync { address, timeout_ms } => json!(["sync", number, name(address), timeout_ms]),
            Ask::Wait { timeout_ms } => json!(["wait", number, timeout_ms]),
            Ask::Close => json!(["close", number]),
        };
        self.stream_call(|| call);
        self.ask_engine(common, what)
    }

    /// The app looks at a document, or no longer does. Where it does not, its document stays in view.
    pub fn stream_hold(&mut self, common: &mut Common, name: &str, held: bool) -> Halt {
        if held {
            self.stream_view(common, name)?;
            return self.stream_load(common, "watch", name);
        }
        if let Some(stream) = &mut self.stream {
            stream.say(json!({ "call": ["unwatch", name] }), "[]");
        }
        Ok(())
    }

    /// A document comes into view.
    fn stream_view(&mut self, common: &mut Common, name: &str) -> Halt {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        if stream.tab.documents.contains_key(name) {
            return Ok(());
        }
        stream.tab.documents.insert(name.to_owned(), None);
        stream.call = Some(json!(["hold", name]));
        self.hold_engine(common, name.to_owned(), true)
    }

    /// The facade asks for a document of which it has not heard, once.
    fn stream_load(&mut self, common: &mut Common, why: &str, name: &str) -> Halt {
        let number = self.next_ask();
        let Some(stream) = &mut self.stream else { return Ok(()) };
        if stream.tab.known.contains(name) || stream.tab.loading.values().any(|other| other == name) {
            stream.say(json!({ "call": [why, name, null] }), "[]");
            return Ok(());
        }
        stream.tab.loading.insert(number, name.to_owned());
        stream.call = Some(json!([why, name, number]));
        self.ask_engine(common, Ask::Load { addresses: vec![address(name)] })
    }

    /// The app looks at how far writes have come: at some documents from the start on, at what is pending now and then.
    pub fn stream_looks(&mut self, common: &mut Common) -> Halt {
        let is_open = self.tab.is_open;
        let Some(stream) = self.stream.as_mut().filter(|stream| is_open && stream.tab.is_open) else { return Ok(()) };
        if stream.tab.observed.is_empty() {
            for name in self.app.names() {
                self.stream_observe(common, name)?;
            }
            return Ok(());
        }
        if stream.rng.up_to(TURNS_A_LOOK - 1) > 0 {
            return Ok(());
        }
        let observed = !stream.tab.is_pending_observed;
        stream.tab.is_pending_observed = observed;
        stream.call = Some(json!([if observed { "watchPending" } else { "unwatchPending" }]));
        self.put(common, Input::PendingObserved { observed })?;
        self.end_turn(common)
    }

    fn stream_observe(&mut self, common: &mut Common, name: Name) -> Halt {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        stream.call = Some(json!(["observe", name]));
        let address = address(&name);
        stream.tab.observed.insert(name, None);
        self.put(common, Input::ItemObserved { address, observed: true })?;
        self.end_turn(common)
    }
}

fn noticed(effect: &Effect) -> Option<&Notice> {
    if let Effect::Notify(notice) = effect { Some(notice) } else { None }
}

fn name(address: &Address) -> Name {
    format!("{}/{}", address.collection, address.key)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// `--facade N [--seed S] [--broken] [--json]`: so many seeds through the facade. With `--broken` through one that applies
/// splices wrong, and it holds where that was seen.
pub fn command(options: &[String], commit: &str) -> Result<bool, String> {
    let (mut runs, mut seed, mut broken, mut says_json) = (None, 1, false, false);
    let mut options = options.iter();
    let number = |text: Option<&String>| text.and_then(|text| text.parse::<u64>().ok()).ok_or("--facade and --seed need a number");
    runs.get_or_insert(number(options.next())?);
    while let Some(option) = options.next() {
        match option.as_str() {
            "--seed" => seed = number(options.next())?,
            "--broken" => broken = true,
            "--json" => says_json = true,
            other => return Err(format!("unknown argument {other}")),
        }
    }
    let runs = runs.unwrap_or_default();
    let tally = check(runs, seed, broken)?;
    println!("{}", tally.said());
    if says_json {
        let Tally { runs, turns, compared, differences, violations, first } = &tally;
        let all = json!({ "seed": seed, "runs": runs, "turns": turns, "compared": compared, "differences": differences, "first": first,
            "violations": violations, "commit": commit });
        println!("{}", json!({ "facade": all }));
    }
    let is_equal = tally.differences == 0 && tally.violations == 0 && tally.runs == runs;
    Ok(if broken { tally.differences > 0 } else { is_equal })
}

/// What came of runs.
#[derive(Default, Deserialize)]
struct Tally {
    /// Runs that went through to their end.
    runs: u64,
    turns: u64,
    /// How often a document was compared: once for each state of it that the app or the engine had.
    compared: u64,
    differences: u64,
    /// Runs in which the simulator found a law broken.
    #[serde(default)]
    violations: u64,
    /// The first difference.
    first: Option<Value>,
}

impl Tally {
    fn said(&self) -> String {
        let Tally { runs, turns, compared, differences, violations, .. } = self;
        format!("facade: {runs} runs, {turns} turns, {compared} documents compared, {differences} differences, {violations} broken laws")
    }

    fn add(mut self, other: Tally) -> Tally {
        self.runs += other.runs;
        self.turns += other.turns;
        self.compared += other.compared;
        self.differences += other.differences;
        self.violations += other.violations;
        self.first = self.first.or(other.first);
        self
    }
}

/// Runs the seeds through Node, on all cores. The first difference ends it.
fn check(runs: u64, seed: u64, broken: bool) -> Result<Tally, String> {
    if !Path::new(SCRIPT).exists() {
        return Err(format!("{SCRIPT} is not here: it runs from the project's root"));
    }
    let (next, stop_at) = (AtomicU64::new(seed), AtomicU64::new(seed + runs));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(|| check_some(&next, &stop_at, broken))).collect();
        workers.into_iter().try_fold(Tally::default(), |all, worker| Ok(all.add(worker.join().map_err(|_| "a run panicked")??)))
    })
}

/// One worker: a Node of its own, and the seeds that nobody has taken.
fn check_some(next: &AtomicU64, stop_at: &AtomicU64, broken: bool) -> Result<Tally, String> {
    let mut node = Command::new("node");
    node.arg(SCRIPT).args(broken.then_some("--broken")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = node.spawn().map_err(|why| format!("node: {why}"))?;
    let input = child.stdin.take().ok_or("node has no input")?;
    let out: Out = Rc::new(RefCell::new(BufWriter::with_capacity(1 << 16, input)));
    let mut violations = 0;
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= stop_at.load(Ordering::Relaxed) {
            break;
        }
        let outcome = World::new(Plan::draw(seed), None).streaming(&out).run();
        if let Some((step, violation)) = outcome.violation {
            violations += 1;
            eprintln!("seed {seed}, event {step}: {} {}", violation.law, violation.what);
        }
        let mut out = out.borrow_mut();
        if writeln!(out, "{}\n[]", json!({ "ended": seed })).and_then(|()| out.flush()).is_err() {
            stop_at.store(seed, Ordering::Relaxed);
        }
    }
    drop(out);
    let output = child.wait_with_output().map_err(|why| format!("node: {why}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let tally: Tally = serde_json::from_str(text.trim()).map_err(|why| format!("node said nothing that is understood: {why}"))?;
    Ok(Tally { violations, ..tally })
}
