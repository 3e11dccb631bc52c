//! Processes that have a key: pure, and bounded.
//!
//! Those who still live are kept, as long as there is room: among them is whoever has started all the others. When
//! there is none, those go first that nobody has asked about since they were last looked at.

use std::collections::{HashMap, VecDeque};

use vong_os::process::Facts;

use crate::sensor::tripwire::clue::Key;

/// So many that have touched documents, or whose children have: then the dead go, two looks for each that comes.
const KNOWN_MAX: usize = 1_024;
/// So many at all, about 500 bytes each.
const KNOWN_END: usize = 2 * KNOWN_MAX;

/// A process with a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Which of those of this number that were heard of; 0 when it was not.
    pub(super) birth: u64,
    pub(super) start: Option<u64>,
    /// Its key, then its ancestors'.
    pub(super) chain: Vec<Key>,
    /// Its user's, who all that it does counts against too.
    pub(super) user: Option<Key>,
    /// It starts whatever a user starts.
    pub(super) is_host: bool,
    pub(super) facts: Facts,
}

/// All of them, by their numbers.
#[derive(Debug, Default)]
pub(super) struct KnownProcesses {
    known: HashMap<u32, Entry>,
    order: VecDeque<u32>,
}

#[derive(Debug)]
struct Entry {
    process: Known,
    is_asked_for: bool,
}

impl KnownProcesses {
    pub(super) fn contains(&self, pid: u32) -> bool {
        self.known.contains_key(&pid)
    }

    /// One that somebody asks about.
    pub(super) fn ask(&mut self, pid: u32) -> Option<&mut Known> {
        let entry = self.known.get_mut(&pid)?;
        entry.is_asked_for = true;
        Some(&mut entry.process)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Known)> {
        self.known.iter().map(|(pid, entry)| (*pid, &entry.process))
    }

    /// The one with this key.
    pub(super) fn of(&self, key: Key) -> Option<(u32, &Known)> {
        self.iter().find(|(_, known)| known.chain.first() == Some(&key))
    }

    /// Takes one in, and makes room.
    pub(super) fn remember(&mut self, pid: u32, process: Known, is_alive: impl Fn(u32) -> bool) {
        let entry = Entry {
            process,
            is_asked_for: true,
        };
        if self.known.insert(pid, entry).is_some() {
            self.order.retain(|other| *other != pid);
        }
        self.order.push_back(pid);
        for _ in 0..2 {
            if self.order.len() <= KNOWN_MAX {
                return;
            }
            if let Some(oldest) = self.order.pop_front() {
                if is_alive(oldest) {
                    self.order.push_back(oldest);
                } else {
                    self.known.remove(&oldest);
                }
            }
        }
        // One turn takes the mark from each, so that there is one to go at its end.
        for _ in 0..=self.order.len() {
            if self.order.len() <= KNOWN_END {
                return;
            }
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            match self.known.get_mut(&oldest) {
                Some(entry) if entry.is_asked_for => {
                    entry.is_asked_for = false;
                    self.order.push_back(oldest);
                }
                _ => drop(self.known.remove(&oldest)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHELL: u32 = 7;

    fn known(key: u32) -> Known {
        Known {
            chain: vec![Key::from(key)],
            ..Known::default()
        }
    }

    #[test]
    fn thousands_that_live_on_do_no_harm_and_whoever_starts_them_stays_known() {
        let mut all = KnownProcesses::default();
        all.remember(SHELL, known(SHELL), |_| true);
        for pid in 100..100 + 4 * KNOWN_END as u32 {
            assert!(all.ask(SHELL).is_some(), "who has started {pid}");
            all.remember(pid, known(pid), |_| true);
        }
        assert!(all.known.len() <= KNOWN_END && all.order.len() == all.known.len());
    }

    #[test]
    fn the_dead_go_first() {
        let mut all = KnownProcesses::default();
        all.remember(SHELL, known(SHELL), |_| true);
        for pid in 100..100 + 4 * KNOWN_END as u32 {
            all.remember(pid, known(pid), |pid| pid == SHELL);
        }
        assert!(all.contains(SHELL), "though nobody has asked");
        assert!(all.known.len() <= KNOWN_MAX + 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn whoever_lives_and_dies_it_stays_bounded_and_holds_the_last(
            steps in prop::collection::vec((0_u32..5_000, any::<bool>(), 0_u32..8), 4_000..5_000),
        ) {
            let mut all = KnownProcesses::default();
            for (pid, is_asked_for, lives) in steps {
                if is_asked_for {
                    all.ask(pid);
                }
                all.remember(pid, known(pid), |pid| pid % 8 >= lives);
                prop_assert!(all.known.len() <= KNOWN_END);
                prop_assert_eq!(all.order.len(), all.known.len());
                prop_assert!(all.contains(pid));
            }
        }
    }
}
