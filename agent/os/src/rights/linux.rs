//! Mode bits.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;

pub(super) fn readable_by(options: &mut OpenOptions, everybody: bool) {
    options.mode(if everybody { 0o644 } else { 0o600 });
}
