//! What hosts say of themselves and no rule judges: kept for their pages.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vong_proto::event::{self, Blind, Body, NetworkState, Presence, Strain, Unsupported};

use super::{HostChange, HostNews, Judgement, Moment, lossy};
use crate::entry::HostId;
use crate::registry::host_state::{HostState, Noun};

/// The machines on a PC's network are kept at most this often; agents say them less often.
const NEIGHBOURS_PAUSE_MS: i64 = 5 * 60_000;

/// When each PC last said who is on its network. Not remembered over a restart: then they are kept once more.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Neighbours {
    told_ms: BTreeMap<HostId, i64>,
}

impl Neighbours {
    /// A PC says who is on its network.
    pub(super) fn note(
        &mut self,
        host: HostId,
        all: &event::Neighbours,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        // By the PC's time: of a backlog that arrives at once, the newest counts.
        let told_ms = self.told_ms.get(&host);
        if told_ms.is_some_and(|told_ms| moment.at_ms - told_ms < NEIGHBOURS_PAUSE_MS) {
            return;
        }
        self.told_ms.insert(host, moment.at_ms);
        judgement.hosts.push(HostChange {
            host,
            news: HostNews::Neighbours {
                at_ms: moment.at_ms,
                neighbours: all.neighbours.clone(),
            },
        });
    }
}

/// Notes what one event says of its host.
pub(super) fn note(host: HostId, body: &Body, moment: Moment, judgement: &mut Judgement) {
    let at_ms = moment.at_ms;
    let news = match body {
        Body::Network(state) => HostNews::Network {
            at_ms,
            detail: network(state),
        },
        Body::Unsupported(unsupported) if unsupported.cured => HostNews::Gone {
            noun: Noun::Unsupported,
            key: unsupported_key(unsupported),
        },
        Body::Unsupported(unsupported) => HostNews::State(cannot_see(unsupported, at_ms)),
        Body::Blind(blind) => HostNews::State(missed(blind, at_ms)),
        Body::Strain(strain) if strain.over => HostNews::Gone {
            noun: Noun::Strain,
            key: strain.budget.clone(),
        },
        Body::Strain(strain) => HostNews::State(strained(strain, at_ms)),
        // What an agent cannot see, and what it exceeds, it says once per run: after the next start, old answers are
        // void.
        Body::Presence(Presence::Started(_)) => {
            for noun in [Noun::Unsupported, Noun::Strain] {
                let news = HostNews::Outdated {
                    noun,
                    before_ms: at_ms,
                };
                judgement.hosts.push(HostChange { host, news });
            }
            return;
        }
        _ => return,
    };
    judgement.hosts.push(HostChange { host, news });
}

fn network(state: &NetworkState) -> Value {
    let adapters = state.adapters.iter().map(|adapter| {
        json!({
            "name": adapter.name,
            "mac": adapter.mac,
            "addresses": adapter.addresses,
            "up": adapter.up,
        })
    });
    json!({
        "adapters": adapters.collect::<Vec<_>>(),
        "gateways": state.gateways,
        "resolvers": state.resolvers,
    })
}

fn cannot_see(unsupported: &Unsupported, at_ms: i64) -> HostState {
    let sensor = unsupported.sensor.name();
    HostState {
        noun: Noun::Unsupported,
        key: unsupported_key(unsupported),
        at_ms,
        detail: json!({ "sensor": sensor, "what": unsupported.what, "why": unsupported.why }),
    }
}

fn unsupported_key(unsupported: &Unsupported) -> String {
    format!("{}/{}", unsupported.sensor.name(), unsupported.what)
}

fn missed(blind: &Blind, at_ms: i64) -> HostState {
    let sensor = blind.sensor.name();
    let scope = lossy(&blind.scope);
    HostState {
        noun: Noun::Blind,
        key: format!("{sensor}/{scope}"),
        at_ms,
        detail: json!({
            "sensor": sensor,
            "scope": scope,
            "scope_hex": hex::encode(&blind.scope),
            "since_ms": blind.since_ms,
            "until_ms": blind.until_ms,
            "reason": blind.reason,
        }),
    }
}

fn strained(strain: &Strain, at_ms: i64) -> HostState {
    HostState {
        noun: Noun::Strain,
        key: strain.budget.clone(),
        at_ms,
        detail: json!({
            "budget": strain.budget,
            "limit": strain.limit,
            "measured": strain.measured,
            "since_ms": strain.since_ms,
        }),
    }
}
