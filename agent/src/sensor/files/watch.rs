//! Which paths are watched: the policy's folders, ready to be asked about each path that the system names.
//!
//! A path belongs to the watch with the longest root above it, so a grave folder inside a routine one keeps
//! its own severity, and nothing is reported twice.
//!
//! A compiler makes the system name 100,000 paths within seconds, and there are some sixty roots. So a path is not
//! compared with each of them: it is cut where a root could end, which few roots' lengths and one look at a byte
//! tell, and what is left is looked up.

use std::collections::{HashMap, HashSet};

use vong_proto::event::Severity;
use vong_proto::policy::Watch;

/// What separates the names in a path.
pub(in crate::sensor) const SEPARATOR: u8 = std::path::MAIN_SEPARATOR as u8;

/// All watched folders.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::sensor) struct WatchSet {
    /// The longest root first; of equal roots, the first in the policy.
    watched: Vec<Watched>,
    /// Where the first watch with a root stands in `watched`.
    by_root: HashMap<Vec<u8>, usize>,
    /// The lengths that roots have, the longest first.
    lengths: Vec<usize>,
    /// The folders that roots lie in.
    parents: HashSet<Vec<u8>>,
    /// The agent's own folders: its writing about a change must not be a change.
    own_folders: Vec<Vec<u8>>,
    /// Where nobody shall look, with everything below.
    foreign: Vec<Vec<u8>>,
}

/// One watched folder or file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sensor) struct Watched {
    /// The policy's name for it.
    pub(super) name: String,
    /// Its path, as the system spells it.
    pub(super) root: Vec<u8>,
    /// What a change below it means.
    pub(super) severity: Option<Severity>,
    /// Names that are passed over.
    pub(super) exclude: Vec<String>,
}

impl Watched {
    /// A watch whose root is spelt as the system spells it.
    pub(in crate::sensor) fn new(watch: &Watch, root: Vec<u8>) -> Self {
        Self {
            name: watch.name.clone(),
            root,
            severity: watch.severity,
            exclude: watch.exclude.clone(),
        }
    }

    /// The same watch with another root.
    pub(super) fn moved_to(&self, root: Vec<u8>) -> Self {
        Self { root, ..self.clone() }
    }

    fn passes_over(&self, path: &[u8]) -> bool {
        let below = path.get(self.root.len()..).unwrap_or_default();
        below
            .split(|byte| *byte == SEPARATOR)
            .filter(|name| !name.is_empty())
            .any(|name| {
                self.exclude
                    .iter()
                    .any(|pattern| matches(pattern.as_bytes(), name))
            })
    }
}

impl WatchSet {
    /// The watches, in the policy's order.
    pub(in crate::sensor) fn new(mut watched: Vec<Watched>, own_folders: Vec<Vec<u8>>) -> Self {
        watched.sort_by_key(|watched| std::cmp::Reverse(watched.root.len()));
        let mut by_root = HashMap::new();
        for (place, watched) in watched.iter().enumerate() {
            by_root.entry(watched.root.clone()).or_insert(place);
        }
        let mut lengths: Vec<usize> = watched.iter().map(|watched| watched.root.len()).collect();
        lengths.dedup();
        let parents = watched.iter().filter_map(|watched| parent(&watched.root));
        Self {
            parents: parents.map(<[u8]>::to_vec).collect(),
            watched,
            by_root,
            lengths,
            own_folders,
            foreign: Vec::new(),
        }
    }

    /// The same watches, passing over what lies at or below these points.
    pub(super) fn without(self, mut foreign: Vec<Vec<u8>>) -> Self {
        let roots = || self.watched.iter().map(|watched| watched.root.as_slice());
        foreign.retain(|point| roots().any(|root| is_within(root, point) || is_within(point, root)));
        Self { foreign, ..self }
    }

    /// The watch that a path falls under, if any.
    pub(in crate::sensor) fn find(&self, path: &[u8]) -> Option<&Watched> {
        let watched = self.nearest(path)?;
        let mut others = self.own_folders.iter().chain(&self.foreign);
        let is_others = others.any(|other| is_within(other, path));
        (!is_others && !watched.passes_over(path)).then_some(watched)
    }

    /// The watch with the longest root that a path is, or lies below.
    fn nearest(&self, path: &[u8]) -> Option<&Watched> {
        let ends = self.lengths.iter().filter(|length| can_end(path, **length));
        let mut roots = ends.filter_map(|length| self.by_root.get(&path[..*length]));
        roots.next().map(|place| &self.watched[*place])
    }

    /// Whether an entry of this folder can be watched.
    pub(in crate::sensor) fn concerns(&self, folder: &[u8]) -> bool {
        self.parents.contains(folder) || self.nearest(folder).is_some()
    }

    /// What lies below a root and is passed over.
    pub(super) fn foreign_below<'a>(&'a self, root: &'a [u8]) -> impl Iterator<Item = &'a Vec<u8>> {
        self.foreign.iter().filter(move |point| is_within(root, point))
    }

    /// Every watch, the longest root first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Watched> {
        self.watched.iter()
    }
}

/// Whether `path` is `root` or lies below it.
pub(in crate::sensor) fn is_within(root: &[u8], path: &[u8]) -> bool {
    match path.strip_prefix(root) {
        Some(rest) => rest.is_empty() || rest[0] == SEPARATOR || root.last() == Some(&SEPARATOR),
        None => false,
    }
}

/// Whether a root of this length can be the path or lie above it.
fn can_end(path: &[u8], length: usize) -> bool {
    match path.get(length) {
        Some(byte) => *byte == SEPARATOR || (length > 0 && path[length - 1] == SEPARATOR),
        None => length == path.len(),
    }
}

/// The folder that a path lies in; `None` for the top of all.
fn parent(path: &[u8]) -> Option<&[u8]> {
    let end = path.iter().rposition(|byte| *byte == SEPARATOR)?;
    match (end, path.len() - 1) {
        (0, 0) => None,
        (0, _) => Some(&path[..1]),
        _ => Some(&path[..end]),
    }
}

/// A folder's path with a name behind it.
pub(in crate::sensor) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    path.extend_from_slice(folder);
    if folder.last() != Some(&SEPARATOR) {
        path.push(SEPARATOR);
    }
    path.extend_from_slice(name);
    path
}

/// The folder that a path stands in.
pub(super) fn folder_of(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == SEPARATOR) {
        None | Some(0) => &path[..path.len().min(1)],
        Some(end) => &path[..end],
    }
}

/// Whether a whole name fits a pattern, in which `*` stands for anything and `?` for one character.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at_pattern, mut at_name) = (0, 0);
    // Where the last star stood and what it has swallowed: only that one ever has to swallow more.
    let mut star: Option<(usize, usize)> = None;
    while at_name < name.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                star = Some((at_pattern, at_name));
                at_pattern += 1;
            }
            Some(b'?') => {
                at_pattern += 1;
                at_name += character_length(&name[at_name..]);
            }
            Some(byte) if *byte == name[at_name] => {
                at_pattern += 1;
                at_name += 1;
            }
            _ => match star {
                Some((pattern_star, swallowed)) => {
                    star = Some((pattern_star, swallowed + 1));
                    at_pattern = pattern_star + 1;
                    at_name = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|byte| *byte == b'*')
}

/// Bytes of the first character, taking bytes that are no UTF-8 as characters of their own.
fn character_length(text: &[u8]) -> usize {
    let follows = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    1 + text.iter().skip(1).take_while(follows).count().min(3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn watched(name: &str, root: &str, exclude: &[&str]) -> Watched {
        Watched {
            name: name.to_owned(),
            root: root.as_bytes().to_vec(),
            severity: None,
            exclude: exclude.iter().map(|&text| text.to_owned()).collect(),
        }
    }

    fn set() -> WatchSet {
        WatchSet::new(
            vec![
                watched("all", "/srv", &["*.tmp", "cache"]),
                watched("secret", "/srv/hồ sơ/mật", &[]),
                watched("one file", "/etc/passwd", &[]),
            ],
            vec![b"/srv/agent".to_vec()],
        )
        .without(vec![b"/srv/share".to_vec()])
    }

    #[test]
    fn the_longest_root_decides() {
        let check = |path: &str, expected: Option<&str>| {
            let set = set();
            let found = set.find(path.as_bytes()).map(|watched| watched.name.as_str());
            assert_eq!(found, expected, "{path}");
        };
        check("/srv/a", Some("all"));
        check("/srv", Some("all"));
        check("/srvx", None);
        check("/srv/hồ sơ/mật/a.tmp", Some("secret"));
        check("/srv/hồ sơ/mậtx", Some("all"));
        check("/srv/a.tmp", None);
        check("/srv/cache/deep/file", None);
        check("/srv/agent/spool.db", None);
        check("/srv/share", None);
        check("/srv/share/file", None);
        check("/srv/shared", Some("all"));
        check("/etc/passwd", Some("one file"));
        check("/etc/shadow", None);
    }

    #[test]
    fn folders_above_a_root_concern_nobody_but_the_nearest() {
        let set = set();
        assert!(set.concerns(b"/srv/a/b"));
        assert!(set.concerns(b"/etc"));
        assert!(set.concerns(b"/"));
        assert!(!set.concerns(b"/usr"));
        assert!(!set.concerns(b"/etc/ssl"));
    }

    #[test]
    fn a_question_mark_is_one_character_in_any_spelling() {
        assert!(matches("h?".as_bytes(), "hồ".as_bytes()));
        assert!(matches("~$*.do?x".as_bytes(), "~$báo cáo.docx".as_bytes()));
        assert!(!matches(b"?", b""));
        assert!(matches(b"?", b"\xff"));
    }

    /// The definition, in the slowest form.
    fn matches_slowly(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.first(), name.first()) {
            (None, None) => true,
            (Some(b'*'), _) => {
                matches_slowly(&pattern[1..], name)
                    || (!name.is_empty() && matches_slowly(pattern, &name[1..]))
            }
            (Some(b'?'), Some(_)) => matches_slowly(&pattern[1..], &name[1..]),
            (Some(a), Some(b)) if a == b => matches_slowly(&pattern[1..], &name[1..]),
            _ => false,
        }
    }

    /// The definition of which watch a path falls under, in the slowest form.
    fn nearest_slowly<'a>(set: &'a WatchSet, path: &[u8]) -> Option<&'a Watched> {
        set.watched.iter().find(|watched| is_within(&watched.root, path))
    }

    fn concerns_slowly(set: &WatchSet, folder: &[u8]) -> bool {
        let is_parent = |root: &[u8]| {
            let rest = root.strip_prefix(folder).unwrap_or_default();
            let name = rest.strip_prefix(&[SEPARATOR]).unwrap_or(rest);
            is_within(folder, root) && !name.is_empty() && !name.contains(&SEPARATOR)
        };
        let mut roots = set.watched.iter().map(|watched| watched.root.as_slice());
        roots.any(|root| is_within(root, folder) || is_parent(root))
    }

    proptest! {
        #[test]
        fn a_path_is_found_as_by_asking_every_root(
            roots in prop::collection::vec("/|(/[ab]{1,2}){1,4}", 0..12),
            path in "/|(/[ab]{1,2}){1,6}",
        ) {
            let named = roots.iter().enumerate().map(|(number, root)| watched(&number.to_string(), root, &[]));
            let set = WatchSet::new(named.collect(), Vec::new());
            prop_assert_eq!(set.find(path.as_bytes()), nearest_slowly(&set, path.as_bytes()));
            prop_assert_eq!(set.concerns(path.as_bytes()), concerns_slowly(&set, path.as_bytes()));
        }

        #[test]
        fn patterns_mean_what_they_say(pattern in "[ab*?]{0,8}", name in "[ab]{0,10}") {
            prop_assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                matches_slowly(pattern.as_bytes(), name.as_bytes())
            );
        }
    }
}
