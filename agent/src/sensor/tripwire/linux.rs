//! Linux: fanotify tells who changed what, and the process connector who started whom.
//!
//! The tripwire has a queue of its own. What it must see in time may not wait behind the hashing of a large file,
//! nor be lost in a burst of what it does not care for. One thread reads the queue and weighs what it reads: a hand-over
//! to another would take longer than an encryptor takes for a document.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;
use vong_os::bell::Bell;
use vong_os::fanotify::{Event, FilesystemId, FolderHandle, Group, Mount, Place};
use vong_os::file::path_of;
use vong_os::mounts::MountTable;

use super::clues::Act;
use crate::policy::{CalledAtChange, PolicyWatch};
use crate::sensor::files::watch::{WatchSet, join};

#[path = "linux/homes.rs"]
mod homes;
#[path = "linux/kin.rs"]
mod kin;
#[path = "linux/mounts.rs"]
mod mounts;

pub(super) use homes::homes;
pub(super) use kin::Kin;
pub(super) use mounts::{is_local_and_writable, volume_of};

/// So many folders are remembered, some 200 bytes each; then all are forgotten and learnt again.
const FOLDERS_MAX: usize = 8_192;

/// Something that happened to a file below a root.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) act: Act,
    pub(super) path: Vec<u8>,
    pub(super) from: Option<Vec<u8>>,
    /// It is about a folder.
    pub(super) folder: bool,
    pub(super) pid: u32,
}

/// The queue and what is known of the places that it names.
#[derive(Debug)]
pub(super) struct Source {
    group: Group,
    marked: HashMap<FilesystemId, PathBuf>,
    reach: Reach,
    table: Option<MountTable>,
    buffer: Vec<u8>,
    woken: Option<Woken>,
}

/// The bell rings when this policy is no longer in force, or the agent stops.
#[derive(Debug)]
struct Woken {
    generation: u64,
    bell: Arc<Bell>,
    _call: CalledAtChange,
}

/// Which places are below the roots.
#[derive(Debug, Default)]
struct Reach {
    roots: WatchSet,
    mounts: Vec<Mount>,
    /// `None` for a folder that lies elsewhere.
    folders: HashMap<Vec<u8>, Option<Arc<[u8]>>>,
}

impl Source {
    /// Opens the queue.
    ///
    /// # Errors
    /// `PermissionDenied` without privilege.
    pub(super) fn open() -> io::Result<Source> {
        Ok(Source {
            group: Group::open_by_number()?,
            marked: HashMap::new(),
            reach: Reach::default(),
            table: MountTable::open().ok(),
            buffer: Vec::new(),
            woken: None,
        })
    }

    /// Whether something was mounted or unmounted since the last question.
    pub(super) fn is_remounted(&self) -> bool {
        self.table
            .as_ref()
            .is_some_and(|table| table.has_changed().unwrap_or(false))
    }

    /// Listens below these roots from now on. The answer is where that is not possible, and why.
    pub(super) fn arm(&mut self, roots: WatchSet, paths: &[Vec<u8>]) -> Vec<(Vec<u8>, String)> {
        let places = mounts::places_of(paths);
        let mut refused = places.elsewhere;
        let (mut mounts, mut needed) = (Vec::new(), HashMap::new());
        for point in places.here {
            let folder = path_of(&point);
            let marked =
                Mount::of(&folder).and_then(|mount| self.group.watch_documents(&folder).map(|()| mount));
            match marked {
                Ok(mount) => {
                    needed.entry(mount.filesystem()).or_insert(folder);
                    mounts.push(mount);
                }
                Err(error) => {
                    warn!(path = %folder.display(), %error, "a file system does not tell who changes documents");
                    refused.push((point, error.to_string()));
                }
            }
        }
        for (filesystem, path) in &self.marked {
            let is_there = Mount::of(path).is_ok_and(|mount| mount.filesystem() == *filesystem);
            if !needed.contains_key(filesystem) && is_there {
                // What cannot be removed is a file system that nobody asks about any more.
                let _ = self.group.forget_filesystem(path);
            }
        }
        self.marked = needed;
        self.reach = Reach {
            roots,
            mounts,
            folders: HashMap::new(),
        };
        refused
    }

    /// From now on whoever hears is woken when there is another policy than this, or the agent stops.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn wake_after(&mut self, policy: &PolicyWatch, generation: u64) -> io::Result<()> {
        if self
            .woken
            .as_ref()
            .is_some_and(|woken| woken.generation == generation)
        {
            return Ok(());
        }
        let bell = Arc::new(Bell::new()?);
        let rung = Arc::clone(&bell);
        let call = policy.call_at_change(generation, move || rung.ring());
        self.woken = Some(Woken {
            generation,
            bell,
            _call: call,
        });
        Ok(())
    }

    /// Waits for something to happen, at most `patience`, and hands over what has; whether nothing was lost.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn hear(&mut self, patience: Duration, mut each: impl FnMut(Heard)) -> io::Result<bool> {
        let has_news = match &self.woken {
            Some(woken) => self.group.wait_beside(&woken.bell, patience)?,
            None => self.group.wait(patience)?,
        };
        if !has_news {
            return Ok(true);
        }
        let (reach, mut is_complete, own_pid) = (&mut self.reach, true, std::process::id());
        self.group.read(&mut self.buffer, |event| {
            if event.overflow {
                is_complete = false;
                reach.folders.clear();
            } else if event.pid != own_pid {
                reach.take(&event, &mut each);
            }
        })?;
        Ok(is_complete)
    }
}

impl Reach {
    fn take(&mut self, event: &Event<'_>, each: &mut impl FnMut(Heard)) {
        if event.folder {
            self.take_folder(event, each);
            return;
        }
        let path = event.place.and_then(|place| self.path(place));
        let mut tell = |act, path, from| {
            each(Heard {
                act,
                path,
                from,
                folder: false,
                pid: event.pid,
            });
        };
        if let Some(before) = event.place_before {
            match (path, self.path(before)) {
                (Some(path), from) => tell(Act::Renamed, path, from),
                // Wherever it is now, it is no longer here.
                (None, Some(from)) => tell(Act::Removed, from, None),
                (None, None) => {}
            }
            return;
        }
        let Some(path) = path else {
            return;
        };
        let is_there = !event.deleted || vong_os::file::look(&path_of(&path)).is_ok();
        match (event.deleted, event.written) {
            // Made and gone before anybody could look.
            (true, _) if event.created && !is_there => {}
            (true, _) if !is_there => tell(Act::Removed, path, None),
            (true, written) => {
                tell(Act::Removed, path.clone(), None);
                if written {
                    tell(Act::Written { made: true }, path, None);
                }
            }
            (false, true) => tell(Act::Written { made: event.created }, path, None),
            // A name that is made is written later, and closed.
            (false, false) if event.created => tell(Act::Made, path, None),
            (false, false) => {}
        }
    }

    /// Names of folders that have changed change all paths below; a canary's folder must not be touched either.
    fn take_folder(&mut self, event: &Event<'_>, each: &mut impl FnMut(Heard)) {
        let path = event.place.and_then(|place| self.path(place));
        let from = event.place_before.and_then(|place| self.path(place));
        if event.place_before.is_some() && (path.is_some() || from.is_some()) {
            self.folders.clear();
        }
        let (act, path, from) = match (path, from) {
            (Some(path), None) if event.deleted => (Act::Removed, path, None),
            (Some(path), Some(from)) => (Act::Renamed, path, Some(from)),
            (None, Some(from)) => (Act::Removed, from, None),
            _ => return,
        };
        each(Heard {
            act,
            path,
            from,
            folder: true,
            pid: event.pid,
        });
    }

    fn path(&mut self, place: Place<'_>) -> Option<Vec<u8>> {
        let folder = self.folder(place.folder)?;
        let path = join(&folder, place.name);
        self.roots.find(&path)?;
        Some(path)
    }

    fn folder(&mut self, handle: FolderHandle<'_>) -> Option<Arc<[u8]>> {
        let key = handle.key();
        if let Some(known) = self.folders.get(&key) {
            return known.clone();
        }
        let (mut path, mut is_certain) = (None, true);
        for mount in self
            .mounts
            .iter()
            .filter(|mount| mount.filesystem() == handle.filesystem)
        {
            match mount.path_of(handle) {
                Ok(found) if self.roots.concerns(&found) => {
                    path = Some(Arc::from(found));
                    break;
                }
                Ok(_) => {}
                Err(_) => is_certain = false,
            }
        }
        if path.is_some() || is_certain {
            if self.folders.len() >= FOLDERS_MAX {
                self.folders.clear();
            }
            self.folders.insert(key, path.clone());
        }
        path
    }
}
