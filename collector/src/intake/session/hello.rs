//! What a hello says: pure decisions about versions, and about where the agent stands.

use vong_proto::frame::FrameError;
use vong_proto::session::{Hello, Refusal, RefusalCode, VERSION_MAX, VERSION_MIN};

use crate::entry::HostId;
use crate::fleet::{Identity, refusal};
use crate::journal::{Mark, Owner};

/// The newest version that both speak.
pub(super) fn choose_version(hello: &Hello) -> Result<u32, Refusal> {
    common_version(hello.version_min, hello.version_max)
}

/// The newest version that this collector and a peer from one version to another speak.
pub(super) fn common_version(theirs_min: u32, theirs_max: u32) -> Result<u32, Refusal> {
    let newest = theirs_max.min(VERSION_MAX);
    if newest >= theirs_min.max(VERSION_MIN) {
        return Ok(newest);
    }
    let message = format!(
        "the agent speaks protocol versions {theirs_min} to {theirs_max}, this collector {VERSION_MIN} to \
         {VERSION_MAX}; upgrade the older of the two"
    );
    Err(refusal(RefusalCode::Version, &message))
}

/// What an agent's stream is to this collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It goes on where it was.
    Usual,
    /// More of it is known than the agent knows itself, or another content: the agent was restored from a snapshot,
    /// or it is a clone.
    Behind,
    /// A former agent of the same PC brought it: the PC has been enrolled again.
    Former,
    /// Another PC brought it: this one has a copy of its spool.
    Foreign(HostId),
}

/// Decides what the stream of a hello is, by whose it is first: marks say nothing to somebody else.
pub(super) fn standing(
    hello: &Hello,
    identity: &Identity,
    owner: Option<Owner>,
    marks: &[Mark; 4],
) -> Standing {
    match owner {
        Some(owner) if !owner.is(identity.host, identity.agent) => {
            if owner.host == identity.host {
                Standing::Former
            } else {
                Standing::Foreign(owner.host)
            }
        }
        _ if is_behind(hello, marks) => Standing::Behind,
        _ => Standing::Usual,
    }
}

/// Whether the agent stands behind what is known of its stream: it was restored from a snapshot, or it is a
/// clone. The same number with another hash is the latter.
pub(super) fn is_behind(hello: &Hello, marks: &[Mark; 4]) -> bool {
    hello.lanes.iter().zip(marks).any(|(lane, mark)| {
        let last = lane.next.saturating_sub(1);
        let differs =
            !lane.last_hash.is_empty() && !mark.last_hash.is_empty() && lane.last_hash != mark.last_hash;
        last < mark.high_water || (last == mark.high_water && last > 0 && differs)
    })
}

/// What to tell a peer whose frame cannot be read; nothing when the connection is at fault.
pub(super) fn fault(error: &FrameError) -> Option<Refusal> {
    match error {
        FrameError::Malformed(malformed) => Some(refusal(RefusalCode::Protocol, &malformed.to_string())),
        FrameError::TooLong { .. } => Some(refusal(RefusalCode::Limit, &error.to_string())),
        FrameError::Closed | FrameError::Io(_) => None,
    }
}
