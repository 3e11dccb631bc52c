//! Where those who hear of changes leave them for the one who looks.
//!
//! It is bounded: when the looker is behind, the hearer waits, then the system's own queue overflows, and
//! the system says so. Nothing is dropped here.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::queue::{Change, Queue};

/// So many changes wait at most: some 4 MiB, and half a second of looking.
const CHANGES_MAX: usize = 8_192;
/// So many folders are known at once below which something happened where no path reaches.
const TOO_DEEP_MAX: usize = 64;

/// The hand-over between the threads of this sensor.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    arrived: Condvar,
    made_room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    lost: Option<Lost>,
    too_deep: BTreeSet<Vec<u8>>,
    /// Nobody waits, though the inbox may be full.
    admits_all: bool,
    closed: bool,
}

/// Events have been lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// Why: `queue_overflow`, `watch_limit`, `source_failed` or `remounted`.
    pub(super) reason: &'static str,
    /// The last moment when certainly none was missing, by the wall clock.
    pub(super) since_ms: i64,
    /// When it was noticed.
    pub(super) until_ms: i64,
}

impl Inbox {
    /// Leaves a change; waits while the inbox is full. Whether anybody will look at it.
    pub(super) fn push(&self, change: Change) -> bool {
        let full = |state: &mut State| state.queue.len() >= CHANGES_MAX && !state.admits_all && !state.closed;
        let mut state = self
            .made_room
            .wait_while(self.lock(), full)
            .unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return false;
        }
        state.queue.push(change, Instant::now());
        drop(state);
        self.arrived.notify_one();
        true
    }

    /// Says that events were lost; several losses that nobody has looked at yet become one.
    pub(super) fn lose(&self, lost: Lost) {
        let mut state = self.lock();
        let since_ms = state
            .lost
            .map_or(lost.since_ms, |before| before.since_ms.min(lost.since_ms));
        state.lost = Some(Lost { since_ms, ..lost });
    }

    /// Takes the news of a loss.
    pub(super) fn take_lost(&self) -> Option<Lost> {
        self.lock().lost.take()
    }

    /// Says that something happened below this folder where no path reaches.
    pub(super) fn say_too_deep(&self, folder: Vec<u8>) {
        let mut state = self.lock();
        if state.too_deep.len() < TOO_DEEP_MAX {
            state.too_deep.insert(folder);
        }
    }

    /// Takes the folders below which something happened where no path reaches.
    pub(super) fn take_too_deep(&self) -> BTreeSet<Vec<u8>> {
        std::mem::take(&mut self.lock().too_deep)
    }

    /// Takes the oldest change that is due.
    pub(super) fn pop(&self) -> Option<Change> {
        let change = self.lock().queue.pop(Instant::now())?;
        self.made_room.notify_one();
        Some(change)
    }

    /// What was taken last of this path has been told: what follows is gathered for so long.
    pub(super) fn told(&self, path: &[u8], hold: Duration) {
        self.lock().queue.told(path, hold, Instant::now());
    }

    /// Lets nothing wait any longer.
    pub(super) fn hurry_all(&self) {
        self.lock().queue.hurry_all();
    }

    /// Whether a change of this path waits.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        self.lock().queue.holds(path)
    }

    /// Whether nothing waits and nothing is lost: all that was left here has been looked at.
    pub(super) fn is_settled(&self) -> bool {
        let state = self.lock();
        state.queue.len() == 0 && state.lost.is_none()
    }

    /// Waits until something is due, at most `patience`.
    pub(super) fn wait(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let left = until.saturating_duration_since(now);
            let due_in = state.queue.due_in(now).unwrap_or(left).min(left);
            if due_in.is_zero() {
                return;
            }
            state = self
                .arrived
                .wait_timeout(state, due_in)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Lets everybody in for a moment, so that one who waits here can answer a question.
    pub(super) fn admit_all(&self, admits_all: bool) {
        self.lock().admits_all = admits_all;
        self.made_room.notify_all();
    }

    /// Lets everybody go who waits to leave a change.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.made_room.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
