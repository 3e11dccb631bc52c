//! The connections that are alive, one for each agent; of a cloned agent, one for each of its machines.
//!
//! A reconnecting agent takes over from its own half-dead connection; revocation and shutdown reach every
//! session from here. A host is gone when the last session of any of its agents has left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, mpsc};
use tokio::time::Instant;
use vong_proto::event::{AgentId, StreamId};
use vong_proto::session::Fingerprint;

use super::streams::NewStreams;
use crate::entry::{HostId, Machine};

/// What a session can be told from outside. One waiting order is enough: they all end it.
const ORDERS_WAITING_MAX: usize = 1;

/// Hosts share so many turns: enough that a storm of reconnecting agents does not queue for one of them.
const TURNS: usize = 64;

/// So many machines of one cloned agent may be connected; the one that came first makes room for a further one.
const CLONES_MAX: usize = 64;

/// Take-overs are counted over this time.
pub(super) const LIVELY_WITHIN_MS: i64 = 10 * 60_000;

/// Another connection of the same agent has taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TakenOver {
    /// The machine that it comes from.
    pub(super) machine: Machine,
    /// Whether that one knows another content of the stream.
    pub(super) forked: bool,
}

/// Who enters.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) agent: AgentId,
    pub(super) host: HostId,
    pub(super) stream: StreamId,
    /// Machines of a cloned agent stay beside each other, as long as their streams are different.
    pub(super) cloned: bool,
    pub(super) fingerprint: Fingerprint,
    pub(super) machine: Machine,
}

/// The sessions that are alive; clones share it.
#[derive(Clone)]
pub(super) struct Live {
    state: Arc<Mutex<State>>,
    turns: Arc<[AsyncMutex<()>; TURNS]>,
    new_streams: Arc<Mutex<NewStreams>>,
}

#[derive(Default)]
struct State {
    /// In the order of their coming; more than one only of a cloned agent.
    sessions: HashMap<AgentId, Vec<Session>>,
    hosts: HashMap<HostId, Presence>,
    last_number: u64,
    /// When each host was last heard, as far as the registry does not know it yet.
    seen: HashMap<HostId, i64>,
    /// For each stream of an agent with a living session, replaced ones included.
    pens: HashMap<(AgentId, StreamId), Arc<AsyncMutex<u64>>>,
    /// When connections of an agent were taken over from that were alive.
    lively: HashMap<AgentId, Vec<i64>>,
}

struct Session {
    number: u64,
    guest: Guest,
    orders: mpsc::Sender<TakenOver>,
}

/// A host with live sessions.
#[derive(Default)]
struct Presence {
    /// So many of its agents' machines have one.
    sessions: usize,
    /// Whether others have been told that it is there, and must be told when it is gone.
    announced: bool,
}

/// The right to write what an agent sends into the journal: one session of an agent's stream has it.
///
/// A replaced session may still find batches in its connection. Were they written after its successor has read
/// where the lanes stand, and was the PC set back to a snapshot in between, then they would take the numbers that
/// the PC gives to other events now, and those would be dropped as duplicates.
#[derive(Clone)]
pub(super) struct Pen {
    owner: Arc<AsyncMutex<u64>>,
    number: u64,
}

impl Pen {
    /// Takes the pen, once what its holder is writing is written; false when a later session has it already.
    pub(super) async fn take(&self) -> bool {
        let mut owner = self.owner.lock().await;
        *owner = self.number.max(*owner);
        *owner == self.number
    }

    /// The right to write as long as the answer lives; none when another session has taken the pen.
    pub(super) async fn write(&self) -> Option<AsyncMutexGuard<'_, u64>> {
        let owner = self.owner.lock().await;
        (*owner == self.number).then_some(owner)
    }
}

/// A place among the live sessions, left on drop.
pub(super) struct Place {
    pen: Pen,
    live: Live,
    agent: AgentId,
    stream: StreamId,
    host: HostId,
    number: u64,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            turns: Arc::new(std::array::from_fn(|_| AsyncMutex::default())),
            new_streams: Arc::new(Mutex::new(NewStreams::new(Instant::now()))),
        }
    }
}

impl Live {
    /// Enters a session; those it replaces are told, and whether it knows another content of the stream.
    pub(super) fn enter(&self, guest: Guest, forked: bool) -> (Place, mpsc::Receiver<TakenOver>) {
        let (orders, waiting) = mpsc::channel(ORDERS_WAITING_MAX);
        let mut state = self.lock();
        state.last_number += 1;
        let number = state.last_number;
        let (agent, host, stream) = (guest.agent, guest.host, guest.stream);
        let by = TakenOver {
            machine: guest.machine.clone(),
            forked,
        };
        let sessions = state.sessions.entry(agent).or_default();
        let replaced = replaced(sessions, &guest);
        // A full queue means that the old session has been told to end already.
        replaced
            .iter()
            .for_each(|before| _ = before.orders.try_send(by.clone()));
        sessions.push(Session {
            number,
            guest,
            orders,
        });
        let presence = state.hosts.entry(host).or_default();
        presence.sessions = presence.sessions + 1 - replaced.len().min(presence.sessions);
        let owner = Arc::clone(state.pens.entry((agent, stream)).or_default());
        (
            Place {
                pen: Pen { owner, number },
                live: self.clone(),
                agent,
                stream,
                host,
                number,
            },
            waiting,
        )
    }

    /// The machines of an agent that are connected, with their fingerprints.
    pub(super) fn of_agent(&self, agent: AgentId) -> Vec<(Fingerprint, Machine)> {
        let state = self.lock();
        let sessions = state.sessions.get(&agent).into_iter().flatten();
        sessions
            .map(|session| (session.guest.fingerprint.clone(), session.guest.machine.clone()))
            .collect()
    }

    /// Notes that a connection was taken over from which was alive; so often that has happened lately.
    pub(super) fn note_lively(&self, agent: AgentId, now_ms: i64) -> usize {
        let mut state = self.lock();
        let is_recent = |at_ms: &i64| now_ms - at_ms < LIVELY_WITHIN_MS;
        state.lively.retain(|_, moments| {
            moments.retain(is_recent);
            !moments.is_empty()
        });
        let moments = state.lively.entry(agent).or_default();
        moments.push(now_ms);
        moments.len()
    }

    /// The turn to say that a host has come or gone: who holds it may look and say without another saying the
    /// opposite in between.
    pub(super) async fn turn(&self, host: HostId) -> AsyncMutexGuard<'_, ()> {
        let turn = host.0.unsigned_abs() % TURNS as u64;
        self.turns[turn as usize].lock().await
    }

    /// Whether a host may begin a stream.
    pub(super) fn begins(&self, host: HostId, stream: StreamId) -> bool {
        let mut streams = self.new_streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.begins(host, stream, Instant::now())
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
        self.lock().sessions.values().map(Vec::len).sum()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a place's session has not left and has not been replaced.
    fn is_current(&self, place: &Place) -> bool {
        let mut sessions = self.sessions.get(&place.agent).into_iter().flatten();
        sessions.any(|session| session.number == place.number)
    }
}

impl Place {
    /// Its stream's pen, not yet taken.
    pub(super) fn pen(&self) -> Pen {
        self.pen.clone()
    }

    /// Others are about to be told that the host is there; false when the session has been replaced and must tell
    /// nobody: its successor may have left already, and nobody would say that the host is gone.
    pub(super) fn announce(&self) -> bool {
        let mut state = self.live.lock();
        if !state.is_current(self) {
            return false;
        }
        if let Some(presence) = state.hosts.get_mut(&self.host) {
            presence.announced = true;
        }
        true
    }

    /// Leaves the live sessions; true when others must be told that the host is gone. A session that has been
    /// replaced leaves nothing behind: its successor will tell.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.live.lock();
        let Some(sessions) = state.sessions.get_mut(&self.agent) else {
            return false;
        };
        let Some(mine) = sessions.iter().position(|session| session.number == self.number) else {
            return false;
        };
        sessions.remove(mine);
        if sessions.is_empty() {
            state.sessions.remove(&self.agent);
        }
        let Some(presence) = state.hosts.get_mut(&self.host) else {
            return false;
        };
        presence.sessions -= 1;
        if presence.sessions > 0 {
            return false;
        }
        let announced = presence.announced;
        state.hosts.remove(&self.host);
        announced
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
        let mut state = self.live.lock();
        // One is the map's and one is this place's: no other session of the stream is alive.
        if Arc::strong_count(&self.pen.owner) <= 2 {
            state.pens.remove(&(self.agent, self.stream));
        }
    }
}

/// Takes out the sessions that a guest replaces: an agent's former one, or, of a cloned agent, the one that writes to
/// the same stream, and the first of too many.
fn replaced(sessions: &mut Vec<Session>, guest: &Guest) -> Vec<Session> {
    let makes_way = |session: &Session| !guest.cloned || session.guest.stream == guest.stream;
    let (mut replaced, mut staying): (Vec<_>, Vec<_>) = sessions.drain(..).partition(makes_way);
    if staying.len() >= CLONES_MAX {
        replaced.push(staying.remove(0));
    }
    *sessions = staying;
    replaced
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const AGENT: AgentId = AgentId([1; 16]);
    const OTHER: AgentId = AgentId([2; 16]);

    fn guest(agent: AgentId, stream: u8, cloned: bool) -> Guest {
        Guest {
            agent,
            host: HostId(5),
            stream: StreamId([stream; 16]),
            cloned,
            fingerprint: Fingerprint::default(),
            machine: Machine {
                name: format!("PC-{stream}"),
                address: "10.0.0.5".to_owned(),
            },
        }
    }

    #[test]
    fn a_new_connection_takes_over_and_the_old_ones_end_does_not_remove_it() {
        let live = Live::default();
        let (first, mut orders) = live.enter(guest(AGENT, 1, false), false);
        assert!(first.announce());
        let (second, _orders) = live.enter(guest(AGENT, 2, false), false);
        assert!(orders.try_recv().is_ok());
        assert!(!first.leave());
        drop(first);
        assert_eq!(live.count(), 1);
        assert!(
            second.leave(),
            "told of the first, nobody has said that it is gone"
        );
        assert_eq!(live.count(), 0);
        assert!(!second.leave(), "once is enough");
    }

    #[tokio::test]
    async fn who_takes_over_waits_for_what_is_being_written_and_is_the_last_to_write() {
        let live = Live::default();
        let (old, _orders) = live.enter(guest(AGENT, 1, false), false);
        let (old, old_place) = (old.pen(), old);
        assert!(old.take().await);
        let writing = old.write().await.expect("its own");
        let (new_place, _orders) = live.enter(guest(AGENT, 1, false), false);
        let new = new_place.pen();
        assert!(
            new.take().now_or_never().is_none(),
            "the old session is still writing"
        );
        drop(writing);
        assert!(new.take().await);
        assert!(old.write().await.is_none() && !old.take().await);
        assert!(new.write().await.is_some());
        drop((new_place, new));
        assert!(!live.lock().pens.is_empty(), "the old session might still write");
        drop(old);
        drop(old_place);
        assert!(live.lock().pens.is_empty());
    }

    #[test]
    fn a_host_is_gone_when_the_last_of_its_agents_has_left() {
        let live = Live::default();
        let (first, _orders) = live.enter(guest(AGENT, 1, false), false);
        let (second, _orders) = live.enter(guest(OTHER, 2, false), false);
        assert!(second.announce());
        assert!(!second.leave());
        assert!(first.leave());
    }

    #[test]
    fn a_replaced_session_tells_nobody_that_the_host_is_there() {
        let live = Live::default();
        let (first, _orders) = live.enter(guest(AGENT, 1, false), false);
        let (second, _orders) = live.enter(guest(AGENT, 1, false), false);
        assert!(!first.announce());
        assert!(!second.leave(), "nobody was told of either");
        assert!(!first.announce());
        assert!(!first.leave());
    }

    #[test]
    fn who_was_never_announced_is_not_said_to_be_gone() {
        let live = Live::default();
        let (only, _orders) = live.enter(guest(AGENT, 1, false), false);
        assert!(!only.leave());
    }

    #[test]
    fn machines_of_a_cloned_agent_stay_beside_each_other_but_not_on_one_stream() {
        let live = Live::default();
        let (first, mut orders) = live.enter(guest(AGENT, 1, true), false);
        assert!(first.announce());
        let (second, _orders) = live.enter(guest(AGENT, 2, true), false);
        assert!(orders.try_recv().is_err(), "both stay");
        let (third, _orders) = live.enter(guest(AGENT, 1, true), true);
        assert!(
            orders
                .try_recv()
                .is_ok_and(|by| by.forked && by.machine.name == "PC-1")
        );
        assert!(!first.leave() && !second.leave());
        assert!(third.leave(), "the last one");
    }

    #[test]
    fn the_machines_of_a_cloned_agent_are_bounded() {
        let live = Live::default();
        let places: Vec<_> = (0..=u8::MAX)
            .map(|stream| live.enter(guest(AGENT, stream, true), false))
            .collect();
        assert_eq!(live.count(), CLONES_MAX);
        drop(places);
        assert_eq!(live.count(), 0);
    }

    #[test]
    fn take_overs_are_forgotten_in_time() {
        let live = Live::default();
        assert_eq!(live.note_lively(AGENT, 0), 1);
        assert_eq!(live.note_lively(AGENT, 1_000), 2);
        assert_eq!(live.note_lively(AGENT, LIVELY_WITHIN_MS), 2);
    }
}
