//! Walks a tree in the order of keys (see `known`), holding only the names of the folders on its way.

use std::io::{self, ErrorKind};
use std::vec;

use vong_os::file::{Facts, Kind, bytes_of, look, path_of};

use super::known::comparable;
use super::watch::join;

/// What a walk meets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An entry.
    Entry {
        /// Its path.
        path: Vec<u8>,
        /// What it is.
        facts: Facts,
    },
    /// Something below which nothing can be said.
    Unreadable {
        /// The folder.
        folder: Vec<u8>,
    },
}

/// A walk that can be left and continued at any step.
#[derive(Debug)]
pub(super) struct Walk {
    start: Option<Vec<u8>>,
    /// The folder that was met last and is to be entered next.
    enter: Option<Vec<u8>>,
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    folder: Vec<u8>,
    names: vec::IntoIter<Vec<u8>>,
}

impl Walk {
    /// A walk over `root` and everything below it.
    pub(super) fn new(root: Vec<u8>) -> Self {
        Self {
            start: Some(root),
            enter: None,
            levels: Vec::new(),
        }
    }

    /// The next entry of those that `admits` lets through; a folder that it does not is not entered.
    pub(super) fn next(&mut self, admits: impl Fn(&[u8]) -> bool) -> Option<Step> {
        if let Some(folder) = self.enter.take() {
            match names_in(&folder) {
                Ok(names) => self.levels.push(Level { folder, names }),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(_) => return Some(Step::Unreadable { folder }),
            }
        }
        loop {
            let path = self.next_path()?;
            if !admits(&path) {
                continue;
            }
            match look(&path_of(&path)) {
                Ok(facts) => {
                    if facts.kind == Kind::Folder {
                        self.enter = Some(path.clone());
                    }
                    let facts = comparable(facts);
                    return Some(Step::Entry { path, facts });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(_) => return Some(Step::Unreadable { folder: path }),
            }
        }
    }

    fn next_path(&mut self) -> Option<Vec<u8>> {
        if let Some(start) = self.start.take() {
            return Some(start);
        }
        while let Some(level) = self.levels.last_mut() {
            match level.names.next() {
                Some(name) => return Some(join(&level.folder, &name)),
                None => {
                    self.levels.pop();
                }
            }
        }
        None
    }
}

fn names_in(folder: &[u8]) -> io::Result<vec::IntoIter<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path_of(folder))? {
        names.push(bytes_of(entry?.file_name().as_ref()).to_vec());
    }
    names.sort_unstable();
    Ok(names.into_iter())
}

#[cfg(test)]
mod tests {
    use super::super::known::key_of;
    use super::*;

    #[test]
    fn a_walk_goes_in_the_order_of_keys_and_leaves_out_what_it_shall() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [
            "a/x/y",
            "a-b",
            "a.txt",
            "hồ sơ/1",
            "ho\u{302}\u{300} so\u{31b}/2",
            "skip/z",
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        let mut walk = Walk::new(bytes_of(folder.path()).to_vec());
        let mut keys = Vec::new();
        while let Some(step) = walk.next(|path| !path.ends_with(b"/skip")) {
            let Step::Entry { path, .. } = step else {
                panic!("{step:?}")
            };
            keys.push(key_of(&path));
        }
        assert_eq!(keys.len(), 10);
        assert!(keys.is_sorted());
    }
}
