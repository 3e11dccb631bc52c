//! What has changed, told to whoever looks: numbered topics, the last of them kept for those who come back.
//!
//! A topic says what is stale, never what is new: the listener asks again. Numbers begin at the collector's
//! start time in microseconds, so that a number of an earlier life is recognised as too old.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::clock::now_ms;
use crate::entry::HostId;

/// Changes kept for listeners that come back: some minutes of a busy fleet. Who was away longer reloads.
const KEPT: usize = 1_024;

/// What something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// An alert, by its number.
    Alert(i64),
    /// What is known of a host.
    Host(HostId),
    /// New events of a host are visible.
    Event(HostId),
    /// Figures of the whole.
    Overview,
}

/// A topic with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number; grows.
    pub number: u64,
    /// What it is about.
    pub topic: Topic,
}

/// Where changes are told and heard; clones share it.
#[derive(Clone, Debug)]
pub struct Live {
    kept: Arc<Mutex<Kept>>,
    changes: broadcast::Sender<Change>,
}

/// The last changes and the number of the next.
#[derive(Debug)]
struct Kept {
    next: u64,
    changes: VecDeque<Change>,
}

/// What a listener gets: what it has missed, and from then on everything.
#[derive(Debug)]
pub struct Subscription {
    /// What it has missed; `None` when nobody knows any more, and everything must be asked again.
    pub missed: Option<Vec<Change>>,
    /// The number to come back with when nothing else has been heard.
    pub last: u64,
    /// What happens from now on; a listener that is too slow is told so by `Lagged`.
    pub changes: broadcast::Receiver<Change>,
}

impl Default for Live {
    fn default() -> Self {
        Self::beginning_at(u64::try_from(now_ms()).unwrap_or(0) * 1_000)
    }
}

impl Live {
    fn beginning_at(next: u64) -> Self {
        let kept = Kept {
            next,
            changes: VecDeque::with_capacity(KEPT),
        };
        Self {
            kept: Arc::new(Mutex::new(kept)),
            changes: broadcast::channel(KEPT).0,
        }
    }

    /// Tells everybody.
    pub fn publish(&self, topic: Topic) {
        let mut kept = self.kept();
        let change = Change {
            number: kept.next,
            topic,
        };
        kept.next += 1;
        if kept.changes.len() == KEPT {
            kept.changes.pop_front();
        }
        kept.changes.push_back(change);
        // Sent under the lock: a subscription made in between would miss it or hear it twice. Without any
        // listener there is nobody to tell.
        let _ = self.changes.send(change);
    }

    /// Whether anybody listens: what costs something need not be found out for nobody.
    pub fn is_heard(&self) -> bool {
        self.changes.receiver_count() > 0
    }

    /// Listens from now on, after `last` if the listener was here before.
    pub fn subscribe(&self, last: Option<u64>) -> Subscription {
        let kept = self.kept();
        Subscription {
            missed: last.map_or_else(|| Some(Vec::new()), |last| kept.after(last)),
            last: kept.next - 1,
            changes: self.changes.subscribe(),
        }
    }

    /// Nothing in there can be half done, so a panic elsewhere leaves it usable.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn after(&self, last: u64) -> Option<Vec<Change>> {
        let oldest = self.changes.front().map_or(self.next, |change| change.number);
        let known = last.saturating_add(1) >= oldest && last < self.next;
        known.then(|| {
            let missed = self.changes.iter().filter(|change| change.number > last);
            missed.copied().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(changes: &[Change]) -> Vec<u64> {
        changes.iter().map(|change| change.number).collect()
    }

    #[test]
    fn a_listener_hears_what_happens_from_now_on() {
        let live = Live::beginning_at(7);
        live.publish(Topic::Overview);
        let mut subscription = live.subscribe(None);
        live.publish(Topic::Alert(3));
        assert_eq!(subscription.missed, Some(Vec::new()));
        let heard = subscription.changes.try_recv().expect("a change");
        assert_eq!((heard.number, heard.topic), (8, Topic::Alert(3)));
        assert!(subscription.changes.try_recv().is_err());
    }

    #[test]
    fn who_comes_back_gets_what_was_missed() {
        let live = Live::beginning_at(100);
        for id in 0..5 {
            live.publish(Topic::Alert(id));
        }
        let missed = |last| live.subscribe(Some(last)).missed.map(|missed| numbers(&missed));
        assert_eq!(missed(102), Some(vec![103, 104]));
        assert_eq!(missed(104), Some(Vec::new()));
    }

    #[test]
    fn who_was_away_too_long_or_knows_another_life_must_ask_again() {
        let live = Live::beginning_at(100);
        for id in 0..i64::try_from(KEPT).expect("small") + 1 {
            live.publish(Topic::Alert(id));
        }
        assert_eq!(live.subscribe(Some(99)).missed, None, "its successor is gone");
        assert!(live.subscribe(Some(100)).missed.is_some());
        assert_eq!(live.subscribe(Some(5)).missed, None, "an earlier life");
        assert_eq!(live.subscribe(Some(9_999_999)).missed, None, "the future");
        assert_eq!(live.subscribe(Some(u64::MAX - 1)).missed, None);
    }
}
