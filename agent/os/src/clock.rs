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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_runs_backwards() {
        let before = boot_ms();
        assert!(before > 0);
        assert!(boot_ms() >= before);
    }
}
