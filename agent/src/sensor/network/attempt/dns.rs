//! Asks the PC's own name servers for a name, as its programs would, past every cache.
//!
//! The target is the name; `name@server` or `name@server:port` asks that server instead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

use super::Failure;

const PORT: u16 = 53;
/// Without an extension no answer over UDP is longer; of a longer one the beginning is enough.
const ANSWER_BYTES: usize = 1_232;

/// How long the first name server that answers took.
pub(super) async fn ask(target: &str, deadline: Duration) -> Result<Duration, Failure> {
    let (name, servers) = match target.split_once('@') {
        Some((name, server)) => (name, vec![server_address(server)?]),
        None => (target, resolvers()),
    };
    let query = query(name)?;
    let share = deadline / u32::try_from(servers.len().max(1)).unwrap_or(1);
    let mut failure = Failure::code("no_resolver");
    for server in servers {
        let begun = Instant::now();
        match timeout(share, ask_one(server, &query)).await {
            Ok(Ok(())) => return Ok(begun.elapsed()),
            // "There is no such name" is an answer that no other server will better.
            Ok(Err(Failure::Code(code))) if code == "no_such_name" => return Err(Failure::Code(code)),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = Failure::code("timeout"),
        }
    }
    Err(failure)
}

fn resolvers() -> Vec<SocketAddr> {
    let address = |ip| SocketAddr::new(ip, PORT);
    vong_os::network::resolvers().into_iter().map(address).collect()
}

fn server_address(text: &str) -> Result<SocketAddr, Failure> {
    let plain = || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT));
    text.parse()
        .ok()
        .or_else(plain)
        .ok_or_else(|| Failure::code("bad_target"))
}

fn query(name: &str) -> Result<Message, Failure> {
    let mut name = Name::from_str_relaxed(name).map_err(|_| Failure::code("bad_target"))?;
    name.set_fqdn(true);
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, RecordType::A));
    Ok(message)
}

async fn ask_one(server: SocketAddr, query: &Message) -> Result<(), Failure> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let bytes = query.to_vec().map_err(|_| Failure::code("bad_target"))?;
    socket.send(&bytes).await?;
    let mut buffer = [0; ANSWER_BYTES];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(code) = verdict(&buffer[..length], query) {
            return code;
        }
    }
}

/// What an answer says; `None` when it is none to this question.
fn verdict(bytes: &[u8], query: &Message) -> Option<Result<(), Failure>> {
    let answer = Message::from_vec(bytes).ok()?;
    let is_ours = answer.metadata.id == query.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == query.queries;
    if !is_ours {
        return None;
    }
    Some(match answer.metadata.response_code {
        ResponseCode::NoError => Ok(()),
        ResponseCode::NXDomain => Err(Failure::code("no_such_name")),
        ResponseCode::ServFail => Err(Failure::code("servfail")),
        ResponseCode::Refused => Err(Failure::code("refused")),
        _ => Err(Failure::code("dns_error")),
    })
}
