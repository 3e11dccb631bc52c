//! The `detail` column: what has no column of its own, as a JSON object.

use serde_json::{Value, json};
use vong_proto::event::{AntivirusProduct, Body, Detection, Neighbours, NetworkState, Presence, Start};

use crate::entry::tripwire;

/// The object for one event. Files and probes have columns instead.
pub(super) fn json(body: &Body) -> Value {
    match body {
        Body::File(_) | Body::ProbeState(_) | Body::ProbeSample(_) => Value::Null,
        Body::Antivirus(state) => {
            json!({
                "products": state.products.iter().map(product).collect::<Vec<_>>(),
                "expectations": state.expectations,
            })
        }
        Body::Detection(detection) => self::detection(detection),
        Body::Network(state) => network(state),
        Body::Neighbours(neighbours) => self::neighbours(neighbours),
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
            json!({ "command_id": it.command_id, "done": it.done, "detail": it.detail, "counts": it.counts })
        }
        Body::Tripwire(it) => tripwire::json(it),
        Body::Strain(it) => json!({
            "budget": it.budget, "limit": it.limit, "measured": it.measured, "since_ms": it.since_ms, "over": it.over,
        }),
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
        "engine_version": product.engine_version,
        "health": product.health,
        "mode": product.mode,
        "engine": product.engine,
        "engine_reason": product.engine_reason,
        "real_time": product.real_time,
        "updater": product.updater,
        "tamper_protection": product.tamper_protection,
        "definitions_version": product.definitions.version,
        "definitions_built_ms": product.definitions.built_ms,
        "definitions_updated_ms": product.definitions.updated_ms,
        "definitions_freshness": product.definitions.freshness,
        "quick_scan_ms": product.quick_scan_ms,
        "full_scan_ms": product.full_scan_ms,
        "licence_expires_ms": product.licence_expires_ms,
        "exclusions": product.exclusions,
        "raw": product.raw,
    })
}

/// Path, process, user and hash have columns.
fn detection(detection: &Detection) -> Value {
    json!({
        "key": detection.key,
        "product": detection.product,
        "vendor": detection.vendor,
        "threat": detection.threat,
        "category": detection.category,
        "severity": detection.severity,
        "action": detection.action,
        "outcome": detection.outcome,
        "code": detection.code,
        "source": detection.source,
        "found_ms": detection.found_ms,
    })
}

fn neighbours(neighbours: &Neighbours) -> Value {
    let all = neighbours.neighbours.iter();
    let all = all.map(|it| json!({ "mac": it.mac, "address": it.address, "adapter": it.adapter }));
    json!({ "neighbours": all.collect::<Vec<_>>() })
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
