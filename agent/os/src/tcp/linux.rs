//! `TCP_USER_TIMEOUT`.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

pub(super) fn set_user_timeout(stream: &TcpStream, timeout: Duration) -> io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(timeout))
}
