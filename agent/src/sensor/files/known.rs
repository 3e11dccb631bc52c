//! What is remembered of one path, how it is kept, and what two looks at it say together.
//!
//! A key is the path with every separator replaced by a zero byte. In that spelling the order of keys is
//! the order in which a walk meets its entries (a folder, all below it, then its next sibling), so that
//! memory and disk are compared in one pass, however many files there are. No name can contain a zero.
//!
//! A value is 80 bytes:
//!
//! ```text
//! version u8 | kind u8 | digest code u8 | read too soon u8 | mode u32 | owner u32 | - u32
//! size u64 | mtime_ns i64 | ctime_ns i64 | inode u64 | sha-256 32 bytes, zeros when there is none
//! ```

use vong_os::file::{Facts, Kind};
use vong_proto::event::{Digest, FileAction, FileMeta};

use super::watch::SEPARATOR;

const VERSION: u8 = 1;
const VALUE_BYTES: usize = 80;
/// Keys that are no paths begin with this: no path does, on any system.
const NO_PATH: u8 = 0xff;

/// What was seen of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// What the system said.
    pub(super) facts: Facts,
    /// What the content said.
    pub(super) mark: Mark,
    /// The content was read so soon after its last change that a further one may have left no other times: that
    /// nothing else has changed says nothing then.
    pub(super) too_soon: bool,
}

/// The digest of a content, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// SHA-256 of the whole content.
    Sha256([u8; 32]),
    /// The policy says not to read so much.
    TooLarge,
    /// The system does not let it be read.
    Unreadable,
    /// It was being written at every try.
    Changing,
    /// It has no content of its own.
    NotAFile,
}

impl Mark {
    /// As events say it.
    pub(super) fn to_digest(self) -> Digest {
        match self {
            Mark::Sha256(hash) => Digest::Sha256(hash),
            Mark::TooLarge => Digest::Absent("too_large".to_owned()),
            Mark::Unreadable => Digest::Absent("unreadable".to_owned()),
            Mark::Changing => Digest::Absent("changing".to_owned()),
            Mark::NotAFile => Digest::Absent("not_a_file".to_owned()),
        }
    }

    fn code(self) -> u8 {
        match self {
            Mark::Sha256(_) => 1,
            Mark::TooLarge => 2,
            Mark::Unreadable => 3,
            Mark::Changing => 4,
            Mark::NotAFile => 5,
        }
    }

    fn from_code(code: u8, hash: [u8; 32]) -> Option<Mark> {
        [
            Mark::Sha256(hash),
            Mark::TooLarge,
            Mark::Unreadable,
            Mark::Changing,
            Mark::NotAFile,
        ]
        .into_iter()
        .find(|mark| mark.code() == code)
    }
}

impl Known {
    /// As events say it.
    pub(super) fn to_meta(&self) -> FileMeta {
        FileMeta::plain(
            self.facts.size,
            self.facts.mtime_ns,
            self.facts.mode,
            &self.facts.owner.to_string(),
            self.mark.to_digest(),
        )
    }

    /// Whether a file with these facts has certainly the same content and attributes: then nothing is read.
    pub(super) fn is_still(&self, facts: &Facts) -> bool {
        if self.facts.kind == Kind::Folder && facts.kind == Kind::Folder {
            return same_rights(&self.facts, facts);
        }
        self.holds() && self.facts == *facts
    }

    /// Whether only rights or owner can have changed, so that the digest still holds.
    pub(super) fn has_content_of(&self, facts: &Facts) -> bool {
        self.holds() && same_content_marks(&self.facts, facts)
    }

    /// Whether a change would certainly show in the facts.
    fn holds(&self) -> bool {
        self.mark != Mark::Changing && !self.too_soon
    }

    /// What happened to a path between two looks at it; `None` when nothing did.
    pub(super) fn compare(&self, now: &Known) -> Option<FileAction> {
        if self.facts.kind != now.facts.kind {
            return Some(FileAction::Modified);
        }
        let rights_changed = !same_rights(&self.facts, &now.facts);
        if now.facts.kind == Kind::Folder {
            return rights_changed.then_some(FileAction::Attributes);
        }
        let content_changed = match (self.mark, now.mark) {
            (Mark::Sha256(before), Mark::Sha256(after)) => before != after,
            _ => !same_content_marks(&self.facts, &now.facts),
        };
        let anything_changed = rights_changed
            || self.facts.ctime_ns != now.facts.ctime_ns
            || !same_content_marks(&self.facts, &now.facts);
        match (content_changed, anything_changed) {
            (true, _) => Some(FileAction::Modified),
            (false, true) => Some(FileAction::Attributes),
            (false, false) => None,
        }
    }

    /// As it is kept.
    pub(super) fn encode(&self) -> Vec<u8> {
        let Facts {
            kind, mode, owner, ..
        } = self.facts;
        let hash = match self.mark {
            Mark::Sha256(hash) => hash,
            _ => [0; 32],
        };
        let mut value = Vec::with_capacity(VALUE_BYTES);
        value.extend([VERSION, kind_code(kind), self.mark.code(), self.too_soon.into()]);
        value.extend(mode.to_be_bytes());
        value.extend(owner.to_be_bytes());
        value.extend([0; 4]);
        value.extend(self.facts.size.to_be_bytes());
        value.extend(self.facts.mtime_ns.to_be_bytes());
        value.extend(self.facts.ctime_ns.to_be_bytes());
        value.extend(self.facts.inode.to_be_bytes());
        value.extend(hash);
        value
    }

    /// What was kept; `None` when it is of another version or damaged: then it was never seen. The device
    /// is not kept, because its number may change with every boot.
    pub(super) fn decode(value: &[u8]) -> Option<Known> {
        if value.len() != VALUE_BYTES || value[0] != VERSION {
            return None;
        }
        Some(Known {
            facts: Facts {
                kind: kind_of(value[1])?,
                mode: u32::from_be_bytes(part(value, 4)?),
                owner: u32::from_be_bytes(part(value, 8)?),
                size: u64::from_be_bytes(part(value, 16)?),
                mtime_ns: i64::from_be_bytes(part(value, 24)?),
                ctime_ns: i64::from_be_bytes(part(value, 32)?),
                device: 0,
                inode: u64::from_be_bytes(part(value, 40)?),
            },
            mark: Mark::from_code(value[2], part(value, 48)?)?,
            too_soon: value[3] != 0,
        })
    }
}

/// Facts without what is not kept, so that memory and disk can be compared.
pub(super) fn comparable(facts: Facts) -> Facts {
    Facts { device: 0, ..facts }
}

fn same_rights(before: &Facts, now: &Facts) -> bool {
    before.mode == now.mode && before.owner == now.owner
}

fn same_content_marks(before: &Facts, now: &Facts) -> bool {
    before.kind == now.kind
        && before.size == now.size
        && before.mtime_ns == now.mtime_ns
        && before.inode == now.inode
}

fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::File => 1,
        Kind::Folder => 2,
        Kind::Other => 3,
    }
}

fn kind_of(code: u8) -> Option<Kind> {
    [Kind::File, Kind::Folder, Kind::Other]
        .into_iter()
        .find(|kind| kind_code(*kind) == code)
}

fn part<const N: usize>(value: &[u8], at: usize) -> Option<[u8; N]> {
    value.get(at..at + N)?.try_into().ok()
}

/// The key of a path.
pub(super) fn key_of(path: &[u8]) -> Vec<u8> {
    replaced(path, SEPARATOR, 0)
}

/// The path of a key; `None` for keys that are no paths.
pub(super) fn path_of(key: &[u8]) -> Option<Vec<u8>> {
    (key.first() != Some(&NO_PATH)).then(|| replaced(key, 0, SEPARATOR))
}

/// What every key below a folder begins with.
pub(super) fn prefix_below(folder: &[u8]) -> Vec<u8> {
    let mut prefix = key_of(folder);
    if prefix.last() != Some(&0) {
        prefix.push(0);
    }
    prefix
}

/// The key under which stands that a root has been looked at completely.
pub(super) fn root_key(root: &[u8]) -> Vec<u8> {
    [ROOT_PREFIX, root].concat()
}

/// The root of such a key.
pub(super) fn root_of(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(ROOT_PREFIX)
}

/// The key under which is kept that something was mounted here.
pub(super) fn mount_key(point: &[u8]) -> Vec<u8> {
    [MOUNT_PREFIX, point].concat()
}

/// The mount point of such a key.
pub(super) fn mount_of(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(MOUNT_PREFIX)
}

/// The key under which stands until when everything was known.
pub(super) const COMPLETE_KEY: &[u8] = b"\xffcomplete";

/// What the keys of mount points begin with.
pub(super) const MOUNT_PREFIX: &[u8] = b"\xffmount:";

/// What the keys of roots begin with.
pub(super) const ROOT_PREFIX: &[u8] = b"\xffroot:";

fn replaced(bytes: &[u8], from: u8, to: u8) -> Vec<u8> {
    bytes
        .iter()
        .map(|byte| if *byte == from { to } else { *byte })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(size: u64, time: i64, mark: Mark) -> Known {
        Known {
            facts: Facts {
                kind: Kind::File,
                size,
                mtime_ns: time,
                ctime_ns: time,
                device: 0,
                inode: 7,
                mode: 0o100_644,
                owner: 1_000,
            },
            mark,
            too_soon: false,
        }
    }

    #[test]
    fn what_happened_is_told_by_two_looks() {
        let before = file(3, 10, Mark::Sha256([1; 32]));
        let check = |now: Known, expected: Option<FileAction>| {
            assert_eq!(before.compare(&now), expected, "{now:?}");
        };
        check(before.clone(), None);
        check(file(3, 20, Mark::Sha256([2; 32])), Some(FileAction::Modified));
        check(file(3, 20, Mark::Sha256([1; 32])), Some(FileAction::Attributes));
        check(file(9, 20, Mark::TooLarge), Some(FileAction::Modified));
        check(file(3, 10, Mark::Unreadable), None);
        let mut rights = before.clone();
        rights.facts.mode = 0o100_600;
        check(rights, Some(FileAction::Attributes));
        let mut link = before.clone();
        link.facts.kind = Kind::Other;
        check(link, Some(FileAction::Modified));
    }

    #[test]
    fn a_folder_does_not_change_with_its_entries() {
        let mut before = file(4_096, 10, Mark::NotAFile);
        before.facts.kind = Kind::Folder;
        let mut now = before.clone();
        now.facts.mtime_ns = 99;
        now.facts.size = 8_192;
        assert_eq!(before.compare(&now), None);
        assert!(before.is_still(&now.facts));
        now.facts.owner = 0;
        assert_eq!(before.compare(&now), Some(FileAction::Attributes));
    }

    #[test]
    fn a_content_caught_while_changing_is_read_again() {
        let known = file(3, 10, Mark::Changing);
        assert!(!known.is_still(&known.facts));
        assert!(!known.has_content_of(&known.facts));
    }

    #[test]
    fn a_content_read_too_soon_is_read_again_though_nothing_shows() {
        let mut known = file(3, 10, Mark::Sha256([1; 32]));
        assert!(known.is_still(&known.facts) && known.has_content_of(&known.facts));
        known.too_soon = true;
        assert!(!known.is_still(&known.facts));
        assert!(!known.has_content_of(&known.facts));
        let rewritten = Known {
            mark: Mark::Sha256([2; 32]),
            ..known
        };
        assert_eq!(known.compare(&rewritten), Some(FileAction::Modified));
    }

    #[test]
    fn keys_sort_as_a_walk_goes() {
        let mut paths = ["/a-b", "/a/x", "/a", "/a/x/y", "/a.txt"];
        paths.sort_by_key(|path| key_of(path.as_bytes()));
        assert_eq!(paths, ["/a", "/a/x", "/a/x/y", "/a-b", "/a.txt"]);
        assert!(key_of(b"/a/x").starts_with(&prefix_below(b"/a")));
        assert!(key_of(b"/a").starts_with(&prefix_below(b"/")));
        assert_eq!(path_of(&root_key(b"/a")), None);
    }

    fn any_known() -> impl Strategy<Value = Known> {
        let mark = prop_oneof![
            any::<[u8; 32]>().prop_map(Mark::Sha256),
            Just(Mark::TooLarge),
            Just(Mark::Unreadable),
            Just(Mark::Changing),
            Just(Mark::NotAFile),
        ];
        let kind = prop_oneof![Just(Kind::File), Just(Kind::Folder), Just(Kind::Other)];
        (kind, any::<(u64, i64, i64, u64, u32, u32)>(), mark, any::<bool>()).prop_map(
            |(kind, (size, mtime_ns, ctime_ns, inode, mode, owner), mark, too_soon)| Known {
                facts: Facts {
                    kind,
                    size,
                    mtime_ns,
                    ctime_ns,
                    device: 0,
                    inode,
                    mode,
                    owner,
                },
                mark,
                too_soon,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_kept_comes_back(known in any_known()) {
            prop_assert_eq!(Known::decode(&known.encode()), Some(known));
        }

        #[test]
        fn damaged_values_are_never_seen_before(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Known::decode(&bytes);
        }

        #[test]
        fn a_path_comes_back_from_its_key(path in "/[a-z/ồ]{0,20}") {
            prop_assert_eq!(path_of(&key_of(path.as_bytes())), Some(path.into_bytes()));
        }
    }
}
