//! The state that an event left a file in, as a short name: two events that leave the same path alike have the same.
//!
//! What people say of a change ("that is as it should be") is said of such a state. It is made of the path, of what
//! is there now, and of who may do what with it; not of when that was, or of who did it. Where nobody could read the
//! content, size and time of the last change stand for it: enough to tell two events apart, and not enough to trust, because
//! whoever may write a file may also set its time. Such a state can be flagged, and not [accepted](FileState::is_certain).

use sha2::{Digest as _, Sha256};
use vong_proto::event::{Digest, FileEvent, FileMeta};

/// How the store says that a file is not there any more.
pub const GONE: &str = "gone";
/// How agents say that there is no content to read: a folder, a link, a device.
pub const NOT_A_FILE: &str = "not_a_file";

/// What a file is after an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileState<'a> {
    /// Its path.
    pub path: &'a [u8],
    /// SHA-256 of its content, or empty.
    pub sha256: &'a [u8],
    /// Why there is none: a code, or [`GONE`].
    pub digest_absent: &'a str,
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change of its content.
    pub mtime_ns: i64,
    /// Mode bits.
    pub mode: u32,
    /// Owner.
    pub owner: &'a str,
    /// Owning group.
    pub group: &'a str,
    /// SHA-256 of its access control list, or empty.
    pub acl_sha256: &'a [u8],
    /// A symbolic link's text, or empty.
    pub link_text: &'a [u8],
}

impl<'a> FileState<'a> {
    /// What an event says.
    pub fn of(file: &'a FileEvent) -> Self {
        let path = file.path.as_slice();
        match &file.meta {
            None => Self {
                path,
                digest_absent: GONE,
                ..Self::default()
            },
            Some(meta) => Self::there(path, meta),
        }
    }

    fn there(path: &'a [u8], meta: &'a FileMeta) -> Self {
        let (sha256, digest_absent): (&[u8], &str) = match &meta.digest {
            Digest::Sha256(hash) => (hash, ""),
            Digest::Absent(reason) => (&[], reason),
        };
        Self {
            path,
            sha256,
            digest_absent,
            size: meta.size,
            mtime_ns: meta.mtime_ns,
            mode: meta.mode,
            owner: &meta.owner,
            group: &meta.group,
            acl_sha256: meta.acl_sha256.as_ref().map_or(&[], |hash| hash.as_slice()),
            link_text: meta.link.as_ref().map_or(&[], |link| &link.text),
        }
    }

    /// Whether two files of this state are alike for certain: the content is known, or there is none.
    pub fn is_certain(&self) -> bool {
        !self.sha256.is_empty() || [GONE, NOT_A_FILE].contains(&self.digest_absent)
    }

    /// Its name: 32 hexadecimal digits.
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            // Lengths keep neighbours apart, whatever stands in them.
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(self.path);
        part(self.sha256);
        part(self.digest_absent.as_bytes());
        if self.digest_absent != GONE {
            if self.sha256.is_empty() {
                part(&self.size.to_be_bytes());
                part(&self.mtime_ns.to_be_bytes());
            }
            part(&self.mode.to_be_bytes());
            part(self.owner.as_bytes());
            part(self.group.as_bytes());
            part(self.acl_sha256);
            part(self.link_text);
        }
        hex::encode(&hash.finalize()[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_at_another_time_is_the_same_state() {
        let state = FileState {
            path: b"/etc/hosts",
            sha256: &[7; 32],
            owner: "0",
            mode: 0o644,
            ..FileState::default()
        };
        let later = FileState { mtime_ns: 5, ..state };
        assert_eq!(state.key(), later.key());
        for other in [
            FileState {
                sha256: &[8; 32],
                ..state
            },
            FileState {
                path: b"/etc/hosts2",
                ..state
            },
            FileState { mode: 0o666, ..state },
            FileState { owner: "00", ..state },
            FileState { group: "0", ..state },
            FileState {
                digest_absent: GONE,
                ..state
            },
        ] {
            assert_ne!(state.key(), other.key(), "{other:?}");
        }
    }

    #[test]
    fn a_content_that_nobody_read_is_another_one_at_another_time() {
        let state = FileState {
            digest_absent: "too_large",
            ..FileState::default()
        };
        assert_ne!(state.key(), FileState { mtime_ns: 5, ..state }.key());
    }

    #[test]
    fn what_nobody_read_is_not_certain() {
        let state = FileState::default();
        for (digest_absent, is_certain) in [
            ("too_large", false),
            ("unreadable", false),
            ("", false),
            (NOT_A_FILE, true),
            (GONE, true),
        ] {
            assert_eq!(
                FileState {
                    digest_absent,
                    ..state
                }
                .is_certain(),
                is_certain,
                "{digest_absent}"
            );
        }
        assert!(
            FileState {
                sha256: &[7; 32],
                ..state
            }
            .is_certain()
        );
    }
}
