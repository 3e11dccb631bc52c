//! Stage 4, receive: who is it, what do they say, and what may they cost us.
//!
//! One TCP listener serves everything an agent needs: enrolling (without a certificate), renewing (also with
//! an expired one) and its session. A session is one task: frames in, batches into the journal, and an
//! acknowledgement only once the journal says that they are durable.
//!
//! * `door`: who has come and has not yet said who it is.
//! * `tls`: TLS 1.3 on our own authority.
//! * `session`: one connection from its first frame to its last.
//! * `batch`: unpacking a batch far enough to keep it.
//! * `live`: the sessions that are alive.
//! * `streams`: how many streams a host may begin.
//! * `register`: what a session asks and tells the registry.
//! * `limit`, `meter`: how much an agent may send, and has sent.
//! * `troubles`: what is held against agents.
//! * `share`: how an office's line is divided among its agents.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

use self::door::Stranger;
use crate::entry::HostId;
use crate::fleet::Fleet;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::stop;

mod batch;
mod door;
mod limit;
mod live;
mod meter;
mod register;
mod session;
mod share;
mod streams;
mod tls;
mod troubles;

pub use limit::EventRate;
pub use tls::{TlsError, server_config};

/// So many connections may be open; further ones are closed at once and counted. A process has some 20,000
/// descriptors where limits are low.
const CONNECTIONS_MAX: usize = 19_000;

/// A handshake, and then each first frame, must come within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// So much of what is said to an agent may wait in the system's memory, bytes; it doubles that for itself. Agents are
/// told little, and one that takes nothing is found out the sooner.
const SEND_BUFFER_BYTES: usize = 32 * 1024;

/// Hosts' "last heard" reach the registry this often.
const HEARD_INTERVAL: Duration = Duration::from_secs(15);

/// Everything that sessions share.
pub struct Intake {
    /// Who is who.
    pub fleet: Fleet,
    /// Policies, commands and connection states.
    pub registry: Registry,
    /// Where batches are kept.
    pub journal: Journal,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How much one agent may send.
    pub event_rate: EventRate,
    /// Grows when policies, units, commands or revocations change: sessions then look again.
    pub revision: watch::Receiver<i64>,
    /// True once the collector stops.
    pub stop: watch::Receiver<bool>,
}

/// What one session needs: the shared parts and its place among the living.
struct Shared {
    intake: Intake,
    live: live::Live,
    door: door::Door,
    shares: share::Shares,
    meters: meter::Meters,
    troubles: troubles::Troubles,
    connections: Arc<Semaphore>,
}

impl Intake {
    /// Serves agents until told to stop; returns when every session has ended.
    pub async fn serve(self, listener: TcpListener, acceptor: TlsAcceptor) {
        let mut stop = self.stop.clone();
        let shared = Arc::new(Shared {
            meters: meter::Meters::new(self.event_rate),
            troubles: troubles::Troubles::default(),
            intake: self,
            live: live::Live::default(),
            door: door::Door::default(),
            shares: share::Shares::default(),
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        });
        let heard = tokio::spawn(report_heard(Arc::clone(&shared)));
        let dividing = tokio::spawn(divide_lines(shared.shares.clone()));
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => shared.admit(stream, canonical(peer), &acceptor),
                    Err(error) => pause_accepting(&error).await,
                },
                () = stop::raised(&mut stop) => break,
            }
        }
        drop(listener);
        info!(sessions = shared.live.count(), "no more agents are accepted");
        // Every session sees `stop` and says goodbye; all permits back means that all have ended.
        let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
        if tokio::time::timeout(PATIENCE, shared.connections.acquire_many(all))
            .await
            .is_err()
        {
            warn!(
                sessions = shared.live.count(),
                "some sessions did not end in time"
            );
        }
        heard.abort();
        dividing.abort();
        shared.flush_heard().await;
    }
}

impl Shared {
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, acceptor: &TlsAcceptor) {
        self.intake.metrics.connections_accepted.inc();
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            self.intake.metrics.connections_refused.inc();
            warn!(%peer, max = CONNECTIONS_MAX, "connection refused: too many are open");
            return;
        };
        let Some(stranger) = self.door.enter(peer.ip()) else {
            self.intake.metrics.connections_refused.inc();
            debug!(%peer, "connection refused: too many have not said who they are");
            return;
        };
        let (shared, acceptor) = (Arc::clone(self), acceptor.clone());
        let put_out = stranger.put_out();
        tokio::spawn(async move {
            tokio::select! {
                outcome = shared.converse(stream, peer, &acceptor, stranger) => if let Err(error) = outcome {
                    shared.intake.metrics.sessions_broken.inc();
                    debug!(%peer, %error, "connection ended");
                },
                () = put_out.notified() => {
                    shared.intake.metrics.connections_refused.inc();
                    debug!(%peer, "connection ended: it had not said who it is, and others wait");
                }
            }
            drop(permit);
        });
    }

    async fn converse(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        acceptor: &TlsAcceptor,
        stranger: Stranger,
    ) -> Result<(), session::SessionError> {
        stream.set_nodelay(true)?;
        sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES).map_err(io::Error::from)?;
        let handshake = async {
            // Whoever says nothing takes nobody's turn.
            stream.peek(&mut [0]).await?;
            stranger.in_turn(acceptor.accept(stream)).await
        };
        let tls = match tokio::time::timeout(PATIENCE, handshake).await {
            Ok(Ok(tls)) => tls,
            Ok(Err(error)) => {
                self.intake.metrics.handshakes_failed.inc();
                debug!(%peer, %error, "handshake failed");
                return Ok(());
            }
            Err(_) => {
                self.intake.metrics.handshakes_failed.inc();
                debug!(%peer, "handshake took too long");
                return Ok(());
            }
        };
        session::converse(self, tls, peer, stranger).await
    }

    async fn flush_heard(&self) {
        let heard: Vec<(HostId, i64)> = self.live.take_heard();
        if let Err(error) = register::heard(&self.intake.registry, &heard).await {
            warn!(%error, hosts = heard.len(), "cannot note when hosts were last heard");
        }
        let noted = self.troubles.take();
        if let Err(error) = register::note_troubles(&self.intake.registry, &noted).await {
            warn!(%error, lost = noted.len(), "cannot note what agents did");
        }
    }
}

async fn report_heard(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(HEARD_INTERVAL);
    loop {
        ticks.tick().await;
        shared.flush_heard().await;
    }
}

async fn divide_lines(shares: share::Shares) {
    let mut ticks = tokio::time::interval(share::DIVISION_INTERVAL);
    loop {
        ticks.tick().await;
        shares.divide(tokio::time::Instant::now());
    }
}

/// A PC's own address: over a socket for both families, IPv4 comes in the clothes of IPv6.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// Out of descriptors, most likely: accepting at once again would spin.
async fn pause_accepting(error: &io::Error) {
    warn!(%error, "cannot accept connections; trying again in a moment");
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[cfg(test)]
mod tests;
