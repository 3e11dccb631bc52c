//! The first page: how the fleet stands, in numbers that each lead to the list behind them.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::ApiError;
use super::guard::Viewer;
use super::ledger::Missing;
use super::word::count;
use crate::clock::now_ms;
use crate::registry::{alert_list, host_list};
use crate::scope::Scope;

/// A host that was heard of within this time counts as seen.
pub(super) const SEEN_MS: i64 = 24 * HOUR_MS;
const HOUR_MS: i64 = 3_600_000;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(overview))
}

/// How the visible part of the fleet stands.
#[derive(Serialize, ToSchema)]
pub(super) struct Overview {
    /// The hosts, by what is known of them.
    hosts: HostCounts,
    /// The active hosts, by the state of their antivirus.
    protection: ProtectionCounts,
    /// Alerts that are not resolved, by severity.
    alerts_open: AlertCounts,
    /// Events that agents numbered and that never arrived.
    events_missing: u64,
    /// Hosts that miss any.
    hosts_with_missing: u64,
    /// Events that could not be understood and are kept as bytes.
    opaque: u64,
    /// Events that the store refused and that were set aside.
    set_aside: u64,
    /// Events received in each of the last 24 hours, oldest first; empty when the store does not answer.
    events_per_hour: Vec<HourCount>,
    /// The collector's clock, to which every age refers.
    now_ms: i64,
}

/// Hosts, by what is known of them.
#[derive(Serialize, ToSchema)]
pub(super) struct HostCounts {
    /// Enrolled and not retired.
    registered: u64,
    /// Of these, seen within the last 24 hours.
    seen: u64,
    /// Of the seen, those whose antivirus is present, on and up to date.
    protected: u64,
    /// Connected at this moment.
    connected: u64,
    /// Registered, heard of once, and not connected.
    silent: u64,
    /// Waiting for approval.
    pending: u64,
}

/// Hosts, by the state of their antivirus.
#[derive(Serialize, ToSchema)]
pub(super) struct ProtectionCounts {
    /// Present, on, up to date.
    pub(super) protected: u64,
    /// With definitions that are too old.
    pub(super) stale: u64,
    /// Switched off.
    pub(super) off: u64,
    /// Without any product.
    pub(super) missing: u64,
    /// Nobody knows.
    pub(super) unknown: u64,
}

/// Alerts, by severity.
#[derive(Serialize, ToSchema)]
pub(super) struct AlertCounts {
    /// Critical.
    critical: u64,
    /// High.
    high: u64,
    /// Medium.
    medium: u64,
    /// Low.
    low: u64,
}

/// What one hour brought.
#[derive(Serialize, ToSchema)]
pub(super) struct HourCount {
    /// When the hour began.
    hour_ms: i64,
    /// Events received in it.
    events: u64,
}

/// How the fleet stands.
#[utoipa::path(
    get, path = "/api/v1/overview", tag = "overview",
    responses((status = OK, body = Overview), (status = UNAUTHORIZED, body = ApiError))
)]
async fn overview(State(api): State<Api>, viewer: Viewer) -> Result<Json<Overview>, ApiError> {
    let now_ms = now_ms();
    let scope = &viewer.scope;
    let hosts = host_list::numbers(&api.registry, scope, now_ms - SEEN_MS).await?;
    let alerts = alert_list::open(&api.registry, scope).await?;
    let missing = Missing::within(&api, scope).await?;
    let [protected, stale, off, absent, unknown] = hosts.by_protection.map(count);
    Ok(Json(Overview {
        hosts: HostCounts {
            registered: count(hosts.registered),
            seen: count(hosts.seen),
            protected: count(hosts.protected),
            connected: count(hosts.connected),
            silent: count(hosts.silent),
            pending: count(hosts.pending),
        },
        protection: ProtectionCounts {
            protected,
            stale,
            off,
            missing: absent,
            unknown,
        },
        alerts_open: AlertCounts {
            critical: count(alerts.critical),
            high: count(alerts.high),
            medium: count(alerts.medium),
            low: count(alerts.low),
        },
        events_missing: missing.total(|host| host.missing),
        hosts_with_missing: missing.hosts_with_missing().len() as u64,
        opaque: missing.total(|host| host.opaque),
        set_aside: missing.total(|host| host.set_aside),
        events_per_hour: hours(&api, scope, now_ms).await,
        now_ms,
    }))
}

/// The last 24 hours, each with its number. The overview stands without them when the store does not answer.
async fn hours(api: &Api, scope: &Scope, now_ms: i64) -> Vec<HourCount> {
    let first_ms = (now_ms.div_euclid(HOUR_MS) - 23) * HOUR_MS;
    let Ok(counted) = api
        .store
        .events_per_hour(scope, first_ms)
        .await
        .map_err(ApiError::from)
    else {
        return Vec::new();
    };
    let counted: HashMap<i64, u64> = counted
        .into_iter()
        .map(|hour| (hour.hour_ms, hour.events))
        .collect();
    let hours = (0..24).map(|hour| first_ms + hour * HOUR_MS);
    hours
        .map(|hour_ms| HourCount {
            hour_ms,
            events: counted.get(&hour_ms).copied().unwrap_or(0),
        })
        .collect()
}
