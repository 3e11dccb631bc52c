//! The door: who has come and has not yet said who it is.
//!
//! A stranger costs a descriptor, memory and perhaps a handshake, so strangers are few, fewer of one address,
//! and a handshake begins only once its first byte is there. An identified agent no longer counts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

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

/// The strangers and their handshakes; clones share it.
#[derive(Clone)]
pub(super) struct Door {
    strangers: Arc<Mutex<Strangers>>,
    handshakes: Arc<Semaphore>,
}

#[derive(Default)]
struct Strangers {
    count: usize,
    of_address: HashMap<IpAddr, OfAddress>,
}

struct OfAddress {
    count: usize,
    handshakes: Arc<Semaphore>,
}

/// A stranger's place at the door, left on drop.
pub(super) struct Stranger {
    door: Door,
    address: IpAddr,
    handshakes: Arc<Semaphore>,
}

/// The right to do one handshake, given back on drop.
pub(super) struct Turn<'a> {
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
        if strangers.count >= STRANGERS_MAX {
            return None;
        }
        let of_address = strangers.of_address.entry(address).or_insert_with(|| OfAddress {
            count: 0,
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_OF_ONE_ADDRESS_MAX)),
        });
        if of_address.count >= OF_ONE_ADDRESS_MAX {
            return None;
        }
        of_address.count += 1;
        let handshakes = Arc::clone(&of_address.handshakes);
        strangers.count += 1;
        Some(Stranger {
            door: self.clone(),
            address,
            handshakes,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Strangers> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    /// Waits for the turn to do a handshake; the address's own turn first, so that a crowd of one address
    /// waits among itself.
    pub(super) async fn turn(&self) -> Turn<'_> {
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
        let mut strangers = self.door.lock();
        strangers.count -= 1;
        if let Some(of_address) = strangers.of_address.get_mut(&self.address) {
            of_address.count -= 1;
            if of_address.count == 0 {
                strangers.of_address.remove(&self.address);
            }
        }
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
        let others: Vec<_> = (2..=5).flat_map(|last| enter(last, OF_ONE_ADDRESS_MAX)).collect();
        assert_eq!(crowd.len() + others.len(), STRANGERS_MAX);
        drop(crowd);
        assert!(door.enter(address(9)).is_some());
        drop(others);
        assert!(door.lock().of_address.is_empty());
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
