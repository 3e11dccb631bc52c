//! The one task that writes to ClickHouse: the same range, the same rows, the same token, until accepted.
//!
//! An insert that was answered with "no such thing ever happened" (a time-out, a broken connection, a killed
//! engine) may well be stored, so it is repeated unchanged, without end. Only a refusal that is about the
//! rows themselves changes anything: the rows are then halved, with tokens of their own, until the ones at
//! fault stand alone and are set aside in the journal, where the ledger shows them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::{RowOwned, RowWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, warn};
use vong_proto::event::{Lane, StreamId};

use super::batch::together;
use super::row::{EventRow, Rows, SampleRow};
use super::tempo::Tempo;
use super::{Store, StoreError};
use crate::entry::{Entry, HostId};
use crate::journal::{Cursor, InsertPlan, Journal, SetAside};
use crate::metrics::Metrics;

/// What is read from the journal at once. The bytes are packed ones: as rows they may take fifty times as much.
const MAX_ENTRIES: usize = 4_096;
const MAX_BYTES: usize = 4 << 20;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A connection that takes nothing for so long is given up, and the insert sent again.
const SEND_PATIENCE: Duration = Duration::from_secs(30);
/// Merges may hold an insert up; an answer that takes longer will not come.
const ANSWER_PATIENCE: Duration = Duration::from_secs(120);

/// ClickHouse's error codes that are about the rows sent and not about its own state: cannot parse, incorrect
/// data, type mismatch, value out of range, too large, unknown enum element, violated constraint.
const FAULTS_OF_ROWS: [u32; 15] = [6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 469, 691];

/// Why an insert was not accepted.
enum Fault {
    /// Nobody knows whether it is stored, or it is not about the rows.
    Repeat(Error),
    /// These rows will never be accepted.
    Refused(String),
}

/// The task was told to stop.
struct Stopped;

/// A row that belongs to a table.
trait TableRow: RowOwned + RowWrite + for<'a> clickhouse::Row<Value<'a> = Self> + Sync {
    const TABLE: &'static str;
    fn set_aside(&self, reason: &str) -> SetAside;
}

impl Store {
    /// Writes what the journal has and will have, until `stop` becomes true.
    ///
    /// # Errors
    /// When the journal fails; whatever the store does, it is tried again.
    pub async fn run(
        &self,
        journal: Journal,
        metrics: Arc<Metrics>,
        stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        let passed = journal.cursor(Cursor::Store).await.map_err(StoreError::Journal)?;
        self.visible.send_replace(passed);
        let mut writer = Writer {
            store: self.clone(),
            journal,
            metrics,
            stop,
            passed,
        };
        let (mut tempo, mut last_end) = (Tempo::default(), Instant::now());
        while !*writer.stop.borrow() {
            let started = Instant::now();
            let entries = writer.next_entries().await?;
            let Some(last) = entries.last() else {
                writer.wait_for_entries().await;
                continue;
            };
            let rows = Rows::of(&entries);
            if writer.write(&rows, last.pos).await?.is_err() {
                break;
            }
            let end = Instant::now();
            let rest = tempo.rest(rows.count(), end - last_end, end - started);
            last_end = end;
            writer.rest_until(end + rest).await;
        }
        Ok(())
    }
}

struct Writer {
    store: Store,
    journal: Journal,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
    /// Everything up to this journal position is stored.
    passed: u64,
}

impl Writer {
    /// The entries of the next insert: those of the recorded plan, or a new one's.
    async fn next_entries(&self) -> Result<Vec<Entry>, StoreError> {
        let plan = self.journal.planned_insert().await.map_err(StoreError::Journal)?;
        if let Some(plan) = plan.filter(|plan| plan.through > self.passed) {
            return self.planned_entries(&plan).await;
        }
        let read = self.journal.read(self.passed, MAX_ENTRIES, MAX_BYTES).await;
        let mut entries = read.map_err(StoreError::Journal)?;
        entries.truncate(together(&entries));
        if let Some(last) = entries.last() {
            let plan = InsertPlan {
                after: self.passed,
                through: last.pos,
            };
            self.journal
                .plan_insert(plan)
                .await
                .map_err(StoreError::Journal)?;
        }
        Ok(entries)
    }

    async fn planned_entries(&self, plan: &InsertPlan) -> Result<Vec<Entry>, StoreError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut after = plan.after;
        while after < plan.through {
            let more = self
                .journal
                .read(after, MAX_ENTRIES, MAX_BYTES)
                .await
                .map_err(StoreError::Journal)?;
            let Some(last) = more.last() else { break };
            after = last.pos;
            entries.extend(more.into_iter().filter(|entry| entry.pos <= plan.through));
        }
        Ok(entries)
    }

    /// Stores the rows of all entries up to a position and lets the journal know; the inner error says that
    /// it was told to stop.
    async fn write(&mut self, rows: &Rows, through: u64) -> Result<Result<(), Stopped>, StoreError> {
        let range = format!("{}:{through}", self.passed);
        if self.store_rows(&rows.events, &range).await?.is_err()
            || self.store_rows(&rows.samples, &range).await?.is_err()
        {
            return Ok(Err(Stopped));
        }
        self.journal
            .pass(Cursor::Store, through)
            .await
            .map_err(StoreError::Journal)?;
        self.passed = through;
        self.store.visible.send_replace(through);
        Ok(Ok(()))
    }

    /// Stores rows of one table; those that ClickHouse refuses end up set aside.
    async fn store_rows<R: TableRow>(
        &mut self,
        rows: &[R],
        range: &str,
    ) -> Result<Result<(), Stopped>, StoreError> {
        let token = format!("{}:{}:{range}", self.journal.id(), R::TABLE);
        let mut pending = VecDeque::from([(token, 0..rows.len())]);
        while let Some((token, part)) = pending.pop_front().filter(|(_, part)| !part.is_empty()) {
            match self.store_part(&rows[part.clone()], &token).await {
                Err(Stopped) => return Ok(Err(Stopped)),
                Ok(Ok(())) => {}
                Ok(Err(reason)) if part.len() == 1 => self.set_aside(&rows[part.start], &reason).await?,
                Ok(Err(_)) => pending.extend(halves(&token, &part)),
            }
        }
        Ok(Ok(()))
    }

    /// Sends the same rows with the same token until they are accepted, or refused for what they are.
    async fn store_part<R: TableRow>(
        &mut self,
        rows: &[R],
        token: &str,
    ) -> Result<Result<(), String>, Stopped> {
        let mut pause = FIRST_PAUSE;
        loop {
            match insert(&self.store, rows, token).await {
                Ok(()) => {
                    self.metrics.store_rows.inc_by(rows.len() as u64);
                    return Ok(Ok(()));
                }
                Err(Fault::Refused(reason)) => {
                    error!(
                        table = R::TABLE,
                        rows = rows.len(),
                        reason,
                        "the store refuses rows"
                    );
                    return Ok(Err(reason));
                }
                Err(Fault::Repeat(error)) => {
                    warn!(table = R::TABLE, %error, pause_ms = pause.as_millis(), "an insert failed, sending it again");
                    self.metrics.store_retries.inc();
                }
            }
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                _ = self.stop.wait_for(|stop| *stop) => return Err(Stopped),
            }
        }
    }

    async fn set_aside<R: TableRow>(&self, row: &R, reason: &str) -> Result<(), StoreError> {
        self.metrics.store_set_aside.inc();
        self.journal
            .set_aside(vec![row.set_aside(reason)])
            .await
            .map_err(StoreError::Journal)
    }

    async fn wait_for_entries(&mut self) {
        let mut durable = self.journal.durable_position();
        tokio::select! {
            _ = durable.wait_for(|position| *position > self.passed) => {}
            _ = self.stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn rest_until(&mut self, moment: Instant) {
        tokio::select! {
            () = sleep_until(moment) => {}
            _ = self.stop.wait_for(|stop| *stop) => {}
        }
    }
}

/// The two halves of a refused part, each with a token that only depends on which rows it holds.
fn halves(token: &str, part: &Range<usize>) -> [(String, Range<usize>); 2] {
    let middle = part.start + part.len() / 2;
    let whole = token.split('#').next().unwrap_or(token);
    [part.start..middle, middle..part.end].map(|half| (format!("{whole}#{}-{}", half.start, half.end), half))
}

async fn insert<R: TableRow>(store: &Store, rows: &[R], token: &str) -> Result<(), Fault> {
    let client = store
        .client
        .clone()
        .with_setting("insert_deduplication_token", token);
    let mut insert = client
        .insert::<R>(R::TABLE)
        .await
        .map_err(Fault::Repeat)?
        .with_timeouts(Some(SEND_PATIENCE), Some(ANSWER_PATIENCE));
    for row in rows {
        insert.write(row).await.map_err(Fault::from)?;
    }
    insert.end().await.map_err(Fault::from)
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match &error {
            Error::BadResponse(reason) if code(reason).is_some_and(|code| FAULTS_OF_ROWS.contains(&code)) => {
                Self::Refused(reason.clone())
            }
            _ => Self::Repeat(error),
        }
    }
}

/// The number in `Code: N. DB::Exception: …`.
fn code(reason: &str) -> Option<u32> {
    reason.strip_prefix("Code: ")?.split('.').next()?.parse().ok()
}

impl TableRow for EventRow {
    const TABLE: &'static str = "events";

    fn set_aside(&self, reason: &str) -> SetAside {
        set_aside(self.pos, self.host, self.stream, self.lane, self.seq, reason)
    }
}

impl TableRow for SampleRow {
    const TABLE: &'static str = "samples";

    fn set_aside(&self, reason: &str) -> SetAside {
        set_aside(self.pos, self.host, self.stream, self.lane, self.seq, reason)
    }
}

fn set_aside(pos: u64, host: i64, stream: [u8; 16], lane: u8, seq: u64, reason: &str) -> SetAside {
    SetAside {
        pos,
        host: HostId(host),
        stream: StreamId(stream),
        lane: Lane::from_index(lane.into()).expect("a row's lane was made from one"),
        seq,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_hold_the_same_rows_under_stable_names() {
        let [left, right] = halves("j:events:1:9", &(0..5));
        assert_eq!(left, ("j:events:1:9#0-2".to_owned(), 0..2));
        assert_eq!(right, ("j:events:1:9#2-5".to_owned(), 2..5));
        let [_, last] = halves(&right.0, &right.1);
        assert_eq!(last, ("j:events:1:9#3-5".to_owned(), 3..5));
    }

    #[test]
    fn only_faults_of_the_rows_are_refusals() {
        let fault = |text: &str| Fault::from(Error::BadResponse(text.to_owned()));
        assert!(matches!(
            fault("Code: 27. DB::Exception: Cannot parse input"),
            Fault::Refused(_)
        ));
        for state in [
            "Code: 241. DB::Exception: Memory limit",
            "Code: 60. DB::Exception: Unknown table",
            "502 Bad Gateway",
        ] {
            assert!(matches!(fault(state), Fault::Repeat(_)), "{state}");
        }
        assert!(matches!(Fault::from(Error::TimedOut), Fault::Repeat(_)));
    }
}
