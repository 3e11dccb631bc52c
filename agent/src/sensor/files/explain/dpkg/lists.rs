//! Which files a package has, from dpkg's own lists, and which content.
//!
//! ```text
//! tmp.ci/control, tmp.ci/md5sums      of the package that is being unpacked, before its lists are there
//! info/PACKAGE[:ARCH].list            every path, one a line
//! info/PACKAGE[:ARCH].md5sums         "sum  path" without the first slash, of files only
//! ```

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::{Path, PathBuf};

use vong_os::file::{Facts, bytes_of, look, open_quietly};

use super::Places;
use super::history::Action;

/// A longer list is not read: the longest of Debian's have some 8 MiB.
const LIST_BYTES_MAX: u64 = 16 << 20;
/// So many paths of a list are held, 24 bytes each; of a package with more the rest is as if it were not listed.
const PATHS_MAX: usize = 65_536;
/// So many lists are held.
const LISTS_MAX: usize = 4;
/// Folders that are links to those of the same name in `/usr`, or were once: lists say either.
const MERGED: [&[u8]; 4] = [b"/usr/bin/", b"/usr/sbin/", b"/usr/lib", b"/usr/libx32"];

/// What lists say of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// It is not the package's.
    No,
    /// It is, and of its content nothing is said.
    Plain,
    /// It is, with this sum.
    Sum([u8; 16]),
}

/// The lists, the last few of them held.
#[derive(Debug)]
pub(super) struct Lists {
    places: Places,
    hasher: RandomState,
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    path: PathBuf,
    facts: Facts,
    /// Of a hash of each path, its sum.
    entries: HashMap<u64, Option<[u8; 16]>>,
}

impl Lists {
    pub(super) fn new(places: Places) -> Self {
        Self {
            places,
            hasher: RandomState::new(),
            held: Vec::new(),
        }
    }

    /// What the package of an action says of a path.
    pub(super) fn find(&mut self, action: &Action, path: &[u8]) -> Listed {
        let Some(path) = below(bytes_of(&self.places.root), path) else {
            return Listed::No;
        };
        let path = without_usr(path);
        let unpacking = self.places.admin.join("tmp.ci");
        if is_of(&unpacking.join("control"), action)
            && let Some(sum) = self.entry(&unpacking.join("md5sums"), path)
        {
            return sum.map_or(Listed::Plain, Listed::Sum);
        }
        let info = self.places.admin.join("info");
        let names = [
            format!("{}:{}", action.package, action.architecture),
            action.package.clone(),
        ];
        for name in names {
            if let Some(Some(sum)) = self.entry(&info.join(format!("{name}.md5sums")), path) {
                return Listed::Sum(sum);
            }
            if self.entry(&info.join(format!("{name}.list")), path).is_some() {
                return Listed::Plain;
            }
        }
        Listed::No
    }

    /// What one list says of a path; `None` when it does not name it.
    fn entry(&mut self, list: &Path, path: &[u8]) -> Option<Option<[u8; 16]>> {
        let facts = look(list).ok()?;
        let place = self
            .held
            .iter()
            .position(|held| held.path == list && held.facts == facts);
        let mut held = match place {
            Some(place) => self.held.remove(place),
            None => self.read(list, facts)?,
        };
        let entry = held.entries.get(&self.hasher.hash_one(path)).copied();
        self.held.retain(|other| other.path != held.path);
        if self.held.len() >= LISTS_MAX {
            self.held.remove(0);
        }
        held.entries.shrink_to_fit();
        self.held.push(held);
        entry
    }

    fn read(&self, list: &Path, facts: Facts) -> Option<Held> {
        let mut text = Vec::new();
        let file = open_quietly(list).ok()?;
        file.take(LIST_BYTES_MAX).read_to_end(&mut text).ok()?;
        let mut entries = HashMap::new();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if entries.len() >= PATHS_MAX {
                break;
            }
            let (path, sum) = entry(line);
            entries.insert(self.hasher.hash_one(without_usr(&path)), sum);
        }
        Some(Held {
            path: list.to_owned(),
            facts,
            entries,
        })
    }
}

/// A line's path from the root, and its sum if it has one.
fn entry(line: &[u8]) -> (Vec<u8>, Option<[u8; 16]>) {
    let summed = line.split_at_checked(34).and_then(|(sum, path)| {
        let mut bytes = [0; 16];
        hex::decode_to_slice(sum.strip_suffix(b"  ")?, &mut bytes).ok()?;
        Some((bytes, path))
    });
    match summed {
        Some((sum, path)) => (
            [b"/", path.strip_prefix(b"./").unwrap_or(path)].concat(),
            Some(sum),
        ),
        None => (line.to_vec(), None),
    }
}

/// A path as packages in this root write it.
fn below<'a>(root: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    let root = root.strip_suffix(b"/").unwrap_or(root);
    path.strip_prefix(root).filter(|rest| rest.starts_with(b"/"))
}

fn without_usr(path: &[u8]) -> &[u8] {
    let is_merged = MERGED.iter().any(|folder| path.starts_with(folder));
    if is_merged { &path[b"/usr".len()..] } else { path }
}

/// Whether a description is of the package and version that an action is about.
fn is_of(control: &Path, action: &Action) -> bool {
    let Ok(text) = fs::read(control) else {
        return false;
    };
    let text = String::from_utf8_lossy(&text);
    let says = |field: &str, value: &str| {
        let mut lines = text.lines();
        lines.any(|line| {
            line.strip_prefix(field)
                .is_some_and(|found| found.trim() == value)
        })
    };
    says("Package:", &action.package) && says("Version:", &action.version)
}

#[cfg(test)]
mod tests {
    use super::super::history::History;
    use super::*;

    fn action() -> Action {
        let mut history = History::default();
        history.read(b"2026-11-30 17:03:02 upgrade nginx:amd64 1.0 1.1");
        history
            .during(i64::MIN, i64::MAX)
            .next()
            .expect("an action")
            .clone()
    }

    fn lists(folder: &Path) -> Lists {
        Lists::new(Places {
            admin: folder.join("admin"),
            root: folder.to_owned(),
            log: PathBuf::new(),
        })
    }

    fn write(path: PathBuf, text: &str) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }

    #[test]
    fn a_path_is_found_in_either_spelling_with_its_sum() {
        let folder = tempfile::tempdir().expect("a folder");
        let info = folder.path().join("admin/info");
        write(
            info.join("nginx.list"),
            "/.\n/usr\n/usr/sbin\n/usr/sbin/nginx\n/lib/nginx/hồ sơ\n/etc/nginx.conf\n",
        );
        write(
            info.join("nginx.md5sums"),
            "900150983cd24fb0d6963f7d28e17f72  usr/sbin/nginx\n00000000000000000000000000000001  lib/nginx/hồ sơ\n",
        );
        let mut lists = lists(folder.path());
        let mut check = |path: &str, expected: Listed| {
            let path = [bytes_of(folder.path()), path.as_bytes()].concat();
            assert_eq!(lists.find(&action(), &path), expected, "{path:?}");
        };
        let sum = hex::decode("900150983cd24fb0d6963f7d28e17f72").expect("a sum");
        check("/usr/sbin/nginx", Listed::Sum(sum.try_into().expect("16 bytes")));
        check(
            "/sbin/nginx",
            Listed::Sum(*b"\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96\x3f\x7d\x28\xe1\x7f\x72"),
        );
        check("/usr/lib/nginx/hồ sơ", Listed::Sum(1_u128.to_be_bytes()));
        check("/etc/nginx.conf", Listed::Plain);
        check("/etc/nginx.conf2", Listed::No);
        check("/usr/sbin", Listed::Plain);
        assert_eq!(lists.find(&action(), b"/usr/sbin/nginx"), Listed::No);
    }

    #[test]
    fn while_a_package_is_unpacked_its_new_sums_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let admin = folder.path().join("admin");
        write(
            admin.join("info/nginx.md5sums"),
            "00000000000000000000000000000001  usr/sbin/nginx\n",
        );
        write(
            admin.join("tmp.ci/md5sums"),
            "00000000000000000000000000000002  usr/sbin/nginx\n",
        );
        let mut lists = lists(folder.path());
        let path = [bytes_of(folder.path()), b"/usr/sbin/nginx"].concat();
        let mut check = |control: &str, expected: u128| {
            write(admin.join("tmp.ci/control"), control);
            assert_eq!(
                lists.find(&action(), &path),
                Listed::Sum(expected.to_be_bytes()),
                "{control}"
            );
        };
        check("Package: nginx\nVersion: 1.1\n", 2);
        check("Package: nginx\nVersion: 1.0\n", 1);
        check("Package: other\nVersion: 1.1\n", 1);
    }

    #[test]
    fn a_list_that_changes_is_read_again_and_few_are_held() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("admin/info/nginx.list");
        let path = [bytes_of(folder.path()), b"/a"].concat();
        let mut lists = lists(folder.path());
        assert_eq!(lists.find(&action(), &path), Listed::No);
        write(list.clone(), "/b\n");
        assert_eq!(lists.find(&action(), &path), Listed::No);
        write(list, "/b\n/a\n");
        assert_eq!(lists.find(&action(), &path), Listed::Plain);
        for number in 0..2 * LISTS_MAX {
            let path = folder.path().join(format!("{number}"));
            write(path.clone(), "/x\n");
            lists.entry(&path, b"/x");
        }
        assert!(lists.held.len() <= LISTS_MAX);
    }
}
