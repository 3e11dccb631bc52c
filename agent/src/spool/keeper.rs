//! The spool at work: reports in, batches out, one transaction at a time.
//!
//! Nothing here waits or knows threads; times are passed in. What a transaction changes is changed in memory
//! only after it has committed, so that a failed commit (a full disk) leaves everything as it was, to be tried
//! again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use rusqlite::Transaction;
use tracing::{info, warn};
use vong_proto::event::{Blind, Body, Event, Header, Lane as LaneName, Presence, Sensor, StreamId};
use vong_proto::frame::{BATCH_EVENTS_MAX, BATCH_GAPS_MAX, BATCH_RAW_BYTES_MAX};
use vong_proto::session::{Batch, Gap, LaneState};
use vong_proto::wire;

use super::ballast::Ballast;
use super::fault::SpoolError;
use super::file::{self, Dropped, SpoolFile};
use super::lane::{Lane, Resumption};
use super::room::{Excess, Room};
use super::tempo::Tempo;
use crate::clock;
use crate::outbox::{Resumed, Standing};
use crate::report::{NewEvent, Report, StateChange};

/// A report that brings what is pending to so many bytes is committed at once: memory is bounded, and a
/// transaction stays short.
const PENDING_BYTES_MAX: usize = 1024 * 1024;

/// What a full disk forces out beyond the size of what is pending.
const FULL_DISK_SLACK_BYTES: u64 = 1024 * 1024;

/// Why numbers are missing.
const SPOOL_FULL: &str = "spool_full";
const COLLECTOR_RESTORED: &str = "collector_restored";

/// The spool without its thread.
#[derive(Debug)]
pub(super) struct Keeper {
    file: SpoolFile,
    stream: StreamId,
    lanes: [Lane; 4],
    room: Room,
    tempo: Tempo,
    ballast: Ballast,
    pending: Pending,
}

/// What the next transaction will bring.
#[derive(Debug, Default)]
struct Pending {
    events: Vec<Waiting>,
    state: Vec<StateChange>,
    unsupported: Vec<vong_proto::event::Unsupported>,
    /// The agent has started.
    begins: bool,
    /// Per lane the position up to which events are to be erased.
    acknowledged: [Option<u64>; 4],
    committed: Vec<SyncSender<()>>,
    bytes: usize,
    urgent: bool,
}

#[derive(Debug)]
struct Waiting {
    lane: LaneName,
    kind: &'static str,
    bytes: Vec<u8>,
}

impl Keeper {
    /// Opens the spool; says whether it was made just now.
    pub(super) fn open(path: &Path, limit_bytes: u64) -> Result<(Self, bool), SpoolError> {
        let (file, new) = SpoolFile::open(path)?;
        let keeper = Self {
            stream: file.stream()?,
            lanes: file.lanes()?,
            file,
            room: Room::new(limit_bytes),
            tempo: Tempo::default(),
            ballast: Ballast::beside(path),
            pending: Pending::default(),
        };
        Ok((keeper, new))
    }

    /// Takes a report in; it becomes durable with the next commit.
    pub(super) fn take(&mut self, report: Report) {
        for event in report.events {
            self.pending.add(event);
        }
        self.pending.state.extend(report.state);
        self.pending.committed.extend(report.committed);
    }

    /// The collector owns a lane up to a number; the next commit erases that.
    pub(super) fn acknowledge(&mut self, lane: LaneName, through: u64) {
        if let Some(position) = self.lanes[lane.index()].acknowledged(through) {
            self.pending.acknowledged[lane.index()] = Some(position);
        }
    }

    /// How long the next commit should still wait; `None` when there is nothing to commit.
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        if self.pending.is_empty() {
            return None;
        }
        let at_once = self.pending.urgent || self.pending.bytes >= PENDING_BYTES_MAX;
        Some(self.tempo.wait(at_once, self.pending.is_erasing(), now))
    }

    /// Makes everything pending durable. `now` counts as for [`wait`](Self::wait).
    ///
    /// # Errors
    /// [`SpoolError::DiskFull`] leaves everything pending, to be tried again.
    pub(super) fn commit(&mut self, now: impl Fn() -> Duration) -> Result<(), SpoolError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let began = now();
        let mut written = self.write(Excess::default());
        if matches!(written, Err(SpoolError::DiskFull(_))) && self.ballast.release() {
            warn!("the disk is full; gave up the spool's ballast");
            written = self.write(Excess::default());
        }
        if matches!(written, Err(SpoolError::DiskFull(_))) {
            written = self.write(Excess {
                common_bytes: self.pending.bytes as u64 + FULL_DISK_SLACK_BYTES,
                urgent_bytes: 0,
            });
        }
        written?;
        self.tempo.committed(began, now());
        for committed in std::mem::take(&mut self.pending).committed {
            // A sensor that gave up waiting is told all the same, in vain.
            let _ = committed.try_send(());
        }
        self.file.shrink()?;
        self.ballast.restore();
        Ok(())
    }

    /// Writes everything pending in one transaction. What is `forced` out goes first, so that its pages are
    /// free for what comes; what the bound asks for goes last, because it may be what has just come.
    fn write(&mut self, forced: Excess) -> Result<(), SpoolError> {
        let charged: u64 = self.lanes.iter().map(|lane| lane.bytes).sum();
        let other = self.file.used_bytes()?.saturating_sub(charged);
        let mut lanes = self.lanes.clone();
        let tx = self.file.begin()?;
        make_room(&tx, &mut lanes, forced)?;
        self.pending.write(&tx, &mut lanes)?;
        let excess = self.room.excess(lanes.each_ref().map(|lane| lane.bytes), other);
        make_room(&tx, &mut lanes, excess)?;
        for name in LaneName::ALL {
            if lanes[name.index()] != self.lanes[name.index()] {
                file::write_lane(&tx, name, &lanes[name.index()])?;
            }
        }
        tx.commit().map_err(SpoolError::from)?;
        self.lanes = lanes;
        Ok(())
    }

    /// How far each lane is committed, in positions.
    pub(super) fn committed(&self) -> [u64; 4] {
        self.lanes.each_ref().map(|lane| lane.next)
    }

    /// Where the lanes stand, for a hello.
    pub(super) fn standing(&self) -> Result<Standing, SpoolError> {
        let mut lanes: [LaneState; 4] = Default::default();
        for name in LaneName::ALL {
            let lane = &self.lanes[name.index()];
            let oldest = self.file.oldest(name)?.unwrap_or(lane.next);
            lanes[name.index()] = LaneState {
                first_retained: lane.number(oldest),
                next: lane.number(lane.next),
                last_hash: lane.last_hash.clone(),
            };
        }
        Ok(Standing {
            stream: self.stream,
            lanes,
        })
    }

    /// Begins to hand out behind what the collector owns; `last_hash` is the hash of each lane's last event
    /// there, empty when unknown.
    pub(super) fn resume(
        &mut self,
        high_water: [u64; 4],
        last_hash: &[Vec<u8>; 4],
    ) -> Result<Resumed, SpoolError> {
        for (name, last_hash) in LaneName::ALL.into_iter().zip(last_hash) {
            if self.differs(name, high_water[name.index()], last_hash)? {
                return Ok(Resumed::Behind);
            }
        }
        // What the former connection acknowledged counts only as far as it still stands.
        self.pending.acknowledged = [None; 4];
        let mut lost = Vec::new();
        for name in LaneName::ALL {
            let lane = &mut self.lanes[name.index()];
            lane.rewind();
            match lane.resumption(high_water[name.index()]) {
                Resumption::Owns(position) => {
                    lane.handed = position;
                    self.acknowledge(name, high_water[name.index()]);
                }
                Resumption::Lost(range) => lost.push((name, range)),
                Resumption::Ahead => return Ok(Resumed::Behind),
            }
        }
        if !lost.is_empty() {
            self.write_lost(&lost)?;
        }
        Ok(Resumed::Ready)
    }

    /// Whether the collector has another event under a number that was given here. A restored spool gives the
    /// numbers after its snapshot again; once it has given as many as the collector owns, nothing else shows it.
    fn differs(&self, name: LaneName, number: u64, last_hash: &[u8]) -> Result<bool, SpoolError> {
        let lane = &self.lanes[name.index()];
        let kept = self.file.events(name, lane.position(number), 1, usize::MAX)?;
        Ok(kept.first().is_some_and(|event| {
            !last_hash.is_empty() && hash(lane, event.position, &event.bytes) != last_hash
        }))
    }

    /// The collector was restored from a backup: what it had acknowledged since is erased here and gone there.
    fn write_lost(&mut self, lost: &[(LaneName, std::ops::RangeInclusive<u64>)]) -> Result<(), SpoolError> {
        let mut lanes = self.lanes.clone();
        let tx = self.file.begin()?;
        for (name, range) in lost {
            warn!(lane = ?name, events = range.end() + 1 - range.start(), "the collector has lost events that it had acknowledged");
            let lane = &mut lanes[name.index()];
            lane.acked = range.start() - 1;
            lane.rewind();
            let dropped = Dropped {
                first: *range.start(),
                last: *range.end(),
                reason: COLLECTOR_RESTORED.to_owned(),
                counts: BTreeMap::new(),
            };
            file::write_dropped(&tx, *name, lane.handed, dropped)?;
            file::write_lane(&tx, *name, lane)?;
        }
        tx.commit()?;
        self.lanes = lanes;
        Ok(())
    }

    /// Begins a new stream with what the collector is not known to own: what it has acknowledged, and what
    /// `high_water` and `last_hash` prove of the stream that ends.
    pub(super) fn begin_stream(
        &mut self,
        high_water: [u64; 4],
        last_hash: &[Vec<u8>; 4],
    ) -> Result<(), SpoolError> {
        let stream = StreamId(clock::random_id());
        let mut lanes = self.lanes.clone();
        for (name, last_hash) in LaneName::ALL.into_iter().zip(last_hash) {
            let owned = self.owned(name, high_water[name.index()], last_hash)?;
            let lane = &mut lanes[name.index()];
            if let Some(position) = owned {
                lane.pass(position, 0);
            }
            lane.begin_stream();
            // The last event has another number now, and so another hash.
            let last = self.file.events(name, lane.next - 1, 1, usize::MAX)?;
            let last = last.first().filter(|event| event.position > lane.acked);
            lane.last_hash = last.map_or_else(Vec::new, |event| hash(lane, event.position, &event.bytes));
        }
        let tx = self.file.begin()?;
        file::write_stream(&tx, stream)?;
        for name in LaneName::ALL {
            let lane = &mut lanes[name.index()];
            let erased_bytes = file::erase_through(&tx, name, lane.acked)?;
            lane.pass(lane.acked, erased_bytes);
            file::write_lane(&tx, name, lane)?;
        }
        tx.commit()?;
        info!(from = %self.stream, to = %stream, "a new stream begins");
        self.stream = stream;
        self.lanes = lanes;
        self.pending.acknowledged = [None; 4];
        Ok(())
    }

    /// How far the collector owns a lane without having acknowledged it: it has the very event that is kept here under
    /// the number of its mark, so it has those before it.
    fn owned(&self, name: LaneName, high_water: u64, last_hash: &[u8]) -> Result<Option<u64>, SpoolError> {
        let lane = &self.lanes[name.index()];
        let position = lane.position(high_water);
        if position <= lane.acked || position >= lane.next {
            return Ok(None);
        }
        let kept = self.file.events(name, position, 1, usize::MAX)?;
        let is_owned = kept.first().is_some_and(|event| {
            event.position == position && hash(lane, position, &event.bytes) == last_hash
        });
        Ok(is_owned.then_some(position))
    }

    /// The next events of a lane that have not been handed out since [`resume`](Self::resume), with the gaps
    /// before them.
    pub(super) fn next(&mut self, name: LaneName, bytes_max: usize) -> Result<Option<Batch>, SpoolError> {
        let lane = &self.lanes[name.index()];
        let mut first = lane.handed + 1;
        let mut gaps = Vec::new();
        for dropped in self.file.dropped(name, lane.handed)? {
            if dropped.first != first || gaps.len() == BATCH_GAPS_MAX {
                break;
            }
            first = dropped.last + 1;
            gaps.push(gap(name, lane, dropped));
        }
        let bytes_max = bytes_max.min(BATCH_RAW_BYTES_MAX);
        let events = self.file.events(name, first, BATCH_EVENTS_MAX, bytes_max)?;
        let last = first + events.len() as u64 - 1;
        if last == lane.handed {
            return Ok(None);
        }
        let numbers = lane.number(first)..=lane.number(last);
        let numbered = numbers.clone().zip(&events);
        let encoded: Vec<Vec<u8>> = numbered
            .map(|(number, event)| wire::number_event(number, &event.bytes))
            .collect();
        let (raw_bytes, packed) = match encoded.is_empty() {
            true => (0, Vec::new()),
            false => wire::pack_events(encoded),
        };
        self.lanes[name.index()].handed = last;
        Ok(Some(Batch {
            lane: name,
            first: *numbers.start(),
            last: *numbers.end(),
            raw_bytes,
            events: packed,
            gaps,
        }))
    }

    /// The file.
    pub(super) fn file(&self) -> &SpoolFile {
        &self.file
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.is_erasing() && self.acknowledged == [None; 4]
    }

    /// Whether nothing comes and nobody waits.
    fn is_erasing(&self) -> bool {
        self.events.is_empty() && self.state.is_empty() && self.committed.is_empty()
    }

    fn add(&mut self, new: NewEvent) {
        match &new.body {
            Body::Unsupported(unsupported) => self.unsupported.push(unsupported.clone()),
            // A new run says anew what it cannot see.
            Body::Presence(Presence::Started(_)) => self.begins = true,
            _ => {}
        }
        let mut waiting = Waiting::encode(new);
        if waiting.bytes.len() > wire::EVENT_BYTES_MAX {
            warn!(
                kind = waiting.kind,
                bytes = waiting.bytes.len(),
                "event is too large; reported as a blind spot"
            );
            waiting = Waiting::encode(too_large(&waiting));
        }
        self.bytes += waiting.bytes.len();
        self.urgent |= waiting.lane == LaneName::Urgent;
        self.events.push(waiting);
    }

    fn write(&self, tx: &Transaction<'_>, lanes: &mut [Lane; 4]) -> Result<(), SpoolError> {
        let mut last = [None; 4];
        for event in &self.events {
            let lane = &mut lanes[event.lane.index()];
            let position = lane.append(event.bytes.len());
            file::insert_event(tx, event.lane, position, event.kind, &event.bytes)?;
            last[event.lane.index()] = Some((position, &event.bytes));
        }
        for (lane, last) in lanes.iter_mut().zip(last) {
            if let Some((position, bytes)) = last {
                lane.last_hash = hash(lane, position, bytes);
            }
        }
        for change in &self.state {
            file::change_state(tx, change)?;
        }
        if self.begins {
            file::forget_unsupported(tx)?;
        }
        for unsupported in &self.unsupported {
            file::note_unsupported(tx, unsupported)?;
        }
        for name in LaneName::ALL {
            if let Some(position) = self.acknowledged[name.index()] {
                let erased_bytes = file::erase_through(tx, name, position)?;
                lanes[name.index()].pass(position, erased_bytes);
            }
        }
        Ok(())
    }
}

impl Waiting {
    fn encode(new: NewEvent) -> Self {
        let event = Event {
            header: Header {
                lane: new.lane,
                seq: 0,
                wall_ms: new.wall_ms,
                mono_ms: new.mono_ms,
                boot: clock::boot_id(),
            },
            body: new.body,
        };
        Self {
            lane: new.lane,
            kind: event.body.kind(),
            bytes: wire::encode_event(&event),
        }
    }
}

/// Drops the oldest events of the least important lanes; only what is not in flight.
fn make_room(tx: &Transaction<'_>, lanes: &mut [Lane; 4], excess: Excess) -> Result<(), SpoolError> {
    let mut drop_from = |name: LaneName, bytes: u64| -> Result<u64, SpoolError> {
        if bytes == 0 {
            return Ok(0);
        }
        let lane = &mut lanes[name.index()];
        let freed = file::drop_oldest(tx, name, lane.handed.max(lane.acked), bytes, SPOOL_FULL)?;
        if freed > 0 {
            warn!(lane = ?name, bytes = freed, "the spool is full: the oldest events of a lane are dropped");
        }
        lane.bytes = lane.bytes.saturating_sub(freed);
        Ok(freed)
    };
    let mut still = excess.common_bytes;
    for name in [LaneName::Samples, LaneName::Events, LaneName::State] {
        still = still.saturating_sub(drop_from(name, still)?);
    }
    drop_from(LaneName::Urgent, excess.urgent_bytes)?;
    Ok(())
}

fn hash(lane: &Lane, position: u64, bytes: &[u8]) -> Vec<u8> {
    wire::event_hash(&wire::number_event(lane.number(position), bytes)).to_vec()
}

fn gap(name: LaneName, lane: &Lane, dropped: Dropped) -> Gap {
    Gap {
        lane: name,
        first: lane.number(dropped.first),
        last: lane.number(dropped.last),
        reason: dropped.reason,
        counts: dropped.counts,
    }
}

/// What is said in the place of an event that does not fit a frame.
fn too_large(event: &Waiting) -> NewEvent {
    let sensor = match event.kind {
        "file" => Sensor::Files,
        "antivirus" => Sensor::Antivirus,
        "network" | "probe_state" | "probe_sample" => Sensor::Network,
        _ => Sensor::Presence,
    };
    blind(event.lane, sensor, event.kind, "event_too_large")
}

/// A blind spot of this moment.
pub(super) fn blind(lane: LaneName, sensor: Sensor, scope: &str, reason: &str) -> NewEvent {
    let now_ms = clock::wall_ms();
    NewEvent {
        lane,
        wall_ms: now_ms,
        mono_ms: clock::mono_ms(),
        body: Body::Blind(Blind {
            sensor,
            scope: scope.as_bytes().to_vec(),
            since_ms: now_ms,
            until_ms: now_ms,
            reason: reason.to_owned(),
        }),
    }
}
