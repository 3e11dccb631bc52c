//! What must go when the spool is full: a pure decision.
//!
//! The least important lane's oldest events go first. The last tenth belongs to lane 0: the other lanes and
//! what the sensors remember may fill nine tenths, so that a detection finds room on a PC that has been
//! offline for weeks.

/// The smallest bound that makes sense: beside it SQLite's own structures would weigh.
pub const LIMIT_BYTES_MIN: u64 = 1024 * 1024;

/// One part in so many is freed beyond what is needed, so that a full spool does not drop at every commit.
const SLACK: u64 = 64;

/// A spool takes at most one part in so many of its disk…
const DISK_PARTS: u64 = 20;

/// …but so much in any case: a disk of which this is more than its part is there for an agent and little else.
const SMALL_DISK_BYTES: u64 = 64 * 1024 * 1024;

/// The bound of a spool that may take `limit_bytes`, on a disk of `disk_bytes`.
pub(super) fn share(limit_bytes: u64, disk_bytes: u64) -> u64 {
    limit_bytes.min((disk_bytes / DISK_PARTS).max(SMALL_DISK_BYTES))
}

/// The bound of a spool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    limit_bytes: u64,
}

/// What must be freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Excess {
    /// So many bytes from lanes 3, 2 and 1, in this order.
    pub(super) common_bytes: u64,
    /// Of these, what cannot be had there must come from lane 0.
    pub(super) urgent_bytes: u64,
}

impl Room {
    pub(super) fn new(limit_bytes: u64) -> Self {
        Self {
            limit_bytes: limit_bytes.max(LIMIT_BYTES_MIN),
        }
    }

    /// What must go when the lanes hold so many bytes and everything else takes `other` bytes.
    pub(super) fn excess(&self, lanes: [u64; 4], other: u64) -> Excess {
        let common = lanes[1] + lanes[2] + lanes[3];
        let over_common = (common + other).saturating_sub(self.limit_bytes / 10 * 9);
        let over_all = (common + lanes[0] + other).saturating_sub(self.limit_bytes);
        let needed = over_common.max(over_all);
        if needed == 0 {
            return Excess::default();
        }
        let common_bytes = (needed + self.limit_bytes / SLACK).min(common);
        Excess {
            common_bytes,
            urgent_bytes: over_all.saturating_sub(common_bytes).min(lanes[0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: u64 = 10 * LIMIT_BYTES_MIN;

    #[test]
    fn a_spool_takes_its_part_of_a_disk_and_no_more() {
        const GIB: u64 = 1 << 30;
        assert_eq!(share(GIB / 2, 256 * GIB), GIB / 2, "as configured");
        assert_eq!(share(GIB / 2, 4 * GIB), 4 * GIB / 20);
        assert_eq!(share(GIB / 2, GIB / 4), SMALL_DISK_BYTES);
        assert_eq!(share(SMALL_DISK_BYTES / 2, GIB), SMALL_DISK_BYTES / 2);
    }

    #[test]
    fn nothing_goes_while_there_is_room() {
        let room = Room::new(LIMIT);
        assert_eq!(room.excess([LIMIT / 10, LIMIT / 2, 0, 0], 0), Excess::default());
    }

    #[test]
    fn the_last_tenth_belongs_to_lane_0() {
        let room = Room::new(LIMIT);
        assert!(room.excess([0, 0, LIMIT / 10 * 9 + 1, 0], 0).common_bytes > 0);
        assert_eq!(room.excess([LIMIT, 0, 0, 0], 0), Excess::default());
    }

    proptest! {
        /// After freeing, everything fits, and lane 0 gave only what nobody else could.
        #[test]
        fn what_is_left_fits(lanes in [0..2 * LIMIT, 0..2 * LIMIT, 0..2 * LIMIT, 0..2 * LIMIT], other in 0..LIMIT / 2) {
            let room = Room::new(LIMIT);
            let excess = room.excess(lanes, other);
            let common = lanes[1] + lanes[2] + lanes[3];
            let (common_left, urgent_left) = (common - excess.common_bytes, lanes[0] - excess.urgent_bytes);
            prop_assert!(common_left + urgent_left + other <= LIMIT);
            prop_assert!(common_left + other <= LIMIT / 10 * 9);
            prop_assert!(excess.urgent_bytes == 0 || common_left == 0);
        }
    }
}
