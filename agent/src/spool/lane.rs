//! Where one lane stands: pure arithmetic of positions and numbers.
//!
//! A *position* counts from the spool's beginning and never changes; a *number* counts from the beginning of
//! the stream, `number = position - base`.
//!
//! ```text
//!   base      acked        handed          next
//!    |----------|------------|--------------|
//!      erased     in flight    unsent         (the collector speaks in numbers)
//! ```

use std::ops::RangeInclusive;

/// What an event is charged for beyond its own bytes: key, kind and its share of a page.
const OVERHEAD_BYTES: u64 = 32;

/// Where one lane stands; see the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) base: u64,
    pub(super) next: u64,
    pub(super) acked: u64,
    /// What has been handed to the present connection; not kept over a restart.
    pub(super) handed: u64,
    /// What the kept events are charged for.
    pub(super) bytes: u64,
    pub(super) last_hash: Vec<u8>,
}

/// What the collector's high-water mark means for a lane.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resumption {
    /// It owns everything up to this position.
    Owns(u64),
    /// It once acknowledged these positions and has lost them: they are a gap that only this side knows of.
    Lost(RangeInclusive<u64>),
    /// It owns numbers that were never given here.
    Ahead,
}

/// What an event of so many bytes takes up.
pub(super) fn charge(event_bytes: usize) -> u64 {
    event_bytes as u64 + OVERHEAD_BYTES
}

impl Lane {
    pub(super) fn new() -> Self {
        Self {
            base: 0,
            next: 1,
            acked: 0,
            handed: 0,
            bytes: 0,
            last_hash: Vec::new(),
        }
    }

    /// The number of a position in the present stream.
    pub(super) fn number(&self, position: u64) -> u64 {
        position.saturating_sub(self.base)
    }

    /// The position of a number in the present stream.
    pub(super) fn position(&self, number: u64) -> u64 {
        number.saturating_add(self.base)
    }

    /// Takes the next position for an event of so many bytes.
    pub(super) fn append(&mut self, event_bytes: usize) -> u64 {
        let position = self.next;
        self.next += 1;
        self.bytes += charge(event_bytes);
        position
    }

    /// The position up to which an acknowledged number reaches, or `None` when it says nothing new. A number
    /// that was never handed out acknowledges only what was: nobody can own what was not sent.
    pub(super) fn acknowledged(&self, through: u64) -> Option<u64> {
        let position = self.position(through).min(self.handed);
        (position > self.acked).then_some(position)
    }

    /// Passes a position that the collector now owns, and so many bytes that were erased up to it.
    pub(super) fn pass(&mut self, position: u64, erased_bytes: u64) {
        self.acked = position;
        self.handed = self.handed.max(position);
        self.bytes = self.bytes.saturating_sub(erased_bytes);
    }

    /// What the collector's high-water mark means.
    pub(super) fn resumption(&self, high_water: u64) -> Resumption {
        let position = self.position(high_water);
        if position >= self.next {
            Resumption::Ahead
        } else if position < self.acked {
            Resumption::Lost(position + 1..=self.acked)
        } else {
            Resumption::Owns(position)
        }
    }

    /// A connection has ended: what it was handed and has not acknowledged is unsent again.
    pub(super) fn rewind(&mut self) {
        self.handed = self.acked;
    }

    /// Begins a new stream: the first event that is not acknowledged gets number 1.
    pub(super) fn begin_stream(&mut self) {
        self.base = self.acked;
        self.rewind();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(base: u64, acked: u64, next: u64) -> Lane {
        Lane {
            base,
            next,
            acked,
            handed: acked,
            ..Lane::new()
        }
    }

    #[test]
    fn numbers_begin_with_one() {
        let mut lane = Lane::new();
        let position = lane.append(100);
        assert_eq!((lane.number(position), lane.bytes), (1, charge(100)));
    }

    #[test]
    fn an_acknowledgement_only_rises_and_never_beyond_what_was_handed_out() {
        let mut lane = lane(0, 5, 10);
        lane.handed = 8;
        assert_eq!(lane.acknowledged(5), None);
        assert_eq!(lane.acknowledged(7), Some(7));
        assert_eq!(lane.acknowledged(u64::MAX), Some(8));
    }

    #[test]
    fn a_high_water_mark_is_judged_against_what_was_given() {
        let lane = lane(100, 105, 110);
        assert_eq!(lane.resumption(5), Resumption::Owns(105));
        assert_eq!(lane.resumption(9), Resumption::Owns(109));
        assert_eq!(lane.resumption(10), Resumption::Ahead);
        assert_eq!(lane.resumption(3), Resumption::Lost(104..=105));
    }

    #[test]
    fn a_new_stream_keeps_what_is_not_acknowledged_and_numbers_it_from_one() {
        let mut lane = lane(0, 5, 8);
        lane.handed = 7;
        lane.begin_stream();
        assert_eq!((lane.number(6), lane.number(lane.next), lane.handed), (1, 3, 5));
    }
}
