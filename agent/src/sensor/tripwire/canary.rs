//! Canaries: documents that nobody needs, placed where whoever goes through a folder meets them first and last.
//!
//! ```text
//! /home/lan/!Vọng canh gác (xin đừng sửa, xóa)~/    Đọc tôi.txt  Báo cáo.docx  Danh sách.xlsx  …
//! /home/lan/~Vọng canh gác (xin đừng sửa, xóa)~/    the same
//! ```
//! The names say what they are and end as those of backups, which file managers hide. Reading one means nothing;
//! whoever writes, renames or removes one gives himself away. Each is put back, but never against somebody:
//! only when nothing is going on, and once an hour at most; what stands in its place is kept beside it. None is ever
//! sent anywhere.
//!
//! Not all is heard: a file has other names where nobody listens, and events are lost. So they are looked at as well, and
//! one that was as it should be and no longer is counts. One that never was, on a full disk, means nothing.

use std::collections::{HashMap, HashSet};
use std::io;

use tracing::{debug, info};
use vong_os::file::path_of;
use vong_os::placing::Folder;

use super::SEPARATOR;
use crate::sensor::files::watch::{is_within, join};

mod document;
mod record;

pub(super) use record::Record;

/// The folders in each root: `!` stands before digits and letters, `~` behind.
const FOLDERS: [&str; 2] = [
    "!Vọng canh gác (xin đừng sửa, xóa)~",
    "~Vọng canh gác (xin đừng sửa, xóa)~",
];
/// One that was spoilt again is left alone for so long.
const HEAL_INTERVAL_MS: u64 = 3_600_000;
/// Larger than those of any version; a file that is larger is none.
const CONTENT_BYTES_MAX: u64 = 64 * 1024;

/// The canaries of this PC.
#[derive(Debug, Default)]
pub(super) struct Canaries {
    roots: Vec<Root>,
    /// When each was put back for the last time.
    healed: HashMap<Vec<u8>, u64>,
}

/// A folder with canaries.
#[derive(Debug)]
struct Root {
    path: Vec<u8>,
    record: Record,
    /// The file system that it was on: another one has other canaries, or none.
    device: Option<u64>,
    /// Those that were as they should be when they were last looked at.
    intact: HashSet<Vec<u8>>,
}

/// What a look round finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Those with another content.
    pub(super) changed: Vec<Vec<u8>>,
    /// Those that are gone, or were never placed whole.
    pub(super) gone: Vec<Vec<u8>>,
    /// What of it is new.
    pub(super) news: News,
}

/// Canaries that were as they should be at the look before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// They have another content.
    pub(super) changed: Vec<Vec<u8>>,
    /// They are gone, or the whole folder is.
    pub(super) gone: Vec<Vec<u8>>,
}

impl News {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty()
    }
}

/// What stands where a canary should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Intact,
    /// Another version has placed it.
    Old,
    /// The beginning of one: its placing was cut short.
    Half,
    Gone,
    Spoilt,
    /// It cannot be read now.
    Unknown,
}

impl Canaries {
    /// Whether canaries are in these roots.
    pub(super) fn are_in(&self, roots: &[Vec<u8>]) -> bool {
        self.roots.iter().map(|root| &root.path).eq(roots)
    }

    /// Has canaries in these roots and no others; those that are missing in new ones are placed. `records` are of those
    /// that an earlier run has placed: what is spoilt there was so by somebody.
    pub(super) fn place(&mut self, roots: &[Vec<u8>], records: &HashMap<Vec<u8>, Record>) {
        if !self.are_in(roots) {
            info!(roots = roots.len(), "placing canaries");
        }
        let mut before = std::mem::take(&mut self.roots);
        for path in roots {
            let known = before.iter().position(|root| root.path == *path);
            let root = match known {
                Some(known) => before.swap_remove(known),
                None => Root::place(path, records.get(path)),
            };
            self.roots.push(root);
        }
    }

    /// Removes all from a root, but for what somebody has put there himself.
    pub(super) fn remove(&mut self, root: &[u8], record: &Record) {
        for folder in FOLDERS {
            let Ok(opened) = Folder::open(&path_of(root), folder) else {
                continue;
            };
            for document in document::all() {
                let is_ours = matches!(
                    state(&opened, document.name, record),
                    State::Intact | State::Old | State::Half
                );
                let removed = opened.sweep(document.name).and_then(|()| {
                    if is_ours {
                        opened.remove(document.name)
                    } else {
                        Ok(())
                    }
                });
                if let Err(error) = removed {
                    debug!(%error, "a canary cannot be removed");
                }
            }
            // Whatever else is in it keeps it.
            let _ = Folder::remove_empty(&path_of(root), folder);
        }
        self.roots.retain(|other| other.path != root);
    }

    /// Whether a path is that of a canary or of a folder of canaries.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        let below = self
            .roots
            .iter()
            .find(|root| is_within(&root.path, path))
            .map(|root| &path[root.path.len()..]);
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

    /// Whether the canary at this path is as it was placed.
    pub(super) fn is_as_placed(&self, path: &[u8]) -> bool {
        self.roots
            .iter()
            .filter(|root| is_within(&root.path, path))
            .any(|root| {
                let canary = every().find(|(folder, name)| path_in(&root.path, folder, name) == path);
                canary.is_some_and(|(folder, name)| {
                    Folder::open(&path_of(&root.path), folder).is_ok_and(|opened| {
                        matches!(state(&opened, name, &root.record), State::Intact | State::Old)
                    })
                })
            })
    }

    /// What was done to a canary, or a folder of them, is known: it is no news at the next look.
    pub(super) fn forget(&mut self, path: &[u8]) {
        for root in &mut self.roots {
            root.intact.retain(|intact| !is_within(path, intact));
        }
    }

    /// Looks at each canary.
    pub(super) fn look(&mut self) -> Look {
        let mut look = Look::default();
        for root in &mut self.roots {
            root.look(&mut look);
        }
        look
    }

    /// Puts back what a look has found.
    pub(super) fn heal(&mut self, look: &Look, now_ms: u64) {
        for root in &mut self.roots {
            for (folder, name) in every() {
                let path = path_in(&root.path, folder, name);
                let is_spoilt = look.changed.contains(&path);
                let is_due = self
                    .healed
                    .get(&path)
                    .is_none_or(|at| now_ms.saturating_sub(*at) >= HEAL_INTERVAL_MS);
                if !is_due || !(is_spoilt || look.gone.contains(&path)) {
                    continue;
                }
                self.healed.insert(path.clone(), now_ms);
                match root.put_back(folder, name, is_spoilt) {
                    Ok(()) => _ = root.intact.insert(path),
                    Err(error) => debug!(%error, "a canary cannot be put back"),
                }
            }
        }
    }
}

impl Root {
    /// Places what is missing. Only where an earlier run has placed canaries can one be spoilt already.
    fn place(path: &[u8], record: Option<&Record>) -> Self {
        let mut root = Self {
            path: path.to_vec(),
            record: record.cloned().unwrap_or_default(),
            device: device_of(path),
            intact: HashSet::new(),
        };
        root.record.add_current();
        for (folder, name) in every() {
            let placed = Folder::make(&path_of(path), folder).and_then(|opened| {
                match state(&opened, name, &root.record) {
                    State::Intact | State::Unknown => Ok(true),
                    State::Spoilt => Ok(record.is_some()),
                    // Whose content is ours may go.
                    State::Old | State::Half => opened
                        .remove(name)
                        .and_then(|()| put(&opened, name))
                        .map(|()| true),
                    State::Gone => put(&opened, name).map(|()| true),
                }
            });
            match placed {
                Ok(true) => _ = root.intact.insert(path_in(path, folder, name)),
                Ok(false) => {}
                Err(error) => debug!(root = %path_of(path).display(), %error, "a canary cannot be placed"),
            }
        }
        root
    }

    fn look(&mut self, look: &mut Look) {
        let Some(device) = device_of(&self.path) else {
            // With the home the canaries are gone, and nobody has touched them.
            return;
        };
        if self.device != Some(device) {
            self.device = Some(device);
            self.intact.clear();
        }
        for folder in FOLDERS {
            let opened = match Folder::open(&path_of(&self.path), folder) {
                Ok(opened) => Some(opened),
                Err(error) if is_elsewhere(&error) => None,
                Err(_) => continue,
            };
            let mut is_folder_news = false;
            for document in document::all() {
                let path = path_in(&self.path, folder, document.name);
                let state = opened
                    .as_ref()
                    .map_or(State::Gone, |opened| state(opened, document.name, &self.record));
                match state {
                    State::Intact | State::Old => _ = self.intact.insert(path),
                    State::Unknown => {}
                    State::Spoilt => {
                        if self.intact.remove(&path) {
                            look.news.changed.push(path.clone());
                        }
                        look.changed.push(path);
                    }
                    State::Gone | State::Half => {
                        if self.intact.remove(&path) {
                            is_folder_news |= opened.is_none();
                            if opened.is_some() {
                                look.news.gone.push(path.clone());
                            }
                        }
                        look.gone.push(path);
                    }
                }
            }
            if is_folder_news {
                // Whoever removes the folder does one thing.
                look.news.gone.push(join(&self.path, folder.as_bytes()));
            }
        }
    }

    fn put_back(&self, folder: &str, name: &str, is_spoilt: bool) -> io::Result<()> {
        let opened = Folder::make(&path_of(&self.path), folder)?;
        match state(&opened, name, &self.record) {
            // It may be somebody's work, or show what an encryptor does.
            State::Spoilt if is_spoilt => opened.rename(name, &aside(name))?,
            State::Half => opened.remove(name)?,
            _ => {}
        }
        put(&opened, name)
    }
}

/// The name that what is found in a canary's place is given.
fn aside(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem} (đã bị sửa).{ending}"),
        None => format!("{name} (đã bị sửa)"),
    }
}

fn device_of(path: &[u8]) -> Option<u64> {
    vong_os::file::look(&path_of(path)).ok().map(|facts| facts.device)
}

/// Whether an error says that a folder is not there, or another in its place.
fn is_elsewhere(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
    )
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

fn put(folder: &Folder, name: &str) -> io::Result<()> {
    folder.put(name, &document::content(name))
}

fn state(folder: &Folder, name: &str, record: &Record) -> State {
    let found = match folder.read(name, CONTENT_BYTES_MAX) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return State::Gone,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return State::Spoilt,
        Err(_) => return State::Unknown,
    };
    let expected = document::content(name);
    if found == expected {
        State::Intact
    } else if expected.starts_with(&found) {
        State::Half
    } else if record.holds(&found) {
        State::Old
    } else {
        State::Spoilt
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
        let canaries = placed_in(&root, None);
        (home, canaries, root)
    }

    /// By a run of the agent that has such a record of earlier ones.
    fn placed_in(root: &[u8], record: Option<Record>) -> Canaries {
        let mut canaries = Canaries::default();
        let records = record.map(|record| (root.to_vec(), record)).into_iter().collect();
        canaries.place(&[root.to_vec()], &records);
        canaries
    }

    fn current() -> Record {
        let mut record = Record::default();
        record.add_current();
        record
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
        canaries.remove(&root, &current());
        assert!(FOLDERS.iter().all(|folder| !home.path().join(folder).exists()));
        assert!(canaries.are_in(&[]));
    }

    #[test]
    fn a_spoilt_one_is_found_and_put_back_once_an_hour() {
        let (_home, mut canaries, root) = placed();
        let path = path_in(&root, FOLDERS[0], "Báo cáo.docx");
        let spoil = || fs::write(path_of(&path), "encrypted").expect("written");
        spoil();
        let look = canaries.look();
        assert_eq!(look.changed, std::slice::from_ref(&path));
        assert_eq!(look.news.changed, std::slice::from_ref(&path));
        assert!(canaries.look().news.is_empty(), "it is told once");
        canaries.heal(&look, 0);
        assert_eq!(canaries.look(), Look::default());
        spoil();
        let look = canaries.look();
        assert_eq!(look.news.changed.len(), 1);
        canaries.heal(&look, HEAL_INTERVAL_MS - 1);
        assert_eq!(canaries.look().changed.len(), 1);
        fs::remove_file(path_of(&path)).expect("there");
        let look = canaries.look();
        assert_eq!((look.gone.len(), look.news.is_empty()), (1, true));
        canaries.heal(&look, HEAL_INTERVAL_MS);
        assert_eq!(canaries.look(), Look::default());
    }

    #[test]
    fn what_stood_in_a_canarys_place_is_kept_beside_it() {
        let (_home, mut canaries, root) = placed();
        let path = path_in(&root, FOLDERS[0], "Báo cáo.docx");
        fs::write(path_of(&path), "typed by somebody").expect("written");
        let look = canaries.look();
        canaries.heal(&look, 0);
        let kept = path_in(&root, FOLDERS[0], "Báo cáo (đã bị sửa).docx");
        assert_eq!(fs::read(path_of(&kept)).expect("kept"), b"typed by somebody");
        assert_eq!(canaries.look(), Look::default());
        canaries.remove(&root, &current());
        assert!(path_of(&kept).exists(), "it is not ours to remove");
    }

    #[test]
    fn what_was_heard_is_no_news() {
        let (_home, mut canaries, root) = placed();
        let path = path_in(&root, FOLDERS[0], "Báo cáo.docx");
        fs::write(path_of(&path), "encrypted").expect("written");
        canaries.forget(&path);
        let folder = join(&root, FOLDERS[1].as_bytes());
        fs::remove_dir_all(path_of(&folder)).expect("there");
        canaries.forget(&folder);
        let look = canaries.look();
        assert_eq!((look.changed.len(), look.gone.len()), (1, 5));
        assert!(look.news.is_empty(), "{look:?}");
    }

    #[test]
    fn a_folder_that_is_gone_is_one_piece_of_news_and_a_home_that_is_gone_none() {
        let (home, mut canaries, root) = placed();
        let folder = join(&root, FOLDERS[1].as_bytes());
        fs::remove_dir_all(path_of(&folder)).expect("there");
        assert_eq!(canaries.look().news.gone, [folder]);
        home.close().expect("removed");
        assert_eq!(canaries.look(), Look::default());
    }

    #[test]
    fn where_none_can_be_placed_none_is_missed() {
        let home = tempfile::tempdir().expect("a folder");
        let root = bytes_of(home.path()).to_vec();
        for folder in FOLDERS {
            fs::write(home.path().join(folder), "a file in the way").expect("written");
        }
        let mut canaries = placed_in(&root, Some(current()));
        let look = canaries.look();
        assert_eq!(look.gone.len(), 10);
        assert!(look.news.is_empty(), "{look:?}");
    }

    #[test]
    fn one_that_was_cut_short_is_placed_anew_and_means_nothing() {
        let (_home, _, root) = placed();
        let content = document::content("Báo cáo.docx");
        for (folder, length) in [(FOLDERS[0], 0), (FOLDERS[1], 700)] {
            let path = path_in(&root, folder, "Báo cáo.docx");
            fs::write(path_of(&path), &content[..length]).expect("written");
        }
        let mut canaries = placed_in(&root, Some(current()));
        assert_eq!(canaries.look(), Look::default());
    }

    #[test]
    fn those_of_another_version_are_replaced_and_mean_nothing() {
        let (_home, _, root) = placed();
        let path = path_in(&root, FOLDERS[0], "Báo cáo.docx");
        let before = b"as an earlier version had it";
        fs::write(path_of(&path), before).expect("written");
        let record = Record::of(&[before]);
        let mut canaries = placed_in(&root, Some(record));
        assert_eq!(canaries.look(), Look::default());
        assert_eq!(
            fs::read(path_of(&path)).expect("there"),
            document::content("Báo cáo.docx")
        );
    }

    #[test]
    fn what_was_spoilt_while_nobody_watched_is_news_where_canaries_were_and_nowhere_else() {
        let (_home, _, root) = placed();
        let path = path_in(&root, FOLDERS[0], "Báo cáo.docx");
        fs::write(path_of(&path), "encrypted").expect("written");
        assert!(placed_in(&root, None).look().news.is_empty());
        assert_eq!(
            placed_in(&root, Some(Record::read(&[1]))).look().news.changed,
            [path]
        );
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
        canaries.remove(&root, &current());
        assert!(own.exists());
        assert_eq!(
            fs::read_dir(own.parent().expect("a folder"))
                .expect("there")
                .count(),
            1
        );
    }
}
