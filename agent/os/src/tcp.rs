//! Settings of TCP that only the system knows.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

#[cfg(target_os = "linux")]
#[path = "tcp/linux.rs"]
mod imp;

/// Gives a connection up when what was sent has not been confirmed by the peer's system for so long. A system
/// that has no such setting leaves it to the heartbeats.
///
/// # Errors
/// The system's own.
pub fn set_user_timeout(stream: &TcpStream, timeout: Duration) -> io::Result<()> {
    imp::set_user_timeout(stream, timeout)
}
