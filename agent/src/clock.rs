//! The PC's two clocks: the one on the wall, which may be wrong, and the one that counts from boot.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use vong_proto::event::BootId;

/// The PC's wall clock, milliseconds since 1970.
pub fn wall_ms() -> i64 {
    let millis = |since: std::time::Duration| i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    }
}

/// Milliseconds since boot, suspend included.
pub fn mono_ms() -> u64 {
    vong_os::clock::boot_ms()
}

/// The running boot. A system that does not name its boots gets a random name for this run of the agent:
/// then times are ordered within the run, and nothing more is claimed.
pub fn boot_id() -> BootId {
    static BOOT: OnceLock<BootId> = OnceLock::new();
    *BOOT.get_or_init(|| BootId(vong_os::host::boot_id().unwrap_or_else(|_| random_id())))
}

/// 128 random bits.
pub fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("the operating system has random bytes after boot");
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_agree_with_themselves() {
        assert!(wall_ms() > 1_700_000_000_000);
        assert!(mono_ms() <= mono_ms());
        assert_eq!(boot_id(), boot_id());
    }
}
