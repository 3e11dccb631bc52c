//! What this sensor cannot see on this PC: each is said once, until it changes.

use std::collections::BTreeMap;

use super::watch::{WatchSet, Watched};

/// So many folders are named at once; of the others the number is said.
const NAMED_MAX: usize = 3;
/// Of a longer name its beginning is said.
const NAME_BYTES_MAX: usize = 256;

/// Something that cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    /// A code, with the watch's name where it is about one.
    pub(super) what: String,
    /// A code, or the system's own words.
    pub(super) why: String,
    /// A root in which not every change is heard of.
    pub(super) deaf: Option<Vec<u8>>,
}

impl Limit {
    /// Nobody can be named.
    pub(super) fn who(why: &str) -> Self {
        Self {
            what: "who".to_owned(),
            why: why.to_owned(),
            deaf: None,
        }
    }

    /// Nobody can be named under one watch.
    pub(super) fn who_of(watch: &str, why: &str) -> Self {
        Self {
            what: format!("who:{watch}"),
            why: why.to_owned(),
            deaf: None,
        }
    }

    /// A watched folder is not there.
    pub(super) fn missing(watch: &str) -> Self {
        Self {
            what: format!("watch:{watch}"),
            why: "missing".to_owned(),
            deaf: None,
        }
    }

    /// There are more folders to watch than the agent does.
    pub(super) fn too_many(watch: &str) -> Self {
        Self {
            what: format!("watch:{watch}"),
            why: "too_many".to_owned(),
            deaf: None,
        }
    }

    /// Folders below a watch may not be read.
    pub(super) fn unreadable(watch: &str, folders: &[&[u8]]) -> Self {
        Self {
            what: format!("unreadable:{watch}"),
            why: list(folders),
            deaf: None,
        }
    }

    /// What was mounted here below a watch is not mounted any more.
    pub(super) fn unmounted(watch: &str, points: &[&[u8]]) -> Self {
        Self {
            what: format!("unmounted:{watch}"),
            why: list(points),
            deaf: None,
        }
    }

    /// Below a watch, or in its place, something is passed over.
    pub(super) fn foreign(code: &str, watch: &str, points: &[&[u8]]) -> Self {
        Self {
            what: format!("{code}:{watch}"),
            why: list(points),
            deaf: None,
        }
    }

    /// Below these folders names are so deep that their paths are longer than the system takes.
    pub(super) fn too_deep(watch: &str, folders: &[&[u8]]) -> Self {
        Self {
            what: format!("path_too_long:{watch}"),
            why: list(folders),
            deaf: None,
        }
    }

    /// What was there before under a watch is not learnt yet, though it should be.
    pub(super) fn not_learnt(watch: &str, why: &str) -> Self {
        Self {
            what: format!("baseline:{watch}"),
            why: why.to_owned(),
            deaf: None,
        }
    }

    /// Changes below a root are found only by comparing.
    pub(super) fn real_time(root: &Watched, why: &str) -> Self {
        Self {
            what: format!("real_time:{}", root.name),
            why: why.to_owned(),
            deaf: Some(root.root.clone()),
        }
    }
}

/// Folders by the names of the watches that they fall under.
pub(super) fn by_watch<'a>(
    watches: &'a WatchSet,
    folders: impl IntoIterator<Item = &'a Vec<u8>>,
) -> BTreeMap<&'a str, Vec<&'a [u8]>> {
    let mut by_watch: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for folder in folders {
        if let Some(watched) = watches.find(folder) {
            by_watch.entry(&watched.name).or_default().push(folder);
        }
    }
    by_watch
}

/// The first folders by name, and how many there are beside them: one code stands for all of a watch.
fn list(folders: &[&[u8]]) -> String {
    let named = &folders[..folders.len().min(NAMED_MAX)];
    let names: Vec<_> = named
        .iter()
        .map(|folder| match folder.get(..NAME_BYTES_MAX) {
            Some(begin) => format!("{}…", String::from_utf8_lossy(begin)),
            None => String::from_utf8_lossy(folder).into_owned(),
        })
        .collect();
    match folders.len() - named.len() {
        0 => names.join(", "),
        more => format!("{} +{more}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_folders_are_a_few_and_a_number() {
        assert_eq!(list(&[b"/a", b"/b"]), "/a, /b");
        assert_eq!(list(&[b"/a", b"/b", b"/c", b"/d", b"/e"]), "/a, /b, /c +2");
        assert_eq!(list(&[&[b'x'; 4_000]]).chars().count(), NAME_BYTES_MAX + 1);
    }
}
