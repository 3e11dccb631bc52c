//! Paths of which something was told a moment ago: what follows can be gathered for a while.
//!
//! A path is remembered by its hash: that now and then another path is gathered for a second does no harm, and a
//! burst over many files costs little memory so.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;

/// So many paths are remembered; then the oldest is forgotten, and told again at once.
const PATHS_MAX: usize = 4_096;

/// When paths may be told again.
#[derive(Debug, Default)]
pub(super) struct Rest {
    hasher: RandomState,
    until: HashMap<u64, Instant>,
    /// In the order in which they were told; those forgotten in between stand here, too.
    order: VecDeque<(u64, Instant)>,
}

impl Rest {
    /// A path has been told; what follows is gathered until then.
    pub(super) fn begin(&mut self, path: &[u8], until: Instant, now: Instant) {
        while let Some((oldest, until)) = self.order.front().copied() {
            if until > now && self.order.len() < PATHS_MAX {
                break;
            }
            self.order.pop_front();
            if self.until.get(&oldest) == Some(&until) {
                self.until.remove(&oldest);
            }
        }
        let path = self.hasher.hash_one(path);
        self.until.insert(path, until);
        self.order.push_back((path, until));
    }

    /// What follows of a path is told at once.
    pub(super) fn end(&mut self, path: &[u8]) {
        if !self.until.is_empty() {
            self.until.remove(&self.hasher.hash_one(path));
        }
    }

    /// Until when a path rests, if it does.
    pub(super) fn until(&self, path: &[u8], now: Instant) -> Option<Instant> {
        if self.until.is_empty() {
            return None;
        }
        let until = self.until.get(&self.hasher.hash_one(path)).copied();
        until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn memory_is_bounded_and_ends_with_time() {
        let (mut rest, begun) = (Rest::default(), Instant::now());
        let second = Duration::from_secs(1);
        for number in 0..2 * PATHS_MAX {
            rest.begin(&number.to_ne_bytes(), begun + second, begun);
        }
        assert!(rest.until.len() <= PATHS_MAX && rest.order.len() <= PATHS_MAX);
        assert_eq!(rest.until(&0_usize.to_ne_bytes(), begun), None);
        let last = (2 * PATHS_MAX - 1).to_ne_bytes();
        assert_eq!(rest.until(&last, begun), Some(begun + second));
        assert_eq!(rest.until(&last, begun + second), None);
        rest.begin(b"later", begun + 2 * second, begun + second);
        assert_eq!((rest.until.len(), rest.order.len()), (1, 1));
        rest.end(b"later");
        assert_eq!(rest.until(b"later", begun), None);
    }
}
