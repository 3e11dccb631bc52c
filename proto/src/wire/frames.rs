//! Frames of a connection.

use prost::Message;

use super::bound::{self, CODE_BYTES_MAX, MACS_MAX, NAME_BYTES_MAX, SENTENCE_BYTES_MAX, cut};
use super::{AUTHORITIES_HASH_BYTES, Malformed, array, pb, present};
use crate::event::{BootId, Lane, StreamId};
use crate::frame::BATCH_GAPS_MAX;
use crate::session::{
    Ack, AgentFrame, Allowance, Batch, CollectorFrame, Credentials, EnrolAnswer, EnrolRequest, Fingerprint,
    Gap, GoAway, Heartbeat, Hello, LaneState, PolicyDocument, PolicyStatus, Refusal, RefusalCode, Welcome,
};

use pb::agent_frame::Frame as FromAgent;
use pb::collector_frame::Frame as FromCollector;

/// No lane counts further: a thousand events a second would take 8,900 years, and every number fits SQLite's
/// signed integers with room for sums.
const NUMBER_MAX: u64 = 1 << 48;

/// Encodes a frame to the collector.
pub fn encode_agent_frame(frame: AgentFrame) -> Vec<u8> {
    let frame = match frame {
        AgentFrame::Hello(hello) => FromAgent::Hello((*hello).into()),
        AgentFrame::Batch(batch) => FromAgent::Batch(batch.into()),
        AgentFrame::Heartbeat(beat) => FromAgent::Heartbeat(beat.into()),
        AgentFrame::PolicyStatus(status) => FromAgent::PolicyStatus(pb::PolicyStatus {
            version: status.version,
            hash: status.hash,
            applied: status.applied,
            refusal: status.refusal,
        }),
        AgentFrame::Enrol(request) => FromAgent::Enrol(request.into()),
        AgentFrame::Renew { csr_der } => FromAgent::Renew(pb::RenewRequest { csr_der }),
    };
    pb::AgentFrame { frame: Some(frame) }.encode_to_vec()
}

/// Decodes a frame that an agent sent.
///
/// # Errors
/// Names what is malformed; the connection must end.
pub fn decode_agent_frame(bytes: &[u8]) -> Result<AgentFrame, Malformed> {
    let wire = pb::AgentFrame::decode(bytes).map_err(|e| Malformed::new("frame", e.to_string()))?;
    Ok(match present("frame", wire.frame)? {
        FromAgent::Hello(hello) => AgentFrame::Hello(Box::new(hello.try_into()?)),
        FromAgent::Batch(batch) => AgentFrame::Batch(batch.try_into()?),
        FromAgent::Heartbeat(beat) => AgentFrame::Heartbeat(beat.into()),
        FromAgent::PolicyStatus(status) => AgentFrame::PolicyStatus(PolicyStatus {
            version: status.version,
            hash: cut(status.hash, CODE_BYTES_MAX),
            applied: status.applied,
            refusal: cut(status.refusal, SENTENCE_BYTES_MAX),
        }),
        FromAgent::Enrol(request) => AgentFrame::Enrol(request.into()),
        FromAgent::Renew(renew) => AgentFrame::Renew {
            csr_der: renew.csr_der,
        },
    })
}

/// Encodes a frame to an agent.
pub fn encode_collector_frame(frame: CollectorFrame) -> Vec<u8> {
    let frame = match frame {
        CollectorFrame::Welcome(welcome) => FromCollector::Welcome(welcome.into()),
        CollectorFrame::Ack(ack) => FromCollector::Ack(pb::Ack {
            lane: lane_to_wire(ack.lane),
            through: ack.through,
        }),
        CollectorFrame::Heartbeat(beat) => FromCollector::Heartbeat(beat.into()),
        CollectorFrame::Policy(policy) => FromCollector::Policy(pb::Policy {
            version: policy.version,
            hash: policy.hash,
            document: policy.document,
        }),
        CollectorFrame::Command(command) => FromCollector::Command(command.into()),
        CollectorFrame::GoAway(go) => FromCollector::GoAway(pb::GoAway {
            retry_after_ms: go.retry_after_ms,
            reason: go.reason,
        }),
        CollectorFrame::Refusal(refusal) => FromCollector::Refusal(pb::Refusal {
            code: refusal.code as u32,
            message: refusal.message,
        }),
        CollectorFrame::Enrolled(answer) => FromCollector::Enrolled(answer.into()),
        CollectorFrame::Renewed(credentials) => FromCollector::Renewed(pb::RenewAnswer {
            certificate_der: credentials.certificate_der,
            ca_der: credentials.ca_der,
        }),
    };
    pb::CollectorFrame { frame: Some(frame) }.encode_to_vec()
}

/// Decodes a frame that a collector sent.
///
/// # Errors
/// Names what is malformed; the connection must end.
pub fn decode_collector_frame(bytes: &[u8]) -> Result<CollectorFrame, Malformed> {
    let wire = pb::CollectorFrame::decode(bytes).map_err(|e| Malformed::new("frame", e.to_string()))?;
    Ok(match present("frame", wire.frame)? {
        FromCollector::Welcome(welcome) => CollectorFrame::Welcome(welcome.try_into()?),
        FromCollector::Ack(ack) => CollectorFrame::Ack(Ack {
            lane: lane_from_wire("ack.lane", ack.lane)?,
            through: ack.through,
        }),
        FromCollector::Heartbeat(beat) => CollectorFrame::Heartbeat(beat.into()),
        FromCollector::Policy(policy) => CollectorFrame::Policy(PolicyDocument {
            version: policy.version,
            hash: policy.hash,
            document: policy.document,
        }),
        FromCollector::Command(command) => CollectorFrame::Command(command.into()),
        FromCollector::GoAway(go) => CollectorFrame::GoAway(GoAway {
            retry_after_ms: go.retry_after_ms,
            reason: go.reason,
        }),
        FromCollector::Refusal(refusal) => CollectorFrame::Refusal(Refusal {
            code: refusal_code(refusal.code),
            message: refusal.message,
        }),
        FromCollector::Enrolled(answer) => CollectorFrame::Enrolled(answer.into()),
        FromCollector::Renewed(renewed) => CollectorFrame::Renewed(Credentials {
            certificate_der: renewed.certificate_der,
            ca_der: renewed.ca_der,
        }),
    })
}

impl From<Hello> for pb::Hello {
    fn from(hello: Hello) -> Self {
        Self {
            version_min: hello.version_min,
            version_max: hello.version_max,
            stream: hello.stream.0.to_vec(),
            lanes: hello.lanes.into_iter().map(Into::into).collect(),
            boot: hello.boot.0.to_vec(),
            fingerprint: Some(hello.fingerprint.into()),
            agent_version: hello.agent_version,
            os: hello.os,
            hostname: hello.hostname,
            wall_ms: hello.wall_ms,
            policy_version: hello.policy_version,
            policy_hash: hello.policy_hash,
            privileged: hello.privileged,
            authorities: hello.authorities,
        }
    }
}

impl TryFrom<pb::Hello> for Hello {
    type Error = Malformed;

    fn try_from(wire: pb::Hello) -> Result<Self, Malformed> {
        for lane in &wire.lanes {
            bound::check_hash("hello.lanes", &lane.last_hash)?;
        }
        bound::check(
            "hello.authorities",
            wire.authorities.len(),
            AUTHORITIES_HASH_BYTES,
        )?;
        let lanes: Vec<LaneState> = wire.lanes.into_iter().map(Into::into).collect();
        let lanes = lanes.try_into().map_err(|lanes: Vec<_>| {
            Malformed::new("hello.lanes", format!("{} lanes instead of 4", lanes.len()))
        })?;
        Ok(Self {
            version_min: wire.version_min,
            version_max: wire.version_max,
            stream: StreamId(array("hello.stream", &wire.stream)?),
            lanes,
            boot: BootId(array("hello.boot", &wire.boot)?),
            fingerprint: wire.fingerprint.unwrap_or_default().into(),
            agent_version: cut(wire.agent_version, NAME_BYTES_MAX),
            os: cut(wire.os, NAME_BYTES_MAX),
            hostname: cut(wire.hostname, NAME_BYTES_MAX),
            wall_ms: wire.wall_ms,
            policy_version: wire.policy_version,
            policy_hash: cut(wire.policy_hash, CODE_BYTES_MAX),
            privileged: wire.privileged,
            authorities: wire.authorities,
        })
    }
}

impl From<LaneState> for pb::LaneState {
    fn from(lane: LaneState) -> Self {
        Self {
            first_retained: lane.first_retained,
            next: lane.next,
            last_hash: lane.last_hash,
        }
    }
}

impl From<pb::LaneState> for LaneState {
    fn from(wire: pb::LaneState) -> Self {
        Self {
            first_retained: wire.first_retained,
            next: wire.next,
            last_hash: wire.last_hash,
        }
    }
}

impl From<Fingerprint> for pb::Fingerprint {
    fn from(print: Fingerprint) -> Self {
        Self {
            smbios_uuid: print.smbios_uuid,
            machine_id: print.machine_id,
            disk_serial: print.disk_serial,
            macs: print.macs,
        }
    }
}

impl From<pb::Fingerprint> for Fingerprint {
    fn from(wire: pb::Fingerprint) -> Self {
        Self {
            smbios_uuid: cut(wire.smbios_uuid, NAME_BYTES_MAX),
            machine_id: cut(wire.machine_id, NAME_BYTES_MAX),
            disk_serial: cut(wire.disk_serial, NAME_BYTES_MAX),
            macs: wire
                .macs
                .into_iter()
                .take(MACS_MAX)
                .map(|mac| cut(mac, NAME_BYTES_MAX))
                .collect(),
        }
    }
}

impl From<Welcome> for pb::Welcome {
    fn from(welcome: Welcome) -> Self {
        Self {
            version: welcome.version,
            high_water: welcome.high_water.to_vec(),
            credit_bytes: welcome.credit_bytes,
            wall_ms: welcome.wall_ms,
            heartbeat_s: welcome.heartbeat_s,
            new_stream: welcome.new_stream,
            host: welcome.host,
            last_hash: welcome.last_hash.to_vec(),
            ca_der: welcome.ca_der,
            renew_within_s: welcome.renew_within_s,
            allowance: to_wire(welcome.allowance),
        }
    }
}

impl TryFrom<pb::Welcome> for Welcome {
    type Error = Malformed;

    fn try_from(wire: pb::Welcome) -> Result<Self, Malformed> {
        let high_water = wire.high_water.try_into().map_err(|marks: Vec<u64>| {
            Malformed::new(
                "welcome.high_water",
                format!("{} lanes instead of 4", marks.len()),
            )
        })?;
        Ok(Self {
            version: wire.version,
            high_water,
            credit_bytes: wire.credit_bytes,
            wall_ms: wire.wall_ms,
            heartbeat_s: wire.heartbeat_s,
            new_stream: wire.new_stream,
            host: wire.host,
            // A collector that does not say them leaves every hash unknown.
            last_hash: wire.last_hash.try_into().unwrap_or_default(),
            ca_der: wire.ca_der,
            renew_within_s: wire.renew_within_s,
            allowance: wire.allowance.into(),
        })
    }
}

impl From<Batch> for pb::Batch {
    fn from(batch: Batch) -> Self {
        Self {
            lane: lane_to_wire(batch.lane),
            first: batch.first,
            last: batch.last,
            raw_bytes: batch.raw_bytes,
            events: batch.events,
            gaps: batch.gaps.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::Batch> for Batch {
    type Error = Malformed;

    fn try_from(wire: pb::Batch) -> Result<Self, Malformed> {
        if wire.first == 0 || wire.last > NUMBER_MAX || wire.last + 1 < wire.first {
            return Err(Malformed::new(
                "batch.first",
                format!("{} to {} is no range", wire.first, wire.last),
            ));
        }
        bound::check("batch.gaps", wire.gaps.len(), BATCH_GAPS_MAX)?;
        Ok(Self {
            lane: lane_from_wire("batch.lane", wire.lane)?,
            first: wire.first,
            last: wire.last,
            raw_bytes: wire.raw_bytes,
            events: wire.events,
            gaps: wire
                .gaps
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<Gap> for pb::Gap {
    fn from(gap: Gap) -> Self {
        Self {
            lane: lane_to_wire(gap.lane),
            first: gap.first,
            last: gap.last,
            reason: gap.reason,
            counts: gap.counts.into_iter().collect(),
        }
    }
}

impl TryFrom<pb::Gap> for Gap {
    type Error = Malformed;

    fn try_from(wire: pb::Gap) -> Result<Self, Malformed> {
        if wire.first == 0 || wire.last < wire.first || wire.last > NUMBER_MAX {
            return Err(Malformed::new(
                "gap.first",
                format!("{} to {} is no range", wire.first, wire.last),
            ));
        }
        bound::check_kinds(wire.counts.keys())?;
        Ok(Self {
            lane: lane_from_wire("gap.lane", wire.lane)?,
            first: wire.first,
            last: wire.last,
            reason: cut(wire.reason, CODE_BYTES_MAX),
            counts: wire.counts.into_iter().collect(),
        })
    }
}

impl From<Heartbeat> for pb::Heartbeat {
    fn from(beat: Heartbeat) -> Self {
        Self {
            wall_ms: beat.wall_ms,
            echo: beat.echo,
            answer: beat.answer,
            allowance: to_wire(beat.allowance),
        }
    }
}

impl From<pb::Heartbeat> for Heartbeat {
    fn from(wire: pb::Heartbeat) -> Self {
        Self {
            wall_ms: wire.wall_ms,
            echo: wire.echo,
            answer: wire.answer,
            allowance: wire.allowance.into(),
        }
    }
}

/// No limit is nothing on the wire: agents of before say none, and understand none.
fn to_wire(allowance: Allowance) -> Option<pb::Allowance> {
    (allowance != Allowance::default()).then_some(pb::Allowance {
        kbit_s: allowance.kbit_s,
        urgent_only: allowance.urgent_only,
        slowed: allowance.slowed,
    })
}

impl From<Option<pb::Allowance>> for Allowance {
    fn from(wire: Option<pb::Allowance>) -> Self {
        let wire = wire.unwrap_or_default();
        Self {
            kbit_s: wire.kbit_s,
            urgent_only: wire.urgent_only,
            slowed: wire.slowed,
        }
    }
}

impl From<EnrolRequest> for pb::EnrolRequest {
    fn from(request: EnrolRequest) -> Self {
        Self {
            version_min: request.version_min,
            version_max: request.version_max,
            token: request.token,
            csr_der: request.csr_der,
            fingerprint: Some(request.fingerprint.into()),
            hostname: request.hostname,
            os: request.os,
        }
    }
}

impl From<pb::EnrolRequest> for EnrolRequest {
    fn from(wire: pb::EnrolRequest) -> Self {
        Self {
            version_min: wire.version_min,
            version_max: wire.version_max,
            token: wire.token,
            csr_der: wire.csr_der,
            fingerprint: wire.fingerprint.unwrap_or_default().into(),
            hostname: cut(wire.hostname, NAME_BYTES_MAX),
            os: cut(wire.os, NAME_BYTES_MAX),
        }
    }
}

impl From<EnrolAnswer> for pb::EnrolAnswer {
    fn from(answer: EnrolAnswer) -> Self {
        Self {
            certificate_der: answer.credentials.certificate_der,
            ca_der: answer.credentials.ca_der,
            pending: answer.pending,
        }
    }
}

impl From<pb::EnrolAnswer> for EnrolAnswer {
    fn from(wire: pb::EnrolAnswer) -> Self {
        Self {
            credentials: Credentials {
                certificate_der: wire.certificate_der,
                ca_der: wire.ca_der,
            },
            pending: wire.pending,
        }
    }
}

fn refusal_code(code: u32) -> RefusalCode {
    const CODES: [RefusalCode; 9] = [
        RefusalCode::Version,
        RefusalCode::Protocol,
        RefusalCode::Token,
        RefusalCode::Revoked,
        RefusalCode::Expired,
        RefusalCode::UnknownHost,
        RefusalCode::Pending,
        RefusalCode::Limit,
        RefusalCode::Unavailable,
    ];
    CODES
        .into_iter()
        .find(|known| *known as u32 == code)
        .unwrap_or(RefusalCode::Other)
}

fn lane_to_wire(lane: Lane) -> u32 {
    lane as u32
}

fn lane_from_wire(place: &'static str, lane: u32) -> Result<Lane, Malformed> {
    Lane::from_index(lane).ok_or_else(|| Malformed::new(place, format!("there is no lane {lane}")))
}
