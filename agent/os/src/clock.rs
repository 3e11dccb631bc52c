//! Time as the system counts it: since boot, with suspend included.
//!
//! Not `std::time::Instant`: on Linux it stops during suspend, and an agent that sleeps with its
//! laptop would order the events of the evening before those of the afternoon.

#[cfg(target_os = "linux")]
#[path = "clock/linux.rs"]
mod imp;

/// Milliseconds since boot, suspend included.
pub fn boot_ms() -> u64 {
    imp::boot_ms()
}

/// A time of day as this PC's people read it, without its zone: what other programs write into their logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Such as 2026.
    pub year: i32,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
    /// From 0.
    pub hour: u8,
    /// From 0.
    pub minute: u8,
    /// From 0.
    pub second: u8,
}

/// Milliseconds since 1970 at such a time, by the PC's time zone; `None` when there is none.
pub fn unix_ms(local: Local) -> Option<i64> {
    imp::unix_ms(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_within_a_day_of_the_same_in_utc() {
        let local = Local {
            year: 2026,
            month: 11,
            day: 30,
            hour: 13,
            minute: 59,
            second: 6,
        };
        let in_utc_ms = 1_796_047_146_000;
        let found = unix_ms(local).expect("a time");
        assert!((found - in_utc_ms).abs() <= 24 * 3_600_000, "{found}");
        assert_eq!(found.rem_euclid(60_000), 6_000);
    }

    #[test]
    fn it_never_runs_backwards() {
        let before = boot_ms();
        assert!(before > 0);
        assert!(boot_ms() >= before);
    }
}
