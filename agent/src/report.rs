//! What a sensor hands over: events together with the change of its own state.
//!
//! Both commit in one transaction of one SQLite file, so that after a crash a sensor never believes to
//! have reported what it has not, nor reports twice what it has. Promises begin at that commit.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use vong_proto::event::{Body, Lane, Sensor};

/// So many reports may wait for the spool. A full queue blocks the sensor, whose own sources (the kernel's
/// queues) then overflow visibly; nothing is dropped here.
pub const REPORTS_WAITING_MAX: usize = 1_024;

/// A hand-over from a sensor to the spool.
#[derive(Debug, Default)]
pub struct Report {
    /// What was seen, in order.
    pub events: Vec<NewEvent>,
    /// What the sensor wants to remember.
    pub state: Vec<StateChange>,
    /// Told once the report is durable; a sensor that must know gives a channel of capacity 1.
    pub committed: Option<SyncSender<()>>,
}

/// An event before it has a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The lane it shall travel in.
    pub lane: Lane,
    /// When it happened by the PC's clock, milliseconds since 1970.
    pub wall_ms: i64,
    /// When it happened, milliseconds since boot, suspend included.
    pub mono_ms: u64,
    /// What happened.
    pub body: Body,
}

/// One change of what a sensor remembers between runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Whose memory.
    pub sensor: Sensor,
    /// The key, such as a path.
    pub key: Vec<u8>,
    /// The new value; `None` forgets the key.
    pub value: Option<Vec<u8>>,
}

/// The sensors' end of the hand-over.
#[derive(Clone, Debug)]
pub struct Reports(SyncSender<Report>);

/// The spool has stopped; so must the sensor.
#[derive(Debug, thiserror::Error)]
#[error("the spool has stopped")]
pub struct SpoolStopped;

/// A report is not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDurable {
    /// It never will be.
    #[error("the spool has stopped")]
    Stopped,
    /// It waits for a spool that is slow, or whose disk is full.
    #[error("the spool has not committed in time")]
    Late,
}

impl Reports {
    /// A bounded hand-over: its sensors' end and its spool's end.
    pub fn channel() -> (Reports, Receiver<Report>) {
        let (sender, receiver) = sync_channel(REPORTS_WAITING_MAX);
        (Reports(sender), receiver)
    }

    /// Hands a report over; blocks while the spool is behind.
    ///
    /// # Errors
    /// When the spool has stopped.
    pub fn send(&self, report: Report) -> Result<(), SpoolStopped> {
        self.0.send(report).map_err(|_| SpoolStopped)
    }

    /// Hands a report over if the spool can take it now; says whether it did.
    pub(crate) fn offer(&self, report: Report) -> bool {
        self.0.try_send(report).is_ok()
    }

    /// Wakes a spool that waits for reports, by an empty one: it has a request to look at. When the queue is
    /// full it is awake already.
    pub(crate) fn knock(&self) {
        let _ = self.0.try_send(Report::default());
    }

    /// Hands a report over and waits until it is durable, at most `patience`.
    ///
    /// # Errors
    /// See [`NotDurable`].
    pub fn commit(&self, mut report: Report, patience: Duration) -> Result<(), NotDurable> {
        let (done, committed) = sync_channel(1);
        report.committed = Some(done);
        self.send(report).map_err(|_| NotDurable::Stopped)?;
        committed.recv_timeout(patience).map_err(|error| match error {
            RecvTimeoutError::Timeout => NotDurable::Late,
            RecvTimeoutError::Disconnected => NotDurable::Stopped,
        })
    }
}
