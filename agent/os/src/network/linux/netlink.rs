//! The kernel's table of neighbours with addresses of IPv6, which it tells by netlink only.
//!
//! One request is answered with datagrams, each a row of messages, the last of which says that it is the end:
//!
//! ```text
//! length u32 │ kind u16 │ flags u16 │ number u32 │ port u32 ║ family u8, 3 × 0 │ adapter i32 │ state u16 │ 2 × u8
//!            ║ { length u16 │ kind u16 │ value, padded to 4 bytes } …
//! ```

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, netdevice, recv, send, socket_with,
};

use super::super::Neighbour;

/// The kernel answers at once; this is for the day on which it does not.
const DEADLINE: Duration = Duration::from_secs(1);
/// The kernel fills no more than this at once.
const DATAGRAM_BYTES_MAX: usize = 32 * 1024;
/// An answer has about 100 bytes for a neighbour; of a longer one the rest is not read.
const DATAGRAMS_MAX: usize = 32;
/// Bytes before a message's own.
const HEAD: usize = 16;
/// Bytes of a neighbour before its attributes.
const BODY: usize = 12;
/// A request for all there are: `NLM_F_REQUEST | NLM_F_DUMP`.
const ALL: u16 = 0x301;
/// The last message.
const DONE: u16 = 3;
/// The request was refused.
const ERROR: u16 = 2;
/// The hardware address is known, however lately it was used.
const KNOWN: u16 =
    libc::NUD_REACHABLE | libc::NUD_STALE | libc::NUD_DELAY | libc::NUD_PROBE | libc::NUD_PERMANENT;
/// What stands for IPv6.
const FAMILY: u8 = libc::AF_INET6 as u8;

/// The neighbours whose hardware address is known.
pub(super) fn neighbours() -> io::Result<Vec<Neighbour>> {
    // The first of netlink's protocols, which is meant by none, is about routes and neighbours.
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )?;
    set_socket_timeout(&socket, Timeout::Recv, Some(DEADLINE))?;
    // Connected to the kernel, it hears nobody else.
    connect(&socket, &SocketAddrNetlink::new(0, 0))?;
    send(&socket, &request(), SendFlags::empty())?;
    let mut found = Vec::new();
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    for _ in 0..DATAGRAMS_MAX {
        let (length, _) = recv(&socket, datagram.as_mut_slice(), RecvFlags::empty())?;
        if parse(&datagram[..length], &mut found) == Rest::End {
            break;
        }
    }
    let mut names = HashMap::new();
    let mut named = |row: Row| {
        let name = names
            .entry(row.adapter)
            .or_insert_with(|| netdevice::index_to_name(&socket, row.adapter).ok());
        Some(Neighbour {
            mac: row.mac,
            address: IpAddr::from(row.address),
            adapter: name.clone()?,
        })
    };
    Ok(found.into_iter().filter_map(&mut named).collect())
}

fn request() -> Vec<u8> {
    let length = (HEAD + BODY) as u32;
    let mut request = length.to_ne_bytes().to_vec();
    request.extend(libc::RTM_GETNEIGH.to_ne_bytes());
    request.extend(ALL.to_ne_bytes());
    request.resize(HEAD + BODY, 0);
    request[HEAD] = FAMILY;
    request
}

/// A neighbour as the kernel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    mac: String,
    address: Ipv6Addr,
    adapter: u32,
}

/// Whether something comes after a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// Another datagram.
    More,
    /// Nothing.
    End,
}

/// The neighbours of a datagram. One that is not what it should be is the end of the answer.
fn parse(mut datagram: &[u8], found: &mut Vec<Row>) -> Rest {
    while !datagram.is_empty() {
        let Some((kind, message, rest)) = next_message(datagram) else {
            return Rest::End;
        };
        match kind {
            DONE | ERROR => return Rest::End,
            libc::RTM_NEWNEIGH => found.extend(row(message)),
            _ => {}
        }
        datagram = rest;
    }
    Rest::More
}

/// Kind and content of the first message, and what comes behind it.
fn next_message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let message = bytes.get(HEAD..length)?;
    let rest = bytes.get(padded(length)..).unwrap_or_default();
    Some((kind, message, rest))
}

fn row(message: &[u8]) -> Option<Row> {
    let family = *message.first()?;
    let adapter = u32::from_ne_bytes(*message.get(4..)?.first_chunk()?);
    let state = u16::from_ne_bytes(*message.get(8..)?.first_chunk()?);
    if family != FAMILY || state & KNOWN == 0 {
        return None;
    }
    let (mut address, mut mac) = (None, None);
    let mut attributes = message.get(BODY..)?;
    while let Some((kind, value, rest)) = next_attribute(attributes) {
        match kind {
            libc::NDA_DST => address = <[u8; 16]>::try_from(value).ok(),
            libc::NDA_LLADDR => mac = <[u8; 6]>::try_from(value).ok(),
            _ => {}
        }
        attributes = rest;
    }
    Some(Row {
        mac: mac?.map(|byte| format!("{byte:02x}")).join(":"),
        address: Ipv6Addr::from(address?),
        adapter,
    })
}

/// Kind and value of the first attribute, and what comes behind it.
fn next_attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
    let kind = u16::from_ne_bytes(*bytes.get(2..)?.first_chunk()?);
    let value = bytes.get(4..length)?;
    let rest = bytes.get(padded(length)..).unwrap_or_default();
    Some((kind, value, rest))
}

/// Messages and attributes begin at multiples of four.
fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).expect("short");
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(padded(bytes.len()), 0);
        bytes
    }

    fn message(kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEAD + content.len()).expect("short");
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEAD, 0);
        bytes.extend(content);
        bytes
    }

    fn neighbour(family: u8, state: u16, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut content = vec![family, 0, 0, 0];
        content.extend(2_i32.to_ne_bytes());
        content.extend(state.to_ne_bytes());
        content.extend([0, 1]);
        content.extend(attributes.concat());
        message(libc::RTM_NEWNEIGH, &content)
    }

    fn known(address: [u8; 16], mac: [u8; 6]) -> Vec<u8> {
        let attributes = [
            attribute(libc::NDA_DST, &address),
            attribute(9, &[1, 2, 3]),
            attribute(libc::NDA_LLADDR, &mac),
        ];
        neighbour(FAMILY, libc::NUD_STALE, &attributes)
    }

    const ADDRESS: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    const MAC: [u8; 6] = [0x4c, 0xcc, 0x6a, 0, 0, 7];

    #[test]
    fn known_neighbours_are_read_until_the_end() {
        let mut found = Vec::new();
        assert_eq!(parse(&known(ADDRESS, MAC), &mut found), Rest::More);
        let expected = Row {
            mac: "4c:cc:6a:00:00:07".to_owned(),
            address: "fe80::7".parse().expect("an address"),
            adapter: 2,
        };
        assert_eq!(found, [expected]);
        let last = [known(ADDRESS, MAC), message(DONE, &[0; 4]), known(ADDRESS, MAC)].concat();
        assert_eq!(parse(&last, &mut found), Rest::End);
        assert_eq!(found.len(), 2);
        assert_eq!(parse(&message(ERROR, &[0; 20]), &mut found), Rest::End);
    }

    #[test]
    fn others_are_not() {
        let check = |bytes: Vec<u8>| {
            let mut found = Vec::new();
            parse(&bytes, &mut found);
            assert_eq!(found, [], "{bytes:?}");
        };
        let both = [
            attribute(libc::NDA_DST, &ADDRESS),
            attribute(libc::NDA_LLADDR, &MAC),
        ];
        check(neighbour(libc::AF_INET as u8, libc::NUD_REACHABLE, &both));
        check(neighbour(FAMILY, libc::NUD_FAILED, &both));
        check(neighbour(FAMILY, libc::NUD_INCOMPLETE, &both));
        check(neighbour(FAMILY, libc::NUD_NOARP, &both));
        check(neighbour(FAMILY, libc::NUD_STALE, &both[..1]));
        check(neighbour(FAMILY, libc::NUD_STALE, &both[1..]));
        let short = attribute(libc::NDA_LLADDR, &MAC[..5]);
        check(neighbour(FAMILY, libc::NUD_STALE, &[both[0].clone(), short]));
    }

    #[test]
    fn the_kernel_answers() {
        neighbours().expect("an answer, be it empty");
    }

    proptest! {
        #[test]
        fn whatever_comes_nothing_panics_and_it_ends(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            parse(&bytes, &mut Vec::new());
        }

        #[test]
        fn whatever_is_cut_or_changed_nothing_panics(at in 0_usize..80, byte in any::<u8>(), length in 0_usize..80) {
            let mut bytes = known(ADDRESS, MAC);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            bytes.truncate(length);
            parse(&bytes, &mut Vec::new());
        }

        #[test]
        fn what_is_written_is_read(address in any::<[u8; 16]>(), mac in any::<[u8; 6]>()) {
            let mut found = Vec::new();
            parse(&known(address, mac), &mut found);
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].address, Ipv6Addr::from(address));
        }
    }
}
