//! What the uplink may ask of the spool: where the lanes stand, the next batch of one, and to forget what the
//! collector owns.
//!
//! The uplink asks one thing at a time and waits for the answer, without holding its thread. An
//! acknowledgement is no request: it only ever rises, so it is left where the spool finds it, and a spool
//! that is busy (or stuck on a full disk) never holds up a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use vong_proto::event::{Lane, StreamId};
use vong_proto::session::{Ack, Batch, LaneState};

use crate::report::{Reports, SpoolStopped};

/// The uplink waits for each answer, so one place would do; a second keeps a request that its asker has
/// given up on from blocking the next.
const REQUESTS_WAITING_MAX: usize = 2;

/// The uplink's end.
#[derive(Debug)]
pub struct Outbox {
    requests: SyncSender<Request>,
    spool: Reports,
    acknowledged: Arc<Acknowledged>,
    committed: watch::Receiver<[u64; 4]>,
}

/// The spool's end.
#[derive(Debug)]
pub struct OutboxDesk {
    requests: Receiver<Request>,
    acknowledged: Arc<Acknowledged>,
    committed: watch::Sender<[u64; 4]>,
}

/// What the uplink asks.
#[derive(Debug)]
pub enum Request {
    /// Where the lanes stand, for a hello.
    Standing(oneshot::Sender<Standing>),
    /// The collector has said what it owns, and the hash of each lane's last event: sending begins behind that.
    Resume([u64; 4], [Vec<u8>; 4], oneshot::Sender<Resumed>),
    /// Begin a new stream with what the collector does not own; it has said what it owns of the present one.
    BeginStream([u64; 4], [Vec<u8>; 4], oneshot::Sender<()>),
    /// The next events of a lane, at most so many bytes of them, but at least one event.
    Next(Lane, usize, oneshot::Sender<Option<Batch>>),
}

/// Where a spool stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its stream.
    pub stream: StreamId,
    /// Its lanes.
    pub lanes: [LaneState; 4],
}

/// What follows from what the collector owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// Sending may begin.
    Ready,
    /// The collector owns numbers that were never given here, or were given to other events: this spool is an
    /// old copy.
    Behind,
}

/// Per lane, the highest number acknowledged and not yet looked at; 0 for none.
#[derive(Debug, Default)]
struct Acknowledged([AtomicU64; 4]);

/// Makes the two ends; `spool` wakes the spool's thread.
pub fn outbox(spool: Reports) -> (Outbox, OutboxDesk) {
    let (sender, requests) = sync_channel(REQUESTS_WAITING_MAX);
    let (committed_tx, committed) = watch::channel([1; 4]);
    let acknowledged = Arc::new(Acknowledged::default());
    let outbox = Outbox {
        requests: sender,
        spool,
        acknowledged: Arc::clone(&acknowledged),
        committed,
    };
    let desk = OutboxDesk {
        requests,
        acknowledged,
        committed: committed_tx,
    };
    (outbox, desk)
}

impl Outbox {
    /// Where the lanes stand.
    ///
    /// # Errors
    /// When the spool has stopped; so for all of these.
    pub async fn standing(&self) -> Result<Standing, SpoolStopped> {
        self.ask(Request::Standing).await
    }

    /// Begins to send behind what the collector owns; `last_hash` is the hash of each lane's last event there,
    /// empty when unknown.
    ///
    /// # Errors
    /// When the spool has stopped.
    pub async fn resume(
        &self,
        high_water: [u64; 4],
        last_hash: [Vec<u8>; 4],
    ) -> Result<Resumed, SpoolStopped> {
        self.ask(|reply| Request::Resume(high_water, last_hash, reply))
            .await
    }

    /// Begins a new stream with what the collector does not own; the arguments are as for [`resume`](Self::resume),
    /// about the stream that ends.
    ///
    /// # Errors
    /// When the spool has stopped.
    pub async fn begin_stream(
        &self,
        high_water: [u64; 4],
        last_hash: [Vec<u8>; 4],
    ) -> Result<(), SpoolStopped> {
        self.ask(|reply| Request::BeginStream(high_water, last_hash, reply))
            .await
    }

    /// The next events of a lane, or `None` when all have been handed out since [`resume`](Self::resume).
    ///
    /// # Errors
    /// When the spool has stopped.
    pub async fn next(&self, lane: Lane, raw_bytes_max: usize) -> Result<Option<Batch>, SpoolStopped> {
        self.ask(|reply| Request::Next(lane, raw_bytes_max, reply)).await
    }

    /// The collector owns everything up to a number; the spool may forget it.
    pub fn acknowledge(&self, ack: Ack) {
        self.acknowledged.0[ack.lane.index()].fetch_max(ack.through, Ordering::AcqRel);
        self.spool.knock();
    }

    /// How far each lane is committed: it changes with every commit of events. Not a sequence number: it
    /// never falls, not even when a new stream begins.
    pub fn committed(&self) -> watch::Receiver<[u64; 4]> {
        self.committed.clone()
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, SpoolStopped> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).map_err(|_| SpoolStopped)?;
        self.spool.knock();
        answer.await.map_err(|_| SpoolStopped)
    }
}

impl OutboxDesk {
    /// A request that waits, if any.
    pub fn request(&self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    /// Waits for a request, at most `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<Request> {
        match self.requests.recv_timeout(timeout) {
            Ok(request) => Some(request),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                // Without an uplink the time passes all the same.
                std::thread::sleep(timeout);
                None
            }
        }
    }

    /// Per lane, the highest number acknowledged since the last look; 0 for none.
    pub fn take_acknowledged(&self) -> [u64; 4] {
        [0, 1, 2, 3].map(|lane: usize| self.acknowledged.0[lane].swap(0, Ordering::AcqRel))
    }

    /// Tells the uplink how far each lane is committed.
    pub fn tell_committed(&self, next: [u64; 4]) {
        self.committed.send_if_modified(|told| {
            let changed = *told != next;
            *told = next;
            changed
        });
    }
}
