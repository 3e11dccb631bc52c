//! The writer thread: many requests, one transaction, one fsync, then the answers.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};
use vong_proto::event::Lane;

use super::admit::{Admission, admit};
use super::ledger::NamedGap;
use super::reader::{bytes_in_use, number, to_sql};
use super::{Appended, Incoming, JournalError, Mark, Reply, Request, bound, codec, fault, owner, progress};
use crate::entry::Fact;

const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
];

/// So many requests share a commit at most: it bounds how long the first of them waits.
const COMMIT_REQUESTS_MAX: usize = 512;

/// So many pages are given back to the file system after a commit that erased something; a page is 4 KiB.
const VACUUM_PAGES: u32 = 256;

/// At so many tenths of the limit agents are told to keep what is not urgent: what is on its way finds room in the
/// next tenth, before anything is refused.
const HOLD_TENTHS: u64 = 8;

/// Below so many they may go on. The tenth in between keeps them from being told so again at once.
const GO_ON_TENTHS: u64 = 7;

pub(super) struct Writer {
    connection: Connection,
    limit_bytes: u64,
    last_received_ms: i64,
}

/// An answer that waits for the commit.
type Answer = Box<dyn FnOnce(Result<(), JournalError>) + Send>;

impl Writer {
    pub(super) fn open(path: &Path, limit_bytes: u64) -> Result<Writer, JournalError> {
        let connection = connect(path).map_err(|error| JournalError::Open {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
        migrate(&connection, path)?;
        let last_received_ms =
            connection.query_row("SELECT coalesce(max(received_ms), 0) FROM entries", [], |row| {
                row.get(0)
            })?;
        Ok(Writer {
            connection,
            limit_bytes,
            last_received_ms,
        })
    }

    pub(super) fn id(&self) -> Result<String, JournalError> {
        Ok(self
            .connection
            .query_row("SELECT id FROM identity", [], |row| row.get(0))?)
    }

    /// The last position ever used, also when its entry has been erased.
    pub(super) fn last_pos(&self) -> Result<u64, JournalError> {
        let pos = self
            .connection
            .query_row(
                "SELECT seq FROM sqlite_sequence WHERE name = 'entries'",
                [],
                |row| number(row, 0),
            )
            .optional()?;
        Ok(pos.unwrap_or(0))
    }

    /// Serves requests until the last handle is gone.
    pub(super) fn run(
        mut self,
        mut waiting: mpsc::Receiver<Request>,
        durable: &watch::Sender<u64>,
        room: &watch::Sender<bool>,
    ) {
        self.tell_room(room);
        while let Some(first) = waiting.blocking_recv() {
            let mut requests = vec![first];
            while requests.len() < COMMIT_REQUESTS_MAX {
                let Ok(next) = waiting.try_recv() else { break };
                requests.push(next);
            }
            let erased = requests
                .iter()
                .any(|request| matches!(request, Request::Pass(..)));
            self.commit(requests);
            if let Ok(pos) = self.last_pos() {
                durable.send_if_modified(|known| std::mem::replace(known, pos) != pos);
            }
            self.tell_room(room);
            if erased {
                self.give_back();
            }
        }
        info!("journal closed");
    }

    /// Tells whether there is room for what is not urgent. A journal that cannot be asked changes nothing.
    fn tell_room(&self, room: &watch::Sender<bool>) {
        let Ok(bytes) = bytes_in_use(&self.connection) else {
            return;
        };
        let tenths = if *room.borrow() { HOLD_TENTHS } else { GO_ON_TENTHS };
        let has_room = bytes < self.limit_bytes / 10 * tenths;
        let changed = room.send_if_modified(|known| std::mem::replace(known, has_room) != has_room);
        match (changed, has_room) {
            (true, false) => warn!(
                bytes,
                limit = self.limit_bytes,
                "the journal is nearly full: agents keep what is not urgent"
            ),
            (true, true) => info!(bytes, "the journal has room again"),
            (false, _) => {}
        }
    }

    pub(super) fn commit(&mut self, requests: Vec<Request>) {
        let now_ms = self.advance_clock();
        let mut answers = Vec::with_capacity(requests.len());
        let outcome = self.transact(requests, now_ms, &mut answers);
        if let Err(error) = &outcome {
            warn!(%error, "cannot commit to the journal");
        }
        for answer in answers {
            answer(outcome.clone());
        }
    }

    fn transact(
        &mut self,
        requests: Vec<Request>,
        now_ms: i64,
        answers: &mut Vec<Answer>,
    ) -> Result<(), JournalError> {
        let bytes = bytes_in_use(&self.connection);
        let limit = self.limit_bytes;
        let transaction = self.connection.transaction().map_err(JournalError::from);
        let work = Work {
            transaction: transaction.as_ref().ok(),
            now_ms,
            bytes: bytes.unwrap_or(0),
            limit,
        };
        let mut failure: Option<JournalError> = None;
        for request in requests {
            match &failure {
                None => failure = work.serve(request, answers).err(),
                // After a failure SQLite may have undone the transaction and left it: whatever were tried now
                // would commit by itself, a mark without its entry among it. So nothing more is tried.
                Some(error) => request.refuse(error.clone()),
            }
        }
        let transaction = transaction?;
        match failure {
            Some(error) => Err(error),
            None => Ok(transaction.commit()?),
        }
    }

    /// Makes the disk as small as a test needs it.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: u32) {
        self.connection
            .execute_batch(&format!(
                "PRAGMA max_page_count = {pages}; PRAGMA cache_size = 10"
            ))
            .expect("two pragmas");
    }

    /// The time of receipt never goes backwards along positions, whatever the clock does.
    fn advance_clock(&mut self) -> i64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        self.last_received_ms = self.last_received_ms.max(i64::try_from(now).unwrap_or(i64::MAX));
        self.last_received_ms
    }

    fn give_back(&self) {
        if let Err(error) = self
            .connection
            .execute_batch(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))
        {
            warn!(%error, "cannot give erased pages back to the file system");
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // Must come before the first table; without it a SQLite file never shrinks.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", fault::synchronous())?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(connection)
}

fn migrate(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(JournalError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for (version, migration) in (1u32..).zip(MIGRATIONS).skip(found as usize) {
        connection.execute_batch(&format!(
            "BEGIN; {migration}; PRAGMA user_version = {version}; COMMIT;"
        ))?;
    }
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| JournalError::Sqlite(error.to_string()))?;
    connection.execute(
        "INSERT INTO identity VALUES (1, ?1) ON CONFLICT DO NOTHING",
        [hex::encode(id)],
    )?;
    Ok(())
}

impl Request {
    /// Answers with an error, untried.
    fn refuse(self, error: JournalError) {
        // Nobody waiting for the answer any more is no reason to stop.
        let _ = match self {
            Request::Events(_, reply) => reply.send(Err(error)).is_ok(),
            Request::Fact(_, reply) => reply.send(Err(error)).is_ok(),
            Request::Pass(_, _, reply)
            | Request::Plan(_, reply)
            | Request::Part { reply, .. }
            | Request::GoOnAbove(_, reply) => reply.send(Err(error)).is_ok(),
        };
    }
}

/// One transaction's work.
struct Work<'a> {
    transaction: Option<&'a Transaction<'a>>,
    now_ms: i64,
    bytes: u64,
    limit: u64,
}

impl Work<'_> {
    /// Serves one request; its answer waits for the commit. An error spoils the transaction; a refusal does
    /// not and is answered at once.
    fn serve(&self, request: Request, answers: &mut Vec<Answer>) -> Result<(), JournalError> {
        match request {
            Request::Events(incoming, reply) => {
                if let Err(no) = self.admit(&incoming) {
                    let _ = reply.send(Err(no));
                    return Ok(());
                }
                self.finish(|t| append(t, self.now_ms, *incoming), reply, answers)
            }
            Request::Fact(fact, reply) => self.finish(|t| append_fact(t, self.now_ms, &fact), reply, answers),
            Request::Pass(cursor, pos, reply) => {
                self.finish(|t| progress::pass(t, cursor, pos), reply, answers)
            }
            Request::Plan(insert, reply) => self.finish(|t| progress::plan(t, insert), reply, answers),
            Request::Part {
                table,
                part,
                set_aside,
                reply,
            } => self.finish(|t| progress::part(t, table, part, set_aside), reply, answers),
            Request::GoOnAbove(pos, reply) => self.finish(|t| progress::go_on_above(t, pos), reply, answers),
        }
    }

    fn finish<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
        reply: Reply<T>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), JournalError> {
        let done = match self.transaction {
            Some(transaction) => work(transaction).map_err(JournalError::from),
            None => Err(JournalError::Stopped),
        };
        let failure = done.as_ref().err().cloned();
        answers.push(Box::new(move |committed| {
            let _ = reply.send(committed.and(done));
        }));
        failure.map_or(Ok(()), Err)
    }

    /// Whether there is room for a batch, and it is for its agent to bring.
    fn admit(&self, incoming: &Incoming) -> Result<(), JournalError> {
        self.check_room(incoming.lane)?;
        self.transaction
            .map_or(Ok(()), |transaction| owner::check(transaction, incoming))
    }

    /// The last tenth belongs to lane 0.
    fn check_room(&self, lane: Lane) -> Result<(), JournalError> {
        let limit = if lane == Lane::Urgent {
            self.limit
        } else {
            self.limit / 10 * 9
        };
        if self.bytes < limit {
            Ok(())
        } else {
            Err(JournalError::Full {
                bytes: self.bytes,
                limit,
            })
        }
    }
}

fn append(transaction: &Transaction<'_>, now_ms: i64, incoming: Incoming) -> rusqlite::Result<Appended> {
    let mark = mark(transaction, &incoming)?;
    let Incoming {
        lane, first, last, ..
    } = incoming;
    let conflict = last == mark.high_water
        && !mark.last_hash.is_empty()
        && first <= last
        && mark.last_hash != incoming.last_hash;
    let admission = admit(lane, mark.high_water, first, last, incoming.gaps.clone());
    let appended = Appended {
        through: admission.high_water,
        fresh: admission.fresh,
        duplicates: admission.skip,
        conflict,
    };
    if admission.high_water > mark.high_water {
        insert_gaps(transaction, now_ms, &incoming, &admission)?;
        advance_mark(transaction, now_ms, &incoming, &admission)?;
        owner::bind(transaction, &incoming)?;
        if mark.high_water == 0 {
            bound::streams(transaction, incoming.host)?;
        }
        insert_entry(transaction, now_ms, &incoming, &admission)?;
    }
    Ok(appended)
}

fn mark(transaction: &Transaction<'_>, incoming: &Incoming) -> rusqlite::Result<Mark> {
    let mark = transaction
        .prepare_cached("SELECT high_water, last_hash FROM marks WHERE stream = ?1 AND lane = ?2")?
        .query_row(params![incoming.stream.0, incoming.lane as u32], |row| {
            Ok(Mark {
                high_water: number(row, 0)?,
                last_hash: row.get(1)?,
            })
        })
        .optional()?;
    Ok(mark.unwrap_or_default())
}

fn advance_mark(
    transaction: &Transaction<'_>,
    now_ms: i64,
    incoming: &Incoming,
    to: &Admission,
) -> rusqlite::Result<()> {
    let first_fresh = incoming.first + to.skip;
    let opaque = incoming.opaque.iter().filter(|seq| **seq >= first_fresh).count() as u64;
    transaction
        .prepare_cached(
            "INSERT INTO marks (stream, lane, host, high_water, last_hash, opaque, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (stream, lane) DO UPDATE SET host = excluded.host, high_water = excluded.high_water,
                 last_hash = excluded.last_hash, opaque = opaque + excluded.opaque, at_ms = excluded.at_ms",
        )?
        .execute(params![
            incoming.stream.0,
            incoming.lane as u32,
            incoming.host.0,
            to_sql(to.high_water),
            incoming.last_hash,
            to_sql(opaque),
            now_ms
        ])?;
    Ok(())
}

fn insert_gaps(
    transaction: &Transaction<'_>,
    now_ms: i64,
    incoming: &Incoming,
    admission: &Admission,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO gaps (stream, lane, first, last, host, reason, counts, at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for gap in &admission.gaps {
        insert.execute(params![
            incoming.stream.0,
            gap.lane as u32,
            to_sql(gap.first),
            to_sql(gap.last),
            incoming.host.0,
            gap.reason,
            json(&gap.counts),
            now_ms
        ])?;
    }
    if admission.gaps.is_empty() {
        return Ok(());
    }
    bound::gaps(transaction, incoming.host)
}

fn insert_entry(
    transaction: &Transaction<'_>,
    now_ms: i64,
    incoming: &Incoming,
    admission: &Admission,
) -> rusqlite::Result<()> {
    let gaps: Vec<_> = admission
        .gaps
        .iter()
        .map(|gap| NamedGap::from_gap(gap, now_ms))
        .collect();
    // A gap without events is an entry too: the rules judge it.
    let skip = if admission.fresh == 0 {
        incoming.last + 1 - incoming.first
    } else {
        admission.skip
    };
    transaction
        .prepare_cached(
            "INSERT INTO entries (received_ms, kind, host, agent, stream, lane, first, last, skip, raw_bytes,
                                  offset_ms, gaps, payload, cloned)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            now_ms,
            codec::KIND_EVENTS,
            incoming.host.0,
            incoming.agent.0,
            incoming.stream.0,
            incoming.lane as u32,
            to_sql(incoming.first),
            to_sql(incoming.last),
            to_sql(skip),
            incoming.raw_bytes,
            incoming.offset_ms,
            json(&gaps),
            incoming.packed,
            incoming.cloned
        ])?;
    Ok(())
}

fn append_fact(transaction: &Transaction<'_>, now_ms: i64, fact: &Fact) -> rusqlite::Result<u64> {
    let payload = codec::encode(fact).unwrap_or_default();
    transaction
        .prepare_cached("INSERT INTO entries (received_ms, kind, payload) VALUES (?1, ?2, ?3)")?
        .execute(params![now_ms, codec::KIND_PLAIN, payload])?;
    Ok(u64::try_from(transaction.last_insert_rowid()).unwrap_or_default())
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("gaps have only string keys")
}
