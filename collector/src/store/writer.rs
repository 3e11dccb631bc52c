//! The one task that writes to ClickHouse: the same range, the same rows, the same token, until accepted.
//!
//! An insert that was answered with "no such thing ever happened" (a time-out, a broken connection, a killed
//! engine) may well be stored, so it is repeated unchanged, without end. Only a definite refusal changes anything:
//! the rows go on in smaller parts with tokens of their own (`part`), until the ones at fault stand alone and are
//! set aside in the journal, where the ledger shows them. A refusal for want of memory or for size may pass by
//! itself, so it is definite only when it repeats, and when nothing is there after all.

use std::sync::Arc;
use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::sql::Identifier;
use clickhouse::{RowOwned, RowWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, warn};
use vong_proto::event::{Lane, StreamId};

use super::batch::together;
use super::part::Part;
use super::patience::Patience;
use super::row::{EventRow, Rows, SampleRow};
use super::tempo::Tempo;
use super::{Store, StoreError};
use crate::entry::{Entry, HostId};
use crate::health::Stage;
use crate::journal::{Cursor, InsertPlan, Journal, SetAside};
use crate::metrics::Metrics;

/// What is read from the journal at once. The bytes are those of the unpacked events: as rows they take a few times
/// as much, whatever an agent has packed.
const MAX_ENTRIES: usize = 4_096;
const MAX_BYTES: usize = 16 << 20;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A connection that takes nothing for so long is given up, and the insert sent again.
const SEND_PATIENCE: Duration = Duration::from_secs(30);
/// Merges may hold an insert up; an answer that takes longer will not come.
const ANSWER_PATIENCE: Duration = Duration::from_secs(120);

/// ClickHouse's error codes that are about the rows sent and not about its own state: cannot parse, incorrect
/// data, type mismatch, value out of range, too large, unknown enum element, violated constraint.
const FAULTS_OF_ROWS: [u32; 15] = [6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 469, 691];

/// ClickHouse's error codes that say that the rows are too many or too large for it. The insert is one block, so that
/// nothing of it is stored.
const FAULTS_OF_SIZE: [u32; 2] = [158, 396];
/// …and those that say that it has no memory for them now, or for so many bytes.
const SHORTAGES: [u32; 3] = [173, 241, 307];
/// What proxies and servers say in the place of a code.
const TOO_LARGE_WORDS: [&str; 3] = [
    "413 Payload Too Large",
    "413 Request Entity Too Large",
    "413 Content Too Large",
];

/// Why an insert was not accepted.
enum Fault {
    /// Nobody knows whether it is stored, or it is not about the rows.
    Repeat(Error),
    /// These rows will never be accepted.
    Refused(String),
    /// These rows are too much; or memory is short, which passes.
    TooMuch { reason: String, passes: bool },
}

/// What became of rows.
enum Outcome {
    /// They are stored.
    Stored,
    /// They will not be.
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
            patience: Patience::default(),
        };
        writer.doubt_the_last_life().await?;
        let (mut tempo, mut last_end) = (Tempo::default(), Instant::now());
        while !*writer.stop.borrow() {
            let started = Instant::now();
            let (entries, more) = writer.next_entries().await?;
            let Some(last) = entries.last() else {
                writer.metrics.health.well(Stage::Store);
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
            if !more {
                writer.rest_until(end + rest).await;
            }
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
    /// What every insert begins with.
    patience: Patience,
}

impl Writer {
    /// An insert that was under way when the collector ended may have had an attempt of which nobody knows how it
    /// ended.
    async fn doubt_the_last_life(&mut self) -> Result<(), StoreError> {
        let plan = self.journal.planned_insert().await.map_err(StoreError::Journal)?;
        if plan.is_some_and(|plan| plan.through > self.passed) {
            self.patience.note_unknown(Instant::now());
        }
        Ok(())
    }

    /// The entries of the next insert, and whether more were there than it takes: then a rest would only let the
    /// backlog grow.
    async fn next_entries(&self) -> Result<(Vec<Entry>, bool), StoreError> {
        // Looked at first: what comes while the entries are read is no backlog.
        let durable = *self.journal.durable_position().borrow();
        let entries = self.planned_or_new_entries().await?;
        let more = entries.last().is_some_and(|last| last.pos < durable);
        Ok((entries, more))
    }

    /// Those of the recorded plan, or a new one's.
    async fn planned_or_new_entries(&self) -> Result<Vec<Entry>, StoreError> {
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
        let plan = InsertPlan {
            after: self.passed,
            through,
        };
        // A restored journal uses positions again: without its composition such an insert would bear the token of
        // another, and ClickHouse would drop its rows without a word.
        let composition = self
            .journal
            .composition(plan)
            .await
            .map_err(StoreError::Journal)?;
        let range = format!("{}:{through}:{composition}", self.passed);
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
        self.metrics.health.well(Stage::Store);
        self.store.visible.send_replace(through);
        Ok(Ok(()))
    }

    /// Stores rows of one table; those that ClickHouse refuses end up set aside.
    async fn store_rows<R: TableRow>(
        &mut self,
        rows: &[R],
        range: &str,
    ) -> Result<Result<(), Stopped>, StoreError> {
        let whole = format!("{}:{}:{range}", self.journal.id(), R::TABLE);
        let kept = self
            .journal
            .insert_part(R::TABLE)
            .await
            .map_err(StoreError::Journal)?;
        let mut part = kept.map_or(Part::whole(rows.len()), |kept| Part::resumed(kept, rows.len()));
        while !part.is_over() {
            let sent = &rows[part.range()];
            let Ok(outcome) = self.store_part(sent, &part.token(&whole)).await else {
                return Ok(Err(Stopped));
            };
            let mut set_aside = None;
            part = match (outcome, part.after_refusal()) {
                (Outcome::Stored, _) => part.after_success(),
                (Outcome::Refused(_), Some(smaller)) => smaller,
                (Outcome::Refused(reason), None) => {
                    self.metrics.store_set_aside.inc();
                    set_aside = Some(sent[0].set_aside(&reason));
                    part.after_setting_aside()
                }
            };
            if part.is_over() && set_aside.is_none() {
                break;
            }
            self.journal
                .plan_part(R::TABLE, part.kept(), set_aside)
                .await
                .map_err(StoreError::Journal)?;
        }
        Ok(Ok(()))
    }

    /// Sends the same rows with the same token until they are accepted, or definitely refused.
    async fn store_part<R: TableRow>(&mut self, rows: &[R], token: &str) -> Result<Outcome, Stopped> {
        let mut pause = FIRST_PAUSE;
        let mut patience = self.patience.clone();
        loop {
            match insert(&self.store, rows, token).await {
                Ok(()) => {
                    self.metrics.store_rows.inc_by(rows.len() as u64);
                    return Ok(Outcome::Stored);
                }
                Err(Fault::Refused(reason)) => return Ok(refused::<R>(rows.len(), reason)),
                Err(Fault::TooMuch { reason, passes }) => {
                    warn!(
                        table = R::TABLE,
                        rows = rows.len(),
                        reason,
                        "rows are too much for the store"
                    );
                    self.failed(&Error::BadResponse(reason.clone()));
                    if patience.is_over(rows.len(), passes, Instant::now()) {
                        match self.store.holds(&rows[0]).await {
                            Ok(true) => return Ok(Outcome::Stored),
                            Ok(false) => return Ok(refused::<R>(rows.len(), reason)),
                            Err(error) => warn!(%error, "cannot look whether rows are stored"),
                        }
                    }
                }
                Err(Fault::Repeat(error)) => {
                    patience.note_unknown(Instant::now());
                    warn!(table = R::TABLE, %error, pause_ms = pause.as_millis(), "an insert failed, sending it again");
                    self.failed(&error);
                }
            }
            self.metrics.store_retries.inc();
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                _ = self.stop.wait_for(|stop| *stop) => return Err(Stopped),
            }
        }
    }

    /// Whoever looks after the collector must hear that nothing reaches ClickHouse, which may answer questions all
    /// the same: its disk is full, the user may not insert, there are too many parts.
    fn failed(&self, error: &Error) {
        self.metrics.health.failing(Stage::Store, error);
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

fn refused<R: TableRow>(rows: usize, reason: String) -> Outcome {
    error!(table = R::TABLE, rows, reason, "the store refuses rows");
    Outcome::Refused(reason)
}

impl Store {
    /// Whether a row is stored; an insert is all or nothing, so its first row stands for all.
    async fn holds<R: TableRow>(&self, row: &R) -> Result<bool, Error> {
        let name = row.set_aside("");
        let found: u64 = self
            .client
            .query("SELECT count() FROM ? WHERE pos = ? AND stream = unhex(?) AND lane = ? AND seq = ?")
            .bind(Identifier(R::TABLE))
            .bind(name.pos)
            .bind(name.stream.to_string())
            .bind(name.lane as u8)
            .bind(name.seq)
            .fetch_one()
            .await?;
        Ok(found > 0)
    }
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
        let too_much = |reason: &String, passes| Self::TooMuch {
            reason: reason.clone(),
            passes,
        };
        match &error {
            Error::BadResponse(reason) => match code(reason) {
                Some(code) if FAULTS_OF_ROWS.contains(&code) => Self::Refused(reason.clone()),
                Some(code) if FAULTS_OF_SIZE.contains(&code) => too_much(reason, false),
                Some(code) if SHORTAGES.contains(&code) => too_much(reason, true),
                None if TOO_LARGE_WORDS.iter().any(|words| reason.contains(words)) => too_much(reason, false),
                _ => Self::Repeat(error),
            },
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
    use crate::entry::Fact;
    use crate::store::StoreAddress;

    #[tokio::test]
    async fn an_insert_knows_whether_it_leaves_a_backlog_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::open(&folder.path().join("journal.db"), 1 << 30).expect("a journal");
        let appends = (0..=MAX_ENTRIES).map(|_| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.append_fact(Fact::Tick).await })
        });
        let mut last = 0;
        for append in appends.collect::<Vec<_>>() {
            last = append.await.expect("no panic").expect("kept").max(last);
        }
        // Who has appended is told a moment before everybody else.
        let mut durable = journal.durable_position();
        durable.wait_for(|pos| *pos >= last).await.expect("it goes on");
        let nowhere = StoreAddress {
            url: "http://127.0.0.1:1".to_owned(),
            user: String::new(),
            password: crate::engine::secret::Secret::new("none"),
        };
        let mut writer = Writer {
            store: Store::new(&nowhere),
            journal,
            metrics: Arc::default(),
            stop: watch::channel(false).1,
            passed: 0,
            patience: Patience::default(),
        };
        let (entries, more) = writer.next_entries().await.expect("read");
        assert_eq!((entries.len(), more), (MAX_ENTRIES, true));
        writer.passed = entries[MAX_ENTRIES - 1].pos;
        let (entries, more) = writer.next_entries().await.expect("read");
        assert_eq!((entries.len(), more), (1, false));
    }

    #[test]
    fn only_faults_of_the_rows_are_refusals() {
        let fault = |text: &str| Fault::from(Error::BadResponse(text.to_owned()));
        assert!(matches!(
            fault("Code: 27. DB::Exception: Cannot parse input"),
            Fault::Refused(_)
        ));
        for shortage in ["Code: 173. DB::", "Code: 241. DB::", "Code: 307. DB::"] {
            assert!(
                matches!(fault(shortage), Fault::TooMuch { passes: true, .. }),
                "{shortage}"
            );
        }
        for size in [
            "Code: 396. DB::Exception: Too many rows or bytes",
            "<html><head><title>413 Request Entity Too Large</title></head></html>",
        ] {
            assert!(
                matches!(fault(size), Fault::TooMuch { passes: false, .. }),
                "{size}"
            );
        }
        for state in [
            "Code: 236. DB::Exception: Aborted",
            "Code: 60. DB::Exception: Unknown table",
            "502 Bad Gateway",
        ] {
            assert!(matches!(fault(state), Fault::Repeat(_)), "{state}");
        }
        assert!(matches!(Fault::from(Error::TimedOut), Fault::Repeat(_)));
    }
}
