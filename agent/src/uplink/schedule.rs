//! Which lane sends next: pure.
//!
//! Lane 0 always goes first. The others share what is left 8 : 4 : 1 by bytes, so that a flood of samples
//! cannot starve a state, nor the other way round.

use vong_proto::event::Lane;

/// The shares of lanes 1 to 3; lane 0's is never looked at.
const SHARES: [u64; 4] = [1, 8, 4, 1];

/// Who sends next.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    /// Whether a lane may have something to send.
    waiting: [bool; 4],
    /// What each lane has sent, divided by its share.
    spent: [u64; 4],
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

#[cfg(test)]
mod tests {
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
}
