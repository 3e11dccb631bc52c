//! Whether the engine's process still answers: one that lives may hang all the same. Its queries are not tried.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How often the engine is asked, and how long it may say nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heartbeat {
    pub(super) interval: Duration,
    pub(super) patience: Duration,
}

impl Heartbeat {
    /// Its answer needs no query and no disk, so even a busy engine gives it; half a minute of silence is
    /// longer than any pause of a loaded machine. It says that the process and its HTTP server are alive, and no
    /// more: an engine whose queries hang for ever is not killed, but `/readyz` says that the store does not answer.
    pub(super) const OF_ENGINE: Self = Self {
        interval: Duration::from_secs(5),
        patience: Duration::from_secs(30),
    };

    /// Resolves once nothing has answered at this address for too long.
    pub(super) async fn lost(self, address: SocketAddr) {
        let mut answered = Instant::now();
        while answered.elapsed() <= self.patience {
            sleep(self.interval).await;
            if matches!(timeout(self.interval, ask(address)).await, Ok(Ok(()))) {
                answered = Instant::now();
            }
        }
    }
}

async fn ask(address: SocketAddr) -> io::Result<()> {
    let mut connection = TcpStream::connect(address).await?;
    connection
        .write_all(b"GET /ping HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await?;
    match &answer {
        b"HTTP/1.1 200" => Ok(()),
        _ => Err(io::Error::other("not an answer of the engine")),
    }
}
