//! What may leave next: pure. Whose turn it is, how much may be in flight, and how fast, taken together.
//!
//! *Live before backlog* with lanes that keep their order means: lane 0 never waits for the others, neither here, nor
//! in this PC's kernel, nor on the line, because the others keep little in flight and share the line as they are told.
//! A new state or file event waits behind the older ones of its own lane, for the ledger's "everything up to this
//! number" allows no overtaking; for the other two lanes it waits no longer than its share says.

use std::time::Duration;

use vong_proto::event::Lane;
use vong_proto::session::{Ack, Allowance};

use super::pace::{Leave, Pace};
use super::schedule::Schedule;
use super::window::Window;

/// What may leave next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A batch of this lane, of so many bytes of events at most.
    Send(Lane, usize),
    /// Nothing before so long has passed, unless something happens.
    In(Duration),
    /// Nothing, unless something happens.
    Nothing,
}

/// The way out of one connection.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    schedule: Schedule,
    window: Window,
    pace: Pace,
}

impl Outlet {
    /// A new connection's: every lane may have something.
    pub(super) fn new(credit_bytes: u32) -> Self {
        Self {
            schedule: Schedule::new(),
            window: Window::new(credit_bytes),
            pace: Pace::default(),
        }
    }

    /// What the policy allows this PC, in kbit/s; 0 for no limit.
    pub(super) fn limit(&mut self, own_kbit_s: u32, now: Duration) {
        self.pace.limit(own_kbit_s, now);
    }

    /// What the collector allows it for the time being.
    pub(super) fn allow(&mut self, allowance: Allowance, now: Duration) {
        self.pace.allow(allowance, now);
    }

    /// A lane has something new.
    pub(super) fn wake(&mut self, lane: Lane) {
        self.schedule.wake(lane);
    }

    /// A lane has nothing more.
    pub(super) fn empty(&mut self, lane: Lane) {
        self.schedule.empty(lane);
    }

    /// What may leave now.
    pub(super) fn next(&mut self, now: Duration) -> Next {
        let Some(lane) = self.schedule.turn() else {
            return Next::Nothing;
        };
        let Some(room) = self.window.room(lane) else {
            return Next::Nothing;
        };
        if lane == Lane::Urgent {
            return Next::Send(lane, room);
        }
        match self.pace.leave(now) {
            Leave::Now(bytes) => Next::Send(lane, room.min(bytes)),
            Leave::In(time) => Next::In(time),
            Leave::Held => Next::Nothing,
        }
    }

    /// A batch that ends with this number was sent; its events take so many bytes.
    pub(super) fn sent(&mut self, lane: Lane, last: u64, bytes: usize, now: Duration) {
        self.schedule.sent(lane, bytes);
        self.window.sent(lane, last, bytes, now);
        self.pace.sent(bytes, now);
    }

    /// The collector owns a lane up to a number.
    pub(super) fn acknowledged(&mut self, ack: Ack, now: Duration) {
        self.window.acknowledged(ack, now);
    }

    /// Whether nothing is left to send, and everything sent has been acknowledged.
    pub(super) fn is_idle(&self) -> bool {
        self.schedule.is_idle() && self.window.is_empty()
    }
}

#[cfg(test)]
mod tests;
