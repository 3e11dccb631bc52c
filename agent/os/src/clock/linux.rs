//! `CLOCK_BOOTTIME`, which every kernel since 2.6.39 has.

use rustix::time::{ClockId, clock_gettime};

pub(super) fn boot_ms() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let whole_ms = u64::try_from(time.tv_sec).unwrap_or(0) * 1_000;
    whole_ms + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}
