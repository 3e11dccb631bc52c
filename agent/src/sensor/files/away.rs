//! File systems that were mounted below the watches and are not any more: a disk that was pulled out, a server
//! that does not answer. Their files are not deleted. Nothing is known of them until they are back, and then they
//! are compared with what was remembered.
//!
//! Where something was mounted is kept with the baseline, because a disk may also be missing after a boot.

use super::known::{MOUNT_PREFIX, mount_key, mount_of};
use super::memory::{Memory, MemoryError};
use super::watch::WatchSet;

/// So many mount points are remembered: more than disks and servers, fewer than a host of containers makes. What
/// is mounted beyond them is taken for deleted when it is unmounted.
const POINTS_MAX: usize = 256;

/// Remembers where below the watches something is mounted. The answer is where something was mounted and is not.
/// Memory must be settled.
pub(super) fn follow(
    memory: &mut Memory,
    watches: &WatchSet,
    mounted: &[Vec<u8>],
) -> Result<Vec<Vec<u8>>, MemoryError> {
    let page = memory.page(MOUNT_PREFIX, POINTS_MAX)?;
    let mut known: Vec<Vec<u8>> = page
        .iter()
        .filter_map(|(key, _)| mount_of(key).map(<[u8]>::to_vec))
        .collect();
    for point in mounted {
        if !known.contains(point) && watches.find(point).is_some() && known.len() < POINTS_MAX {
            memory.set(mount_key(point), Some(Vec::new()))?;
            known.push(point.clone());
        }
    }
    let mut away = Vec::new();
    for point in known.into_iter().filter(|point| !mounted.contains(point)) {
        match watches.find(&point) {
            Some(_) => away.push(point),
            None => memory.set(mount_key(&point), None)?,
        }
    }
    Ok(away)
}
