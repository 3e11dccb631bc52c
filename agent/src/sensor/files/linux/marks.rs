//! fanotify: marks on whole file systems, and the thread that reads what comes of them.
//!
//! A mark on a file system sees everything on it, also a compiler's thousand files a second. So the reader
//! turns a folder's handle into a path once, remembers whether that concerns any watch, and drops
//! everything else before it asks who did it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::{debug, warn};
use vong_os::bell::Bell;
use vong_os::fanotify::{Event, FilesystemId, FolderHandle, Group, Mount, Place};
use vong_os::file::path_of;
use vong_os::process::Processes;
use vong_proto::event::{Process, Who};

use super::super::explain::{Lineage, Manager};
use super::super::inbox::{Inbox, Lost};
use super::super::limit::Limit;
use super::super::queue::{Change, Touch, What};
use super::super::watch::{WatchSet, Watched, is_within, join};
use super::folders::Folders;
use super::is_folder;
use super::mounts::{Mounted, places_within};
use crate::clock;
use crate::sensor::programs::{Programs, Starting};

/// The reader looks up at least this often: when the queue overflows, nobody knows of what happened since then.
const LOOK_UP: Duration = Duration::from_secs(5);
/// After a failure it rests for so long.
const REST: Duration = Duration::from_millis(500);

/// The marks and their reader.
#[derive(Debug)]
pub(super) struct Marks {
    shared: Arc<Shared>,
    marked: HashMap<FilesystemId, Mount>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    group: Group,
    armed: Mutex<Arc<Armed>>,
    /// Grows with every arming, so that the reader sees without a lock that nothing has changed.
    generation: AtomicU64,
    folders: Mutex<Folders>,
    closing: AtomicBool,
    bell: Bell,
}

/// What the reader lets through.
#[derive(Debug, Default)]
struct Armed {
    watches: Arc<WatchSet>,
    mounts: Vec<Mount>,
}

impl Armed {
    /// Many roots lie on one mount, and each is asked for the path of every new folder.
    fn add(&mut self, mount: Mount) {
        let mut mounts = self.mounts.iter_mut();
        let other = mounts.try_fold(mount, |mount, known| known.absorb(mount));
        self.mounts.extend(other);
    }
}

impl Marks {
    /// Opens a queue and begins to read it.
    pub(super) fn open(inbox: Arc<Inbox>, programs: &Programs) -> io::Result<Marks> {
        let shared = Arc::new(Shared {
            group: Group::open()?,
            armed: Mutex::default(),
            generation: AtomicU64::new(0),
            folders: Mutex::default(),
            closing: AtomicBool::new(false),
            bell: Bell::new()?,
        });
        let reader = Reader::new(Arc::clone(&shared), inbox, programs.listen());
        let reader = thread::Builder::new()
            .name("fanotify".to_owned())
            .spawn(move || reader.run())?;
        Ok(Marks {
            shared,
            marked: HashMap::new(),
            reader: Some(reader),
        })
    }

    /// Marks what the roots stand on. The answer is what refuses (roots, or mounts below them), and what that
    /// means.
    pub(super) fn arm(
        &mut self,
        watches: &Arc<WatchSet>,
        roots: &[&Watched],
        mounted: &HashSet<Mounted>,
    ) -> (Vec<Watched>, Vec<Limit>) {
        let mut armed = Armed {
            watches: Arc::clone(watches),
            mounts: Vec::new(),
        };
        let (mut unmarked, mut limits) = (Vec::new(), Vec::new());
        for root in roots {
            for point in places_within(watches, &root.root, mounted) {
                match self.mark(&point) {
                    Ok(mount) => armed.add(mount),
                    Err(error) => {
                        warn!(watch = %root.name, %error, "a file system does not tell who changes files");
                        limits.push(Limit::who_of(&root.name, &error.to_string()));
                        unmarked.push(root.moved_to(point));
                    }
                }
            }
        }
        let needed: HashSet<FilesystemId> = armed.mounts.iter().map(Mount::filesystem).collect();
        self.shared.replace(armed);
        self.forget_all_but(&needed);
        (unmarked, limits)
    }

    /// Learns a folder before anything happens in it: of a whole tree that is removed, the events can be
    /// read only when the folders that they name are gone, and nobody could say any more which they were.
    pub(super) fn learn(&self, folder: &[u8]) {
        self.shared.folders().learn(folder);
    }

    fn mark(&mut self, point: &[u8]) -> io::Result<Mount> {
        let path = path_of(point);
        let folder = match path.parent() {
            Some(parent) if !is_folder(point) => parent.to_owned(),
            _ => path,
        };
        let mount = Mount::of(&folder)?;
        self.shared.group.watch_filesystem(&folder)?;
        // The path of one that was marked before may lead elsewhere by now.
        self.marked.insert(mount.filesystem(), Mount::of(&folder)?);
        Ok(mount)
    }

    fn forget_all_but(&mut self, needed: &HashSet<FilesystemId>) {
        let group = &self.shared.group;
        self.marked.retain(|filesystem, mount| {
            let keep = needed.contains(filesystem);
            // An unmounted file system has taken its mark along, and the path leads to another one, whose mark
            // may be needed.
            if !keep
                && let Some(path) = mount.path()
                && let Err(error) = group.forget_filesystem(path)
            {
                debug!(path = %path.display(), %error, "cannot remove a mark");
            }
            keep
        });
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        self.shared.bell.ring();
        if let Some(reader) = self.reader.take()
            && reader.join().is_err()
        {
            warn!("the reader of file events has panicked");
        }
    }
}

impl Shared {
    fn replace(&self, armed: Armed) {
        // With the folders held, nobody can remember one by what was armed before.
        let mut folders = self.folders();
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(armed);
        self.generation.fetch_add(1, Ordering::Release);
        folders.clear();
    }

    fn folders(&self) -> MutexGuard<'_, Folders> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn armed(&self) -> Arc<Armed> {
        Arc::clone(&self.armed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The thread that turns events into changes.
struct Reader {
    shared: Arc<Shared>,
    desk: Desk,
}

/// What the reader knows while it reads.
struct Desk {
    inbox: Arc<Inbox>,
    armed: Arc<Armed>,
    generation: u64,
    processes: Processes,
    lineage: Lineage,
    starting: Arc<Starting>,
    own_pid: u32,
    /// The last moment when the queue was seen empty.
    complete_ms: i64,
}

impl Reader {
    fn new(shared: Arc<Shared>, inbox: Arc<Inbox>, starting: Arc<Starting>) -> Self {
        Self {
            shared,
            desk: Desk {
                inbox,
                armed: Arc::default(),
                generation: 0,
                processes: Processes::default(),
                lineage: Lineage::learnt(),
                starting,
                own_pid: std::process::id(),
                complete_ms: clock::wall_ms(),
            },
        }
    }

    fn run(mut self) {
        let mut buffer = Vec::new();
        while !self.shared.closing.load(Ordering::Relaxed) {
            if let Err(error) = self.read_once(&mut buffer) {
                warn!(%error, "cannot read file events");
                self.desk.lose("source_failed");
                thread::sleep(REST);
            }
        }
    }

    fn read_once(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let is_woken = self.shared.group.wait_beside(&self.shared.bell, LOOK_UP)?;
        let now_ms = clock::wall_ms();
        if !is_woken {
            self.desk.complete_ms = now_ms;
            return Ok(());
        }
        let (desk, shared) = (&mut self.desk, &self.shared);
        if shared.group.read(buffer, |event| desk.take(&event, shared))? {
            self.desk.complete_ms = now_ms;
        }
        Ok(())
    }
}

impl Desk {
    fn catch_up_with(&mut self, shared: &Shared) {
        let generation = shared.generation.load(Ordering::Acquire);
        if generation != self.generation {
            self.generation = generation;
            self.armed = shared.armed();
        }
    }

    fn lose(&self, reason: &'static str) {
        self.inbox.lose(Lost {
            reason,
            since_ms: self.complete_ms,
            until_ms: clock::wall_ms(),
        });
    }

    fn take(&mut self, event: &Event<'_>, shared: &Shared) {
        // Asked for each event, after it was read: what happened after an arming is judged by that arming, because the
        // comparison that goes with it leaves it to this one.
        self.catch_up_with(shared);
        if event.overflow {
            self.lose("queue_overflow");
            // Among what is lost may be the renaming of a folder.
            shared.folders().clear();
            return;
        }
        if event.pid == self.own_pid {
            return;
        }
        let path_before = event
            .place_before
            .and_then(|place| self.watched_path(place, shared));
        if event.folder
            && let Some(before) = event.place_before
        {
            self.follow_rename(before, shared);
        }
        let path = event.place.and_then(|place| self.watched_path(place, shared));
        let (path, what) = match (path, path_before, event.place_before.is_some()) {
            (Some(path), Some(from), _) => (path, What::Renamed { from }),
            (Some(path), None, true) => match event.place_before.and_then(|place| self.any_path(place)) {
                Some(from) => (path, What::Renamed { from }),
                None => (path, What::Touched(arrived(event.folder))),
            },
            (None, Some(from), _) => (from, What::Gone),
            (Some(path), None, false) => return self.leave_plain(event, path, shared),
            (None, None, _) => return,
        };
        let who = self.who(event);
        self.leave(event.folder, path, what, who);
    }

    /// Leaves an event that is no rename. Of one that says "made" and "removed" at once the order is lost;
    /// whether something is there tells which came last.
    fn leave_plain(&mut self, event: &Event<'_>, path: Vec<u8>, shared: &Shared) {
        let who = self.who(event);
        let touch = Touch {
            created: event.created,
            written: event.written,
            ..Touch::default()
        };
        if event.folder && event.created {
            shared.folders().learn(&path);
        }
        let is_touched = event.created || event.written || event.attributes;
        let is_there = !event.deleted || vong_os::file::look(&path_of(&path)).is_ok();
        if event.deleted && is_there {
            self.leave(event.folder, path.clone(), What::Gone, who.clone());
        }
        if is_touched {
            self.leave(event.folder, path.clone(), What::Touched(touch), who.clone());
        }
        if event.deleted && !is_there {
            self.leave(event.folder, path, What::Gone, who);
        }
    }

    fn leave(&self, folder: bool, path: Vec<u8>, what: What, (who, under): (Who, Option<Manager>)) {
        self.inbox.push(Change {
            under,
            ..Change::now(path, what, folder, who)
        });
    }

    /// Who did it, and the package manager that they are or were started by.
    fn who(&mut self, event: &Event<'_>) -> (Who, Option<Manager>) {
        if event.pid == 0 {
            return (Who::Unavailable("not_reported".to_owned()), None);
        }
        let described = event
            .process
            .as_ref()
            .and_then(|handle| self.processes.describe(event.pid, Some(handle)))
            .or_else(|| self.starting.facts_of(event.pid));
        let Some(facts) = described else {
            return (Who::Exited { pid: event.pid }, None);
        };
        let (processes, starting) = (&mut self.processes, &self.starting);
        let describe = |pid| processes.describe(pid, None).or_else(|| starting.facts_of(pid));
        let under = self.lineage.manager_of(&facts, describe, Instant::now());
        let process = Process {
            pid: facts.pid,
            executable: facts.executable,
            command_line: facts.command_line,
            user: facts.user,
            parent_pid: facts.parent_pid,
            parent_executable: facts.parent_executable,
        };
        (Who::Exact(process), under)
    }

    /// Forgets the paths that a folder's new name has changed: also of one whose former name was passed over, because
    /// what was heard from inside it then has made it known under that name.
    fn follow_rename(&self, before: Place<'_>, shared: &Shared) {
        let watches = &self.armed.watches;
        match self.any_path(before) {
            Some(path) if watches.concerns(&path) => shared.folders().forget_below(&path),
            Some(path) if watches.iter().any(|watched| is_within(&path, &watched.root)) => {
                shared.folders().clear();
            }
            Some(_) => shared.folders().forget_others(),
            None => shared.folders().clear(),
        }
    }

    /// The path of a place, if it falls under a watch.
    fn watched_path(&self, place: Place<'_>, shared: &Shared) -> Option<Vec<u8>> {
        let folder = self.folder(place.folder, shared)?;
        let path = entry(&folder, place.name);
        self.armed.watches.find(&path)?;
        Some(path)
    }

    /// The path of a place wherever it is.
    fn any_path(&self, place: Place<'_>) -> Option<Vec<u8>> {
        let folder = self.paths_of(place.folder).find_map(Result::ok)?;
        Some(entry(&folder, place.name))
    }

    /// The path of a folder, if it concerns a watch.
    fn folder(&self, handle: FolderHandle<'_>, shared: &Shared) -> Option<Vec<u8>> {
        let key = handle.key();
        if let Some(known) = shared.folders().get(&key) {
            return known;
        }
        let (mut path, mut is_certain) = (None, true);
        for found in self.paths_of(handle) {
            match found {
                Ok(found) if self.armed.watches.concerns(&found) => path = path.or(Some(found)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidFilename => self.say_too_deep(handle),
                Err(_) => is_certain = false,
            }
        }
        // What could not be found out this time may concern a watch all the same.
        if path.is_none() && !is_certain {
            return None;
        }
        let mut folders = shared.folders();
        if shared.generation.load(Ordering::Acquire) == self.generation {
            folders.insert(key, path.clone());
        }
        path
    }

    /// Says that something happened so deep below a watch that no path reaches it.
    fn say_too_deep(&self, handle: FolderHandle<'_>) {
        for mount in self.mounts_of(handle) {
            if let Ok(above) = mount.nearest_path_of(handle)
                && self.armed.watches.find(&above).is_some()
            {
                self.inbox.say_too_deep(above);
            }
        }
    }

    /// The folder's path through each mount of its file system.
    fn paths_of(&self, handle: FolderHandle<'_>) -> impl Iterator<Item = io::Result<Vec<u8>>> {
        self.mounts_of(handle).map(move |mount| mount.path_of(handle))
    }

    fn mounts_of(&self, handle: FolderHandle<'_>) -> impl Iterator<Item = &Mount> {
        let filesystem = handle.filesystem;
        let mounts = self.armed.mounts.iter();
        mounts.filter(move |mount| mount.filesystem() == filesystem)
    }
}

/// Something that came from where nobody can look: it is new, and so is what it holds.
fn arrived(folder: bool) -> Touch {
    Touch {
        created: true,
        written: true,
        look_inside: folder,
        ..Touch::default()
    }
}

fn entry(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if name == b"." {
        folder.to_vec()
    } else {
        join(folder, name)
    }
}
