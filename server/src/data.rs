//! Who touches the file: one thread that writes, and a few connections that read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use syncline::authority::{Authority, PushBody, Rules, Store};
use syncline::protocol::{Identity, PushReply};
use tokio::sync::{mpsc, oneshot};

use crate::sqlite::{SqliteStore, StoreError};

/// The rules of this server.
pub type AppRules = Box<dyn Rules + Send + Sync>;

/// Pushes that wait to be written. When so many wait, the next requests wait at the door, and their clients notice.
const QUEUE_MAX: usize = 256;
/// Pushes that share one transaction.
const TOGETHER_MAX: usize = 64;
/// Connections for reading that are kept open between requests.
const READERS_KEPT: usize = 4;

/// The file could not be read or written; the reason is on standard error.
#[derive(Clone, Copy, Debug)]
pub struct Unavailable;

/// A push that is durable.
pub struct Pushed {
    pub reply: PushReply,
    /// How many of its entries were answered from what was stored before.
    pub replays: usize,
}

struct Job {
    asker: Identity,
    body: PushBody,
    answer: oneshot::Sender<Result<Pushed, Unavailable>>,
}

/// The way to the file.
pub struct Data {
    authority: Arc<Authority<AppRules>>,
    jobs: mpsc::Sender<Job>,
    path: PathBuf,
    readers: Mutex<Vec<SqliteStore>>,
}

impl Data {
    /// Takes the store over. The thread that comes with it ends, and closes the file, when the `Data` is dropped.
    pub fn start(store: SqliteStore, path: &Path, authority: Arc<Authority<AppRules>>) -> (Data, JoinHandle<()>) {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let writer = Writer { store, authority: authority.clone() };
        let thread = std::thread::spawn(move || writer.work(queue));
        (Data { authority, jobs, path: path.to_owned(), readers: Mutex::new(Vec::new()) }, thread)
    }

    /// Pushes; the answer comes when it is durable.
    pub async fn push(&self, asker: Identity, body: PushBody) -> Result<Pushed, Unavailable> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job { asker, body, answer }).await.map_err(|_| Unavailable)?;
        answered.await.map_err(|_| Unavailable)?
    }

    /// Reads something at one moment, off the threads that serve requests.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Authority<AppRules>, &SqliteStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let data = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let kept = data.readers().pop();
            let store = kept.map_or_else(|| SqliteStore::open_reader(&data.path), Ok)?;
            let answer = store.at_one_moment(|store| read(&data.authority, store))?;
            let mut readers = data.readers();
            if readers.len() < READERS_KEPT {
                readers.push(store);
            }
            Ok::<_, StoreError>(answer)
        });
        match reading.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(unavailable(&error)),
            Err(_) => Err(Unavailable),
        }
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<SqliteStore>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable(error: &StoreError) -> Unavailable {
    eprintln!("syncline-server: {error}");
    Unavailable
}

struct Writer {
    store: SqliteStore,
    authority: Arc<Authority<AppRules>>,
}

impl Writer {
    fn work(mut self, mut queue: mpsc::Receiver<Job>) {
        let alarm = EndsWithMe;
        let mut jobs = Vec::with_capacity(TOGETHER_MAX);
        while queue.blocking_recv_many(&mut jobs, TOGETHER_MAX) > 0 {
            // What fails together is tried one by one: a full disk may still have room for the small ones.
            let pushed = match self.write(&jobs) {
                Ok(pushed) => pushed.into_iter().map(Ok).collect::<Vec<_>>(),
                Err(error) if jobs.len() == 1 => vec![Err(unavailable(&error))],
                Err(_) => {
                    jobs.chunks(1).map(|job| self.write(job).map(|mut one| one.remove(0)).map_err(|error| unavailable(&error))).collect()
                }
            };
            for (job, pushed) in jobs.drain(..).zip(pushed) {
                // A client that has gone finds its outcome stored when it comes back.
                drop(job.answer.send(pushed));
            }
        }
        if let Err(error) = self.store.close() {
            eprintln!("syncline-server: closing the database: {error}");
        }
        std::mem::forget(alarm);
    }

    /// One transaction for all of them.
    fn write(&mut self, jobs: &[Job]) -> Result<Vec<Pushed>, StoreError> {
        let written = self.store.begin().and_then(|()| {
            let pushed = jobs.iter().map(|job| self.push(job)).collect::<Result<Vec<_>, _>>()?;
            self.store.end().map(|()| pushed)
        });
        if written.is_err() {
            self.store.abandon();
        }
        written
    }

    fn push(&mut self, job: &Job) -> Result<Pushed, StoreError> {
        let before = self.store.head()?.seq;
        let reply = self.authority.push(&mut self.store, &job.asker, &job.body)?;
        let replays = reply.outcomes.iter().filter(|outcome| outcome.seq.is_some_and(|seq| seq <= before)).count();
        Ok(Pushed { reply, replays })
    }
}

/// A server that cannot write is of no use: when the writing thread panics, the process ends, and the file is as a
/// crash leaves it, which SQLite mends.
struct EndsWithMe;

impl Drop for EndsWithMe {
    fn drop(&mut self) {
        std::process::abort();
    }
}
