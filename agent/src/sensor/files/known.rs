//! What is remembered of one path, how it is kept, and what two looks at it say together.
//!
//! A key is the path with every separator replaced by a zero byte. In that spelling the order of keys is
//! the order in which a walk meets its entries (a folder, all below it, then its next sibling), so that
//! memory and disk are compared in one pass, however many files there are. No name can contain a zero.
//!
//! A value is 48 bytes, and 32 more for each hash that there is; a million files are kept so:
//!
//! ```text
//! version u8 = 2 | kind u8 | digest code u8 | flags u8 | mode u32 | owner u32 | group u32
//! size u64 | mtime_ns i64 | ctime_ns i64 | inode u64
//! sha-256 of the content, if the digest code says so
//! sha-256 of the rights beside the mode, or of a link's text, if the flags say so
//! ```
//!
//! Version 1 had neither group nor rights beside the mode, and always room for one hash. It is read as what it says:
//! what it does not say is found equal to anything, and is looked at when the path is met next.

use vong_os::file::{Facts, Kind};
use vong_proto::event::{Aspect, Digest, FileAction, FileMeta, LinkTarget};

use super::watch::SEPARATOR;

const VERSION: u8 = 2;
const HEAD_BYTES: usize = 48;
const HASH_BYTES: usize = 32;
/// What was kept before group and rights beside the mode were looked at.
const VERSION_1: u8 = 1;
const VALUE_BYTES_1: usize = HEAD_BYTES + HASH_BYTES;
/// The content that was read may be another by now.
const DOUBTFUL: u8 = 1;
/// There are rights beside the mode.
const RIGHTS: u8 = 2;
/// Where the code for what stands at a link's target begins.
const TARGET_SHIFT: u8 = 4;
/// The part of a mode that says what a file is, and there the code for a link.
const MODE_KIND: u32 = 0o170_000;
const MODE_LINK: u32 = 0o120_000;
/// The part of a mode that says who may do what.
const MODE_RIGHTS: u32 = 0o7777;
/// Keys that are no paths begin with this: no path does, on any system.
const NO_PATH: u8 = 0xff;

/// What was seen of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// What the system said.
    pub(super) facts: Facts,
    /// What the content said.
    pub(super) mark: Mark,
    /// The content was read so soon after its last change that a further one may have left no other times, or before
    /// something of the file changed: that nothing else has changed says nothing then.
    pub(super) doubtful: bool,
    /// What there is beside facts and content.
    pub(super) beside: Beside,
}

/// What is known of a path beside facts and content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// It was seen by an agent that did not ask, also not for the group.
    NotLookedAt,
    /// Nothing.
    Nothing,
    /// Rights beside the mode, hashed.
    Rights([u8; 32]),
    /// A link.
    Link {
        /// Its text, hashed.
        text: [u8; 32],
        /// What stands where it leads.
        target: LinkTarget,
    },
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
    /// As events say it. The text of a link is not remembered.
    pub(super) fn to_meta(&self) -> FileMeta {
        let plain = FileMeta::plain(
            self.facts.size,
            self.facts.mtime_ns,
            self.facts.mode,
            &self.facts.owner.to_string(),
            self.mark.to_digest(),
        );
        FileMeta {
            group: match self.beside {
                Beside::NotLookedAt => String::new(),
                _ => self.facts.group.to_string(),
            },
            acl_sha256: self.rights(),
            ..plain
        }
    }

    /// Whether what has these facts is certainly the same in everything: then nothing more is asked. Of a link it is
    /// not, because what stands where it leads shows nowhere.
    pub(super) fn is_still(&self, facts: &Facts) -> bool {
        if self.beside == Beside::NotLookedAt || facts.kind == Kind::Link {
            return false;
        }
        if self.facts.kind == Kind::Folder && facts.kind == Kind::Folder {
            return same_rights(&self.facts, facts) && self.facts.ctime_ns == facts.ctime_ns;
        }
        self.holds() && self.facts == *facts
    }

    /// Whether what has these facts certainly has the content that was read: nothing of them has changed.
    pub(super) fn has_certainly_content_of(&self, facts: &Facts) -> bool {
        let known = Facts {
            group: facts.group,
            ..self.facts
        };
        self.holds() && known == *facts
    }

    /// Whether only rights or owner can have changed, so that the digest still holds.
    pub(super) fn has_content_of(&self, facts: &Facts) -> bool {
        self.holds() && same_content_marks(&self.facts, facts)
    }

    /// Whether a change would certainly show in the facts.
    fn holds(&self) -> bool {
        self.mark != Mark::Changing && !self.doubtful
    }

    fn rights(&self) -> Option<[u8; 32]> {
        match self.beside {
            Beside::Rights(hash) => Some(hash),
            Beside::NotLookedAt | Beside::Nothing | Beside::Link { .. } => None,
        }
    }

    /// In what a path differs between two looks at it.
    pub(super) fn differences(&self, now: &Known) -> Vec<Aspect> {
        let looked_at = self.beside != Beside::NotLookedAt && now.beside != Beside::NotLookedAt;
        let same_kind = self.facts.kind == now.facts.kind;
        let is_link = |known: &Known| known.facts.kind == Kind::Link;
        let differs = [
            (Aspect::Kind, !same_kind),
            (Aspect::Content, same_kind && self.has_other_content(now)),
            // Of a link the mode means nothing.
            (
                Aspect::Mode,
                (self.facts.mode ^ now.facts.mode) & MODE_RIGHTS != 0 && !is_link(self) && !is_link(now),
            ),
            (
                Aspect::Owner,
                self.facts.owner != now.facts.owner || (looked_at && self.facts.group != now.facts.group),
            ),
            (Aspect::Acl, looked_at && self.rights() != now.rights()),
            (
                Aspect::Link,
                looked_at && is_link(self) && is_link(now) && self.beside != now.beside,
            ),
        ];
        let found: Vec<Aspect> = differs
            .into_iter()
            .filter_map(|(aspect, differs)| differs.then_some(aspect))
            .collect();
        if found.is_empty() && self.has_other_times(now) {
            return vec![Aspect::Times];
        }
        found
    }

    /// What happened to a path between two looks at it; `None` when nothing did.
    pub(super) fn compare(&self, now: &Known) -> Option<FileAction> {
        action(&self.differences(now))
    }

    fn has_other_content(&self, now: &Known) -> bool {
        match (now.facts.kind, self.mark, now.mark) {
            (Kind::Folder | Kind::Link, _, _) => false,
            (Kind::Other, _, _) => self.facts.inode != now.facts.inode,
            (Kind::File, Mark::Sha256(before), Mark::Sha256(after)) => before != after,
            (Kind::File, _, _) => !same_content_marks(&self.facts, &now.facts),
        }
    }

    /// The times of a folder are those of its entries, and those of a pipe say that somebody used it.
    fn has_other_times(&self, now: &Known) -> bool {
        matches!(now.facts.kind, Kind::File | Kind::Link)
            && (self.facts.ctime_ns != now.facts.ctime_ns || !same_content_marks(&self.facts, &now.facts))
    }

    /// As it is kept.
    pub(super) fn encode(&self) -> Vec<u8> {
        let facts = self.facts;
        let content = match self.mark {
            Mark::Sha256(hash) => Some(hash),
            _ => None,
        };
        let (version, flags, content, beside) = match self.beside {
            Beside::NotLookedAt => (VERSION_1, 0, Some(content.unwrap_or_default()), None),
            Beside::Nothing => (VERSION, 0, content, None),
            Beside::Rights(hash) => (VERSION, RIGHTS, content, Some(hash)),
            Beside::Link { text, target } => {
                (VERSION, target_code(target) << TARGET_SHIFT, content, Some(text))
            }
        };
        let doubtful = if self.doubtful { DOUBTFUL } else { 0 };
        let mut value = Vec::with_capacity(HEAD_BYTES + 2 * HASH_BYTES);
        value.extend([version, kind_code(facts.kind), self.mark.code(), flags | doubtful]);
        value.extend(facts.mode.to_be_bytes());
        value.extend(facts.owner.to_be_bytes());
        value.extend(facts.group.to_be_bytes());
        value.extend(facts.size.to_be_bytes());
        value.extend(facts.mtime_ns.to_be_bytes());
        value.extend(facts.ctime_ns.to_be_bytes());
        value.extend(facts.inode.to_be_bytes());
        value.extend(content.iter().chain(&beside).flatten());
        value
    }

    /// What was kept; `None` when it is of a later version or damaged: then it was never seen. The device
    /// is not kept, because its number may change with every boot.
    pub(super) fn decode(value: &[u8]) -> Option<Known> {
        let mut hashes = value.get(HEAD_BYTES..)?.chunks(HASH_BYTES);
        let mut hash = || hashes.next().and_then(|hash| hash.try_into().ok());
        let (kind, flags) = (kind_of(value[1])?, value[3]);
        let (mark, beside) = match value[0] {
            VERSION_1 if value.len() == VALUE_BYTES_1 => {
                (Mark::from_code(value[2], hash()?)?, Beside::NotLookedAt)
            }
            VERSION => {
                let has_content = value[2] == Mark::Sha256([0; HASH_BYTES]).code();
                let content = if has_content { hash()? } else { [0; HASH_BYTES] };
                let beside = match target_of(flags >> TARGET_SHIFT) {
                    Some(target) => Beside::Link {
                        text: hash()?,
                        target,
                    },
                    None if flags & RIGHTS != 0 => Beside::Rights(hash()?),
                    None => Beside::Nothing,
                };
                (Mark::from_code(value[2], content)?, beside)
            }
            _ => return None,
        };
        let mode = u32::from_be_bytes(part(value, 4)?);
        let known = Known {
            facts: Facts {
                // Version 1 had no word for a link.
                kind: if mode & MODE_KIND == MODE_LINK {
                    Kind::Link
                } else {
                    kind
                },
                mode,
                owner: u32::from_be_bytes(part(value, 8)?),
                group: u32::from_be_bytes(part(value, 12)?),
                size: u64::from_be_bytes(part(value, 16)?),
                mtime_ns: i64::from_be_bytes(part(value, 24)?),
                ctime_ns: i64::from_be_bytes(part(value, 32)?),
                device: 0,
                inode: u64::from_be_bytes(part(value, 40)?),
            },
            mark,
            doubtful: flags & DOUBTFUL != 0,
            beside,
        };
        hashes.next().is_none().then_some(known)
    }
}

/// What it is called when a path differs so.
fn action(differences: &[Aspect]) -> Option<FileAction> {
    let is_content = |aspect: &Aspect| matches!(aspect, Aspect::Content | Aspect::Kind | Aspect::Link);
    match differences {
        [] => None,
        some if some.iter().any(is_content) => Some(FileAction::Modified),
        _ => Some(FileAction::Attributes),
    }
}

/// Facts without what is not kept, so that memory and disk can be compared.
pub(super) fn comparable(facts: Facts) -> Facts {
    Facts { device: 0, ..facts }
}

fn same_rights(before: &Facts, now: &Facts) -> bool {
    before.mode == now.mode && before.owner == now.owner && before.group == now.group
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
        Kind::Link => 4,
    }
}

/// No target has the code zero.
fn target_code(target: LinkTarget) -> u8 {
    match target {
        LinkTarget::Unknown => 1,
        LinkTarget::File => 2,
        LinkTarget::Folder => 3,
        LinkTarget::Other => 4,
        LinkTarget::Missing => 5,
        LinkTarget::Loop => 6,
    }
}

fn target_of(code: u8) -> Option<LinkTarget> {
    [
        LinkTarget::Unknown,
        LinkTarget::File,
        LinkTarget::Folder,
        LinkTarget::Other,
        LinkTarget::Missing,
        LinkTarget::Loop,
    ]
    .into_iter()
    .find(|target| target_code(*target) == code)
}

fn kind_of(code: u8) -> Option<Kind> {
    [Kind::File, Kind::Folder, Kind::Other, Kind::Link]
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

/// The key under which stands how far the repeated reading of all files has come.
pub(super) const REHASH_KEY: &[u8] = b"\xffrehash";

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
                group: 1_000,
            },
            mark,
            doubtful: false,
            beside: Beside::Nothing,
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
    fn every_aspect_that_differs_is_named() {
        let before = file(3, 10, Mark::Sha256([1; 32]));
        let check = |change: &dyn Fn(&mut Known), expected: &[Aspect]| {
            let mut now = before.clone();
            now.facts.ctime_ns = 20;
            change(&mut now);
            assert_eq!(before.differences(&now), expected, "{now:?}");
        };
        check(&|_| (), &[Aspect::Times]);
        check(&|now| now.mark = Mark::Sha256([2; 32]), &[Aspect::Content]);
        check(&|now| now.facts.mode ^= 0o111, &[Aspect::Mode]);
        check(&|now| now.facts.owner = 0, &[Aspect::Owner]);
        check(&|now| now.facts.group = 0, &[Aspect::Owner]);
        check(&|now| now.beside = Beside::Rights([3; 32]), &[Aspect::Acl]);
        let everything = |now: &mut Known| {
            *now = file(9, 30, Mark::Sha256([2; 32]));
            now.facts.mode ^= 0o7;
            now.facts.group = 0;
            now.beside = Beside::Rights([3; 32]);
        };
        let expected = [Aspect::Content, Aspect::Mode, Aspect::Owner, Aspect::Acl];
        check(&everything, &expected);
    }

    #[test]
    fn a_link_changes_with_its_text_and_with_what_stands_there() {
        let link = |text: u8, target: LinkTarget| {
            let mut link = file(1, 10, Mark::NotAFile);
            link.facts.kind = Kind::Link;
            link.facts.mode = 0o120_777;
            link.beside = Beside::Link {
                text: [text; 32],
                target,
            };
            link
        };
        let before = link(1, LinkTarget::File);
        assert_eq!(before.differences(&before), []);
        assert!(!before.is_still(&before.facts), "what it leads to may be another");
        for now in [link(2, LinkTarget::File), link(1, LinkTarget::Missing)] {
            assert_eq!(before.differences(&now), [Aspect::Link]);
            assert_eq!(before.compare(&now), Some(FileAction::Modified));
        }
        let mut file = file(1, 10, Mark::Sha256([1; 32]));
        file.facts.mode = 0o100_644;
        assert_eq!(before.differences(&file), [Aspect::Kind]);
    }

    #[test]
    fn what_an_earlier_version_kept_is_known_and_makes_no_news() {
        let earlier = Known {
            beside: Beside::NotLookedAt,
            ..file(3, 10, Mark::Sha256([1; 32]))
        };
        let mut value = earlier.encode();
        assert_eq!((value.len(), value[0]), (VALUE_BYTES_1, VERSION_1));
        value[12..16].fill(0);
        let kept = Known::decode(&value).expect("known");
        let now = Known {
            beside: Beside::Rights([3; 32]),
            ..file(3, 10, Mark::Sha256([1; 32]))
        };
        assert!(!kept.is_still(&now.facts), "its rights are looked at");
        assert!(kept.has_certainly_content_of(&now.facts), "it is not read");
        assert_eq!(kept.compare(&now), None);

        // What version 1 called another thing is a link by its mode.
        let mut link = earlier;
        link.facts.kind = Kind::Other;
        link.facts.mode = 0o120_777;
        let kept = Known::decode(&link.encode()).expect("known");
        assert_eq!(kept.facts.kind, Kind::Link);
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
        now.facts.ctime_ns = 99;
        assert_eq!(before.compare(&now), None);
        assert!(!before.is_still(&now.facts), "its list of rights may be another");
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
        known.doubtful = true;
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
        let target = prop_oneof![
            Just(LinkTarget::Unknown),
            Just(LinkTarget::Missing),
            Just(LinkTarget::Loop)
        ];
        let beside = prop_oneof![
            Just(Beside::NotLookedAt),
            Just(Beside::Nothing),
            any::<[u8; 32]>().prop_map(Beside::Rights),
            (any::<[u8; 32]>(), target).prop_map(|(text, target)| Beside::Link { text, target }),
        ];
        let facts = (kind, any::<(u64, i64, i64, u64, u32, u32, u32)>()).prop_map(
            |(kind, (size, mtime_ns, ctime_ns, inode, mode, owner, group))| Facts {
                kind: if mode & MODE_KIND == MODE_LINK {
                    Kind::Link
                } else {
                    kind
                },
                size,
                mtime_ns,
                ctime_ns,
                device: 0,
                inode,
                mode,
                owner,
                group,
            },
        );
        (facts, mark, any::<bool>(), beside).prop_map(|(facts, mark, doubtful, beside)| Known {
            facts,
            mark,
            doubtful,
            beside,
        })
    }

    proptest! {
        #[test]
        fn what_is_kept_comes_back(known in any_known()) {
            prop_assert_eq!(Known::decode(&known.encode()), Some(known));
        }

        #[test]
        fn damaged_values_are_never_seen_before(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Known::decode(&bytes);
        }

        #[test]
        fn a_path_comes_back_from_its_key(path in "/[a-z/ồ]{0,20}") {
            prop_assert_eq!(path_of(&key_of(path.as_bytes())), Some(path.into_bytes()));
        }
    }
}
