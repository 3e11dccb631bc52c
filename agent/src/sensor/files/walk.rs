//! Walks a tree in the order of keys (see `known`), holding only names of the folders on its way.

use std::io::ErrorKind;

use vong_os::file::{Facts, Kind, look, path_of};

use super::known::comparable;
use super::names::Names;
use super::watch::join;

/// The names of all folders on the way may take this much, bytes: 250,000 names of one folder at a time.
const NAMES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// However little is left of that, a folder gets so much, or a folder of many names would be read again and again.
const FOLDER_BYTES_MIN: usize = 64 * 1024;

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
        /// It lies deeper than a path can say.
        too_deep: bool,
    },
}

/// A walk that can be left and continued at any step.
#[derive(Debug)]
pub(super) struct Walk {
    start: Option<Vec<u8>>,
    /// The folder that was met last and is to be entered next.
    enter: Option<Vec<u8>>,
    levels: Vec<Names>,
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
        if let Some(folder) = self.enter.take()
            && let Some(unreadable) = self.enter(folder)
        {
            return Some(unreadable);
        }
        loop {
            let path = match self.next_path()? {
                Ok(path) => path,
                Err(unreadable) => return Some(unreadable),
            };
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
                Err(error) if is_gone(error.kind()) => {}
                Err(error) => return Some(unreadable(path, error.kind())),
            }
        }
    }

    /// Enters a folder; what to say when that is not possible.
    fn enter(&mut self, folder: Vec<u8>) -> Option<Step> {
        let held: usize = self.levels.iter().map(Names::bytes).sum();
        // Half of what is left, so that a large folder in a large folder finds room.
        let window_bytes = (NAMES_BYTES_MAX.saturating_sub(held) / 2).max(FOLDER_BYTES_MIN);
        match Names::of(folder.clone(), window_bytes) {
            Ok(names) => self.levels.push(names),
            Err(error) if is_gone(error.kind()) => {}
            Err(error) => return Some(unreadable(folder, error.kind())),
        }
        None
    }

    fn next_path(&mut self) -> Option<Result<Vec<u8>, Step>> {
        if let Some(start) = self.start.take() {
            return Some(Ok(start));
        }
        while let Some(names) = self.levels.last_mut() {
            match names.next() {
                Ok(Some(name)) => return Some(Ok(join(names.folder(), &name))),
                Ok(None) => {
                    self.levels.pop();
                }
                Err(error) => {
                    let folder = names.folder().to_vec();
                    self.levels.pop();
                    if !is_gone(error.kind()) {
                        return Some(Err(unreadable(folder, error.kind())));
                    }
                }
            }
        }
        None
    }
}

/// Something else may have taken a folder's place; it has an event of its own.
fn is_gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn unreadable(folder: Vec<u8>, kind: ErrorKind) -> Step {
    let too_deep = kind == ErrorKind::InvalidFilename;
    Step::Unreadable { folder, too_deep }
}

#[cfg(test)]
mod tests {
    use vong_os::file::bytes_of;

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
