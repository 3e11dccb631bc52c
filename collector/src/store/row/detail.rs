//! The `detail` column: what has no column of its own, as a JSON object.

use serde_json::{Value, json};
use vong_proto::event::{AntivirusProduct, Body, NetworkState, Presence, Start};

/// The object for one event. Files and probes have columns instead.
pub(super) fn json(body: &Body) -> Value {
    match body {
        Body::File(_) | Body::ProbeState(_) | Body::ProbeSample(_) => Value::Null,
        Body::Antivirus(state) => {
            json!({ "products": state.products.iter().map(product).collect::<Vec<_>>() })
        }
        Body::Network(state) => network(state),
        Body::Presence(Presence::Started(start)) => started(start),
        Body::Presence(Presence::Stopping(reason)) => json!({ "state": "stopping", "reason": reason }),
        Body::Blind(blind) => json!({
            "sensor": blind.sensor,
            "scope": String::from_utf8_lossy(&blind.scope),
            "scope_hex": hex::encode(&blind.scope),
            "since_ms": blind.since_ms,
            "until_ms": blind.until_ms,
            "reason": blind.reason,
        }),
        Body::Unsupported(it) => {
            json!({ "sensor": it.sensor, "what": it.what, "why": it.why, "cured": it.cured })
        }
        Body::CommandResult(it) => {
            json!({ "command_id": it.command_id, "done": it.done, "detail": it.detail })
        }
        Body::Opaque(it) => {
            json!({ "kind": it.kind, "bytes_hex": hex::encode(&it.bytes), "reason": it.reason })
        }
    }
}

fn product(product: &AntivirusProduct) -> Value {
    json!({
        "product": product.product,
        "vendor": product.vendor,
        "version": product.version,
        "engine": product.engine,
        "real_time": product.real_time,
        "updater": product.updater,
        "definitions_version": product.definitions.version,
        "definitions_built_ms": product.definitions.built_ms,
        "raw": product.raw,
    })
}

fn network(state: &NetworkState) -> Value {
    let adapters: Vec<_> = state
        .adapters
        .iter()
        .map(|it| json!({ "name": it.name, "mac": it.mac, "addresses": it.addresses, "up": it.up }))
        .collect();
    json!({ "adapters": adapters, "gateways": state.gateways, "resolvers": state.resolvers })
}

fn started(start: &Start) -> Value {
    json!({
        "state": "started",
        "agent_version": start.agent_version,
        "os": start.os,
        "hostname": start.hostname,
        "after_crash": start.after_crash,
        "new_boot": start.new_boot,
        "privileged": start.privileged,
    })
}
