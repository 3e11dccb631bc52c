//! What is mounted, unmounted or replaced while the sensor watches: it listens anew, and says for how long it did not.

use vong_proto::event::{Blind, Body, Lane, Sensor};

use super::memory::MemoryError;
use super::{Files, event_now};
use crate::clock;

impl Files<'_> {
    /// Arms again when a watched folder has appeared, gone or been replaced, or something was mounted or unmounted.
    /// The latter is asked for each time: before a comparison takes what was unmounted for deleted.
    pub(super) fn follow_roots(&mut self) -> Result<(), MemoryError> {
        let remounted = self.source.remounted(&self.looker.watches);
        let others = remounted.is_some() && self.source.foreign() != self.foreign;
        let remounted = remounted.unwrap_or_default();
        let policy = self.in_force.as_ref();
        let replaced = policy.is_some_and(|policy| self.roots.have_changed(policy));
        if others || replaced || !remounted.is_empty() {
            self.arm()?;
        }
        let until_ms = clock::wall_ms();
        for point in remounted {
            self.compare_remounted(point, until_ms);
        }
        self.mounts_seen_ms = until_ms;
        Ok(())
    }

    /// Compares what lies at a mount point now, and says for how long nothing was heard from there.
    fn compare_remounted(&mut self, point: Vec<u8>, until_ms: i64) {
        if self.looker.watches.find(&point).is_none() {
            return;
        }
        self.looker.explainer.incomplete_since(self.mounts_seen_ms);
        self.looker.memory.report(event_now(
            Lane::Events,
            Body::Blind(Blind {
                sensor: Sensor::Files,
                scope: point.clone(),
                since_ms: self.mounts_seen_ms.min(until_ms),
                until_ms,
                reason: "remounted".to_owned(),
            }),
        ));
        // Another root is compared because it is another.
        if !self.looker.watches.iter().any(|watched| watched.root == point) {
            self.compare_below(point, super::heard_from_ns(until_ms));
        }
    }
}
