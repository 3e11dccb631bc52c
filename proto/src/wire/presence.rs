//! Presence.

use super::{Malformed, pb, present, word};
use crate::event::{Presence, Start, StopReason};

use pb::presence::{Presence as Wire, StopReason as WireReason};

impl From<&Presence> for pb::Presence {
    fn from(presence: &Presence) -> Self {
        let wire = match presence {
            Presence::Started(start) => Wire::Started(pb::Start {
                agent_version: start.agent_version.clone(),
                os: start.os.clone(),
                hostname: start.hostname.clone(),
                after_crash: start.after_crash,
                new_boot: start.new_boot,
                privileged: start.privileged,
            }),
            Presence::Stopping(reason) => Wire::Stopping(reason_to_wire(*reason).into()),
        };
        Self { presence: Some(wire) }
    }
}

impl TryFrom<pb::Presence> for Presence {
    type Error = Malformed;

    fn try_from(wire: pb::Presence) -> Result<Self, Malformed> {
        Ok(match present("presence", wire.presence)? {
            Wire::Started(start) => Presence::Started(Start {
                agent_version: start.agent_version,
                os: start.os,
                hostname: start.hostname,
                after_crash: start.after_crash,
                new_boot: start.new_boot,
                privileged: start.privileged,
            }),
            Wire::Stopping(reason) => Presence::Stopping(reason_from_wire(reason)?),
        })
    }
}

fn reason_to_wire(reason: StopReason) -> WireReason {
    match reason {
        StopReason::Shutdown => WireReason::Shutdown,
        StopReason::ServiceStop => WireReason::ServiceStop,
        StopReason::Upgrade => WireReason::Upgrade,
        StopReason::Uninstall => WireReason::Uninstall,
        StopReason::Unknown => WireReason::Unknown,
    }
}

fn reason_from_wire(value: i32) -> Result<StopReason, Malformed> {
    match word("presence.stopping", value)? {
        WireReason::Unspecified => Err(Malformed::new("presence.stopping", "absent")),
        WireReason::Shutdown => Ok(StopReason::Shutdown),
        WireReason::ServiceStop => Ok(StopReason::ServiceStop),
        WireReason::Upgrade => Ok(StopReason::Upgrade),
        WireReason::Uninstall => Ok(StopReason::Uninstall),
        WireReason::Unknown => Ok(StopReason::Unknown),
    }
}
