//! What a look found, as an event.

use sha2::{Digest as _, Sha256};
use vong_os::file::{link_text, path_of};
use vong_proto::event::{Aspect, Body, FileAction, FileEvent, FileMeta, Lane, Link, Origin, Severity, Who};

use super::super::explain::Manager;
use super::super::known::{Beside, Known};
use super::super::queue::{Change, Deed};
use super::super::watch::Watched;
use crate::clock;
use crate::report::NewEvent;

/// An event in the making.
pub(super) struct Seen<'a> {
    pub(super) action: FileAction,
    pub(super) path: &'a [u8],
    pub(super) old_path: Option<&'a [u8]>,
    pub(super) known: Option<&'a Known>,
    pub(super) changed: Vec<Aspect>,
    pub(super) news: News<'a>,
}

/// How something came to be known.
#[derive(Clone, Copy)]
pub(super) struct News<'a> {
    origin: Origin,
    who: Option<&'a Who>,
    wall_ms: i64,
    mono_ms: u64,
    count: u32,
    first_ms: i64,
    under: Option<Manager>,
}

impl<'a> News<'a> {
    /// The system said it.
    pub(super) fn of(change: &'a Change) -> Self {
        Self {
            origin: Origin::RealTime,
            who: Some(&change.who),
            wall_ms: change.wall_ms,
            mono_ms: change.mono_ms,
            count: change.count,
            first_ms: change.first_ms,
            under: change.under,
        }
    }

    /// As the system said it of another process beside the one that a change names first.
    pub(super) fn of_other(change: &'a Change, deed: &'a Deed) -> Self {
        Self {
            who: Some(&deed.who),
            wall_ms: deed.wall_ms,
            mono_ms: deed.mono_ms,
            count: deed.count,
            first_ms: deed.first_ms,
            ..Self::of(change)
        }
    }

    /// When, by the wall clock, and the package manager that did it, or whose child did.
    pub(super) fn when_and_under(&self) -> (i64, Option<Manager>) {
        (self.wall_ms, self.under)
    }

    /// A comparison found it just now.
    pub(super) fn found() -> Self {
        let wall_ms = clock::wall_ms();
        Self {
            origin: Origin::CatchUp,
            who: None,
            wall_ms,
            mono_ms: clock::mono_ms(),
            count: 1,
            first_ms: wall_ms,
            under: None,
        }
    }
}

/// The event of what was seen under a watch.
pub(super) fn event(seen: &Seen<'_>, watched: &Watched) -> NewEvent {
    let news = &seen.news;
    let nobody = || Who::Unavailable("catch_up".to_owned());
    let who = news.who.cloned().unwrap_or_else(nobody);
    NewEvent {
        lane: lane(watched.severity),
        wall_ms: news.wall_ms,
        mono_ms: news.mono_ms,
        body: Body::File(FileEvent {
            old_path: seen.old_path.map(<[u8]>::to_vec),
            meta: seen.known.map(|known| meta(known, seen.path)),
            watch: watched.name.clone(),
            severity: watched.severity,
            changed: seen.changed.clone(),
            count: news.count,
            first_ms: (news.count > 1).then_some(news.first_ms),
            ..FileEvent::new(seen.action, seen.path.to_vec(), news.origin, who)
        }),
    }
}

fn meta(known: &Known, path: &[u8]) -> FileMeta {
    let link = match known.beside {
        Beside::Link { text: hash, target } => link_text(&path_of(path))
            .ok()
            // Another link may stand there by now; it has an event of its own.
            .filter(|text| hash_of(text) == hash)
            .map(|text| Link { text, target }),
        Beside::NotLookedAt | Beside::Nothing | Beside::Rights(_) => None,
    };
    FileMeta {
        link,
        ..known.to_meta()
    }
}

/// What is remembered of rights beside the mode, and of a link's text.
pub(super) fn hash_of(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Grave changes overtake routine ones.
pub(super) fn lane(severity: Option<Severity>) -> Lane {
    match severity {
        Some(Severity::High | Severity::Critical) => Lane::Urgent,
        Some(Severity::Low | Severity::Medium) | None => Lane::Events,
    }
}
