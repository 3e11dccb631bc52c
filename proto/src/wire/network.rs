//! Network state, probes and samples.

use super::bound::{CODE_BYTES_MAX, cut};
use super::file::{severity_from_wire, severity_to_wire};
use super::{Malformed, pb, word};
use crate::event::{
    Adapter, Neighbour, Neighbours, NetworkState, ProbeKind, ProbeSample, ProbeState, Reachability,
};

impl From<&NetworkState> for pb::NetworkState {
    fn from(state: &NetworkState) -> Self {
        let adapters = state.adapters.iter().cloned().map(|adapter| pb::Adapter {
            name: adapter.name,
            mac: adapter.mac,
            addresses: adapter.addresses,
            up: adapter.up,
        });
        Self {
            adapters: adapters.collect(),
            gateways: state.gateways.clone(),
            resolvers: state.resolvers.clone(),
        }
    }
}

impl From<pb::NetworkState> for NetworkState {
    fn from(wire: pb::NetworkState) -> Self {
        let adapters = wire.adapters.into_iter().map(|adapter| Adapter {
            name: adapter.name,
            mac: adapter.mac,
            addresses: adapter.addresses,
            up: adapter.up,
        });
        Self {
            adapters: adapters.collect(),
            gateways: wire.gateways,
            resolvers: wire.resolvers,
        }
    }
}

impl From<&Neighbours> for pb::Neighbours {
    fn from(neighbours: &Neighbours) -> Self {
        let all = neighbours.neighbours.iter().cloned();
        Self {
            neighbours: all
                .map(|neighbour| pb::Neighbour {
                    mac: neighbour.mac,
                    address: neighbour.address,
                    adapter: neighbour.adapter,
                })
                .collect(),
        }
    }
}

impl From<pb::Neighbours> for Neighbours {
    /// Who names more than [`Neighbours::MAX`] is heard in part.
    fn from(wire: pb::Neighbours) -> Self {
        let all = wire.neighbours.into_iter().take(Neighbours::MAX);
        Self {
            neighbours: all
                .map(|neighbour| Neighbour {
                    mac: cut(neighbour.mac, CODE_BYTES_MAX),
                    address: cut(neighbour.address, CODE_BYTES_MAX),
                    adapter: cut(neighbour.adapter, CODE_BYTES_MAX),
                })
                .collect(),
        }
    }
}

impl From<&ProbeState> for pb::ProbeState {
    fn from(state: &ProbeState) -> Self {
        Self {
            probe: state.probe.clone(),
            kind: kind_to_wire(state.kind),
            target: state.target.clone(),
            state: reachability_to_wire(state.state),
            error: state.error.clone(),
            severity: severity_to_wire(state.severity),
        }
    }
}

impl TryFrom<pb::ProbeState> for ProbeState {
    type Error = Malformed;

    fn try_from(wire: pb::ProbeState) -> Result<Self, Malformed> {
        Ok(Self {
            probe: wire.probe,
            kind: kind_from_wire("probe_state.kind", wire.kind)?,
            target: wire.target,
            state: reachability_from_wire(wire.state)?,
            error: wire.error,
            severity: severity_from_wire("probe_state.severity", wire.severity)?,
        })
    }
}

impl From<&ProbeSample> for pb::ProbeSample {
    fn from(sample: &ProbeSample) -> Self {
        Self {
            probe: sample.probe.clone(),
            kind: kind_to_wire(sample.kind),
            target: sample.target.clone(),
            interval_ms: sample.interval_ms,
            sent: sample.sent,
            lost: sample.lost,
            latency_min_us: sample.latency_min_us,
            latency_mean_us: sample.latency_mean_us,
            latency_max_us: sample.latency_max_us,
        }
    }
}

impl TryFrom<pb::ProbeSample> for ProbeSample {
    type Error = Malformed;

    fn try_from(wire: pb::ProbeSample) -> Result<Self, Malformed> {
        Ok(Self {
            probe: wire.probe,
            kind: kind_from_wire("probe_sample.kind", wire.kind)?,
            target: wire.target,
            interval_ms: wire.interval_ms,
            sent: wire.sent,
            lost: wire.lost,
            latency_min_us: wire.latency_min_us,
            latency_mean_us: wire.latency_mean_us,
            latency_max_us: wire.latency_max_us,
        })
    }
}

fn kind_to_wire(kind: ProbeKind) -> i32 {
    let wire = match kind {
        ProbeKind::Icmp => pb::ProbeKind::Icmp,
        ProbeKind::Tcp => pb::ProbeKind::Tcp,
        ProbeKind::Dns => pb::ProbeKind::Dns,
        ProbeKind::Https => pb::ProbeKind::Https,
    };
    wire.into()
}

fn kind_from_wire(place: &'static str, value: i32) -> Result<ProbeKind, Malformed> {
    match word(place, value)? {
        pb::ProbeKind::Unspecified => Err(Malformed::new(place, "absent")),
        pb::ProbeKind::Icmp => Ok(ProbeKind::Icmp),
        pb::ProbeKind::Tcp => Ok(ProbeKind::Tcp),
        pb::ProbeKind::Dns => Ok(ProbeKind::Dns),
        pb::ProbeKind::Https => Ok(ProbeKind::Https),
    }
}

fn reachability_to_wire(state: Reachability) -> i32 {
    let wire = match state {
        Reachability::Unknown => pb::Reachability::Unknown,
        Reachability::Reachable => pb::Reachability::Reachable,
        Reachability::Unreachable => pb::Reachability::Unreachable,
    };
    wire.into()
}

fn reachability_from_wire(value: i32) -> Result<Reachability, Malformed> {
    Ok(match word("probe_state.state", value)? {
        pb::Reachability::Unknown => Reachability::Unknown,
        pb::Reachability::Reachable => Reachability::Reachable,
        pb::Reachability::Unreachable => Reachability::Unreachable,
    })
}
