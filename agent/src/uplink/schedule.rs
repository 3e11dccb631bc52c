//! Which lane sends next, and how much may be in flight: pure.
//!
//! Lane 0 always goes first. The others share what is left 8 : 4 : 1 by bytes, so that a flood of samples
//! cannot starve a state, nor the other way round. A batch is kept small enough that on a thin line an urgent
//! event waits behind one of them for about a second.

use std::collections::VecDeque;

use vong_proto::event::Lane;
use vong_proto::session::Ack;
use vong_proto::wire::EVENT_BYTES_MAX;

/// The shares of lanes 1 to 3; lane 0's is never looked at.
const SHARES: [u64; 4] = [1, 8, 4, 1];

/// A batch holds about so many bytes of events before compression, some 80 KB after it.
const BATCH_BYTES: usize = 256 * 1024;

/// What a batch takes besides its events.
const BATCH_OVERHEAD_BYTES: usize = 1_024;

/// Who sends next.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    /// Whether a lane may have something to send.
    waiting: [bool; 4],
    /// What each lane has sent, divided by its share.
    spent: [u64; 4],
}

/// What is in flight.
#[derive(Clone, Debug)]
pub(super) struct Window {
    credit_bytes: usize,
    in_flight_bytes: usize,
    flights: VecDeque<Flight>,
}

#[derive(Clone, Debug)]
struct Flight {
    lane: Lane,
    last: u64,
    bytes: usize,
}

impl Schedule {
    /// Every lane may have something.
    pub(super) fn new() -> Self {
        Self {
            waiting: [true; 4],
            spent: [0; 4],
        }
    }

    /// The lane whose turn it is.
    pub(super) fn turn(&self) -> Option<Lane> {
        if self.waiting[Lane::Urgent.index()] {
            return Some(Lane::Urgent);
        }
        Lane::ALL
            .into_iter()
            .filter(|lane| self.waiting[lane.index()])
            .min_by_key(|lane| self.spent[lane.index()])
    }

    /// A lane has sent so many bytes.
    pub(super) fn sent(&mut self, lane: Lane, bytes: usize) {
        self.spent[lane.index()] += bytes as u64 / SHARES[lane.index()];
    }

    /// A lane has nothing more.
    pub(super) fn empty(&mut self, lane: Lane) {
        self.waiting[lane.index()] = false;
    }

    /// A lane has something new. One that comes late does not make up for the time when it had nothing.
    pub(super) fn wake(&mut self, lane: Lane) {
        let index = lane.index();
        if self.waiting[index] {
            return;
        }
        let behind = (1..4)
            .filter(|other| self.waiting[*other])
            .map(|other| self.spent[other]);
        if let Some(least) = behind.min() {
            self.spent[index] = self.spent[index].max(least);
        }
        self.waiting[index] = true;
    }

    /// Whether no lane has anything to send.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting == [false; 4]
    }
}

impl Window {
    pub(super) fn new(credit_bytes: u32) -> Self {
        Self {
            credit_bytes: credit_bytes as usize,
            in_flight_bytes: 0,
            flights: VecDeque::new(),
        }
    }

    /// The bytes of events that the next batch may hold; `None` when it has to wait for an acknowledgement.
    /// With nothing in flight there is always room for one batch, however small the credit.
    pub(super) fn room(&self) -> Option<usize> {
        let left = self
            .credit_bytes
            .saturating_sub(self.in_flight_bytes + BATCH_OVERHEAD_BYTES);
        let enough = left >= EVENT_BYTES_MAX || self.flights.is_empty();
        enough.then_some(left.min(BATCH_BYTES))
    }

    pub(super) fn sent(&mut self, lane: Lane, last: u64, bytes: usize) {
        let bytes = bytes + BATCH_OVERHEAD_BYTES;
        self.in_flight_bytes += bytes;
        self.flights.push_back(Flight { lane, last, bytes });
    }

    pub(super) fn acknowledged(&mut self, ack: Ack) {
        let landed = |flight: &Flight| flight.lane == ack.lane && flight.last <= ack.through;
        let landed_bytes: usize = self.flights.iter().filter(|f| landed(f)).map(|f| f.bytes).sum();
        self.in_flight_bytes -= landed_bytes;
        self.flights.retain(|flight| !landed(flight));
    }

    /// Whether everything sent has been acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lane_0_goes_first_and_the_others_share_8_to_4_to_1() {
        let mut schedule = Schedule::new();
        assert_eq!(schedule.turn(), Some(Lane::Urgent));
        schedule.empty(Lane::Urgent);
        let mut turns = [0; 4];
        for _ in 0..1_300 {
            let lane = schedule.turn().unwrap();
            schedule.sent(lane, 80_000);
            turns[lane.index()] += 1;
        }
        assert!(
            (795..=805).contains(&turns[1]) && (395..=405).contains(&turns[2]),
            "{turns:?}"
        );
        schedule.wake(Lane::Urgent);
        assert_eq!(schedule.turn(), Some(Lane::Urgent));
    }

    #[test]
    fn a_late_lane_does_not_take_over() {
        let mut schedule = Schedule::new();
        schedule.empty(Lane::Urgent);
        schedule.empty(Lane::Samples);
        for _ in 0..100 {
            let lane = schedule.turn().unwrap();
            schedule.sent(lane, 80_000);
        }
        schedule.wake(Lane::Samples);
        let turns: Vec<Lane> = (0..13)
            .map(|_| {
                let lane = schedule.turn().unwrap();
                schedule.sent(lane, 80_000);
                lane
            })
            .collect();
        assert!(
            turns.iter().filter(|lane| **lane == Lane::Samples).count() <= 2,
            "{turns:?}"
        );
    }

    #[test]
    fn what_is_acknowledged_makes_room() {
        let mut window = Window::new(300_000);
        assert_eq!(window.room(), Some(BATCH_BYTES));
        window.sent(Lane::Events, 10, 200_000);
        assert_eq!(window.room(), None);
        window.acknowledged(Ack {
            lane: Lane::State,
            through: 10,
        });
        window.acknowledged(Ack {
            lane: Lane::Events,
            through: 9,
        });
        assert_eq!(window.room(), None);
        window.acknowledged(Ack {
            lane: Lane::Events,
            through: 10,
        });
        assert_eq!(window.room(), Some(BATCH_BYTES));
    }

    #[test]
    fn the_smallest_credit_still_lets_one_batch_pass() {
        let mut window = Window::new(0);
        assert_eq!(window.room(), Some(0));
        window.sent(Lane::Events, 1, 100);
        assert_eq!(window.room(), None);
    }

    proptest! {
        /// What a batch is allowed never exceeds the credit, unless it is alone.
        #[test]
        fn the_credit_holds(credit in 0u32..4_000_000, steps in proptest::collection::vec((0u32..4, 0u64..20), 1..100)) {
            let mut window = Window::new(credit);
            for (step, (lane, through)) in steps.into_iter().enumerate() {
                let lane = Lane::from_index(lane).unwrap();
                match window.room() {
                    Some(room) => {
                        let alone = window.is_empty();
                        window.sent(lane, step as u64, room);
                        prop_assert!(alone || window.in_flight_bytes <= credit as usize);
                    }
                    None => window.acknowledged(Ack { lane, through: through * 5 }),
                }
                let flying: usize = window.flights.iter().map(|f| f.bytes).sum();
                prop_assert_eq!(flying, window.in_flight_bytes);
            }
        }
    }
}
