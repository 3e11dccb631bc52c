//! One look at one path, and how far what the system says of a file speaks for its content.
//!
//! Whoever may write a file may set its time of change, but not the time when anything of it changed last. So as long as
//! that has not moved, the content is what was read. When it has, equal size and time of change prove nothing: what was
//! read before is then at best remembered as doubtful, and read when the path is met next.

use std::io::ErrorKind;
use std::path::Path;

use vong_os::file::{Facts, Kind, link_text, look, path_of, rights_beside_mode};

use super::super::known::{Beside, Known, Mark, comparable};
use super::super::leads;
use super::super::task::PART_BYTES;
use super::super::watch::folder_of;
use super::told::hash_of;
use super::{Looker, is_absence};
use crate::clock;

const SECOND_NS: i64 = 1_000_000_000;
/// The clock that stamps files ticks every 10 ms at the slowest, and so much it may be behind the one read here.
const TICK_NS: i64 = 20_000_000;
/// FAT counts in two seconds.
const COARSE_TICK_NS: i64 = 2 * SECOND_NS;

/// What a look at a path found.
pub(super) enum Look {
    /// Nothing stands there.
    Nothing,
    /// What is remembered, or nothing can be said.
    Unchanged,
    /// Something else than what is remembered.
    Something(Known),
}

/// What a look has to be suspicious of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nobody said anything: a comparison.
    Facts,
    /// Rights, owner or times were set.
    Touched {
        /// Whether a change there is grave.
        is_grave: bool,
    },
    /// It got another name.
    Renamed {
        /// Whether a change there is grave.
        is_grave: bool,
    },
    /// It was closed after writing.
    Written {
        /// Whether a change there is grave.
        is_grave: bool,
    },
}

impl Trust {
    /// Whether content is to be read though nothing of the facts differs. Through a memory map one can write without
    /// moving any time for a while. A large file that a program opens and closes again and again, such as a database,
    /// is not read each time.
    fn doubts_equal(self, facts: &Facts) -> bool {
        match self {
            Trust::Written { is_grave } => facts.kind == Kind::File && (is_grave || facts.size <= PART_BYTES),
            Trust::Facts | Trust::Touched { .. } | Trust::Renamed { .. } => false,
        }
    }

    /// Whether the content may be kept that was read before something of the file changed. Where its rights explain that
    /// it changed, and where it was renamed, it may for now.
    fn keeps(self, before: &Facts, now: &Facts) -> bool {
        let other_rights = (before.mode, before.owner, before.group) != (now.mode, now.owner, now.group);
        match self {
            Trust::Touched { is_grave } => !is_grave && other_rights,
            Trust::Renamed { is_grave } => !is_grave,
            Trust::Facts | Trust::Written { .. } => false,
        }
    }
}

impl Looker {
    /// Looks at a path; `trust` says what its facts prove.
    pub(super) fn inspect(&mut self, path: &[u8], before: Option<&Known>, trust: Trust) -> Look {
        let place = path_of(path);
        let facts = match look(&place) {
            Ok(facts) => facts,
            Err(error) if is_absence(error.kind()) => return Look::Nothing,
            Err(error) => {
                if error.kind() == ErrorKind::InvalidFilename {
                    self.too_deep.push(path.to_vec());
                }
                // Nothing can be said; a walk that meets it says so.
                return Look::Unchanged;
            }
        };
        let same = comparable(facts);
        let now = match before {
            Some(before) if before.is_still(&same) && !trust.doubts_equal(&same) => return Look::Unchanged,
            Some(before) if before.has_certainly_content_of(&same) && !trust.doubts_equal(&same) => Known {
                facts: same,
                mark: before.mark,
                doubtful: false,
                beside: self.beside(path, &same),
            },
            Some(before) if before.has_content_of(&same) && trust.keeps(&before.facts, &same) => Known {
                facts: same,
                mark: before.mark,
                doubtful: matches!(before.mark, Mark::Sha256(_)),
                beside: self.beside(path, &same),
            },
            _ => match self.read(&place, facts) {
                Some(now) => now,
                None => return Look::Nothing,
            },
        };
        if before == Some(&now) {
            return Look::Unchanged;
        }
        Look::Something(now)
    }

    fn read(&mut self, place: &Path, facts: Facts) -> Option<Known> {
        let began_ms = clock::wall_ms();
        let (facts, mark) = self.hasher.digest(place, facts, self.bytes_max)?;
        Some(self.known(vong_os::file::bytes_of(place), facts, mark, began_ms))
    }

    /// What is to be remembered of a file that was read beginning at `began_ms`.
    pub(super) fn known(&self, path: &[u8], facts: Facts, mark: Mark, began_ms: i64) -> Known {
        let read_ns = began_ms.saturating_mul(1_000_000);
        Known {
            doubtful: matches!(mark, Mark::Sha256(_)) && is_too_soon(facts.ctime_ns, read_ns),
            facts: comparable(facts),
            mark,
            beside: self.beside(path, &facts),
        }
    }

    /// What there is beside facts and content. What the system does not tell counts as not there: it will say why
    /// to whoever asks for the content.
    fn beside(&self, path: &[u8], facts: &Facts) -> Beside {
        match facts.kind {
            Kind::Link => match link_text(&path_of(path)) {
                Ok(text) => Beside::Link {
                    text: hash_of(&text),
                    target: leads::follow(folder_of(path), &text, &self.foreign).to_target(),
                },
                Err(_) => Beside::Nothing,
            },
            Kind::File | Kind::Folder | Kind::Other => match rights_beside_mode(&path_of(path)) {
                Ok(Some(rights)) => Beside::Rights(hash_of(&rights)),
                Ok(None) | Err(_) => Beside::Nothing,
            },
        }
    }
}

/// Whether a file that was changed then may change once more with the same time after it is read now. A time of
/// whole seconds comes from a file system that counts no finer.
fn is_too_soon(changed_ns: i64, read_ns: i64) -> bool {
    let tick_ns = if changed_ns % SECOND_NS == 0 {
        COARSE_TICK_NS
    } else {
        TICK_NS
    };
    changed_ns.saturating_add(tick_ns) >= read_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_may_come_again_is_too_soon() {
        let now_ns = 1_700_000_000 * SECOND_NS;
        let check = |changed_ns: i64, expected: bool| {
            assert_eq!(is_too_soon(changed_ns, now_ns), expected, "{changed_ns}");
        };
        check(now_ns - 1, true);
        check(now_ns - TICK_NS - 1, false);
        check(now_ns - 2 * SECOND_NS, true);
        check(now_ns - 3 * SECOND_NS, false);
        // Whatever stands in the future may come again as well.
        check(now_ns + SECOND_NS + 1, true);
        check(i64::MAX, true);
    }
}
