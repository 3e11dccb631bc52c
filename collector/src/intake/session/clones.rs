//! Two machines with one key: how that shows in conversations, and what is noted then.
//!
//! A reconnect takes over from the connection before it, which is dead and says nothing more. Where the former peer
//! takes its leave in good order instead, it is alive, and so another machine. Once that is sure, the agent is
//! quarantined: what its machines say is marked until one of them has enrolled again, which revokes the key they share.
//! A second fingerprint, or another content of the stream, makes one of them begin a stream of its own, so that nothing
//! is taken for a repetition; as long as neither shows, they go on replacing each other.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;
use tracing::error;

use super::SessionError;
use super::hello::is_behind;
use crate::clock::now_ms;
use crate::entry::{CloneSign, Cloned, Fact, Machine};
use crate::fleet::Identity;
use crate::fleet::machine::{Behind, behind};
use crate::intake::{Shared, register};
use vong_proto::session::{Fingerprint, Hello};

/// Whoever is alive takes its leave within this time of being told that another has taken over.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// So many of them within ten minutes are two machines: one that restarts may meet its own last words once.
const LIVELY_TAKE_OVERS: usize = 3;

/// What is known of a machine that says hello.
pub(super) struct Recognised {
    /// It is a second one with the same key, and was just found out.
    pub(super) is_second: bool,
    /// It knows another content of the stream than has been kept, while somebody else is connected as the same agent.
    pub(super) is_forked: bool,
    /// It comes otherwise than before: with another fingerprint, certificate or trust.
    pub(super) has_changed: bool,
}

/// Finds out which machine comes; the identity then knows how.
pub(super) async fn recognise(
    shared: &Shared,
    identity: &mut Identity,
    hello: &Hello,
    machine: &Machine,
) -> Result<Recognised, SessionError> {
    let before = identity.presented.clone();
    let is_second = is_second(shared, identity, &hello.fingerprint, machine).await?;
    identity.presented.authority.clone_from(&identity.authority);
    identity.presented.bundle = hex::encode(&hello.authorities);
    let is_alone = shared.live.of_agent(identity.agent).is_empty();
    let is_forked =
        is_second || !is_alone && is_behind(hello, &shared.intake.journal.marks(hello.stream).await?);
    Ok(Recognised {
        is_second,
        is_forked,
        has_changed: identity.presented != before,
    })
}

/// Whether it is a second machine with the same key; if not, the identity knows its fingerprint.
async fn is_second(
    shared: &Shared,
    identity: &mut Identity,
    asking: &Fingerprint,
    machine: &Machine,
) -> Result<bool, SessionError> {
    if identity.cloned {
        return Ok(false);
    }
    let connected = shared.live.of_agent(identity.agent);
    let fingerprints: Vec<_> = connected
        .iter()
        .map(|(fingerprint, _)| fingerprint.clone())
        .collect();
    let presented = &mut identity.presented;
    let (known, former) = (&presented.fingerprint, &presented.former_fingerprint);
    match behind(known.as_ref(), former.as_ref(), &fingerprints, asking) {
        Behind::One { fingerprint, former } => {
            presented.fingerprint = Some(fingerprint);
            presented.former_fingerprint = former;
            Ok(false)
        }
        Behind::Two => {
            let there = connected.into_iter().map(|(_, machine)| machine);
            let machines = there.chain(std::iter::once(machine.clone())).collect();
            note(shared, identity, CloneSign::TwoFingerprints, machines).await?;
            identity.cloned = true;
            Ok(true)
        }
    }
}

/// Another connection has taken over from this one, whose peer may be alive: if so, and if that is no chance, the two
/// are two machines.
pub(super) async fn suspect(
    shared: &Shared,
    identity: &Identity,
    reader: &mut (impl AsyncRead + Unpin),
    machines: [Machine; 2],
    forked: bool,
) -> Result<(), SessionError> {
    if identity.cloned || !takes_leave(reader).await {
        return Ok(());
    }
    let times = shared.live.note_lively(identity.agent, now_ms());
    let how = if forked {
        CloneSign::TwoContents
    } else if times >= LIVELY_TAKE_OVERS {
        CloneSign::TakeOvers
    } else {
        return Ok(());
    };
    note(shared, identity, how, machines.into()).await
}

/// Whether the peer closes its connection in good order: only somebody alive can.
async fn takes_leave(reader: &mut (impl AsyncRead + Unpin)) -> bool {
    let leave = async {
        let mut rest = [0; 4_096];
        loop {
            match reader.read(&mut rest).await {
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    };
    timeout(LEAVE_PATIENCE, leave).await.unwrap_or(false)
}

/// Quarantines an agent. The journal learns of it first: what fails in between is found out again.
async fn note(
    shared: &Shared,
    identity: &Identity,
    how: CloneSign,
    machines: Vec<Machine>,
) -> Result<(), SessionError> {
    error!(host = %identity.host, agent = %identity.agent, ?how, ?machines,
           "two machines use one agent's key: what both say is marked; enrol each again");
    let cloned = Cloned {
        host: identity.host,
        agent: identity.agent,
        how,
        machines,
    };
    let intake = &shared.intake;
    intake.metrics.agents_cloned.inc();
    intake.journal.append_fact(Fact::Cloned(cloned.clone())).await?;
    Ok(register::cloned(&intake.registry, &cloned, now_ms()).await?)
}
