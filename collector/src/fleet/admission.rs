//! Whose agent is it? What becomes of an enrolment when the PC is known already: a pure decision.
//!
//! A fingerprint is no secret: whoever has sat at a PC can read it, and any token lets its holder claim it. So
//! a token alone never takes a host over from an agent that is alive, nor from another unit. What is in doubt
//! becomes a host of its own and waits for a person.

use crate::entry::HostId;
use crate::registry::host::{Host, HostStatus};

/// An agent that was heard this long ago, and has not said goodbye, may be about to come back: agents try again within two minutes, and a
/// dead connection is noticed after one. Whoever enrols a PC anew is asked to wait so long.
pub(super) const HEARD_LATELY_MS: i64 = 3 * 60_000;

/// What becomes of an enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// A PC that nobody knows.
    New,
    /// The PC was re-imaged or enrolled anew: its history goes on, and its former agents lose their rights.
    Again(HostId),
    /// It looks like a known PC, but may be another: a host of its own, which somebody has to approve.
    Apart {
        /// The known PC.
        like: HostId,
        /// Why it is in doubt.
        doubt: Doubt,
    },
    /// The known PC's agent may be about to come back: asking again later helps.
    TooSoon,
}

/// Why an enrolment may not be of the PC that it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// An agent of that PC is connected at this moment.
    Connected,
    /// The token is of a unit that has no say over that PC.
    OtherUnit,
    /// That PC is managed no more.
    Retired,
}

impl Doubt {
    /// A code for log and audit.
    pub(super) fn code(self) -> &'static str {
        match self {
            Doubt::Connected => "connected",
            Doubt::OtherUnit => "other_unit",
            Doubt::Retired => "retired",
        }
    }
}

/// Decides about an enrolment that looks like `known`, with a token of the unit `token_unit`; `above` are the
/// unit of the known host and all units above it, `heard_ms` says when that host may have been heard.
pub(super) fn admission(
    known: Option<&Host>,
    above: &[i64],
    token_unit: i64,
    heard_ms: Option<i64>,
    now_ms: i64,
) -> Admission {
    let Some(host) = known else {
        return Admission::New;
    };
    let doubt = if host.status == HostStatus::Retired {
        Some(Doubt::Retired)
    } else if !above.contains(&token_unit) {
        Some(Doubt::OtherUnit)
    } else if host.connected && host.cloned_ms.is_none() {
        Some(Doubt::Connected)
    } else {
        None
    };
    if let Some(doubt) = doubt {
        return Admission::Apart { like: host.id, doubt };
    }
    // Who said goodbye is not about to come back; and who shares a key with another machine is to enrol again.
    let is_free = host.said_goodbye || host.cloned_ms.is_some();
    match heard_ms {
        Some(heard_ms) if !is_free && now_ms - heard_ms < HEARD_LATELY_MS => Admission::TooSoon,
        _ => Admission::Again(host.id),
    }
}
