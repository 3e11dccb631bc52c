//! Who did what to one path, when several processes did something to it before anybody looked.
//!
//! One look shows what all of them have left together. Each is told with its own name, so that whoever writes last takes
//! nobody else's deed upon itself.

use vong_proto::event::{Aspect, FileAction, Who};

use super::Touch;

/// So many are told apart; of what more of them did, nobody is named.
const DEEDS_MAX: usize = 8;
/// Why nobody is named then.
const SEVERAL: &str = "several";

/// What one process did to a path, beside the one that stands in the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Deed {
    /// Who.
    pub(in super::super) who: Who,
    /// Whether it closed the file after writing.
    pub(in super::super) written: bool,
    /// When it was last heard of, by the wall clock.
    pub(in super::super) wall_ms: i64,
    /// The same, since boot.
    pub(in super::super) mono_ms: u64,
    /// So many reports of the system this is.
    pub(in super::super) count: u32,
    /// When the first of them came, by the wall clock.
    pub(in super::super) first_ms: i64,
}

impl Deed {
    /// What this one may have done of what all did together; `None` when nothing of it.
    pub(in super::super) fn part_of(
        &self,
        action: FileAction,
        changed: &[Aspect],
    ) -> Option<(FileAction, Vec<Aspect>)> {
        match action {
            FileAction::Created if self.written => Some((FileAction::Modified, vec![Aspect::Content])),
            FileAction::Modified | FileAction::Attributes if self.written => Some((action, changed.to_vec())),
            FileAction::Modified | FileAction::Attributes => {
                let is_content =
                    |aspect: &Aspect| matches!(aspect, Aspect::Content | Aspect::Kind | Aspect::Link);
                let beside: Vec<Aspect> = changed
                    .iter()
                    .filter(|aspect| !is_content(aspect))
                    .copied()
                    .collect();
                (!beside.is_empty()).then_some((FileAction::Attributes, beside))
            }
            FileAction::Created | FileAction::Deleted | FileAction::Renamed => None,
        }
    }
}

/// Notes one more deed.
pub(super) fn note(deeds: &mut Vec<Deed>, mut deed: Deed) {
    let is_same = |other: &Deed| pid(&other.who) == pid(&deed.who);
    let place = deeds.iter().position(is_same);
    if place.is_none() && deeds.len() >= DEEDS_MAX {
        deed.who = Who::Unavailable(SEVERAL.to_owned());
    }
    match place.or_else(|| (deeds.len() >= DEEDS_MAX).then(|| deeds.len() - 1)) {
        Some(place) => {
            let before = &mut deeds[place];
            before.written |= deed.written;
            before.count = before.count.saturating_add(deed.count);
            (before.who, before.wall_ms, before.mono_ms) = (deed.who, deed.wall_ms, deed.mono_ms);
        }
        None => deeds.push(deed),
    }
}

/// Takes out what this one did earlier.
pub(super) fn take(deeds: &mut Vec<Deed>, who: &Who) -> Option<Deed> {
    let place = deeds.iter().position(|deed| pid(&deed.who) == pid(who))?;
    Some(deeds.remove(place))
}

/// Whether these are certainly two processes.
pub(super) fn are_two(one: &Who, other: &Who) -> bool {
    matches!((pid(one), pid(other)), (Some(one), Some(other)) if one != other)
}

/// Whether a touch makes its author the one who is named first.
pub(super) fn leads(later: Touch, before: Touch) -> bool {
    // A change of rights after the writing does not make its author the writer.
    later.written || !before.written
}

fn pid(who: &Who) -> Option<u32> {
    match who {
        Who::Exact(process) => Some(process.pid),
        Who::Exited { pid } => Some(*pid),
        Who::Unavailable(_) => None,
    }
}
