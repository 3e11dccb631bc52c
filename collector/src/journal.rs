//! Stage 5, keep: what arrives is on disk, in one order, before anybody is told that it is safe.
//!
//! The journal is one SQLite file, written by one thread. A batch and its lane's high-water mark commit in
//! one transaction, fsynced *before* the acknowledgement; many batches share a commit. Two readers follow,
//! each with its own cursor: the store and the rules. An entry is erased only when both have passed it.
//!
//! ```text
//! intake ──append──▶ writer thread ──commit, fsync──▶ entries ──read──▶ store   (cursor in this file)
//!        ◀──ack────                                          ──read──▶ rules   (cursor in the registry,
//!                                                                               repeated here for erasing)
//! ```
//!
//! What an agent sends twice is trimmed here ([`admit`]), so that readers see each event once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use vong_proto::event::{AgentId, Lane, StreamId};
use vong_proto::session::Gap;

use crate::entry::{Entry, Fact, HostId};

mod admit;
mod bound;
mod codec;
mod fault;
mod ledger;
mod owner;
mod progress;
mod reader;
mod writer;

pub use ledger::{HostLedger, HostTotals, LaneLedger, NamedGap, StreamLedger};
pub use owner::Owner;

/// So many appends may wait for the writer thread. A full queue makes sessions wait, which stops their
/// acknowledgements, which stops their agents: nothing is dropped.
const WAITING_MAX: usize = 4_096;

/// The journal holds at most this much by default; beyond it nothing more is accepted (except lane 0, which
/// may use the last tenth) and agents keep what they have.
pub const LIMIT_BYTES_DEFAULT: u64 = 8 << 30;

/// Why the journal could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be opened or migrated.
    #[error(
        "cannot open the journal {path}: {problem}; check that the folder exists, is writable and has space"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// SQLite's or the system's words.
        problem: String,
    },
    /// The file was written by a newer collector.
    #[error(
        "the journal {path} has schema version {found}, this collector knows {known}; run the newer collector"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version this build knows.
        known: u32,
    },
    /// The limit is reached: store or rules are behind.
    #[error("the journal is full: {bytes} of {limit} bytes wait for store and rules")]
    Full {
        /// Bytes in use.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The stream was first brought by another agent.
    #[error("the stream belongs to another agent, of host {owner}")]
    Foreign {
        /// Whose it is.
        owner: HostId,
    },
    /// SQLite refuses, as with a full or failing disk.
    #[error("the journal cannot be written or read: {0}")]
    Sqlite(String),
    /// The writer thread has ended.
    #[error("the journal has stopped")]
    Stopped,
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        JournalError::Sqlite(error.to_string())
    }
}

/// A batch on its way into the journal, unpacked and looked at by the intake.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The host.
    pub host: HostId,
    /// The agent, as its certificate proves.
    pub agent: AgentId,
    /// Its stream.
    pub stream: StreamId,
    /// Measured clock difference, collector minus agent, in milliseconds.
    pub offset_ms: i64,
    /// The lane.
    pub lane: Lane,
    /// First number.
    pub first: u64,
    /// Last number; `first - 1` when there are only gaps.
    pub last: u64,
    /// Size of the events before compression.
    pub raw_bytes: u32,
    /// The events as they came, packed.
    pub packed: Vec<u8>,
    /// Hash of the last event.
    pub last_hash: Vec<u8>,
    /// Numbers of the events that are opaque to this build.
    pub opaque: Vec<u64>,
    /// What the agent declares missing.
    pub gaps: Vec<Gap>,
    /// Whether it is known that two machines use the agent's key.
    pub cloned: bool,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Everything up to this number is durable or declared missing: the acknowledgement.
    pub through: u64,
    /// So many events were new.
    pub fresh: u64,
    /// So many events were here before.
    pub duplicates: u64,
    /// The same number with another content: evidence of a cloned agent.
    pub conflict: bool,
}

/// Where a lane stands at the collector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The last number owned.
    pub high_water: u64,
    /// Hash of that event; empty when it was only declared missing.
    pub last_hash: Vec<u8>,
}

/// Who reads the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// The store.
    Store,
    /// The rules; the registry's own cursor is the truth, this one follows.
    Rules,
}

impl Cursor {
    fn name(self) -> &'static str {
        match self {
            Cursor::Store => "store",
            Cursor::Rules => "rules",
        }
    }
}

/// The fixed composition of an insert: every row of the entries after `after` up to `through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsertPlan {
    /// Exclusive.
    pub after: u64,
    /// Inclusive.
    pub through: u64,
}

/// How an insert goes on that was refused as a whole: the rows before `from` are settled, and what follows is
/// sent so many rows at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsertPart {
    /// The first row of the part.
    pub from: u64,
    /// So many rows.
    pub rows: u64,
}

/// An event that the store refused for good; it appears in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Journal position of its batch.
    pub pos: u64,
    /// The host.
    pub host: HostId,
    /// The stream.
    pub stream: StreamId,
    /// The lane.
    pub lane: Lane,
    /// The number.
    pub seq: u64,
    /// The store's words.
    pub reason: String,
}

/// Size and backlog, for metrics and readiness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Bytes in use, free pages not counted.
    pub bytes: u64,
    /// Entries that at least one reader has not passed.
    pub entries: u64,
}

type Reply<T> = oneshot::Sender<Result<T, JournalError>>;

/// What the writer thread can be asked.
enum Request {
    /// Keep a batch.
    Events(Box<Incoming>, Reply<Appended>),
    /// Keep a fact.
    Fact(Fact, Reply<u64>),
    /// A reader has passed a position.
    Pass(Cursor, u64, Reply<()>),
    /// Fix an insert's composition.
    Plan(InsertPlan, Reply<()>),
    /// Fix the next part of an insert, and note the event that was set aside before it.
    Part {
        table: &'static str,
        part: InsertPart,
        set_aside: Option<SetAside>,
        reply: Reply<()>,
    },
    /// Use no position up to this one.
    GoOnAbove(u64, Reply<()>),
}

/// A handle on the journal; clones share it. The writer ends with the last of them.
#[derive(Clone)]
pub struct Journal {
    requests: mpsc::Sender<Request>,
    durable: watch::Receiver<u64>,
    room: watch::Receiver<bool>,
    reader: Arc<Mutex<Connection>>,
    id: Arc<str>,
}

impl Journal {
    /// Opens the journal, or makes it, and starts its writer thread.
    ///
    /// # Errors
    /// [`JournalError::Open`] and [`JournalError::Newer`].
    pub fn open(path: &Path, limit_bytes: u64) -> Result<Journal, JournalError> {
        let writer = writer::Writer::open(path, limit_bytes)?;
        let reader = reader::open(path)?;
        let (requests, waiting) = mpsc::channel(WAITING_MAX);
        let (durable_now, durable) = watch::channel(writer.last_pos()?);
        let (room_now, room) = watch::channel(true);
        let id = writer.id()?.into();
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(waiting, &durable_now, &room_now))
            .map_err(|error| JournalError::Open {
                path: path.to_owned(),
                problem: error.to_string(),
            })?;
        Ok(Journal {
            requests,
            durable,
            room,
            reader: Arc::new(Mutex::new(reader)),
            id,
        })
    }

    /// This journal's random name, part of every insert's token.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The last durable position, and when it grows.
    pub fn durable_position(&self) -> watch::Receiver<u64> {
        self.durable.clone()
    }

    /// Whether there is room for what is not urgent, and when that changes: whoever listens need not bring what would
    /// be refused.
    pub fn room(&self) -> watch::Receiver<bool> {
        self.room.clone()
    }

    /// Keeps a batch; it is durable on return.
    ///
    /// # Errors
    /// When it could not be kept: the batch must not be acknowledged.
    pub async fn append(&self, incoming: Incoming) -> Result<Appended, JournalError> {
        self.ask(|reply| Request::Events(Box::new(incoming), reply)).await
    }

    /// Keeps a fact that is not an event; durable on return.
    ///
    /// # Errors
    /// When it could not be kept.
    pub async fn append_fact(&self, fact: Fact) -> Result<u64, JournalError> {
        self.ask(|reply| Request::Fact(fact, reply)).await
    }

    /// Notes that a reader has done with everything up to `pos`; what both have passed is erased.
    ///
    /// # Errors
    /// When it could not be noted; the reader will see those entries again.
    pub async fn pass(&self, cursor: Cursor, pos: u64) -> Result<(), JournalError> {
        self.ask(|reply| Request::Pass(cursor, pos, reply)).await
    }

    /// Fixes the composition of the next insert, durably.
    ///
    /// # Errors
    /// When it could not be fixed; the insert must not be attempted.
    pub async fn plan_insert(&self, plan: InsertPlan) -> Result<(), JournalError> {
        self.ask(|reply| Request::Plan(plan, reply)).await
    }

    /// Fixes, durably, how an insert goes on that was refused, and notes the event that was set aside before.
    ///
    /// # Errors
    /// When it could not be fixed; the part must not be attempted.
    pub async fn plan_part(
        &self,
        table: &'static str,
        part: InsertPart,
        set_aside: Option<SetAside>,
    ) -> Result<(), JournalError> {
        let request = |reply| Request::Part {
            table,
            part,
            set_aside,
            reply,
        };
        self.ask(request).await
    }

    /// Uses no position up to `pos` any more: others know entries of an earlier life under them.
    ///
    /// # Errors
    /// When it could not be noted; nothing may be kept.
    pub async fn go_on_above(&self, pos: u64) -> Result<(), JournalError> {
        self.ask(|reply| Request::GoOnAbove(pos, reply)).await
    }

    /// Reads entries after a position: at most `max_entries`, and no more once `max_bytes` of events, as they
    /// were before packing, have been read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn read(
        &self,
        after: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Vec<Entry>, JournalError> {
        self.look(move |c| reader::entries(c, after, max_entries, max_bytes))
            .await
    }

    /// Where a reader stands.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn cursor(&self, cursor: Cursor) -> Result<u64, JournalError> {
        self.look(move |c| reader::cursor(c, cursor)).await
    }

    /// The insert that was under way, if there was one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn planned_insert(&self) -> Result<Option<InsertPlan>, JournalError> {
        self.look(reader::planned_insert).await
    }

    /// How the insert under way goes on in a table, if it was refused there as a whole.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn insert_part(&self, table: &'static str) -> Result<Option<InsertPart>, JournalError> {
        self.look(move |c| reader::insert_part(c, table)).await
    }

    /// A name for what an insert is made of: other entries under the same positions have another.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn composition(&self, plan: InsertPlan) -> Result<String, JournalError> {
        self.look(move |c| reader::composition(c, plan)).await
    }

    /// Where the four lanes of a stream stand.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn marks(&self, stream: StreamId) -> Result<[Mark; 4], JournalError> {
        self.look(move |c| reader::marks(c, stream)).await
    }

    /// Whose a stream is; nobody's before its first batch.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn owner(&self, stream: StreamId) -> Result<Option<Owner>, JournalError> {
        self.look(move |c| owner::of(c, stream)).await
    }

    /// What is known to be missing of one host.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn ledger(&self, host: HostId) -> Result<HostLedger, JournalError> {
        self.look(move |c| ledger::of_host(c, host)).await
    }

    /// What is known to be missing, for each host that misses anything.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn ledger_totals(&self) -> Result<Vec<HostTotals>, JournalError> {
        self.look(ledger::totals).await
    }

    /// How much waits for store and rules.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn backlog(&self) -> Result<Backlog, JournalError> {
        self.look(reader::backlog).await
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, JournalError> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(request(reply))
            .await
            .map_err(|_| JournalError::Stopped)?;
        answer.await.map_err(|_| JournalError::Stopped)?
    }

    /// Reads on a thread where blocking is allowed. Readers share one connection: they are few, and WAL keeps
    /// them out of the writer's way.
    async fn look<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let reader = Arc::clone(&self.reader);
        tokio::task::spawn_blocking(move || {
            let connection = reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            read(&connection)
        })
        .await
        .map_err(|_| JournalError::Stopped)?
    }
}

#[cfg(test)]
mod tests;
