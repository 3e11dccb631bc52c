//! The folders at the tops of watches: how they are spelt, and whether they are still the same.

use vong_os::file::{Facts, Kind};
use vong_proto::policy::Watch;

use super::leads::{Lead, follow};

/// What makes a folder this folder. Of a file only its presence counts: files are replaced all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// This very folder.
    Folder {
        /// Its file system.
        device: u64,
        /// Its number there.
        inode: u64,
    },
    /// Something else.
    NoFolder,
}

impl Identity {
    fn of(facts: Facts) -> Self {
        match facts.kind {
            Kind::Folder => Self::Folder {
                device: facts.device,
                inode: facts.inode,
            },
            Kind::File | Kind::Link | Kind::Other => Self::NoFolder,
        }
    }
}

/// What stands at a watch's path now; `None` when nothing does, or where nobody shall look.
pub(super) fn identity(path: &str, foreign: &[Vec<u8>]) -> Option<Identity> {
    match follow(b"/", path.as_bytes(), foreign) {
        Lead::To { facts, .. } => Some(Identity::of(facts)),
        Lead::Nowhere | Lead::Round | Lead::Foreign(_) | Lead::Unknown => None,
    }
}

/// A path as events will spell it, links in it followed.
pub(super) fn spelt_by_system(path: &str, foreign: &[Vec<u8>]) -> Vec<u8> {
    match follow(b"/", path.as_bytes(), foreign) {
        Lead::To { path, .. } => path,
        Lead::Nowhere | Lead::Round | Lead::Foreign(_) | Lead::Unknown => path.as_bytes().to_vec(),
    }
}

/// What a first look depended on: when it changes, what then comes into view is not new.
pub(super) fn stamp(watch: &Watch) -> Vec<u8> {
    watch.exclude.join("\n").into_bytes()
}
