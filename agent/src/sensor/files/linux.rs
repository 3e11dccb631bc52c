//! Linux: fanotify where the kernel and the rights allow it, inotify for the rest.
//!
//! fanotify knows who did it and needs no watch per folder, but needs privilege, and some file systems
//! (overlayfs, some network mounts) refuse it. Each root is tried on its own.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use vong_os::file::{Kind, look, path_of};
use vong_os::mounts::MountTable;

use super::Hearing;
use super::foreign::Foreign;
use super::inbox::{Inbox, Lost};
use super::limit::Limit;
use super::listener::Listener;
use super::watch::{WatchSet, Watched};
use crate::clock;
use crate::sensor::programs::Programs;

#[path = "linux/folders.rs"]
mod folders;
#[path = "linux/marks.rs"]
mod marks;
#[path = "linux/mounts.rs"]
mod mounts;

use marks::Marks;
use mounts::{Mounted, foreign, mounted_within, places_within};

/// The agent lacks the right to ask who.
const UNPRIVILEGED: &str = "unprivileged";

/// Whoever tells of changes.
#[derive(Debug)]
pub(super) struct Source {
    inbox: Arc<Inbox>,
    marks: Result<Marks, String>,
    listener: Option<Listener>,
    table: Option<MountTable>,
    /// What was mounted at or below the watches when they were last armed.
    mounted: HashSet<Mounted>,
}

impl Source {
    /// Opens what can be opened.
    pub(super) fn open(hearing: Hearing, inbox: Arc<Inbox>, programs: &Programs) -> Source {
        let marks = match hearing {
            Hearing::Best => Marks::open(Arc::clone(&inbox), programs).map_err(|error| reason(&error)),
            Hearing::Unprivileged => Err(UNPRIVILEGED.to_owned()),
        };
        Source {
            inbox,
            marks,
            listener: None,
            table: MountTable::open().ok(),
            mounted: HashSet::new(),
        }
    }

    /// Where at or below the watches something has been mounted or unmounted since they were armed: they are to be
    /// armed again, and what lies there is not what lay there before. `None` when nothing has been mounted anywhere.
    pub(super) fn remounted(&self, watches: &WatchSet) -> Option<Vec<Vec<u8>>> {
        if !self
            .table
            .as_ref()
            .is_some_and(|table| table.has_changed().unwrap_or(true))
        {
            return None;
        }
        let now = mounted_within(watches);
        let changed = now.symmetric_difference(&self.mounted);
        let mut points: Vec<Vec<u8>> = changed.map(|mounted| mounted.point.clone()).collect();
        points.sort();
        points.dedup();
        Some(points)
    }

    /// What is mounted anywhere that nobody shall look into.
    pub(super) fn foreign(&self) -> Vec<Foreign> {
        foreign()
    }

    /// Where something was mounted, at or below a watch, when they were last armed.
    pub(super) fn mount_points(&self) -> Vec<Vec<u8>> {
        self.mounted.iter().map(|mounted| mounted.point.clone()).collect()
    }

    /// Listens to these watches from now on, and not to others. What was listened to before and still is
    /// stays so without a gap. The answer is what cannot be seen.
    pub(super) fn arm(&mut self, watches: &Arc<WatchSet>) -> Vec<Limit> {
        let roots: Vec<&Watched> = watches
            .iter()
            .filter(|watched| watches.find(&watched.root).is_some() && look(&path_of(&watched.root)).is_ok())
            .collect();
        let began_ms = clock::wall_ms();
        let before = std::mem::replace(&mut self.mounted, mounted_within(watches));
        let mounted = &self.mounted;
        // The listener has lost the folders that a file system was mounted over: it begins anew when they appear.
        let begins_anew = !before.is_subset(mounted) && self.listener.take().is_some();
        let (unmarked, mut limits) = match &mut self.marks {
            Ok(marks) => marks.arm(watches, &roots, mounted),
            Err(reason) => {
                let places = |root: &&Watched| {
                    let moved = |point| root.moved_to(point);
                    places_within(watches, &root.root, mounted)
                        .into_iter()
                        .map(moved)
                        .collect::<Vec<_>>()
                };
                (roots.iter().flat_map(places).collect(), vec![Limit::who(reason)])
            }
        };
        if unmarked.is_empty() {
            self.listener = None;
            return limits;
        }
        let listener = match self.listener.take() {
            Some(listener) => Ok(listener),
            None => Listener::open(Arc::clone(&self.inbox), self.why_nobody()),
        };
        match listener {
            Ok(mut listener) => {
                limits.extend(listener.arm(watches, &unmarked, &self.inbox));
                self.listener = Some(listener);
            }
            Err(why) => limits.extend(unmarked.iter().map(|root| Limit::real_time(root, &why))),
        }
        if begins_anew {
            self.inbox.lose(Lost {
                reason: "remounted",
                since_ms: began_ms,
                until_ms: clock::wall_ms(),
            });
        }
        limits
    }

    /// Why the listener cannot name anybody.
    fn why_nobody(&self) -> &'static str {
        match &self.marks {
            Err(reason) if reason == UNPRIVILEGED => UNPRIVILEGED,
            Ok(_) | Err(_) => "not_reported",
        }
    }

    /// Returns when changes in every folder that has been heard of are heard of too.
    pub(super) fn settle(&mut self) {
        if let Some(listener) = &mut self.listener {
            listener.settle(&self.inbox);
        }
    }

    /// Learns a watched folder before anything happens in it.
    pub(super) fn learn(&self, folder: &[u8]) {
        if let Ok(marks) = &self.marks {
            marks.learn(folder);
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // Whoever waits to leave a change must go before the reader can be joined.
        self.inbox.close();
    }
}

/// Whether a path is a folder.
fn is_folder(path: &[u8]) -> bool {
    look(&path_of(path)).is_ok_and(|facts| facts.kind == Kind::Folder)
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => UNPRIVILEGED.to_owned(),
        _ => error.to_string(),
    }
}
