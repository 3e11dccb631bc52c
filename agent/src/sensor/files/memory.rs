//! What the sensor remembers, and the reports that change it.
//!
//! Events and what they change in memory travel in one report and become durable together. What has been
//! handed over but is not yet durable is kept beside the reader, so that the second change of a file is
//! compared with the first and not with the one before.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use vong_proto::event::{Lane, Sensor};

use super::known::{Known, key_of};
use crate::report::{NewEvent, Report, Reports, SpoolStopped, StateChange};
use crate::state::{Pair, StateError, StateReader};

/// A report carries at most so many changes: one transaction of moderate size.
const CHANGES_PER_REPORT_MAX: usize = 256;
/// So many reports may be on their way; then the oldest is waited for, which bounds the memory here.
const IN_FLIGHT_MAX: usize = 64;
/// So many changes may be on their way in them: some 2 MiB. Small reports are for what happens, large ones come from a
/// first look, which can wait for a slow disk.
const CHANGES_IN_FLIGHT_MAX: usize = 4_096;

/// Why the sensor cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum MemoryError {
    /// Nobody takes reports any more: the agent stops.
    #[error(transparent)]
    Stopped(#[from] SpoolStopped),
    /// What was remembered cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Memory and its changes.
pub(super) struct Memory {
    reader: StateReader,
    reports: Reports,
    draft: Report,
    urgent: bool,
    /// Number of the report in the making.
    number: u64,
    in_flight: VecDeque<InFlight>,
    changes_in_flight: usize,
    /// What the reader does not see yet, with the number of the report that it stands in.
    recent: HashMap<Vec<u8>, (u64, Option<Vec<u8>>)>,
}

struct InFlight {
    number: u64,
    keys: Vec<Vec<u8>>,
    committed: Receiver<()>,
}

impl Memory {
    pub(super) fn new(reader: StateReader, reports: Reports) -> Self {
        Self {
            reader,
            reports,
            draft: Report::default(),
            urgent: false,
            number: 0,
            in_flight: VecDeque::new(),
            changes_in_flight: 0,
            recent: HashMap::new(),
        }
    }

    /// What is remembered of a path.
    pub(super) fn known(&self, path: &[u8]) -> Result<Option<Known>, MemoryError> {
        let value = self.value(&key_of(path))?;
        Ok(value.and_then(|value| Known::decode(&value)))
    }

    /// The value of a key, as it will be when all reports are durable.
    pub(super) fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MemoryError> {
        match self.recent.get(key) {
            Some((_, value)) => Ok(value.clone()),
            None => Ok(self.reader.get(Sensor::Files, key)?),
        }
    }

    /// Durable pairs behind a key, in order.
    pub(super) fn page(&self, after: &[u8], limit: usize) -> Result<Vec<Pair>, MemoryError> {
        Ok(self.reader.page(Sensor::Files, Some(after), limit)?)
    }

    /// Remembers a path, or forgets it.
    pub(super) fn remember(&mut self, path: &[u8], known: Option<&Known>) -> Result<(), MemoryError> {
        self.set(key_of(path), known.map(Known::encode))
    }

    /// Sets the value of a key.
    pub(super) fn set(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), MemoryError> {
        self.recent.insert(key.clone(), (self.number, value.clone()));
        self.draft.state.push(StateChange {
            sensor: Sensor::Files,
            key,
            value,
        });
        self.flush_when_full()
    }

    /// Reports an event. Set what it changes in memory first: a report is never cut between the two.
    pub(super) fn report(&mut self, event: NewEvent) {
        self.urgent |= event.lane == Lane::Urgent;
        self.draft.events.push(event);
    }

    fn flush_when_full(&mut self) -> Result<(), MemoryError> {
        if self.draft.state.len() > CHANGES_PER_REPORT_MAX {
            // The last change belongs to the event that follows it.
            let last = self.draft.state.pop();
            self.flush()?;
            if let Some(change) = last {
                self.recent
                    .insert(change.key.clone(), (self.number, change.value.clone()));
                self.draft.state.push(change);
            }
        }
        Ok(())
    }

    /// Whether something urgent waits to be handed over.
    pub(super) fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Hands over what has been gathered.
    pub(super) fn flush(&mut self) -> Result<(), MemoryError> {
        if self.draft.events.is_empty() && self.draft.state.is_empty() {
            return Ok(());
        }
        let (done, committed) = sync_channel(1);
        let mut report = std::mem::take(&mut self.draft);
        report.committed = Some(done);
        self.urgent = false;
        let keys: Vec<Vec<u8>> = report.state.iter().map(|change| change.key.clone()).collect();
        self.changes_in_flight += keys.len();
        self.reports.send(report)?;
        self.in_flight.push_back(InFlight {
            number: self.number,
            keys,
            committed,
        });
        self.number += 1;
        self.collect(IN_FLIGHT_MAX)
    }

    /// Waits until everything handed over is durable, so that pages show it.
    pub(super) fn settle(&mut self) -> Result<(), MemoryError> {
        self.flush()?;
        self.collect(0)
    }

    /// Lets go of what has become durable; waits while more than `allowed` reports have not,
    /// or more changes than memory is meant for.
    pub(super) fn collect(&mut self, allowed: usize) -> Result<(), MemoryError> {
        while let Some(oldest) = self.in_flight.front() {
            if self.in_flight.len() > allowed || self.changes_in_flight > CHANGES_IN_FLIGHT_MAX {
                oldest.committed.recv().map_err(|_| SpoolStopped)?;
            } else {
                match oldest.committed.try_recv() {
                    Ok(()) => {}
                    Err(TryRecvError::Empty) => return Ok(()),
                    Err(TryRecvError::Disconnected) => return Err(SpoolStopped.into()),
                }
            }
            if let Some(durable) = self.in_flight.pop_front() {
                self.forget_recent(&durable);
            }
        }
        Ok(())
    }

    fn forget_recent(&mut self, durable: &InFlight) {
        self.changes_in_flight -= durable.keys.len();
        for key in &durable.keys {
            if self
                .recent
                .get(key)
                .is_some_and(|(number, _)| *number == durable.number)
            {
                self.recent.remove(key);
            }
        }
    }
}
