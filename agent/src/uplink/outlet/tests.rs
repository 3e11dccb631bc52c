//! Forty PCs come back after days and share one thin line, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

const PCS: usize = 40;
const LINE_BYTES_PER_S: f64 = 250_000.0;
/// One way, without a queue.
const LATENCY: Duration = Duration::from_millis(30);
/// Until a batch is durable at the collector.
const KEEPING: Duration = Duration::from_millis(20);
const CREDIT_BYTES: u32 = 2_000_000;
/// What zstd makes of a batch of events, and what TLS, TCP and the frame add.
const PACKED: usize = 3;
const OVERHEAD_BYTES: usize = 150;
const URGENT_BYTES: usize = 300;
/// Every so often something urgent happens, each time on the next PC.
const URGENT_INTERVAL: Duration = Duration::from_millis(700);
const END: Duration = Duration::from_secs(120);

/// What happens, and to which PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Urgent,
    Waited,
    Acknowledged { lane: u32, through: u64 },
}

/// The office's line and what hangs on it.
struct Office {
    pcs: Vec<Pc>,
    happenings: BinaryHeap<Reverse<(Duration, usize, Happening)>>,
    line_free_at: Duration,
    carried_bytes: usize,
    /// How long each urgent event took until it was durable.
    delays: Vec<Duration>,
}

struct Pc {
    outlet: Outlet,
    last: u64,
    urgent_since: Option<Duration>,
    /// When it looks again by itself.
    looks_at: Option<Duration>,
}

impl Office {
    /// All are back at once, each with an endless backlog and the same share.
    fn comes_back(share_kbit_s: u32) -> Self {
        let pc = |_| {
            let mut outlet = Outlet::new(CREDIT_BYTES);
            let allowance = Allowance {
                kbit_s: share_kbit_s,
                urgent_only: false,
                slowed: false,
            };
            outlet.allow(allowance, Duration::ZERO);
            outlet.empty(Lane::Urgent);
            Pc {
                outlet,
                last: 0,
                urgent_since: None,
                looks_at: None,
            }
        };
        let mut office = Self {
            pcs: (0..PCS).map(pc).collect(),
            happenings: BinaryHeap::new(),
            line_free_at: Duration::ZERO,
            carried_bytes: 0,
            delays: Vec::new(),
        };
        for pc in 0..PCS {
            office.note(Duration::ZERO, pc, Happening::Waited);
        }
        let mut at = Duration::from_millis(100);
        for turn in 0.. {
            if at > END {
                break;
            }
            office.note(at, turn * 7 % PCS, Happening::Urgent);
            at += URGENT_INTERVAL;
        }
        office
    }

    fn note(&mut self, at: Duration, pc: usize, happening: Happening) {
        self.happenings.push(Reverse((at, pc, happening)));
    }

    /// Lets time pass; nothing new begins after the end.
    fn live(mut self) -> Self {
        while let Some(Reverse((now, pc, happening))) = self.happenings.pop() {
            if now > END {
                break;
            }
            match happening {
                Happening::Waited => self.pcs[pc].looks_at = None,
                Happening::Urgent => {
                    self.pcs[pc].urgent_since = Some(now);
                    self.pcs[pc].outlet.wake(Lane::Urgent);
                }
                Happening::Acknowledged { lane, through } => {
                    let lane = Lane::from_index(lane).unwrap();
                    self.pcs[pc].outlet.acknowledged(Ack { lane, through }, now);
                }
            }
            self.send(pc, now);
        }
        self
    }

    fn send(&mut self, pc: usize, now: Duration) {
        loop {
            let sender = &mut self.pcs[pc];
            let (lane, room) = match sender.outlet.next(now) {
                Next::Send(lane, room) => (lane, room),
                Next::In(wait) => return self.look_again(pc, now + wait),
                Next::Nothing => return,
            };
            let bytes = if lane == Lane::Urgent {
                URGENT_BYTES
            } else {
                room / PACKED
            };
            sender.last += 1;
            sender.outlet.sent(lane, sender.last, bytes, now);
            let through = sender.last;
            let since = (lane == Lane::Urgent).then(|| {
                sender.outlet.empty(Lane::Urgent);
                sender.urgent_since.take().unwrap()
            });
            let durable = self.carry(bytes + OVERHEAD_BYTES, now) + LATENCY + KEEPING;
            self.delays.extend(since.map(|since| durable - since));
            let lane = lane as u32;
            self.note(durable + LATENCY, pc, Happening::Acknowledged { lane, through });
        }
    }

    fn look_again(&mut self, pc: usize, at: Duration) {
        if self.pcs[pc].looks_at.is_none() {
            self.pcs[pc].looks_at = Some(at);
            self.note(at, pc, Happening::Waited);
        }
    }

    /// One queue for all, first come, first served; answers when the last byte has left it.
    fn carry(&mut self, bytes: usize, now: Duration) -> Duration {
        let time = Duration::from_secs_f64(bytes as f64 / LINE_BYTES_PER_S);
        self.line_free_at = self.line_free_at.max(now) + time;
        self.carried_bytes += bytes;
        self.line_free_at
    }

    fn slowest(&self) -> Duration {
        *self.delays.iter().max().unwrap()
    }

    /// How much of the line was used.
    fn usage(&self) -> f64 {
        self.carried_bytes as f64 / (LINE_BYTES_PER_S * END.as_secs_f64())
    }
}

#[test]
fn what_is_urgent_arrives_in_seconds_though_forty_pcs_bring_days_over_a_thin_line() {
    let office = Office::comes_back(0).live();
    assert!(office.delays.len() > 150, "{}", office.delays.len());
    assert!(
        office.slowest() < Duration::from_secs(5),
        "{:?}",
        office.slowest()
    );
    assert!(office.usage() > 0.95, "the line is used: {}", office.usage());
}

#[test]
fn with_shares_of_the_line_it_arrives_at_once_and_the_line_has_room_for_people() {
    // What the collector gives to each of forty busy agents of 2 Mbit/s.
    let office = Office::comes_back(43).live();
    assert!(
        office.slowest() < Duration::from_secs(2),
        "{:?}",
        office.slowest()
    );
    assert!((0.7..0.95).contains(&office.usage()), "{}", office.usage());
}

#[test]
fn who_may_only_send_what_is_urgent_does() {
    let mut outlet = Outlet::new(CREDIT_BYTES);
    let held = Allowance {
        kbit_s: 0,
        urgent_only: true,
        slowed: false,
    };
    outlet.allow(held, Duration::ZERO);
    assert!(matches!(outlet.next(Duration::ZERO), Next::Send(Lane::Urgent, _)));
    outlet.empty(Lane::Urgent);
    assert_eq!(outlet.next(Duration::ZERO), Next::Nothing);
    outlet.allow(Allowance::default(), Duration::ZERO);
    assert!(matches!(outlet.next(Duration::ZERO), Next::Send(Lane::State, _)));
}
