//! What the sensor knows of its own knowledge: until when it was complete, and where it has looked before.

use vong_proto::policy::Watch;

use super::known::{COMPLETE_KEY, root_key};
use super::memory::MemoryError;
use super::root::{spelt_by_system, stamp};
use super::task::FORGETTING;
use super::{Files, standard};
use crate::clock;

impl Files<'_> {
    /// Until when everything was known when the agent stopped. It holds once: nobody knows when one that was killed
    /// knew everything.
    pub(super) fn recall_completeness(&mut self) -> Result<(), MemoryError> {
        if let Some(value) = self.looker.memory.value(COMPLETE_KEY)? {
            let bytes = value.try_into().unwrap_or([0; 8]);
            self.looker.explainer.complete_at(i64::from_be_bytes(bytes));
            self.looker.memory.set(COMPLETE_KEY.to_vec(), None)?;
        }
        Ok(())
    }

    pub(super) fn keep_completeness(&mut self) -> Result<(), MemoryError> {
        let now_ms = clock::wall_ms().to_be_bytes().to_vec();
        if !self.tasks.is_empty() || !self.inbox.is_settled() {
            return Ok(());
        }
        self.looker.memory.set(COMPLETE_KEY.to_vec(), Some(now_ms))
    }

    /// Whether the keys of users have been looked at before: then what is in the home of another one is new.
    pub(super) fn keys_are_known(&self) -> Result<bool, MemoryError> {
        let Some(first) = standard::first_home_of(&standard::keys_watch()) else {
            return Ok(false);
        };
        let seen = self
            .looker
            .memory
            .value(&root_key(&spelt_by_system(first, &self.looker.foreign)))?;
        Ok(seen.is_some_and(|stamp| stamp != FORGETTING))
    }

    /// What appears where nothing was is new, not a first look.
    pub(super) fn remember_missing(&mut self, root: &[u8], watch: &Watch) -> Result<(), MemoryError> {
        let key = root_key(root);
        if self.looker.memory.value(&key)?.is_none() {
            self.looker.memory.set(key, Some(stamp(watch)))?;
        }
        Ok(())
    }
}
