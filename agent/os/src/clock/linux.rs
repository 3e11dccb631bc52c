//! `CLOCK_BOOTTIME`, which every kernel since 2.6.39 has, and the C library's knowledge of time zones.

use rustix::time::{ClockId, clock_gettime};

use super::Local;

pub(super) fn boot_ms() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let whole_ms = u64::try_from(time.tv_sec).unwrap_or(0) * 1_000;
    whole_ms + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

pub(super) fn unix_ms(local: Local) -> Option<i64> {
    // SAFETY: all-zero bytes are a valid `tm`, and `mktime` reads and writes nothing but it. Nobody in this process
    // changes the environment that it takes the zone from.
    let seconds = unsafe {
        let mut time: libc::tm = std::mem::zeroed();
        time.tm_year = local.year.checked_sub(1900)?;
        time.tm_mon = i32::from(local.month) - 1;
        time.tm_mday = i32::from(local.day);
        time.tm_hour = i32::from(local.hour);
        time.tm_min = i32::from(local.minute);
        time.tm_sec = i32::from(local.second);
        // Whether it is summer time there, the library finds out.
        time.tm_isdst = -1;
        libc::mktime(&raw mut time)
    };
    (seconds != -1).then(|| seconds.saturating_mul(1_000))
}
