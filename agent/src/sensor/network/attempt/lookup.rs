//! Looks up the addresses of names as the PC's programs do, without letting a slow name service hold up anything
//! else: each look-up blocks one of a few threads of its own, and whoever finds none free waits within their own
//! deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Failure;

/// So many look-ups may block at once, given up ones included: the system offers no way to end one.
pub(in super::super) const LOOKUPS_MAX: usize = 4;

/// How a name is looked up.
type Resolve = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

/// The look-ups of all questions.
pub(super) struct Lookups {
    places: Arc<Semaphore>,
    resolve: Resolve,
}

impl Default for Lookups {
    fn default() -> Self {
        Self::with(by_the_system)
    }
}

impl Lookups {
    /// Look-ups done in this way.
    pub(super) fn with(resolve: Resolve) -> Self {
        Self {
            places: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            resolve,
        }
    }

    /// The addresses of a host, at least one. A name service that does not answer within `patience` is what has
    /// failed, not the host.
    pub(super) async fn addresses(
        &self,
        host: &str,
        port: u16,
        patience: Duration,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let found = timeout(patience, self.look_up(host.to_owned(), port))
            .await
            .map_err(|_| Failure::code("dns_timeout"))?
            .map_err(|_| Failure::code("no_such_name"))?;
        if found.is_empty() {
            return Err(Failure::code("no_such_name"));
        }
        Ok(found)
    }

    async fn look_up(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(io::Error::other)?;
        let resolve = self.resolve;
        let looking = tokio::task::spawn_blocking(move || {
            // Held until the system has answered, though nobody may wait for that any more.
            let _place = place;
            resolve(&host, port)
        });
        looking.await.map_err(io::Error::other)?
    }
}

fn by_the_system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}
