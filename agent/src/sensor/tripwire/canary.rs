//! Canaries: documents that nobody needs, placed where whoever goes through a folder meets them first and last.
//!
//! ```text
//! /home/lan/!Vọng canh gác (xin đừng sửa, xóa)~/    Đọc tôi.txt  Báo cáo.docx  Danh sách.xlsx  …
//! /home/lan/~Vọng canh gác (xin đừng sửa, xóa)~/    the same
//! ```
//! The names say what they are and end as those of backups, which file managers hide. Reading one means nothing;
//! whoever writes, renames or removes one gives himself away. Each is put back, but never against somebody:
//! only when nothing is going on, and once an hour at most. None is ever sent anywhere.

use std::collections::HashMap;
use std::io;

use tracing::{debug, info};
use vong_os::file::path_of;
use vong_os::placing::Folder;

use super::SEPARATOR;
use crate::sensor::files::watch::{is_within, join};

mod document;

/// The folders in each root: `!` stands before digits and letters, `~` behind.
const FOLDERS: [&str; 2] = [
    "!Vọng canh gác (xin đừng sửa, xóa)~",
    "~Vọng canh gác (xin đừng sửa, xóa)~",
];
/// One that was spoilt again is left alone for so long.
const HEAL_INTERVAL_MS: u64 = 3_600_000;

/// The canaries of this PC.
#[derive(Debug, Default)]
pub(super) struct Canaries {
    roots: Vec<Vec<u8>>,
    /// When each was put back for the last time.
    healed: HashMap<Vec<u8>, u64>,
}

/// What a look round finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Those with another content.
    pub(super) changed: Vec<Vec<u8>>,
    /// Those that are gone.
    pub(super) gone: Vec<Vec<u8>>,
}

impl Canaries {
    /// Where canaries are.
    pub(super) fn roots(&self) -> &[Vec<u8>] {
        &self.roots
    }

    /// Places those that are missing, in these roots and no others.
    pub(super) fn place(&mut self, roots: &[Vec<u8>]) {
        for root in roots {
            for (folder, name) in every() {
                if let Err(error) = put(root, folder, name)
                    && error.kind() != io::ErrorKind::AlreadyExists
                {
                    debug!(root = %path_of(root).display(), %error, "a canary cannot be placed");
                }
            }
        }
        if self.roots != roots {
            info!(roots = roots.len(), "canaries placed");
        }
        self.roots = roots.to_vec();
    }

    /// Removes all from a root, but for what somebody has put there himself.
    pub(super) fn remove(&mut self, root: &[u8]) {
        for folder in FOLDERS {
            let Ok(opened) = Folder::open(&path_of(root), folder) else {
                continue;
            };
            for document in document::all() {
                if is_intact(&opened, document.name) == Some(true)
                    && let Err(error) = opened.remove(document.name)
                {
                    debug!(%error, "a canary cannot be removed");
                }
            }
            // Whatever else is in it keeps it.
            let _ = Folder::remove_empty(&path_of(root), folder);
        }
        self.roots.retain(|other| other != root);
    }

    /// Whether a path is that of a canary or of a folder of canaries.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        let below = self
            .roots
            .iter()
            .find(|root| is_within(root, path))
            .map(|root| &path[root.len()..]);
        let Some(below) = below else {
            return false;
        };
        let mut names = below
            .split(|byte| *byte == SEPARATOR)
            .filter(|name| !name.is_empty());
        let is_ours = |name: &[u8]| FOLDERS.iter().any(|folder| folder.as_bytes() == name);
        match (names.next(), names.next(), names.next()) {
            (Some(folder), None, None) => is_ours(folder),
            (Some(folder), Some(name), None) => {
                is_ours(folder)
                    && document::all()
                        .iter()
                        .any(|document| document.name.as_bytes() == name)
            }
            _ => false,
        }
    }

    /// Looks at each canary.
    pub(super) fn look(&self) -> Look {
        let mut look = Look::default();
        for root in &self.roots {
            for folder in FOLDERS {
                let opened = Folder::open(&path_of(root), folder);
                for document in document::all() {
                    let path = path_in(root, folder, document.name);
                    match opened
                        .as_ref()
                        .ok()
                        .and_then(|opened| is_intact(opened, document.name))
                    {
                        Some(true) => {}
                        Some(false) => look.changed.push(path),
                        None => look.gone.push(path),
                    }
                }
            }
        }
        look
    }

    /// Puts back what a look has found.
    pub(super) fn heal(&mut self, look: &Look, now_ms: u64) {
        for root in self.roots.clone() {
            for (folder, name) in every() {
                let path = path_in(&root, folder, name);
                let is_spoilt = look.changed.contains(&path);
                let is_due = self
                    .healed
                    .get(&path)
                    .is_none_or(|at| now_ms.saturating_sub(*at) >= HEAL_INTERVAL_MS);
                if !is_due || !(is_spoilt || look.gone.contains(&path)) {
                    continue;
                }
                self.healed.insert(path, now_ms);
                if is_spoilt && let Ok(opened) = Folder::open(&path_of(&root), folder) {
                    // What cannot be removed cannot be put back either, which the next line finds.
                    let _ = opened.remove(name);
                }
                if let Err(error) = put(&root, folder, name) {
                    debug!(%error, "a canary cannot be put back");
                }
            }
        }
    }
}

fn every() -> impl Iterator<Item = (&'static str, &'static str)> {
    FOLDERS.into_iter().flat_map(|folder| {
        document::all()
            .iter()
            .map(move |document| (folder, document.name))
    })
}

fn path_in(root: &[u8], folder: &str, name: &str) -> Vec<u8> {
    join(&join(root, folder.as_bytes()), name.as_bytes())
}

fn put(root: &[u8], folder: &str, name: &str) -> io::Result<()> {
    let folder = Folder::make(&path_of(root), folder)?;
    folder.put(name, &document::content(name))
}

/// Whether a canary is as it was placed; `None` when it is gone.
fn is_intact(folder: &Folder, name: &str) -> Option<bool> {
    let expected = document::content(name);
    let found = folder.read(name, expected.len() as u64 + 1);
    match found {
        Ok(found) => Some(found == expected),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(_) => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use vong_os::file::bytes_of;

    use super::*;

    fn placed() -> (tempfile::TempDir, Canaries, Vec<u8>) {
        let home = tempfile::tempdir().expect("a folder");
        let root = bytes_of(home.path()).to_vec();
        let mut canaries = Canaries::default();
        canaries.place(std::slice::from_ref(&root));
        (home, canaries, root)
    }

    #[test]
    fn they_are_placed_first_and_last_and_removed_again() {
        let (home, mut canaries, root) = placed();
        for name in ["A.docx", "0.txt", "z.txt", "báo cáo.txt"] {
            fs::write(home.path().join(name), "x").expect("written");
        }
        let mut names: Vec<_> = fs::read_dir(home.path())
            .expect("there")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        names.sort();
        assert_eq!(names.first().and_then(|name| name.to_str()), Some(FOLDERS[0]));
        assert_eq!(names.last().and_then(|name| name.to_str()), Some(FOLDERS[1]));
        assert_eq!(canaries.look(), Look::default());
        canaries.remove(&root);
        assert!(FOLDERS.iter().all(|folder| !home.path().join(folder).exists()));
        assert!(canaries.roots().is_empty());
    }

    #[test]
    fn a_spoilt_one_is_found_and_put_back_once_an_hour() {
        let (_home, mut canaries, root) = placed();
        let path = path_in(&root, FOLDERS[0], "Báo cáo.docx");
        let spoil = || fs::write(path_of(&path), "encrypted").expect("written");
        spoil();
        let look = canaries.look();
        assert_eq!(look.changed, std::slice::from_ref(&path));
        canaries.heal(&look, 0);
        assert_eq!(canaries.look(), Look::default());
        spoil();
        canaries.heal(&canaries.look(), HEAL_INTERVAL_MS - 1);
        assert_eq!(canaries.look().changed.len(), 1);
        fs::remove_file(path_of(&path)).expect("there");
        assert_eq!(canaries.look().gone.len(), 1);
        canaries.heal(&canaries.look(), HEAL_INTERVAL_MS);
        assert_eq!(canaries.look(), Look::default());
    }

    #[test]
    fn only_ours_are_canaries() {
        let (_home, canaries, root) = placed();
        assert!(canaries.holds(&path_in(&root, FOLDERS[1], "Đọc tôi.txt")));
        assert!(canaries.holds(&join(&root, FOLDERS[1].as_bytes())));
        assert!(!canaries.holds(&path_in(&root, FOLDERS[1], "of a user.txt")));
        assert!(!canaries.holds(&root));
        assert!(!canaries.holds(b"/elsewhere/x.docx"));
    }

    #[test]
    fn what_a_user_has_put_there_stays() {
        let (_home, mut canaries, root) = placed();
        let own = path_of(&path_in(&root, FOLDERS[0], "của tôi.txt"));
        fs::write(&own, "x").expect("written");
        canaries.remove(&root);
        assert!(own.exists());
        assert_eq!(
            fs::read_dir(own.parent().expect("a folder"))
                .expect("there")
                .count(),
            1
        );
    }
}
