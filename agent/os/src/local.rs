//! Connections to services on this PC, by a path (local sockets, named pipes) or a port, and who answers there.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

#[cfg(target_os = "linux")]
#[path = "local/linux.rs"]
mod imp;

/// A connection to a service. All that is done with it, connecting included, takes at most the time that was
/// given: a service that sends a byte now and then is given up like one that hangs.
#[derive(Debug)]
pub struct Line {
    socket: Socket,
    until: Instant,
}

/// Connects to the service at `path`; a service that hangs lets its queue fill until even that would wait for
/// ever.
///
/// # Errors
/// The system's; `TimedOut` when it takes too long.
pub fn connect(path: &Path, patience: Duration) -> io::Result<Line> {
    let until = Instant::now() + patience;
    let socket = imp::connect(path, patience).map_err(too_late)?;
    Ok(Line { socket, until })
}

/// Connects to the service at a port.
///
/// # Errors
/// The system's; `TimedOut` when it takes too long.
pub fn connect_port(address: SocketAddr, patience: Duration) -> io::Result<Line> {
    let until = Instant::now() + patience;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.connect_timeout(&SockAddr::from(address), patience)?;
    Ok(Line { socket, until })
}

impl Line {
    /// The ids of all users of this PC who may be the one at the other end; none when nobody here is.
    ///
    /// # Errors
    /// The system's.
    pub fn peer_users(&self) -> io::Result<Vec<u32>> {
        imp::peer_users(&self.socket)
    }

    /// Hands the service an open file, with one byte that carries it.
    ///
    /// # Errors
    /// The system's; no service behind a port can be handed one.
    pub fn send_file(&mut self, file: &File) -> io::Result<()> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        imp::send_file(&self.socket, file).map_err(too_late)
    }

    fn left(&self) -> io::Result<Duration> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        self.socket.read(buffer).map_err(too_late)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(bytes).map_err(too_late)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Some systems say that waiting ended without anything by "it would block".
fn too_late(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_service_that_accepts_nobody_is_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let _hanging = UnixListener::bind(&path).expect("bound");
        let begun = Instant::now();
        let patience = Duration::from_millis(50);
        let mut answer = [0];
        let mut stream = connect(&path, patience).expect("the queue is empty");
        assert!(stream.read(&mut answer).is_err());
        assert!(begun.elapsed() >= patience);
        assert!(connect(&folder.path().join("nobody"), patience).is_err());
    }

    #[test]
    fn a_service_that_trickles_is_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("bound");
        let trickle = std::thread::spawn(move || {
            let (mut line, _) = listener.accept().expect("a caller");
            line.set_read_timeout(Some(Duration::from_millis(5)))
                .expect("a pause");
            // Ends when the caller has hung up.
            while line.write_all(b"x").is_ok() {
                let _ = line.read(&mut [0]);
            }
        });
        let mut line = connect(&path, Duration::from_millis(100)).expect("connected");
        let ended = line
            .read_to_end(&mut Vec::new())
            .expect_err("it never ends by itself");
        assert_eq!(ended.kind(), ErrorKind::TimedOut);
        drop(line);
        trickle.join().expect("no panic");
    }

    #[test]
    fn it_is_known_who_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let _here = UnixListener::bind(&path).expect("bound");
        let us = std::fs::metadata(&path).expect("a socket").uid();
        let patience = Duration::from_secs(5);
        assert_eq!(
            connect(&path, patience)
                .expect("connected")
                .peer_users()
                .expect("known"),
            [us]
        );
        let port = TcpListener::bind("127.0.0.1:0").expect("a port");
        let line = connect_port(port.local_addr().expect("bound"), patience).expect("connected");
        assert_eq!(line.peer_users().expect("known"), [us]);
    }
}
