//! The collector's clock and dice, for the rim; decisions are given `now` and never ask.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A random time from 0 up to, not including, `below_ms`.
pub fn jitter_ms(below_ms: u32) -> u32 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the operating system's random source works");
    let spread = (u64::from(u32::from_le_bytes(bytes)) * u64::from(below_ms)) >> 32;
    u32::try_from(spread).expect("below a u32")
}
