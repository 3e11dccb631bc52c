//! ICMP echo: asks a machine whether it is there.
//!
//! A datagram socket needs no privilege where the system allows it (`ping_group_range`), a raw one needs
//! CAP_NET_RAW. Where neither opens, the caller says that it cannot see.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

const REQUEST_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const REQUEST_V6: u8 = 128;
const REPLY_V6: u8 = 129;
/// Type, code, checksum, identifier, sequence number.
const HEAD_BYTES: usize = 8;
/// An IPv4 head with every option, an echo of ours, and room for another's.
const ANSWER_BYTES: usize = 256;

/// A way to one address.
#[derive(Debug)]
pub struct EchoSocket {
    socket: Socket,
    version: Version,
    raw: bool,
    identifier: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Four,
    Six,
}

impl EchoSocket {
    /// Opens a socket to `target`. `identifier` tells its answers from those of others on this PC.
    ///
    /// # Errors
    /// `PermissionDenied` when the system allows neither kind of socket; else the system's, such as
    /// `NetworkUnreachable`.
    pub fn open(target: IpAddr, identifier: u16) -> io::Result<EchoSocket> {
        let (domain, protocol, version) = match target {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, Version::Four),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, Version::Six),
        };
        let (socket, raw) = match Socket::new(domain, Type::RAW, Some(protocol)) {
            Ok(socket) => (socket, true),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                (Socket::new(domain, Type::DGRAM, Some(protocol))?, false)
            }
            Err(error) => return Err(error),
        };
        socket.connect(&SocketAddr::new(target, 0).into())?;
        Ok(EchoSocket {
            socket,
            version,
            raw,
            identifier,
        })
    }

    /// Asks once; how long the answer took.
    ///
    /// # Errors
    /// `TimedOut` without an answer in time; else the system's.
    pub fn ask(&self, sequence: u16, patience: Duration) -> io::Result<Duration> {
        let asked = Instant::now();
        self.socket.send(&self.request(sequence))?;
        loop {
            let left = patience
                .checked_sub(asked.elapsed())
                .filter(|left| !left.is_zero())
                .ok_or(ErrorKind::TimedOut)?;
            self.socket.set_read_timeout(Some(left))?;
            let mut buffer = [MaybeUninit::uninit(); ANSWER_BYTES];
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    if self.is_answer(&initialised(&buffer, length), sequence) {
                        return Ok(asked.elapsed());
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn request(&self, sequence: u16) -> [u8; HEAD_BYTES] {
        let mut packet = [0; HEAD_BYTES];
        packet[0] = match self.version {
            Version::Four => REQUEST_V4,
            Version::Six => REQUEST_V6,
        };
        packet[4..6].copy_from_slice(&self.identifier.to_be_bytes());
        packet[6..8].copy_from_slice(&sequence.to_be_bytes());
        // Of IPv6 the system computes the sum: it covers addresses that it chooses itself.
        if self.version == Version::Four {
            let sum = checksum(&packet);
            packet[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        packet
    }

    /// A raw socket hears every ICMP message from its peer; a datagram socket only its own answers, with an
    /// identifier that the system chose.
    fn is_answer(&self, message: &[u8], sequence: u16) -> bool {
        let reply = match self.version {
            Version::Four => REPLY_V4,
            Version::Six => REPLY_V6,
        };
        let head = if self.raw && self.version == Version::Four {
            after_ip_head(message)
        } else {
            message
        };
        let number = |at: usize| {
            head.get(at..at + 2)
                .and_then(|bytes| bytes.try_into().ok())
                .map(u16::from_be_bytes)
        };
        head.first() == Some(&reply)
            && number(6) == Some(sequence)
            && (!self.raw || number(4) == Some(self.identifier))
    }
}

/// The bytes that a read has written.
fn initialised(buffer: &[MaybeUninit<u8>], length: usize) -> Vec<u8> {
    // SAFETY: `recv` has written the first `length` bytes.
    buffer[..length]
        .iter()
        .map(|byte| unsafe { byte.assume_init() })
        .collect()
}

/// What stands behind an IPv4 head, whose first byte counts its words.
fn after_ip_head(packet: &[u8]) -> &[u8] {
    let length = packet.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
    packet.get(length..).unwrap_or_default()
}

/// The Internet checksum of RFC 1071, over an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) as u16 + (folded >> 16) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_answers_or_the_system_says_no() {
        for address in ["127.0.0.1", "::1"] {
            let target = address.parse().expect("an address");
            match EchoSocket::open(target, 0x5609) {
                Ok(socket) => {
                    let latency = socket.ask(1, Duration::from_secs(2)).expect("an answer");
                    assert!(latency < Duration::from_secs(2));
                }
                Err(error) => assert!(
                    !crate::host::is_privileged() || error.kind() != ErrorKind::PermissionDenied,
                    "{error}"
                ),
            }
        }
    }

    #[test]
    fn the_sum_of_a_packet_with_its_checksum_is_zero() {
        let mut packet = [8, 0, 0, 0, 0x56, 0x09, 0, 1];
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(checksum(&packet), 0);
    }

    #[test]
    fn a_short_packet_has_nothing_behind_its_head() {
        assert!(after_ip_head(&[]).is_empty());
        assert!(after_ip_head(&[0x4f, 0, 0]).is_empty());
    }
}
