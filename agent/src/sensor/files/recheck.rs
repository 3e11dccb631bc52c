//! Compares a tree with what is remembered of it, both in the order of keys, in one pass and little memory.
//!
//! ```text
//! walk    a   a/x      a/z   b
//! memory  a   a/x a/y        b
//!                  └ absent └ new
//! ```

use std::collections::VecDeque;

use vong_os::file::Facts;

use super::known::{Known, key_of, path_of, prefix_below};
use super::memory::{Memory, MemoryError};
use super::walk::{Step, Walk};
use crate::state::Pair;

/// So many remembered entries are read at once.
const PAGE: usize = 512;

/// What one step of a comparison tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Something is there.
    Present {
        /// Where.
        path: Vec<u8>,
        /// What.
        facts: Facts,
        /// What was remembered of it, as far as that is durable.
        known: Option<Known>,
    },
    /// Something is remembered and not met.
    Absent {
        /// Where.
        path: Vec<u8>,
    },
    /// Nothing can be said of what lies below.
    Unreadable {
        /// The folder.
        folder: Vec<u8>,
        /// It lies deeper than a path can say.
        too_deep: bool,
    },
}

/// A comparison that can be left and continued at any step.
#[derive(Debug)]
pub(super) struct Recheck {
    walk: Walk,
    /// The next entry of the walk, and whether the walk is over.
    step: Option<(Vec<u8>, Facts)>,
    walked: bool,
    remembered: Remembered,
    /// Below this nothing can be said.
    unreadable: Option<Vec<u8>>,
}

/// What is remembered of a tree, page by page.
#[derive(Debug)]
struct Remembered {
    own: Vec<u8>,
    prefix: Vec<u8>,
    after: Vec<u8>,
    page: VecDeque<Pair>,
    read_to_end: bool,
}

impl Recheck {
    /// A comparison of everything below `root`, and of `root` itself.
    pub(super) fn new(root: Vec<u8>) -> Self {
        let own = key_of(&root);
        Self {
            remembered: Remembered {
                after: before(&own),
                prefix: prefix_below(&root),
                own,
                page: VecDeque::new(),
                read_to_end: false,
            },
            walk: Walk::new(root),
            step: None,
            walked: false,
            unreadable: None,
        }
    }

    /// The next finding; `None` at the end.
    pub(super) fn next(
        &mut self,
        memory: &Memory,
        admits: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Found>, MemoryError> {
        loop {
            if self.step.is_none() && !self.walked {
                match self.walk.next(&admits) {
                    Some(Step::Entry { path, facts }) => self.step = Some((path, facts)),
                    Some(Step::Unreadable { folder, too_deep }) => {
                        self.unreadable = Some(prefix_below(&folder));
                        return Ok(Some(Found::Unreadable { folder, too_deep }));
                    }
                    None => self.walked = true,
                }
            }
            match self.compare(memory)? {
                Compared::Found(found) => return Ok(Some(found)),
                Compared::PassedOver => {}
                Compared::End => return Ok(None),
            }
        }
    }

    fn compare(&mut self, memory: &Memory) -> Result<Compared, MemoryError> {
        let remembered = self.remembered.peek(memory)?;
        let walked = self.step.as_ref().map(|(path, _)| key_of(path));
        let order = match (&walked, remembered) {
            (None, None) => return Ok(Compared::End),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(walked), Some((key, _))) => walked.as_slice().cmp(key),
        };
        let known = match order {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => self
                .remembered
                .take()
                .and_then(|(_, value)| Known::decode(&value)),
            std::cmp::Ordering::Greater => return Ok(self.absent()),
        };
        Ok(match self.step.take() {
            Some((path, facts)) => Compared::Found(Found::Present { path, facts, known }),
            None => Compared::End,
        })
    }

    fn absent(&mut self) -> Compared {
        let Some((key, _)) = self.remembered.take() else {
            return Compared::End;
        };
        let unreadable =
            |prefix: &Vec<u8>| key.starts_with(prefix) || prefix.strip_suffix(&[0]) == Some(&key[..]);
        match path_of(&key) {
            Some(path) if !self.unreadable.as_ref().is_some_and(unreadable) => {
                Compared::Found(Found::Absent { path })
            }
            _ => Compared::PassedOver,
        }
    }
}

#[expect(clippy::large_enum_variant, reason = "it is made and taken apart at once")]
enum Compared {
    Found(Found),
    PassedOver,
    End,
}

impl Remembered {
    fn peek(&mut self, memory: &Memory) -> Result<Option<&Pair>, MemoryError> {
        while self.page.is_empty() && !self.read_to_end {
            let page = memory.page(&self.after, PAGE)?;
            self.read_to_end = page.len() < PAGE;
            for (key, value) in page {
                self.after.clone_from(&key);
                if key == self.own || key.starts_with(&self.prefix) {
                    self.page.push_back((key, value));
                } else if key > self.own {
                    self.read_to_end = true;
                    break;
                }
            }
        }
        Ok(self.page.front())
    }

    fn take(&mut self) -> Option<Pair> {
        self.page.pop_front()
    }
}

/// A key before `key` with little or nothing in between.
fn before(key: &[u8]) -> Vec<u8> {
    let mut before = key.to_vec();
    match before.pop() {
        None | Some(0) => before,
        Some(last) => {
            before.extend([last - 1, 0xff]);
            before
        }
    }
}
