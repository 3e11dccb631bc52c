//! The connections that are alive, at most one for each agent.
//!
//! A reconnecting agent takes over from its own half-dead connection; revocation and shutdown reach every
//! session from here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use vong_proto::event::AgentId;

use crate::entry::HostId;

/// What a session can be told from outside. One waiting order is enough: they all end it.
const ORDERS_WAITING_MAX: usize = 1;

/// An order to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The same agent has connected anew.
    TakenOver,
}

/// The sessions that are alive; clones share it.
#[derive(Clone, Default)]
pub(super) struct Live(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    sessions: HashMap<AgentId, Session>,
    last_number: u64,
    /// When each host was last heard, as far as the registry does not know it yet.
    seen: HashMap<HostId, i64>,
}

struct Session {
    number: u64,
    orders: mpsc::Sender<Order>,
}

/// A place among the live sessions, left on drop.
pub(super) struct Place {
    live: Live,
    agent: AgentId,
    number: u64,
}

impl Live {
    /// Enters a session; the one it replaces is told.
    pub(super) fn enter(&self, agent: AgentId) -> (Place, mpsc::Receiver<Order>) {
        let (orders, waiting) = mpsc::channel(ORDERS_WAITING_MAX);
        let mut state = self.lock();
        state.last_number += 1;
        let number = state.last_number;
        if let Some(before) = state.sessions.insert(agent, Session { number, orders }) {
            // A full queue means that the old session has been told to end already.
            let _ = before.orders.try_send(Order::TakenOver);
        }
        (
            Place {
                live: self.clone(),
                agent,
                number,
            },
            waiting,
        )
    }

    /// Notes that a host was heard.
    pub(super) fn heard(&self, host: HostId, now_ms: i64) {
        self.lock().seen.insert(host, now_ms);
    }

    /// What was noted since the last call.
    pub(super) fn take_heard(&self) -> Vec<(HostId, i64)> {
        std::mem::take(&mut self.lock().seen).into_iter().collect()
    }

    /// So many sessions are alive.
    pub(super) fn count(&self) -> usize {
        self.lock().sessions.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whether this session has not been replaced.
    pub(super) fn is_current(&self) -> bool {
        self.live
            .lock()
            .sessions
            .get(&self.agent)
            .is_some_and(|session| session.number == self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.live.lock();
        if state
            .sessions
            .get(&self.agent)
            .is_some_and(|session| session.number == self.number)
        {
            state.sessions.remove(&self.agent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: AgentId = AgentId([1; 16]);

    #[test]
    fn a_new_connection_takes_over_and_the_old_ones_end_does_not_remove_it() {
        let live = Live::default();
        let (first, mut orders) = live.enter(AGENT);
        let (second, _orders) = live.enter(AGENT);
        assert_eq!(orders.try_recv(), Ok(Order::TakenOver));
        assert!(!first.is_current());
        drop(first);
        assert!(second.is_current());
        assert_eq!(live.count(), 1);
        drop(second);
        assert_eq!(live.count(), 0);
    }
}
