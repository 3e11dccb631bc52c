//! What the intake had against agents, on its way to their hosts' pages.
//!
//! It is gathered here and written with everything else that can wait: an agent that misbehaves a thousand times a
//! second must not queue a thousand times for the registry's writer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::entry::HostId;
use crate::registry::host_state::Trouble;

/// How often one host's agent did one thing, and when the last time was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) host: HostId,
    pub(super) trouble: Trouble,
    pub(super) times: u64,
    pub(super) at_ms: i64,
}

/// What was noted and not yet written: at most a few for each host that is known.
#[derive(Default)]
pub(super) struct Troubles(Mutex<HashMap<(HostId, Trouble), (u64, i64)>>);

impl Troubles {
    /// A host's agent did something.
    pub(super) fn note(&self, host: HostId, trouble: Trouble, now_ms: i64) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (times, at_ms) = noted.entry((host, trouble)).or_default();
        *times += 1;
        *at_ms = now_ms;
    }

    /// Everything that was noted since the last time.
    pub(super) fn take(&self) -> Vec<Noted> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        noted
            .into_iter()
            .map(|((host, trouble), (times, at_ms))| Noted {
                host,
                trouble,
                times,
                at_ms,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_told_once_with_its_number() {
        let troubles = Troubles::default();
        for at_ms in [5, 6, 7] {
            troubles.note(HostId(1), Trouble::Slowed, at_ms);
        }
        let told = Noted {
            host: HostId(1),
            trouble: Trouble::Slowed,
            times: 3,
            at_ms: 7,
        };
        assert_eq!(troubles.take(), [told]);
        assert_eq!(troubles.take(), []);
    }
}
