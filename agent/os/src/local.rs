//! Connections to services on this PC by a path (local sockets, named pipes).

use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

#[cfg(target_os = "linux")]
#[path = "local/linux.rs"]
mod imp;

/// Connects to the service at `path`. Connecting, and each reading and writing, takes at most `patience`:
/// a service that hangs lets its queue fill until even connecting waits for ever.
///
/// # Errors
/// The system's; `WouldBlock` or `TimedOut` when it takes too long.
pub fn connect(path: &Path, patience: Duration) -> io::Result<impl Read + Write + use<>> {
    imp::connect(path, patience)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_service_that_accepts_nobody_is_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let _hanging = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        let begun = Instant::now();
        let patience = Duration::from_millis(50);
        let mut answer = [0];
        let mut stream = connect(&path, patience).expect("the queue is empty");
        assert!(stream.read(&mut answer).is_err());
        assert!(begun.elapsed() >= patience);
        assert!(connect(&folder.path().join("nobody"), patience).is_err());
    }
}
