//! The first page: how the fleet stands, in numbers that each lead to the list behind them.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, ErrorCode};

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
    /// Registered and not connected.
    silent: u64,
    /// Waiting for approval.
    pending: u64,
}

/// Hosts, by the state of their antivirus.
#[derive(Serialize, ToSchema)]
pub(super) struct ProtectionCounts {
    /// Present, on, up to date.
    protected: u64,
    /// With definitions that are too old.
    stale: u64,
    /// Switched off.
    off: u64,
    /// Without any product.
    missing: u64,
    /// Nobody knows.
    unknown: u64,
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
async fn overview(State(_api): State<Api>) -> Result<Json<Overview>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}
