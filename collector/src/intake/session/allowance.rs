//! How much the agent may send: its share of its unit's line, and nothing but what is urgent while the journal has
//! hardly any room. It is told in the welcome, with each heartbeat, and at once when it changes.

use std::sync::Arc;

use tokio::time::Instant;
use vong_proto::event::Lane;
use vong_proto::session::{Allowance, CollectorFrame, Heartbeat};

use super::{Session, SessionError, send};
use crate::clock::now_ms;
use crate::intake::share::Line;

impl Session<'_> {
    /// What the agent may send now.
    pub(super) fn allowance(&self) -> Allowance {
        Allowance {
            kbit_s: *self.share.borrow(),
            urgent_only: !*self.shared.intake.journal.room().borrow(),
            slowed: self.slowed,
        }
    }

    /// Tells the agent, if it does not know yet. Agents of before take the frame for a sign of life.
    pub(super) async fn tell_allowance(&mut self) -> Result<(), SessionError> {
        if self.allowance() == self.told {
            return Ok(());
        }
        self.beat(0, true).await
    }

    /// Sends a heartbeat, or the answer to one.
    pub(super) async fn beat(&mut self, echo: u64, answer: bool) -> Result<(), SessionError> {
        self.told = self.allowance();
        let beat = Heartbeat {
            wall_ms: now_ms(),
            echo,
            answer,
            allowance: self.told,
        };
        send(&mut self.writer, CollectorFrame::Heartbeat(beat)).await
    }

    /// Takes the agent's seat at its unit's line, or leaves the one it had.
    pub(super) fn sit_down(&mut self, line: Line) {
        if self.seat.as_ref().is_some_and(|seat| seat.line() == line) {
            return;
        }
        // The old one first: leaving it ends its limit.
        self.seat = None;
        if line.kbit_s > 0 {
            let share = Arc::clone(&self.share);
            self.seat = Some(self.shared.shares.join(line, share, Instant::now()));
        }
    }

    /// The agent has brought a batch.
    pub(super) fn note_brought(&self, lane: Lane) {
        if let Some(seat) = self.seat.as_ref().filter(|_| lane != Lane::Urgent) {
            seat.brought(Instant::now());
        }
    }
}
