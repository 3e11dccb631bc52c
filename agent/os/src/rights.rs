//! Who may read a file that is made.

use std::fs::OpenOptions;

#[cfg(target_os = "linux")]
#[path = "rights/linux.rs"]
mod imp;

/// Lets a file that `options` will create be read by everybody, or by its owner only.
pub fn readable_by(options: &mut OpenOptions, everybody: bool) {
    imp::readable_by(options, everybody);
}
