//! Changes through `notify`: for a user without privilege, and for file systems that refuse fanotify.
//!
//! It does not know who, and it needs a watch per folder. What appears in a new folder before that has its
//! watch is not said, so the inside of every new folder is compared too.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tracing::debug;
use vong_os::file::{Kind, bytes_of, look, path_of};
use vong_proto::event::Who;

use super::inbox::{Inbox, Lost};
use super::limit::Limit;
use super::queue::{Change, Touch, What};
use super::watch::{WatchSet, Watched};
use crate::clock;

/// A watcher of folders.
pub(super) struct Listener {
    watcher: RecommendedWatcher,
    /// Where, with the number of the folder that stood there: another one needs another watch.
    listening_to: Vec<(PathBuf, u64)>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener")
            .field("listening_to", &self.listening_to)
            .finish_non_exhaustive()
    }
}

impl Listener {
    /// Opens a watcher that listens to nothing yet, or says why there is none. `why_nobody` stands in every
    /// event in place of who did it.
    pub(super) fn open(inbox: Arc<Inbox>, why_nobody: &'static str) -> Result<Listener, String> {
        let mut complete_ms = clock::wall_ms();
        let handler = move |event: notify::Result<Event>| {
            take(event, &inbox, why_nobody, complete_ms);
            complete_ms = clock::wall_ms();
        };
        // What a link leads to is not below the watched folder, as for every other part of this sensor.
        let config = notify::Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(handler, config).map_err(|error| error.to_string())?;
        Ok(Listener {
            watcher,
            listening_to: Vec::new(),
        })
    }

    /// Listens to these roots and to no others; the answer is what cannot be heard.
    pub(super) fn arm(&mut self, watches: &WatchSet, roots: &[Watched], inbox: &Inbox) -> Vec<Limit> {
        // The watcher cannot answer while it waits to leave a change, so for this moment nobody waits.
        inbox.admit_all(true);
        let limits = self.arm_now(watches, roots);
        inbox.admit_all(false);
        limits
    }

    fn arm_now(&mut self, watches: &WatchSet, roots: &[Watched]) -> Vec<Limit> {
        let places: Vec<(PathBuf, RecursiveMode)> = roots.iter().map(place).collect();
        let watcher = &mut self.watcher;
        self.listening_to.retain(|(path, inode)| {
            let keep = places.iter().any(|(place, _)| place == path) && inode_of(path) == Some(*inode);
            if !keep {
                // A folder that is gone has taken its watch along.
                let _ = watcher.unwatch(path);
            }
            keep
        });
        let mut limits = Vec::new();
        for ((path, mode), root) in places.into_iter().zip(roots) {
            if self.listening_to.iter().any(|(listened, _)| *listened == path) {
                continue;
            }
            let inode = inode_of(&path).unwrap_or(0);
            let heard = match watches.foreign_below(bytes_of(&path)).next() {
                Some(_) if mode == RecursiveMode::Recursive => {
                    // Folders that appear between foreign ones are found by comparing.
                    limits.push(Limit::real_time(root, "foreign_mount_below"));
                    self.listen_around(&path, watches)
                }
                _ => self.listen(&path, mode),
            };
            match heard {
                Ok(()) => self.listening_to.push((path, inode)),
                Err(error) => limits.push(Limit::real_time(root, &reason(&error))),
            }
        }
        limits
    }

    /// Listens to a tree. The watcher gives up at the first folder that it may not read; all others are then
    /// tried one by one. What may not be read is said by whoever walks the tree.
    fn listen(&mut self, path: &Path, mode: RecursiveMode) -> notify::Result<()> {
        match self.watcher.watch(path, mode) {
            Err(error) if is_denied(&error) => {}
            result => return result,
        }
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.listen(&entry.path(), RecursiveMode::Recursive)?;
            }
        }
        Ok(())
    }
}

impl Listener {
    /// Listens to a tree without entering what is passed over, as the watcher itself would.
    fn listen_around(&mut self, path: &Path, watches: &WatchSet) -> notify::Result<()> {
        self.watcher.watch(path, RecursiveMode::NonRecursive)?;
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            let below = entry.path();
            let bytes = bytes_of(&below);
            if watches.find(bytes).is_none() || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            match watches.foreign_below(bytes).next() {
                Some(_) => self.listen_around(&below, watches)?,
                None => self.listen(&below, RecursiveMode::Recursive)?,
            }
        }
        Ok(())
    }
}

impl Listener {
    /// Returns when the watcher has done everything that what it has heard so far asks of it, such as
    /// listening to a new folder: it answers after that, on the same thread.
    pub(super) fn settle(&mut self, inbox: &Inbox) {
        inbox.admit_all(true);
        if let Err(error) = self.watcher.configure(notify::Config::default()) {
            debug!(%error, "the watcher does not answer");
        }
        inbox.admit_all(false);
    }
}

fn inode_of(path: &Path) -> Option<u64> {
    look(path).ok().map(|facts| facts.inode)
}

/// A single file is heard through its folder: programs replace files rather than write into them.
fn place(root: &Watched) -> (PathBuf, RecursiveMode) {
    let path = path_of(&root.root);
    let is_folder = look(&path).is_ok_and(|facts| facts.kind == Kind::Folder);
    match path.parent() {
        Some(parent) if !is_folder => (parent.to_owned(), RecursiveMode::NonRecursive),
        _ => (path, RecursiveMode::Recursive),
    }
}

fn is_denied(error: &notify::Error) -> bool {
    matches!(&error.kind, ErrorKind::Io(error) if error.kind() == io::ErrorKind::PermissionDenied)
}

fn reason(error: &notify::Error) -> String {
    match error.kind {
        ErrorKind::MaxFilesWatch => "watch_limit".to_owned(),
        _ => error.to_string(),
    }
}

fn take(event: notify::Result<Event>, inbox: &Inbox, why_nobody: &str, complete_ms: i64) {
    match event {
        Ok(event) if event.need_rescan() => lose(inbox, complete_ms, "queue_overflow"),
        Ok(event) => {
            if let Some((path, what, folder)) = translate(&event) {
                let who = Who::Unavailable(why_nobody.to_owned());
                inbox.push(Change::now(path, what, folder, who));
            }
        }
        // A new folder could not be listened to.
        Err(error) if matches!(error.kind, ErrorKind::MaxFilesWatch) => {
            lose(inbox, complete_ms, "watch_limit");
        }
        // Whatever it is, something may have been missed.
        Err(_) => lose(inbox, complete_ms, "source_failed"),
    }
}

fn lose(inbox: &Inbox, complete_ms: i64, reason: &'static str) {
    inbox.lose(Lost {
        reason,
        since_ms: complete_ms,
        until_ms: clock::wall_ms(),
    });
}

fn translate(event: &Event) -> Option<(Vec<u8>, What, bool)> {
    let path = |at: usize| event.paths.get(at).map(|path| bytes_of(path).to_vec());
    let is_folder = |at: usize| {
        event
            .paths
            .get(at)
            .is_some_and(|path| look(path).is_ok_and(|facts| facts.kind == Kind::Folder))
    };
    let touch = |touch: Touch, folder: bool| Some((path(0)?, What::Touched(touch), folder));
    match event.kind {
        EventKind::Create(kind) => {
            let folder = kind == CreateKind::Folder;
            let created = Touch {
                created: true,
                look_inside: folder,
                ..Touch::default()
            };
            touch(created, folder)
        }
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => touch(
            Touch {
                written: true,
                ..Touch::default()
            },
            false,
        ),
        EventKind::Modify(ModifyKind::Metadata(_)) => touch(Touch::default(), is_folder(0)),
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
            Some((path(1)?, What::Renamed { from: path(0)? }, is_folder(1)))
        }
        // Half of a rename: the other half lies outside, or comes at once and replaces this one.
        EventKind::Modify(ModifyKind::Name(_)) => {
            let half = Touch {
                may_be_gone: true,
                look_inside: true,
                ..Touch::default()
            };
            touch(half, is_folder(0))
        }
        EventKind::Remove(kind) => Some((path(0)?, What::Gone, kind == RemoveKind::Folder)),
        _ => None,
    }
}
