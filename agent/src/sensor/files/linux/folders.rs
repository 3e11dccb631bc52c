//! Which folder a handle means: asking the kernel costs three calls, and of a removed folder it says nothing.

use std::collections::HashMap;

use vong_os::fanotify;
use vong_os::file::path_of;

use super::super::watch::is_within;

/// So many folders are remembered, some 200 bytes each; then all are forgotten and learnt again.
const FOLDERS_MAX: usize = 16_384;
/// So many of them are learnt ahead; the rest is for what happens.
const LEARNT_MAX: usize = FOLDERS_MAX / 2;

/// Paths by the handles of folders.
#[derive(Debug, Default)]
pub(super) struct Folders {
    /// `None` for a folder that concerns no watch.
    paths: HashMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Folders {
    /// What is known of a folder; the inner `None` when it concerns no watch.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        self.paths.get(key).cloned()
    }

    /// Remembers what was found out.
    pub(super) fn insert(&mut self, key: Vec<u8>, path: Option<Vec<u8>>) {
        if self.paths.len() >= FOLDERS_MAX {
            self.paths.clear();
        }
        self.paths.insert(key, path);
    }

    /// Learns a watched folder ahead.
    pub(super) fn learn(&mut self, path: &[u8]) {
        if self.paths.len() < LEARNT_MAX
            && let Ok(key) = fanotify::key_of(&path_of(path))
        {
            self.paths.insert(key, Some(path.to_vec()));
        }
    }

    /// Forgets a folder that has another name now, all below it, and whatever was thought to concern nobody:
    /// it may have come into sight.
    pub(super) fn forget_below(&mut self, folder: &[u8]) {
        self.paths
            .retain(|_, path| path.as_ref().is_some_and(|path| !is_within(folder, path)));
    }

    /// Forgets what was thought to concern nobody.
    pub(super) fn forget_others(&mut self) {
        self.paths.retain(|_, path| path.is_some());
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.paths.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_folder_is_forgotten_with_all_below_it() {
        let mut folders = Folders::default();
        for path in ["/a", "/a/b", "/ab"] {
            folders.insert(path.as_bytes().to_vec(), Some(path.as_bytes().to_vec()));
        }
        folders.insert(b"elsewhere".to_vec(), None);
        folders.forget_below(b"/a");
        assert_eq!(folders.get(b"/a"), None);
        assert_eq!(folders.get(b"/a/b"), None);
        assert_eq!(folders.get(b"/ab"), Some(Some(b"/ab".to_vec())));
        assert_eq!(folders.get(b"elsewhere"), None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut folders = Folders::default();
        for number in 0..=FOLDERS_MAX {
            folders.insert(number.to_ne_bytes().to_vec(), None);
        }
        assert!(folders.paths.len() <= FOLDERS_MAX);
    }
}
