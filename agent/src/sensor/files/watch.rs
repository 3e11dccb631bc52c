//! Which paths are watched: the policy's folders, ready to be asked about each path that the system names.
//!
//! A path belongs to the watch with the longest root above it, so a grave folder inside a routine one keeps
//! its own severity, and nothing is reported twice.

use vong_proto::event::Severity;
use vong_proto::policy::Watch;

/// What separates the names in a path.
pub(in crate::sensor) const SEPARATOR: u8 = std::path::MAIN_SEPARATOR as u8;

/// All watched folders.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::sensor) struct WatchSet {
    /// The longest root first; of equal roots, the first in the policy.
    watched: Vec<Watched>,
    /// The agent's own folders: its writing about a change must not be a change.
    own_folders: Vec<Vec<u8>>,
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
        Self { watched, own_folders }
    }

    /// The watch that a path falls under, if any.
    pub(in crate::sensor) fn find(&self, path: &[u8]) -> Option<&Watched> {
        let watched = self
            .watched
            .iter()
            .find(|watched| is_within(&watched.root, path))?;
        let is_own = self.own_folders.iter().any(|own| is_within(own, path));
        (!is_own && !watched.passes_over(path)).then_some(watched)
    }

    /// Whether an entry of this folder can be watched.
    pub(in crate::sensor) fn concerns(&self, folder: &[u8]) -> bool {
        self.watched.iter().any(|watched| {
            is_within(&watched.root, folder)
                || (is_within(folder, &watched.root) && is_parent(folder, &watched.root))
        })
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

fn is_parent(folder: &[u8], path: &[u8]) -> bool {
    let rest = path.get(folder.len()..).unwrap_or_default();
    let name = rest.strip_prefix(&[SEPARATOR]).unwrap_or(rest);
    !name.is_empty() && !name.contains(&SEPARATOR)
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

/// Whether a whole name fits a pattern, in which `*` stands for anything and `?` for one character.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
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

    proptest! {
        #[test]
        fn patterns_mean_what_they_say(pattern in "[ab*?]{0,8}", name in "[ab]{0,10}") {
            prop_assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                matches_slowly(pattern.as_bytes(), name.as_bytes())
            );
        }
    }
}
