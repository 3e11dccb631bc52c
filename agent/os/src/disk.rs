//! Room on disks.

use std::io;
use std::path::Path;

#[cfg(target_os = "linux")]
#[path = "disk/linux.rs"]
mod imp;

/// Bytes that this process may still write to the file system of `path`.
///
/// # Errors
/// The system's own.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    imp::free_bytes(path)
}

/// The size of the file system of `path`, bytes.
///
/// # Errors
/// The system's own.
pub fn total_bytes(path: &Path) -> io::Result<u64> {
    imp::total_bytes(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_says_how_large_it_is_and_how_much_is_free() {
        let root = Path::new("/");
        assert!(free_bytes(root).unwrap() <= total_bytes(root).unwrap());
        assert!(free_bytes(Path::new("/nonexistent")).is_err());
        assert!(total_bytes(Path::new("/nonexistent")).is_err());
    }
}
