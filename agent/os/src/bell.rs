//! Wakes a thread that waits for the system to tell something.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// A bell that is rung once and then rings for good: whoever waits beside it shall end.
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    /// A bell that is silent.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Bell> {
        Ok(Bell(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Rings.
    pub fn ring(&self) {
        // It can only fail when it has been rung more often than there are numbers.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Waits until there is something to read at `source` or the bell rings, at most `patience`; whether there is
    /// something to read.
    pub(crate) fn wait(&self, source: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
        let mut polled = [
            PollFd::from_borrowed_fd(source, PollFlags::IN),
            PollFd::new(&self.0, PollFlags::IN),
        ];
        let patience = Timespec::try_from(patience).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut polled, Some(&patience)) {
            Ok(_) => Ok(!polled[0].revents().is_empty()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Waits until there is something to read at `source`, at most `patience`; whether there is.
pub(crate) fn wait(source: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(source, PollFlags::IN)];
    let patience = Timespec::try_from(patience).map_err(|_| io::ErrorKind::InvalidInput)?;
    match poll(&mut polled, Some(&patience)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::time::Instant;

    use super::*;

    #[test]
    fn whoever_waits_is_woken_and_never_waits_again() {
        let (silent, bell) = (Bell::new().expect("a bell"), Bell::new().expect("a bell"));
        assert!(!bell.wait(silent.0.as_fd(), Duration::ZERO).expect("waited"));
        bell.ring();
        let begun = Instant::now();
        for _ in 0..2 {
            assert!(
                !bell
                    .wait(silent.0.as_fd(), Duration::from_secs(30))
                    .expect("woken")
            );
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        silent.ring();
        assert!(bell.wait(silent.0.as_fd(), Duration::ZERO).expect("readable"));
    }
}
