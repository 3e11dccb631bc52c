//! What is mounted, unmounted or replaced while the sensor watches: it listens anew, and says for how long it did not.

use std::time::Instant;

use vong_proto::event::{Blind, Body, Lane, Sensor};

use super::memory::MemoryError;
use super::root::identity;
use super::{Files, ROOTS_INTERVAL, event_now};
use crate::clock;

impl Files<'_> {
    /// Arms again when a watched folder has appeared, gone or been replaced, or something was mounted or unmounted.
    /// The latter is asked for each time: before a comparison takes what was unmounted for deleted.
    pub(super) fn follow_roots(&mut self) -> Result<(), MemoryError> {
        let remounted = self.source.remounted(&self.looker.watches);
        let others = remounted.is_some() && self.source.foreign() != self.foreign;
        let remounted = remounted.unwrap_or_default();
        if others || self.roots_have_changed() || !remounted.is_empty() {
            self.arm()?;
        }
        let until_ms = clock::wall_ms();
        for point in remounted {
            self.compare_remounted(point, until_ms);
        }
        self.mounts_seen_ms = until_ms;
        Ok(())
    }

    fn roots_have_changed(&mut self) -> bool {
        if Instant::now() < self.roots_due {
            return false;
        }
        self.roots_due = Instant::now() + ROOTS_INTERVAL;
        let watches = self.in_force.iter().flat_map(|policy| &policy.watches);
        let mut changed = watches.filter(|watch| {
            self.roots.get(&watch.path) != Some(&identity(&watch.path, &self.looker.foreign))
        });
        changed.next().is_some()
    }

    /// Compares what lies at a mount point now, and says for how long nothing was heard from there.
    fn compare_remounted(&mut self, point: Vec<u8>, until_ms: i64) {
        if self.looker.watches.find(&point).is_none() {
            return;
        }
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
            self.compare_below(point, until_ms.saturating_mul(1_000_000));
        }
    }
}
