//! Programs as they start, told by the kernel's process connector.
//!
//! A copy or removal takes less time than it takes to be told of it: when its event is read, the process is
//! gone. Whoever looked at it when it started still knows who it was.
//!
//! Needs CAP_NET_ADMIN, the first network namespace and a kernel with `CONFIG_PROC_EVENTS`.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use crate::bell::Bell;

/// Index and value of the process connector, and the multicast group of the same number.
const CONNECTOR: u32 = 1;
/// "Tell me."
const LISTEN: u32 = 1;
const FORKED: u32 = 0x1;
const EXECUTED: u32 = 0x2;
/// Netlink head, connector head.
const HEADS_BYTES: usize = 16 + 20;
/// A message is under 100 bytes.
const BUFFER_BYTES: usize = 1_024;

/// What the kernel tells of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A process was split off, and runs its parent's program.
    Forked {
        /// Its id.
        pid: u32,
        /// Its parent's.
        parent: u32,
    },
    /// A process begins to run a program.
    Executed {
        /// Its id.
        pid: u32,
    },
}

/// A queue of starts. The kernel drops what does not fit, so nothing may depend on its being complete.
#[derive(Debug)]
pub struct Starts {
    socket: File,
}

impl Starts {
    /// Opens the queue.
    ///
    /// # Errors
    /// `PermissionDenied` without the capability; others on a kernel without the connector.
    pub fn open() -> io::Result<Starts> {
        let socket = open_socket()?;
        bind(&socket)?;
        let message = listen_message();
        let sent = rustix::io::write(&socket, &message)?;
        if sent < message.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(Starts {
            socket: File::from(socket),
        })
    }

    /// The next start, waiting until there is one or the bell rings, at most `patience`. `None` when there was none, or
    /// something else.
    ///
    /// # Errors
    /// The system's; `ENOBUFS` when starts were dropped.
    pub fn next_beside(&self, bell: &Bell, patience: Duration) -> io::Result<Option<Start>> {
        match bell.wait(self.socket.as_fd(), patience)? {
            true => self.read(),
            false => Ok(None),
        }
    }

    fn read(&self) -> io::Result<Option<Start>> {
        let mut buffer = [0; BUFFER_BYTES];
        let length = rustix::io::read(&self.socket, &mut buffer)?;
        Ok(parse(&buffer[..length]))
    }
}

fn open_socket() -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers; a non-negative result is a new descriptor, owned by nobody else.
    unsafe {
        let fd = libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC,
            libc::NETLINK_CONNECTOR,
        );
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

fn bind(socket: &OwnedFd) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid netlink address, which is as long as is said and outlives the call.
    let result = unsafe {
        let mut address: libc::sockaddr_nl = std::mem::zeroed();
        address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        address.nl_groups = CONNECTOR;
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_nl>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A netlink head, a connector head and one number.
fn listen_message() -> Vec<u8> {
    let body = LISTEN.to_ne_bytes();
    let mut message = Vec::with_capacity(HEADS_BYTES + body.len());
    message.extend(((HEADS_BYTES + body.len()) as u32).to_ne_bytes());
    message.extend((libc::NLMSG_DONE as u16).to_ne_bytes());
    message.extend([0; 2 + 4 + 4]);
    message.extend(CONNECTOR.to_ne_bytes());
    message.extend(CONNECTOR.to_ne_bytes());
    message.extend([0; 4 + 4]);
    message.extend((body.len() as u16).to_ne_bytes());
    message.extend([0; 2]);
    message.extend(body);
    message
}

/// After the heads: what u32 | processor u32 | time u64 | ids. Of a fork, the parent's two ids come first. A
/// process has the id of its first thread; new threads are no processes.
fn parse(message: &[u8]) -> Option<Start> {
    let event = message.get(HEADS_BYTES..)?;
    let number = |at: usize| {
        let bytes = event.get(at..at + 4)?;
        bytes.try_into().ok().map(u32::from_ne_bytes)
    };
    let (what, ids) = (number(0)?, 16);
    match what {
        FORKED => {
            let (thread, pid) = (number(ids + 8)?, number(ids + 12)?);
            let parent = number(ids + 4)?;
            (thread == pid).then_some(Start::Forked { pid, parent })
        }
        EXECUTED => Some(Start::Executed {
            pid: number(ids + 4)?,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_program_that_starts_is_told_of() {
        let Ok(starts) = Starts::open() else {
            assert!(!crate::host::is_privileged(), "root may listen");
            return;
        };
        let mut child = std::process::Command::new("true").spawn().expect("a child");
        let bell = Bell::new().expect("a bell");
        let begun = Instant::now();
        while starts
            .next_beside(&bell, Duration::from_secs(1))
            .expect("readable")
            != Some(Start::Executed { pid: child.id() })
        {
            assert!(begun.elapsed() < Duration::from_secs(20), "nothing was told");
        }
        child.wait().expect("it ends");
    }

    #[test]
    fn a_message_of_any_length_is_read_or_passed_over() {
        let mut message = vec![0; HEADS_BYTES];
        message.extend(EXECUTED.to_ne_bytes());
        message.extend([0; 12]);
        message.extend(7_u32.to_ne_bytes());
        message.extend(7_u32.to_ne_bytes());
        assert_eq!(parse(&message), Some(Start::Executed { pid: 7 }));
        for length in 0..message.len() {
            assert_eq!(parse(&message[..length]), None);
        }
    }
}
