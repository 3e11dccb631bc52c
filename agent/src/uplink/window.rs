//! How much may be in flight: pure. Nothing urgent shall wait long behind what was sent before it.
//!
//! What is sent and not acknowledged lies in this PC's kernel, on the line, or at the collector, and whatever is sent
//! next waits behind it. So the backlog (lanes 1 to 3) keeps no more in flight than about [`QUEUE_MAX`] of what this
//! connection carries, whatever that is: the window doubles while acknowledgements come promptly, and shrinks when
//! they come later than the line and the collector themselves need. On a thin line that forty agents share, each of
//! them ends at some kilobytes; no kernel's buffer has to be kept small, because hardly anything gets there. Lane 0
//! waits for no window, only for the collector's credit.

use std::collections::VecDeque;
use std::time::Duration;

use vong_proto::event::Lane;
use vong_proto::session::Ack;
use vong_proto::wire::EVENT_BYTES_MAX;

/// A batch holds about so many bytes of events before compression, some 80 KB after it.
pub(super) const BATCH_BYTES: usize = 256 * 1024;

/// What a batch takes besides its events.
const BATCH_OVERHEAD_BYTES: usize = 1_024;

/// The window begins with so much and never shrinks further: forty agents that begin at once fill a line of
/// 2 Mbit/s for three seconds.
const WINDOW_BYTES_MIN: usize = 16 * 1024;

/// The backlog may make others wait for about so long; beyond it the window shrinks.
const QUEUE_MAX: Duration = Duration::from_secs(1);

/// One shrinking does not go further than this: a single late answer is no thin line.
const SHRINKING_MAX: u32 = 4;

/// What is in flight.
#[derive(Clone, Debug)]
pub(super) struct Window {
    credit_bytes: usize,
    in_flight_bytes: usize,
    flights: VecDeque<Flight>,
    /// What may be in flight when something of the backlog is sent.
    backlog_bytes: usize,
    /// The promptest acknowledgement: what line and collector need when nothing waits.
    least_delay: Duration,
    shrunk_at: Duration,
}

#[derive(Clone, Debug)]
struct Flight {
    lane: Lane,
    last: u64,
    bytes: usize,
    sent_at: Duration,
    /// Whether the window was in use when this was sent; otherwise its delay says nothing about a larger one.
    filled: bool,
}

impl Window {
    pub(super) fn new(credit_bytes: u32) -> Self {
        Self {
            credit_bytes: credit_bytes as usize,
            in_flight_bytes: 0,
            flights: VecDeque::new(),
            backlog_bytes: WINDOW_BYTES_MIN,
            least_delay: Duration::MAX,
            shrunk_at: Duration::ZERO,
        }
    }

    /// The bytes of events that the next batch may hold; `None` when it has to wait for an acknowledgement.
    /// With nothing in flight there is always room for one batch, however small the credit.
    pub(super) fn room(&self, lane: Lane) -> Option<usize> {
        let taken = self.in_flight_bytes + BATCH_OVERHEAD_BYTES;
        let credit = self.credit_bytes.saturating_sub(taken);
        if credit < EVENT_BYTES_MAX && !self.flights.is_empty() {
            return None;
        }
        let room = credit.min(BATCH_BYTES);
        if lane == Lane::Urgent {
            return Some(room);
        }
        let window = self.backlog_bytes.saturating_sub(taken);
        let worth_it = window >= self.backlog_bytes / 4 || self.flights.is_empty();
        // Two at least, so that one is on its way while the other is being kept.
        worth_it.then_some(room.min(window).min(self.backlog_bytes / 2))
    }

    pub(super) fn sent(&mut self, lane: Lane, last: u64, bytes: usize, now: Duration) {
        let bytes = bytes + BATCH_OVERHEAD_BYTES;
        self.in_flight_bytes += bytes;
        self.flights.push_back(Flight {
            lane,
            last,
            bytes,
            sent_at: now,
            filled: self.in_flight_bytes >= self.backlog_bytes / 2,
        });
    }

    pub(super) fn acknowledged(&mut self, ack: Ack, now: Duration) {
        let landed = |flight: &Flight| flight.lane == ack.lane && flight.last <= ack.through;
        let (landed, flying) = std::mem::take(&mut self.flights).into_iter().partition(landed);
        self.flights = flying;
        let landed: VecDeque<Flight> = landed;
        for flight in landed {
            self.in_flight_bytes -= flight.bytes;
            self.learn(&flight, now.saturating_sub(flight.sent_at), now);
        }
    }

    fn learn(&mut self, flight: &Flight, delay: Duration, now: Duration) {
        self.least_delay = self.least_delay.min(delay);
        let queued = delay - self.least_delay;
        if queued <= QUEUE_MAX / 2 && flight.filled {
            self.backlog_bytes += flight.bytes;
        } else if queued > QUEUE_MAX && flight.sent_at >= self.shrunk_at {
            let ratio = (queued.as_secs_f64() / QUEUE_MAX.as_secs_f64()).min(SHRINKING_MAX.into());
            self.backlog_bytes = (self.backlog_bytes as f64 / ratio) as usize;
            self.shrunk_at = now;
        }
        let most = self.credit_bytes.max(WINDOW_BYTES_MIN);
        self.backlog_bytes = self.backlog_bytes.clamp(WINDOW_BYTES_MIN, most);
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

    const CREDIT_BYTES: u32 = 2_000_000;
    const PROMPT: Duration = Duration::from_millis(20);

    fn ack(lane: Lane, through: u64) -> Ack {
        Ack { lane, through }
    }

    /// Sends whatever fits, has it acknowledged after `delay`, and so on.
    fn exchange(window: &mut Window, rounds: u32, delay: Duration, now: &mut Duration) {
        let mut last = now.as_nanos() as u64;
        for _ in 0..rounds {
            while let Some(room) = window.room(Lane::Events) {
                last += 1;
                window.sent(Lane::Events, last, room, *now);
            }
            *now += delay;
            window.acknowledged(ack(Lane::Events, last), *now);
        }
    }

    #[test]
    fn a_wide_line_is_used_up_to_the_credit_within_a_few_exchanges() {
        let mut window = Window::new(CREDIT_BYTES);
        let mut now = Duration::ZERO;
        exchange(&mut window, 12, PROMPT, &mut now);
        assert_eq!(window.backlog_bytes, CREDIT_BYTES as usize);
        assert_eq!(window.room(Lane::Events), Some(BATCH_BYTES));
    }

    #[test]
    fn a_queue_makes_the_window_small_but_a_distant_collector_does_not() {
        let mut window = Window::new(CREDIT_BYTES);
        let mut now = Duration::ZERO;
        exchange(&mut window, 12, PROMPT, &mut now);
        exchange(&mut window, 10, Duration::from_secs(4), &mut now);
        assert_eq!(window.backlog_bytes, WINDOW_BYTES_MIN);
        exchange(&mut window, 12, PROMPT, &mut now);
        assert_eq!(window.backlog_bytes, CREDIT_BYTES as usize);

        let mut distant = Window::new(CREDIT_BYTES);
        exchange(&mut distant, 12, Duration::from_secs(2), &mut now);
        assert_eq!(distant.backlog_bytes, CREDIT_BYTES as usize);
    }

    #[test]
    fn a_window_that_nobody_fills_does_not_grow() {
        let mut window = Window::new(CREDIT_BYTES);
        for round in 0..100 {
            window.sent(Lane::Samples, round, 300, PROMPT * round as u32);
            window.acknowledged(ack(Lane::Samples, round), PROMPT * (round as u32 + 1));
        }
        assert_eq!(window.backlog_bytes, WINDOW_BYTES_MIN);
    }

    #[test]
    fn what_is_urgent_waits_for_no_window() {
        let mut window = Window::new(CREDIT_BYTES);
        let mut last = 0;
        while let Some(room) = window.room(Lane::Events) {
            last += 1;
            window.sent(Lane::Events, last, room, Duration::ZERO);
        }
        assert_eq!(window.room(Lane::Urgent), Some(BATCH_BYTES));
    }

    #[test]
    fn what_is_acknowledged_makes_room() {
        let mut window = Window::new(300_000);
        window.sent(Lane::Events, 10, 200_000, Duration::ZERO);
        assert_eq!(
            (window.room(Lane::Events), window.room(Lane::Urgent)),
            (None, None)
        );
        window.acknowledged(ack(Lane::State, 10), PROMPT);
        window.acknowledged(ack(Lane::Events, 9), PROMPT);
        assert_eq!(window.room(Lane::Urgent), None);
        window.acknowledged(ack(Lane::Events, 10), PROMPT);
        assert!(window.room(Lane::Events).is_some() && window.is_empty());
    }

    #[test]
    fn the_smallest_credit_still_lets_one_batch_pass() {
        let mut window = Window::new(0);
        assert_eq!(window.room(Lane::Events), Some(0));
        window.sent(Lane::Events, 1, 100, Duration::ZERO);
        assert_eq!(window.room(Lane::Urgent), None);
    }

    proptest! {
        /// What a batch is allowed never exceeds the credit, unless it is alone.
        #[test]
        fn the_credit_holds(credit in 0u32..4_000_000, steps in proptest::collection::vec((0u32..4, 0u64..20), 1..100)) {
            let mut window = Window::new(credit);
            for (step, (lane, through)) in steps.into_iter().enumerate() {
                let now = Duration::from_millis(step as u64);
                let lane = Lane::from_index(lane).unwrap();
                match window.room(lane) {
                    Some(room) => {
                        let alone = window.is_empty();
                        window.sent(lane, step as u64, room, now);
                        prop_assert!(alone || window.in_flight_bytes <= credit as usize);
                    }
                    None => window.acknowledged(ack(lane, through * 5), now),
                }
                let flying: usize = window.flights.iter().map(|f| f.bytes).sum();
                prop_assert_eq!(flying, window.in_flight_bytes);
            }
        }
    }
}
