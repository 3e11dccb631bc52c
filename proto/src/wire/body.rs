//! Bodies of events.

use std::collections::BTreeMap;

use super::bound::{CODE_BYTES_MAX, COUNTS_MAX, SENTENCE_BYTES_MAX, cut};
use super::{Malformed, pb, word};
use crate::event::{Blind, Body, CommandResult, Sensor, Strain, Unsupported};

use pb::event::Body as Wire;

pub(super) fn to_wire(body: &Body) -> Option<Wire> {
    Some(match body {
        Body::File(file) => Wire::File(file.into()),
        Body::Tripwire(tripwire) => Wire::Tripwire(tripwire.into()),
        Body::Antivirus(state) => Wire::Antivirus(state.into()),
        Body::Detection(detection) => Wire::Detection(detection.into()),
        Body::Network(state) => Wire::Network(state.into()),
        Body::Neighbours(neighbours) => Wire::Neighbours(neighbours.into()),
        Body::ProbeState(state) => Wire::ProbeState(state.into()),
        Body::ProbeSample(sample) => Wire::ProbeSample(sample.into()),
        Body::Presence(presence) => Wire::Presence(presence.into()),
        Body::Blind(blind) => Wire::Blind(blind.into()),
        Body::Unsupported(unsupported) => Wire::Unsupported(unsupported.into()),
        Body::Strain(strain) => Wire::Strain(strain.into()),
        Body::CommandResult(result) => Wire::CommandResult(result.into()),
        Body::Opaque(_) => return None,
    })
}

pub(super) fn from_wire(wire: Wire) -> Result<Body, Malformed> {
    Ok(match wire {
        Wire::File(file) => Body::File(file.try_into()?),
        Wire::Tripwire(tripwire) => Body::Tripwire(tripwire.try_into()?),
        Wire::Antivirus(state) => Body::Antivirus(state.try_into()?),
        Wire::Detection(detection) => Body::Detection(detection.try_into()?),
        Wire::Network(state) => Body::Network(state.into()),
        Wire::Neighbours(neighbours) => Body::Neighbours(neighbours.into()),
        Wire::ProbeState(state) => Body::ProbeState(state.try_into()?),
        Wire::ProbeSample(sample) => Body::ProbeSample(sample.try_into()?),
        Wire::Presence(presence) => Body::Presence(presence.try_into()?),
        Wire::Blind(blind) => Body::Blind(blind.try_into()?),
        Wire::Unsupported(unsupported) => Body::Unsupported(unsupported.try_into()?),
        Wire::Strain(strain) => Body::Strain(strain.into()),
        Wire::CommandResult(result) => Body::CommandResult(result.into()),
    })
}

/// The field number of an event's body as far as the bytes can be read, else 0.
pub(super) fn field_number(bytes: &[u8]) -> u32 {
    const FIRST_BODY: u32 = 16;
    let mut rest = bytes;
    while !rest.is_empty() {
        let Ok((number, wire_type)) = prost::encoding::decode_key(&mut rest) else {
            return 0;
        };
        if number >= FIRST_BODY {
            return number;
        }
        let context = prost::encoding::DecodeContext::default();
        if prost::encoding::skip_field(wire_type, number, &mut rest, context).is_err() {
            return 0;
        }
    }
    0
}

impl From<&Blind> for pb::Blind {
    fn from(blind: &Blind) -> Self {
        Self {
            sensor: sensor_to_wire(blind.sensor),
            scope: blind.scope.clone(),
            since_ms: blind.since_ms,
            until_ms: blind.until_ms,
            reason: blind.reason.clone(),
        }
    }
}

impl TryFrom<pb::Blind> for Blind {
    type Error = Malformed;

    fn try_from(wire: pb::Blind) -> Result<Self, Malformed> {
        Ok(Self {
            sensor: sensor_from_wire("blind.sensor", wire.sensor)?,
            scope: wire.scope,
            since_ms: wire.since_ms,
            until_ms: wire.until_ms,
            reason: wire.reason,
        })
    }
}

impl From<&Unsupported> for pb::Unsupported {
    fn from(unsupported: &Unsupported) -> Self {
        Self {
            sensor: sensor_to_wire(unsupported.sensor),
            what: unsupported.what.clone(),
            why: unsupported.why.clone(),
            cured: unsupported.cured,
        }
    }
}

impl TryFrom<pb::Unsupported> for Unsupported {
    type Error = Malformed;

    fn try_from(wire: pb::Unsupported) -> Result<Self, Malformed> {
        Ok(Self {
            sensor: sensor_from_wire("unsupported.sensor", wire.sensor)?,
            what: wire.what,
            why: wire.why,
            cured: wire.cured,
        })
    }
}

impl From<&Strain> for pb::Strain {
    fn from(strain: &Strain) -> Self {
        Self {
            budget: strain.budget.clone(),
            limit: strain.limit,
            measured: strain.measured,
            since_ms: strain.since_ms,
            over: strain.over,
        }
    }
}

impl From<pb::Strain> for Strain {
    fn from(wire: pb::Strain) -> Self {
        Self {
            budget: cut(wire.budget, CODE_BYTES_MAX),
            limit: wire.limit,
            measured: wire.measured,
            since_ms: wire.since_ms,
            over: wire.over,
        }
    }
}

impl From<&CommandResult> for pb::CommandResult {
    fn from(result: &CommandResult) -> Self {
        Self {
            command_id: result.command_id.clone(),
            done: result.done,
            detail: result.detail.clone(),
            counts: result.counts.clone().into_iter().collect(),
        }
    }
}

impl From<pb::CommandResult> for CommandResult {
    fn from(wire: pb::CommandResult) -> Self {
        Self {
            command_id: wire.command_id,
            done: wire.done,
            detail: cut(wire.detail, SENTENCE_BYTES_MAX),
            counts: wire
                .counts
                .into_iter()
                .map(|(name, count)| (cut(name, CODE_BYTES_MAX), count))
                .collect::<BTreeMap<_, _>>()
                .into_iter()
                .take(COUNTS_MAX)
                .collect(),
        }
    }
}

fn sensor_to_wire(sensor: Sensor) -> i32 {
    let wire = match sensor {
        Sensor::Files => pb::Sensor::Files,
        Sensor::Antivirus => pb::Sensor::Antivirus,
        Sensor::Network => pb::Sensor::Network,
        Sensor::Presence => pb::Sensor::Presence,
        Sensor::Tripwire => pb::Sensor::Tripwire,
    };
    wire.into()
}

fn sensor_from_wire(place: &'static str, value: i32) -> Result<Sensor, Malformed> {
    match word(place, value)? {
        pb::Sensor::Unspecified => Err(Malformed::new(place, "absent")),
        pb::Sensor::Files => Ok(Sensor::Files),
        pb::Sensor::Antivirus => Ok(Sensor::Antivirus),
        pb::Sensor::Network => Ok(Sensor::Network),
        pb::Sensor::Presence => Ok(Sensor::Presence),
        pb::Sensor::Tripwire => Ok(Sensor::Tripwire),
    }
}
