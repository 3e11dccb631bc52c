//! What is remembered for a while, and no more of it than fits.

use std::collections::{HashMap, VecDeque};

/// Values by name, each with the moment at which it came. The oldest goes first.
#[derive(Debug)]
pub(super) struct Memory<V> {
    values: HashMap<Vec<u8>, (u64, V)>,
    order: VecDeque<(u64, Vec<u8>)>,
    entries_max: usize,
    keep_ms: u64,
}

impl<V> Memory<V> {
    /// Holds at most so many, each for so long.
    pub(super) fn new(entries_max: usize, keep_ms: u64) -> Self {
        Self {
            values: HashMap::new(),
            order: VecDeque::new(),
            entries_max,
            keep_ms,
        }
    }

    pub(super) fn insert(&mut self, now_ms: u64, name: &[u8], value: V) {
        while let Some((at, oldest)) = self.order.front() {
            let is_old = now_ms.saturating_sub(*at) > self.keep_ms;
            if !is_old && self.order.len() < self.entries_max {
                break;
            }
            // One that came again since is another.
            if self.values.get(oldest).is_some_and(|(came, _)| came == at) {
                self.values.remove(oldest);
            }
            self.order.pop_front();
        }
        self.values.insert(name.to_vec(), (now_ms, value));
        self.order.push_back((now_ms, name.to_vec()));
    }

    pub(super) fn get(&self, now_ms: u64, name: &[u8]) -> Option<&V> {
        let (at, value) = self.values.get(name)?;
        (now_ms.saturating_sub(*at) <= self.keep_ms).then_some(value)
    }

    pub(super) fn get_mut(&mut self, now_ms: u64, name: &[u8]) -> Option<&mut V> {
        let (at, value) = self.values.get_mut(name)?;
        (now_ms.saturating_sub(*at) <= self.keep_ms).then_some(value)
    }

    pub(super) fn remove(&mut self, now_ms: u64, name: &[u8]) -> Option<V> {
        let (at, value) = self.values.remove(name)?;
        (now_ms.saturating_sub(at) <= self.keep_ms).then_some(value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_in_number_and_time() {
        let mut memory = Memory::new(3, 100);
        for number in 0..10_u8 {
            memory.insert(0, &[number], number);
            memory.insert(0, b"again", 0);
        }
        assert!(memory.values.len() <= 3 && memory.order.len() <= 3);
        assert_eq!(memory.get(100, &[9]), Some(&9));
        assert_eq!(memory.get(101, &[9]), None);
        memory.insert(101, b"new", 1);
        assert_eq!(memory.order.len(), 1);
        assert_eq!(memory.remove(101, b"new"), Some(1));
        assert!(memory.is_empty());
    }
}
