//! Unix domain sockets, and the users behind sockets of both kinds.

use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use socket2::{Domain, SockAddr, Socket, Type};

/// State of a socket in `/proc/net/tcp` that listens.
const LISTENS: &str = "0A";

pub(super) fn connect(path: &Path, patience: Duration) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // On a local socket this time limits connecting too.
    socket.set_write_timeout(Some(patience))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket)
}

pub(super) fn send_file(socket: &Socket, file: &File) -> io::Result<()> {
    let files = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut attached = SendAncillaryBuffer::new(&mut space);
    if !attached.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(socket, &[IoSlice::new(&[0])], &mut attached, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Of a local socket, whoever began to listen. Of a port, whoever listens there on any address: the kernel does
/// not name the owner of a connection that has not been accepted yet.
pub(super) fn peer_users(socket: &Socket) -> io::Result<Vec<u32>> {
    let peer = socket.peer_addr()?;
    let Some(address) = peer.as_socket() else {
        return Ok(vec![socket_peercred(socket)?.uid.as_raw()]);
    };
    if !address.ip().is_loopback() {
        return Ok(Vec::new());
    }
    let mut users = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match std::fs::read_to_string(table) {
            Ok(table) => users.extend(listeners(&table, address.port())),
            // A kernel without IPv6 has no such table.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    users.sort_unstable();
    users.dedup();
    Ok(users)
}

/// The users of the sockets that listen on a port: second, fourth and eighth field of each line.
fn listeners(table: &str, port: u16) -> Vec<u32> {
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, _, _, _, user, ..] = fields[..] else {
            return None;
        };
        let (_, local_port) = local.rsplit_once(':')?;
        let is_wanted = state == LISTENS && u16::from_str_radix(local_port, 16) == Ok(port);
        is_wanted.then(|| user.parse().ok())?
    };
    table.lines().skip(1).filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_listens_on_a_port_is_found_and_whoever_is_connected_is_not() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:0CEE 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 40 1 0 100 0 0 10 0\n\
            1: 0100007F:0CEE 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1\n\
            2: 0100007F:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     7        0 41 1 0 100 0 0 10 0\n";
        assert_eq!(listeners(table, 3_310), [1_000]);
        assert_eq!(listeners(table, 80), Vec::<u32>::new());
    }
}
