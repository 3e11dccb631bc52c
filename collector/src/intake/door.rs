//! The door: who has come and has not yet said who it is.
//!
//! A stranger costs a descriptor, memory and perhaps a handshake, so strangers are few, fewer of one address,
//! and a handshake begins only once its first byte is there. When the door is full, whoever comes from where few
//! stand takes the place of one from where most stand: a few addresses cannot shut everybody else out. An
//! identified agent no longer counts.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// So many strangers at most; further ones are closed at once and counted. Agents that are closed come back
/// with jitter, and each needs milliseconds here.
const STRANGERS_MAX: usize = 4_096;

/// So many of them from one address: a whole office, or province, may stand behind one.
pub(super) const OF_ONE_ADDRESS_MAX: usize = 1_024;

/// So many handshakes may be under way; further ones wait, so that a storm of reconnecting agents cannot
/// starve those that are already in.
const HANDSHAKES_MAX: usize = 64;

/// So many of them with one address: whoever begins handshakes and does not go on delays only its neighbours.
const HANDSHAKES_OF_ONE_ADDRESS_MAX: usize = 16;

/// A handshake keeps its turn for this long; on a slow line it goes on without. An honest one needs milliseconds
/// of us and one round of its line.
const TURN: Duration = Duration::from_secs(2);

/// The strangers and their handshakes; clones share it.
#[derive(Clone)]
pub(super) struct Door {
    strangers: Arc<Mutex<Strangers>>,
    handshakes: Arc<Semaphore>,
}

#[derive(Default)]
struct Strangers {
    count: usize,
    /// The number of the next one; a smaller number has waited longer.
    next: u64,
    of_address: HashMap<IpAddr, OfAddress>,
}

struct OfAddress {
    present: BTreeMap<u64, Arc<Notify>>,
    handshakes: Arc<Semaphore>,
}

/// A stranger's place at the door, left on drop.
pub(super) struct Stranger {
    door: Door,
    address: IpAddr,
    number: u64,
    put_out: Arc<Notify>,
    handshakes: Arc<Semaphore>,
}

/// The right to do one handshake, given back on drop.
struct Turn<'a> {
    _own: Option<SemaphorePermit<'a>>,
    _common: Option<SemaphorePermit<'a>>,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            strangers: Arc::default(),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
        }
    }
}

impl Door {
    /// Lets a stranger wait here; `None` when there are too many, of all or of its address.
    pub(super) fn enter(&self, peer: IpAddr) -> Option<Stranger> {
        let address = source(peer);
        let mut strangers = self.lock();
        let neighbours = strangers.of(address);
        if neighbours >= OF_ONE_ADDRESS_MAX {
            return None;
        }
        if strangers.count >= STRANGERS_MAX && !strangers.put_one_out(neighbours + 1) {
            return None;
        }
        let (number, put_out, handshakes) = strangers.add(address);
        Some(Stranger {
            door: self.clone(),
            address,
            number,
            put_out,
            handshakes,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Strangers> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Strangers {
    fn of(&self, address: IpAddr) -> usize {
        self.of_address
            .get(&address)
            .map_or(0, |of_address| of_address.present.len())
    }

    fn add(&mut self, address: IpAddr) -> (u64, Arc<Notify>, Arc<Semaphore>) {
        let of_address = self.of_address.entry(address).or_insert_with(|| OfAddress {
            present: BTreeMap::new(),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_OF_ONE_ADDRESS_MAX)),
        });
        let (number, put_out) = (self.next, Arc::new(Notify::new()));
        of_address.present.insert(number, Arc::clone(&put_out));
        self.next += 1;
        self.count += 1;
        (number, put_out, Arc::clone(&of_address.handshakes))
    }

    /// Sends away the one that has waited longest of the address that most come from, if they are more than so many.
    fn put_one_out(&mut self, more_than: usize) -> bool {
        let crowd = self
            .of_address
            .iter()
            .map(|(address, of_address)| (of_address.present.len(), *address))
            .max();
        let Some((_, address)) = crowd.filter(|(count, _)| *count > more_than) else {
            return false;
        };
        let oldest = self
            .of_address
            .get(&address)
            .and_then(|of_address| of_address.present.first_key_value())
            .map(|(number, put_out)| (*number, Arc::clone(put_out)));
        if let Some((number, put_out)) = oldest {
            self.remove(address, number);
            put_out.notify_one();
        }
        true
    }

    /// Takes one away; whether it was still here.
    fn remove(&mut self, address: IpAddr, number: u64) -> bool {
        let Some(of_address) = self.of_address.get_mut(&address) else {
            return false;
        };
        let was_here = of_address.present.remove(&number).is_some();
        if was_here {
            self.count -= 1;
        }
        if of_address.present.is_empty() {
            self.of_address.remove(&address);
        }
        was_here
    }
}

impl Stranger {
    /// What tells this stranger that it has to make room for others.
    pub(super) fn put_out(&self) -> Arc<Notify> {
        Arc::clone(&self.put_out)
    }

    /// Leaves the door, after which nobody puts it out; false when that has happened already.
    pub(super) fn leave(self) -> bool {
        self.door.lock().remove(self.address, self.number)
    }

    /// Does a handshake when its turn has come, and goes on without the turn when it takes long.
    pub(super) async fn in_turn<F: Future>(&self, handshake: F) -> F::Output {
        let mut handshake = std::pin::pin!(handshake);
        let turn = self.turn().await;
        let in_time = tokio::time::timeout(TURN, &mut handshake).await;
        drop(turn);
        match in_time {
            Ok(done) => done,
            Err(_) => handshake.await,
        }
    }

    /// Waits for the turn to do a handshake; the address's own turn first, so that a crowd of one address
    /// waits among itself.
    async fn turn(&self) -> Turn<'_> {
        // Nobody closes these semaphores; a closed one would let everybody pass.
        let own = self.handshakes.acquire().await.ok();
        let common = self.door.handshakes.acquire().await.ok();
        Turn {
            _own: own,
            _common: common,
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.door.lock().remove(self.address, self.number);
    }
}

/// What counts as one address: in IPv6 whoever has one has its whole network of 2^64.
fn source(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn strangers_are_few_and_fewer_of_one_address() {
        let door = Door::default();
        let enter =
            |last, count| -> Vec<Stranger> { (0..count).map_while(|_| door.enter(address(last))).collect() };
        let crowd = enter(1, OF_ONE_ADDRESS_MAX + 1);
        assert_eq!(crowd.len(), OF_ONE_ADDRESS_MAX);
        let others: Vec<_> = (2..=4).flat_map(|last| enter(last, OF_ONE_ADDRESS_MAX)).collect();
        assert_eq!(crowd.len() + others.len(), STRANGERS_MAX);
        drop((crowd, others));
        assert!(door.lock().of_address.is_empty() && door.lock().count == 0);
    }

    #[test]
    fn a_few_addresses_that_fill_the_door_shut_nobody_out() {
        let door = Door::default();
        let crowd: Vec<_> = (1..=4)
            .flat_map(|last| std::iter::repeat_n(last, OF_ONE_ADDRESS_MAX))
            .filter_map(|last| door.enter(address(last)))
            .collect();
        let office: Vec<_> = (0..100).filter_map(|_| door.enter(address(9))).collect();
        assert_eq!(office.len(), 100);
        let told = |strangers: &[Stranger]| {
            let told = |stranger: &&Stranger| futures_now(stranger.put_out.notified()).is_some();
            strangers.iter().filter(told).count()
        };
        assert_eq!((told(&crowd), told(&office)), (100, 0), "one had to go for each");
        assert_eq!(door.lock().count, STRANGERS_MAX);
        let left = crowd.into_iter().map(Stranger::leave).filter(|in_time| *in_time);
        assert_eq!(left.count(), STRANGERS_MAX - 100, "who was put out hears so");
        assert_eq!(door.lock().count, office.len(), "who was put out leaves once");
    }

    #[test]
    fn where_everybody_comes_from_elsewhere_nobody_is_put_out() {
        let door = Door::default();
        let one_each = |number: u32| IpAddr::from((0x0a00_0000 + number).to_be_bytes());
        let full: Vec<_> = (0..STRANGERS_MAX as u32)
            .filter_map(|number| door.enter(one_each(number)))
            .collect();
        assert_eq!(full.len(), STRANGERS_MAX);
        assert!(door.enter(one_each(STRANGERS_MAX as u32)).is_none());
    }

    #[tokio::test]
    async fn a_handshake_that_takes_long_leaves_its_turn_to_others() {
        let door = Door::default();
        let enter = |last| door.enter(address(last)).expect("let in");
        let slow: Vec<_> = (0..HANDSHAKES_MAX).map(|n| enter(n as u8 % 8)).collect();
        let hanging = slow
            .iter()
            .map(|stranger| stranger.in_turn(std::future::pending::<()>()));
        let other = enter(9);
        let served = tokio::time::timeout(TURN * 2, other.in_turn(async { "done" }));
        let (served, _never) = tokio::select! {
            served = async { (served.await, ()) } => served,
            _ = futures_util::future::join_all(hanging) => unreachable!("they hang"),
        };
        assert_eq!(served, Ok("done"));
    }

    #[tokio::test]
    async fn handshakes_of_one_address_leave_turns_for_others() {
        let door = Door::default();
        let crowd: Vec<_> = (0..HANDSHAKES_MAX)
            .filter_map(|_| door.enter(address(1)))
            .collect();
        let mut turns = Vec::new();
        for stranger in &crowd[..HANDSHAKES_OF_ONE_ADDRESS_MAX] {
            turns.push(stranger.turn().await);
        }
        let next = crowd[HANDSHAKES_OF_ONE_ADDRESS_MAX].turn();
        assert!(futures_now(next).is_none(), "the seventeenth waits");
        let other = door.enter(address(2)).expect("let in");
        assert!(futures_now(other.turn()).is_some());
    }

    /// What a future has to say at once.
    fn futures_now<F: Future>(future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn a_network_of_addresses_is_one() {
        let of = |text: &str| source(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.7"), of("10.0.0.7"));
    }
}
