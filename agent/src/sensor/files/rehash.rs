//! Reads files again though nothing shows that they have changed: content can be changed so that size and times stay,
//! by whoever sets a clock back or writes to the disk below the file system, and disks rot.
//!
//! Every watched file is read within some days, spread evenly: each turn reads as much as belongs to the time since the
//! last one, and how far it has come is kept with the baseline.

use std::collections::VecDeque;
use std::time::Duration;

use tracing::debug;
use vong_os::file::{look, path_of};

use super::inbox::Inbox;
use super::known::{Known, Mark, REHASH_KEY, comparable, path_of as path_of_key};
use super::look::Looker;
use super::memory::MemoryError;
use super::task::{LargeFile, Part};
use crate::clock;
use crate::state::Pair;

/// So much is read at a turn: once an hour, so that a PC that is on for a working day has eight.
pub(super) const TURN: Duration = Duration::from_secs(3_600);
/// After a long time off no more than this part of everything is read at once.
const PARTS_MIN: u64 = 8;
/// So many remembered entries are read at once.
const PAGE: usize = 256;
/// A file counts as at least this much: opening it has a price.
pub(super) const FILE_BYTES_MIN: u64 = 4_096;
const VERSION: u8 = 1;
const HOUR_MS: i64 = 3_600_000;

/// How far the reading has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// When the last turn began, milliseconds since 1970.
    pub(super) turn_ms: i64,
    /// The last key that was read.
    pub(super) after: Vec<u8>,
}

impl Place {
    /// As it is kept.
    pub(super) fn encode(&self) -> Vec<u8> {
        [&[VERSION][..], &self.turn_ms.to_be_bytes(), &self.after].concat()
    }

    /// What was kept; what cannot be read begins anew.
    pub(super) fn decode(value: &[u8]) -> Option<Place> {
        let (version, rest) = value.split_first()?;
        let (turn_ms, after) = rest.split_first_chunk()?;
        (*version == VERSION).then(|| Place {
            turn_ms: i64::from_be_bytes(*turn_ms),
            after: after.to_vec(),
        })
    }
}

/// How much is to be read now, of `all` bytes that are to be read within `days`; 0 when it is not time yet. A clock that
/// was set back, or a first turn, counts as an hour.
pub(super) fn quantum(all: u64, days: u32, turn_ms: i64, now_ms: i64) -> u64 {
    let passed_ms = match now_ms.saturating_sub(turn_ms) {
        passed if turn_ms == 0 || passed < 0 => HOUR_MS,
        passed if passed < HOUR_MS => return 0,
        passed => passed,
    };
    let round_ms = u128::from(days.max(1)) * 24 * HOUR_MS.unsigned_abs() as u128;
    let share = u128::from(all) * u128::from(passed_ms.unsigned_abs()) / round_ms;
    let most = all / PARTS_MIN;
    u64::try_from(share)
        .unwrap_or(u64::MAX)
        .clamp(FILE_BYTES_MIN, most.max(FILE_BYTES_MIN))
}

/// One turn.
#[derive(Debug)]
pub(super) struct Rehash {
    place: Place,
    left_bytes: u64,
    page: VecDeque<Pair>,
    /// What was remembered of the file that is being read.
    reading: Option<(LargeFile, Known)>,
    /// The end of memory was reached: from there on it begins anew, but not twice in a turn.
    turned: bool,
}

impl Rehash {
    /// A turn from `place` on that reads so many bytes.
    pub(super) fn new(place: Place, bytes: u64) -> Self {
        Self {
            place: Place {
                turn_ms: clock::wall_ms(),
                ..place
            },
            left_bytes: bytes,
            page: VecDeque::new(),
            reading: None,
            turned: false,
        }
    }

    /// Reads a file, or a part of one; whether there is more to do.
    pub(super) fn advance(&mut self, looker: &mut Looker, inbox: &Inbox) -> Result<bool, MemoryError> {
        if let Some((large, known)) = self.reading.take() {
            let part = large.go_on(looker);
            self.take_part(part, known, looker, inbox)?;
            return Ok(true);
        }
        let is_over = self.left_bytes == 0 || !self.fill_page(looker)?;
        let Some((key, value)) = self.page.pop_front().filter(|_| !is_over) else {
            debug!("a part of the watched files was read again");
            looker
                .memory
                .set(REHASH_KEY.to_vec(), Some(self.place.encode()))?;
            return Ok(false);
        };
        self.place.after.clone_from(&key);
        if let (Some(path), Some(known)) = (path_of_key(&key), Known::decode(&value))
            && matches!(known.mark, Mark::Sha256(_))
            && looker.watches.find(&path).is_some()
            && !inbox.holds(&path)
            && let Ok(facts) = look(&path_of(&path))
            && known.is_still(&comparable(facts))
        {
            self.left_bytes = self.left_bytes.saturating_sub(facts.size.max(FILE_BYTES_MIN));
            let part = LargeFile::begin(path, facts, looker);
            self.take_part(part, known, looker, inbox)?;
        }
        Ok(true)
    }

    /// Whether there is an entry to look at.
    fn fill_page(&mut self, looker: &Looker) -> Result<bool, MemoryError> {
        while self.page.is_empty() {
            let page = looker.memory.page(&self.place.after, PAGE)?;
            // Keys that are no paths stand behind all paths.
            self.page = page
                .into_iter()
                .take_while(|(key, _)| path_of_key(key).is_some())
                .collect();
            if self.page.is_empty() {
                self.place.after.clear();
                if std::mem::replace(&mut self.turned, true) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn take_part(
        &mut self,
        part: Part,
        known: Known,
        looker: &mut Looker,
        inbox: &Inbox,
    ) -> Result<(), MemoryError> {
        match part {
            Part::More(large) => self.reading = Some((large, known)),
            Part::Done(path, read, began_ms)
                if read.1 != known.mark && matches!(read.1, Mark::Sha256(_)) && !inbox.holds(&path) =>
            {
                looker.met_read(&path, read, began_ms, false)?;
            }
            Part::Done(..) | Part::Gone => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY_MS: i64 = 24 * HOUR_MS;
    const NOW_MS: i64 = 1_800_000_000_000;

    #[test]
    fn an_hour_reads_its_part_of_the_days() {
        let gib = 1 << 30;
        assert_eq!(quantum(30 * 24 * gib, 30, NOW_MS - HOUR_MS, NOW_MS), gib);
        assert_eq!(
            quantum(30 * 24 * gib, 30, NOW_MS - HOUR_MS + 1, NOW_MS),
            0,
            "not yet"
        );
        assert_eq!(
            quantum(30 * 24 * gib, 30, NOW_MS + DAY_MS, NOW_MS),
            gib,
            "the clock was set back"
        );
        assert_eq!(
            quantum(8 * gib, 30, NOW_MS - 300 * DAY_MS, NOW_MS),
            gib,
            "off for long"
        );
    }

    #[test]
    fn a_place_is_kept() {
        let place = Place {
            turn_ms: NOW_MS,
            after: b"\0srv\0a".to_vec(),
        };
        assert_eq!(Place::decode(&place.encode()), Some(place));
        assert_eq!(Place::decode(b""), None);
        assert_eq!(Place::decode(&[9; 20]), None);
    }

    proptest! {
        /// A PC that is on all the time has read everything within the days.
        #[test]
        fn everything_is_read_within_the_days(all in 1_u64..1 << 45, days in 1_u32..366) {
            let hours = u64::from(days) * 24;
            let each = quantum(all, days, NOW_MS - HOUR_MS, NOW_MS);
            prop_assert!(u128::from(each + 1) * u128::from(hours) >= u128::from(all.min(each * hours)));
            prop_assert!((each + 1) * hours >= all);
        }
    }
}
