//! What explains a change: a package manager did it, or somebody announced it.
//!
//! ```text
//!  who did it ──▶ lineage: under a package manager? ─┐
//!                                                    ├─▶ dpkg: which package, and is that its content? ─▶ cause
//!  dpkg's log and file lists ────────────────────────┘
//!  the policy's windows ──▶ planned ────────────────────────────────────────── if no package explains it ─▶ cause
//! ```
//!
//! An explained change is recorded like any other and tells nobody, so whoever can have a change explained has made it
//! silent. Therefore the process decides: one that is known and does not descend from a package manager's own program
//! is never explained by a package, however busy the manager is at that moment. Where nobody can be named (the agent
//! was down, the system does not tell, the process was gone), the content must be the package's own, byte for byte, at
//! a time when the manager worked on that package.
//!
//! Each manager is a module of its own with the same three parts: how its processes are recognised, what its records
//! say it did when, and which files it says are whose.

use vong_os::file::Facts;
use vong_proto::event::{Cause, FileAction, FileEvent, Origin, Who};
use vong_proto::policy::PlannedWindow;

mod dpkg;
mod lineage;
mod records;

use super::planned::{Planned, Span};
use super::standard;
use dpkg::Dpkg;
pub(super) use lineage::Lineage;

pub use dpkg::Places as DpkgPlaces;

/// A package manager of this system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Manager {
    /// Debian's, under whatever front end.
    Dpkg,
}

impl Manager {
    /// Whether it gives such a name to what it has not made complete, or will not keep.
    pub(super) fn uses_for_a_moment(self, path: &[u8]) -> bool {
        match self {
            Manager::Dpkg => path.ends_with(b".dpkg-new") || path.ends_with(b".dpkg-tmp"),
        }
    }
}

/// Where package managers keep their records.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Debian's.
    pub dpkg: DpkgPlaces,
}

/// Who did it, as far as this matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doer {
    /// A package manager, or something that it has started.
    Under(Manager),
    /// Somebody else.
    Stranger,
    /// Nobody can be named.
    Unknown,
}

/// A change to be explained.
#[derive(Debug)]
struct Question<'a> {
    path: &'a [u8],
    doer: Doer,
    span: Span,
    /// What stands there now, unless it is gone.
    now: Option<&'a Facts>,
    /// Whether its content, or what it is, may have changed.
    content: bool,
    /// Whether rights are given beside the mode.
    has_acl: bool,
    /// Whether it belongs to somebody who uses this PC, and to no package.
    is_personal: bool,
}

/// Knows what explains changes.
#[derive(Debug)]
pub(super) struct Explainer {
    dpkg: Dpkg,
    planned: Planned,
    complete_ms: i64,
}

impl Explainer {
    pub(super) fn new(places: &Places) -> Self {
        Self {
            dpkg: Dpkg::new(places.dpkg.clone()),
            planned: Planned::default(),
            complete_ms: i64::MIN,
        }
    }

    /// Takes the windows of another policy.
    pub(super) fn plan(&mut self, windows: &[PlannedWindow]) {
        self.planned = Planned::new(windows);
    }

    /// At this moment all was known that had happened until then.
    pub(super) fn complete_at(&mut self, wall_ms: i64) {
        self.complete_ms = wall_ms;
    }

    /// Since this moment something may have been missed.
    pub(super) fn incomplete_since(&mut self, wall_ms: i64) {
        self.complete_ms = self.complete_ms.min(wall_ms);
    }

    /// What explains an event, if anything does. `under` is the package manager that its doer descends from, `now`
    /// what stands at its path.
    pub(super) fn cause(
        &mut self,
        event: &FileEvent,
        wall_ms: i64,
        under: Option<Manager>,
        now: Option<&Facts>,
    ) -> Option<Cause> {
        let changed_ns = now.map(|facts| facts.ctime_ns);
        let span = Span::of(event, wall_ms, self.complete_ms, changed_ns);
        let question = Question {
            path: &event.path,
            doer: doer(event, under),
            // The system's time of the last change is the only one that there is, and nobody can set it back.
            span: match (event.origin, changed_ns) {
                (Origin::CatchUp, Some(changed_ns)) => Span {
                    from_ms: changed_ns / 1_000_000,
                    until_ms: changed_ns / 1_000_000,
                },
                _ => span,
            },
            now: now.filter(|_| event.action != FileAction::Deleted),
            content: event.action != FileAction::Attributes,
            has_acl: event.meta.as_ref().is_some_and(|meta| meta.acl_sha256.is_some()),
            is_personal: standard::is_personal(&event.watch, &event.path),
        };
        let package = match question.doer {
            Doer::Under(Manager::Dpkg) | Doer::Unknown => self.dpkg.explain(&question),
            Doer::Stranger => None,
        };
        package.or_else(|| self.planned.cause(&event.watch, span))
    }
}

fn doer(event: &FileEvent, under: Option<Manager>) -> Doer {
    match (under, &event.who) {
        (Some(manager), _) => Doer::Under(manager),
        (None, Who::Exact(_)) => Doer::Stranger,
        (None, Who::Exited { .. } | Who::Unavailable(_)) => Doer::Unknown,
    }
}
