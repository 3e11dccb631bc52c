//! Long work takes its share of the PC and no more: after each piece it rests for as long as the piece was too quick.

use std::time::Duration;

/// Bytes of a mebibyte.
const MIB: u64 = 1 << 20;

/// What long work may take; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// Of one core, in percent.
    pub(super) cpu_percent: u32,
    /// Read from disk, MiB a second.
    pub(super) disk_mib_s: u32,
}

impl Share {
    /// Half of it, for when others wait.
    pub(super) fn halved(self) -> Self {
        let half = |share: u32| match share {
            0 => 0,
            share => share.div_ceil(2),
        };
        Self {
            cpu_percent: half(self.cpu_percent),
            disk_mib_s: half(self.disk_mib_s),
        }
    }

    /// The time that a piece of work should have taken.
    fn time_for(self, cpu: Duration, bytes: u64) -> Duration {
        let for_cpu = match self.cpu_percent {
            0 => Duration::ZERO,
            percent => cpu * 100 / percent,
        };
        let for_disk = match self.disk_mib_s {
            0 => Duration::ZERO,
            mib_s => Duration::from_secs_f64(bytes as f64 / (u64::from(mib_s) * MIB) as f64),
        };
        for_cpu.max(for_disk)
    }
}

/// When the next piece may begin. All times count from the same moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pacer {
    free_at: Duration,
}

impl Pacer {
    /// How long the next piece has to wait.
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        self.free_at.checked_sub(now).filter(|wait| !wait.is_zero())
    }

    /// A piece that began then took so much. Pieces of several threads queue up: together they keep to the share.
    pub(super) fn spent(&mut self, began: Duration, cpu: Duration, bytes: u64, share: Share) {
        self.free_at = self.free_at.max(began) + share.time_for(cpu, bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_limit_is_no_waiting() {
        let mut pacer = Pacer::default();
        pacer.spent(Duration::ZERO, Duration::from_secs(5), 1 << 40, Share::default());
        assert_eq!(pacer.wait(Duration::ZERO), None);
        assert_eq!(Share::default().halved(), Share::default());
    }

    proptest! {
        /// Whoever waits as told keeps to the share, up to one piece, whatever the pieces are.
        #[test]
        fn the_share_is_kept(
            pieces in prop::collection::vec((0_u64..20_000, 0_u64..64 * MIB), 1..100),
            cpu_percent in 1_u32..=100,
            disk_mib_s in 1_u32..=1_000,
        ) {
            let share = Share { cpu_percent, disk_mib_s };
            let mut pacer = Pacer::default();
            let (mut now, mut cpu, mut bytes) = (Duration::ZERO, Duration::ZERO, 0);
            for (micros, read) in pieces {
                now += pacer.wait(now).unwrap_or_default();
                let may_have = now.as_secs_f64() + 0.001;
                prop_assert!(cpu.as_secs_f64() <= may_have * f64::from(cpu_percent) / 100.0);
                prop_assert!(bytes as f64 <= may_have * f64::from(disk_mib_s) * MIB as f64);
                let piece = Duration::from_micros(micros);
                pacer.spent(now, piece, read, share);
                now += piece;
                cpu += piece;
                bytes += read;
            }
        }
    }
}
