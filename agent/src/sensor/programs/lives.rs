//! Those who started lately: pure, and bounded.

use std::collections::{HashMap, VecDeque};

use vong_os::process::Facts;

use super::Birth;

/// So many beginnings are remembered, a process and its program each, about 300 bytes a program. An event is read
/// milliseconds after it happened.
const REMEMBERED_MAX: usize = 4_096;

/// Who they are, and in which order they came.
#[derive(Debug, Default)]
pub(super) struct Lives {
    lives: HashMap<u32, Life>,
    /// Some may have begun something else since.
    order: VecDeque<(u32, u64)>,
    /// Counts what has begun.
    begun: u64,
}

#[derive(Debug)]
struct Life {
    birth: Birth,
    facts: Option<Facts>,
    /// When it last began something.
    begun: u64,
}

impl Lives {
    /// Whoever had this number before, it is another process now.
    pub(super) fn forked(&mut self, pid: u32, parent: u32) {
        let begun = self.begin(pid);
        let birth = Birth {
            number: begun,
            parent,
        };
        let life = Life {
            birth,
            facts: None,
            begun,
        };
        self.lives.insert(pid, life);
    }

    /// The same process runs another program now.
    pub(super) fn executed(&mut self, pid: u32, facts: Option<Facts>) {
        let begun = self.begin(pid);
        if let Some(life) = self.lives.get_mut(&pid) {
            life.facts = facts;
            life.begun = begun;
            return;
        }
        let Some(facts) = facts else {
            return;
        };
        let birth = Birth {
            number: 0,
            parent: facts.parent_pid,
        };
        let life = Life {
            birth,
            facts: Some(facts),
            begun,
        };
        self.lives.insert(pid, life);
    }

    pub(super) fn birth_of(&self, pid: u32) -> Option<Birth> {
        self.lives.get(&pid).map(|life| life.birth)
    }

    pub(super) fn facts_of(&self, pid: u32) -> Option<Facts> {
        self.lives.get(&pid)?.facts.clone()
    }

    pub(super) fn forget_all(&mut self) {
        self.lives.clear();
        self.order.clear();
    }

    fn begin(&mut self, pid: u32) -> u64 {
        self.begun += 1;
        self.order.push_back((pid, self.begun));
        while self.order.len() > REMEMBERED_MAX {
            if let Some((oldest, begun)) = self.order.pop_front()
                && self.lives.get(&oldest).is_some_and(|life| life.begun == begun)
            {
                self.lives.remove(&oldest);
            }
        }
        self.begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pid: u32) -> Option<Facts> {
        Some(Facts {
            pid,
            parent_pid: 3,
            ..Facts::default()
        })
    }

    #[test]
    fn a_number_that_is_taken_again_is_nobody_known() {
        let mut lives = Lives::default();
        lives.executed(7, facts(7));
        assert_eq!(
            lives.birth_of(7).map(|birth| (birth.number, birth.parent)),
            Some((0, 3))
        );
        lives.forked(7, 1);
        assert_eq!(lives.facts_of(7), None);
        let first = lives.birth_of(7).expect("just born");
        lives.executed(7, facts(7));
        assert!(lives.facts_of(7).is_some());
        assert_eq!(
            lives.birth_of(7),
            Some(first),
            "another program is no other process"
        );
        lives.executed(7, None);
        assert_eq!(lives.facts_of(7), None, "nobody could look at the second one");
        lives.forked(7, 1);
        assert!(lives.birth_of(7).is_some_and(|birth| birth.number > first.number));
    }

    #[test]
    fn memory_is_bounded() {
        let mut lives = Lives::default();
        for number in 0..3 * REMEMBERED_MAX as u32 {
            let pid = number % 6_000;
            lives.forked(pid, 1);
            lives.executed(pid, facts(pid));
        }
        assert!(lives.lives.len() <= REMEMBERED_MAX && lives.order.len() <= REMEMBERED_MAX);
    }
}
