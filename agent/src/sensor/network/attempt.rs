//! One question to one target, with a deadline, and what came of it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use vong_os::echo::EchoSocket;
use vong_proto::event::ProbeKind;
use vong_proto::policy::Probe;

mod dns;
mod https;
mod lookup;

pub(super) use lookup::LOOKUPS_MAX;
use lookup::Lookups;

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// An answer.
    Answered {
        /// How long it took, microseconds.
        latency_us: u32,
    },
    /// No answer, or one that means "no".
    Lost {
        /// A code, such as `timeout`, `refused`, `no_such_name`, `tls`, `status_502`.
        error: String,
    },
    /// This PC cannot ask.
    Impossible {
        /// A code of what is impossible.
        what: String,
        /// Why.
        why: String,
    },
}

/// Why a question failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Code(String),
    #[error(transparent)]
    System(#[from] io::Error),
    #[error("cannot ask: {0}")]
    Impossible(&'static str),
}

impl Failure {
    fn code(code: &str) -> Self {
        Self::Code(code.to_owned())
    }
}

/// What questions share.
#[derive(Default)]
pub(super) struct Attempts {
    /// Made at the first HTTPS question: the system's roots take some hundred kilobytes.
    tls: OnceLock<TlsConnector>,
    sequence: AtomicU16,
    lookups: Lookups,
}

/// What of a question's time is left for the answer when a name service has been slow.
const ANSWER_SHARE: u32 = 10;

impl Attempts {
    /// Questions that trust these roots.
    #[cfg(test)]
    pub(super) fn trusting(roots: rustls::RootCertStore) -> Self {
        Self {
            tls: OnceLock::from(https::connector(roots)),
            ..Self::default()
        }
    }

    /// Questions whose names are looked up in this way.
    #[cfg(test)]
    pub(super) fn looking_up(resolve: fn(&str, u16) -> io::Result<Vec<SocketAddr>>) -> Self {
        Self {
            lookups: Lookups::with(resolve),
            ..Self::default()
        }
    }

    /// Asks once.
    pub(super) async fn ask(&self, probe: &Probe) -> Outcome {
        let deadline = Duration::from_millis(probe.timeout_ms.into());
        let question = async {
            match probe.kind {
                ProbeKind::Icmp => self.icmp(&probe.target, deadline).await,
                ProbeKind::Tcp => self.tcp(&probe.target, deadline).await,
                ProbeKind::Dns => dns::ask(&probe.target, deadline).await,
                ProbeKind::Https => https::ask(&probe.target, &self.lookups, deadline, || self.tls()).await,
            }
        };
        match timeout(deadline, question).await {
            Ok(Ok(latency)) => Outcome::Answered {
                latency_us: u32::try_from(latency.as_micros()).unwrap_or(u32::MAX),
            },
            Ok(Err(Failure::Impossible(what))) => Outcome::Impossible {
                what: what.to_owned(),
                why: "unprivileged".to_owned(),
            },
            Ok(Err(Failure::Code(error))) => Outcome::Lost { error },
            Ok(Err(Failure::System(error))) => Outcome::Lost {
                error: code_of(&error).to_owned(),
            },
            Err(_) => Outcome::Lost {
                error: "timeout".to_owned(),
            },
        }
    }

    fn tls(&self) -> &TlsConnector {
        self.tls.get_or_init(https::connector_with_system_roots)
    }

    async fn icmp(&self, target: &str, deadline: Duration) -> Result<Duration, Failure> {
        let patience = lookup_patience(deadline);
        let address = self.lookups.addresses(target, 0, patience).await?[0].ip();
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        // Its own number tells our echoes from those of others on this PC, the sequence those of our probes.
        let identifier = std::process::id() as u16;
        tokio::task::spawn_blocking(move || echo(address, identifier, sequence, deadline))
            .await
            .map_err(io::Error::other)?
    }

    /// The time of a connection; that of the name lookup is the name service's.
    async fn tcp(&self, target: &str, deadline: Duration) -> Result<Duration, Failure> {
        let (host, port) = target
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse().ok()?)))
            .ok_or_else(|| Failure::code("bad_target"))?;
        let patience = lookup_patience(deadline);
        let addresses = self.lookups.addresses(host, port, patience).await?;
        let begun = Instant::now();
        connect(&addresses).await?;
        Ok(begun.elapsed())
    }
}

fn echo(address: IpAddr, identifier: u16, sequence: u16, deadline: Duration) -> Result<Duration, Failure> {
    let socket = EchoSocket::open(address, identifier).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => Failure::Impossible("icmp"),
        _ => Failure::System(error),
    })?;
    Ok(socket.ask(sequence, deadline)?)
}

/// How long a name may be looked up: the name service is told from the target by whose time has run out.
fn lookup_patience(deadline: Duration) -> Duration {
    deadline - deadline / ANSWER_SHARE
}

async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    TcpStream::connect(addresses).await
}

fn code_of(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::ConnectionRefused => "refused",
        ErrorKind::TimedOut => "timeout",
        ErrorKind::NetworkUnreachable => "network_unreachable",
        ErrorKind::HostUnreachable => "host_unreachable",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof => "reset",
        _ => "system",
    }
}
