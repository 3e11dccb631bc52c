//! Who may read a file or a folder that is made.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

#[cfg(target_os = "linux")]
#[path = "rights/linux.rs"]
mod imp;

/// Lets a file that `options` will create be read by everybody, or by its owner only.
pub fn readable_by(options: &mut OpenOptions, everybody: bool) {
    imp::readable_by(options, everybody);
}

/// Makes a folder, with those above it, that only its owner may enter. One that is there already keeps its
/// rights.
///
/// # Errors
/// The system's own.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    imp::make_private_folder(path)
}
