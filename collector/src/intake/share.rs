//! One line for a whole office: its budget, divided among the agents that are connected.
//!
//! An agent is *busy* while it brings batches of lanes 1 to 3. Of a unit's budget three quarters are for those, in
//! equal shares; one eighth is for all, so that whoever becomes busy can begin at once; the last eighth is nobody's:
//! it leaves room for lane 0, which waits for no share, for heartbeats, and for what TLS and TCP add. Who becomes busy
//! or has done is noticed within a second or so, and everybody is told the new share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The shares are computed so often.
pub(super) const DIVISION_INTERVAL: Duration = Duration::from_secs(1);

/// An agent counts as busy for so long after a batch: at the smallest share its next one may take that long.
const BUSY_TIME: Duration = Duration::from_secs(5);

/// A share that differs by less than one part in so many is not worth a frame.
const WORTH_TELLING: u32 = 8;

/// The line of an agent's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The unit.
    pub(super) unit: i64,
    /// What its agents may send together, in kbit/s; 0 for no limit.
    pub(super) kbit_s: u32,
}

/// The agents of each unit that has a budget; clones share it.
#[derive(Clone, Default)]
pub(super) struct Shares(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    units: HashMap<i64, Unit>,
    last_number: u64,
}

#[derive(Default)]
struct Unit {
    kbit_s: u32,
    members: HashMap<u64, Member>,
}

struct Member {
    share: Arc<watch::Sender<u32>>,
    busy_until: Instant,
}

/// An agent's place in its unit, left on drop.
pub(super) struct Seat {
    shares: Shares,
    line: Line,
    number: u64,
}

/// What members of a unit may send, in kbit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Division {
    idle: u32,
    busy: u32,
}

impl Shares {
    /// Takes a seat; `share` gets to know what its holder may send, at once and whenever it changes.
    pub(super) fn join(&self, line: Line, share: Arc<watch::Sender<u32>>, now: Instant) -> Seat {
        let mut state = self.lock();
        state.last_number += 1;
        let number = state.last_number;
        let unit = state.units.entry(line.unit).or_default();
        unit.kbit_s = line.kbit_s;
        let busy_until = now;
        unit.members.insert(number, Member { share, busy_until });
        unit.divide(now);
        Seat {
            shares: self.clone(),
            line,
            number,
        }
    }

    /// Divides every budget anew.
    pub(super) fn divide(&self, now: Instant) {
        for unit in self.lock().units.values() {
            unit.divide(now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The line that it is a seat at.
    pub(super) fn line(&self) -> Line {
        self.line
    }

    /// Its holder has brought a batch of lanes 1 to 3.
    pub(super) fn brought(&self, now: Instant) {
        let mut state = self.shares.lock();
        let unit = state.units.get_mut(&self.line.unit);
        if let Some(member) = unit.and_then(|unit| unit.members.get_mut(&self.number)) {
            member.busy_until = now + BUSY_TIME;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.shares.lock();
        let Some(unit) = state.units.get_mut(&self.line.unit) else {
            return;
        };
        if let Some(member) = unit.members.remove(&self.number) {
            member.share.send_replace(0);
        }
        if unit.members.is_empty() {
            state.units.remove(&self.line.unit);
        }
    }
}

impl Unit {
    fn divide(&self, now: Instant) {
        let busy = self.members.values().filter(|member| member.busy_until > now);
        let division = division(self.kbit_s, self.members.len(), busy.count());
        for member in self.members.values() {
            let share = match member.busy_until > now {
                true => division.busy,
                false => division.idle,
            };
            member.share.send_if_modified(|told| {
                is_worth_telling(*told, share) && std::mem::replace(told, share) != share
            });
        }
    }
}

fn is_worth_telling(told: u32, share: u32) -> bool {
    told == 0 || told.abs_diff(share) > told / WORTH_TELLING
}

/// The shares of one unit; 0 would mean no limit, so none is less than 1.
fn division(kbit_s: u32, members: usize, busy: usize) -> Division {
    let part = |kbit_s: u64, of: usize| u32::try_from(kbit_s / of.max(1) as u64).unwrap_or(u32::MAX);
    let kbit_s = u64::from(kbit_s);
    let idle = part(kbit_s / 8, members);
    Division {
        idle: idle.max(1),
        busy: (idle + part(kbit_s * 3 / 4, busy)).max(1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: Line = Line {
        unit: 7,
        kbit_s: 2_000,
    };

    fn agent(shares: &Shares, now: Instant) -> (Seat, watch::Receiver<u32>) {
        let (share, told) = watch::channel(0);
        (shares.join(LINE, Arc::new(share), now), told)
    }

    #[test]
    fn one_alone_gets_nearly_all_and_forty_get_a_fortieth_each() {
        let shares = Shares::default();
        let now = Instant::now();
        let (alone, told) = agent(&shares, now);
        alone.brought(now);
        shares.divide(now);
        assert_eq!(*told.borrow(), 1_750);

        let others: Vec<_> = (1..40).map(|_| agent(&shares, now)).collect();
        others.iter().for_each(|(seat, _)| seat.brought(now));
        shares.divide(now);
        assert_eq!((*told.borrow(), *others[0].1.borrow()), (43, 43));
    }

    #[test]
    fn who_has_done_leaves_its_share_to_the_others() {
        let shares = Shares::default();
        let began = Instant::now();
        let ((quick, quick_told), (slow, slow_told)) = (agent(&shares, began), agent(&shares, began));
        quick.brought(began);
        slow.brought(began);
        shares.divide(began);
        assert_eq!((*quick_told.borrow(), *slow_told.borrow()), (875, 875));
        let later = began + BUSY_TIME;
        slow.brought(later);
        shares.divide(later);
        assert_eq!((*quick_told.borrow(), *slow_told.borrow()), (125, 1_625));
        drop(quick);
        assert_eq!(*quick_told.borrow(), 0, "no longer a member, no longer limited");
        shares.divide(later);
        assert_eq!(*slow_told.borrow(), 1_625, "1,750 are not worth a frame");
        drop(slow);
        assert!(shares.lock().units.is_empty());
    }

    #[test]
    fn units_have_lines_of_their_own() {
        let shares = Shares::default();
        let now = Instant::now();
        let (_first, told) = agent(&shares, now);
        let (share, other_told) = watch::channel(0);
        let other = Line { unit: 8, kbit_s: 800 };
        let _second = shares.join(other, Arc::new(share), now);
        assert_eq!((*told.borrow(), *other_told.borrow()), (250, 100));
    }

    proptest! {
        /// Together they never get more than seven eighths, unless the line cannot be divided so finely.
        #[test]
        fn the_budget_holds(kbit_s in 8u32..10_000_000, members in 1usize..2_000, busy in 0usize..2_000) {
            let busy = busy.min(members);
            let Division { idle, busy: share } = division(kbit_s, members, busy);
            let all = (members - busy) as u64 * u64::from(idle) + busy as u64 * u64::from(share);
            prop_assert!(all <= (u64::from(kbit_s) * 7 / 8).max(members as u64 * 2));
        }
    }
}
