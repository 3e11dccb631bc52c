//! The ledger: what of a host's events is there, and what is known to be missing.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::ApiError;
use super::extract::Key;
use super::guard::Viewer;
use super::hosts::visible_host;
use super::word::Text;
use crate::entry::HostId;
use crate::journal::{HostLedger, HostTotals, LaneLedger, NamedGap, StreamLedger};
use crate::registry::host;
use crate::registry::host_state::{self, Noun};
use crate::scope::Scope;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(host_ledger))
}

/// What of a host's events is known to be there, and what is known to be missing.
#[derive(Serialize, ToSchema)]
pub(super) struct Ledger {
    /// Events that it numbered and that never arrived.
    missing: u64,
    /// Events that could not be understood and are kept as bytes.
    opaque: u64,
    /// Events that the store refused and that were set aside.
    set_aside: u64,
    /// Its streams, the newest first.
    streams: Vec<StreamReport>,
    /// What its sensors know that they could not see, the newest first.
    blind: Vec<BlindReport>,
}

/// One stream of events: what one spool numbered.
#[derive(Serialize, ToSchema)]
pub(super) struct StreamReport {
    /// Its identity.
    stream: String,
    /// Its lanes.
    lanes: Vec<LaneReport>,
}

/// One lane of a stream.
#[derive(Serialize, ToSchema)]
pub(super) struct LaneReport {
    /// Its number, 0 (urgent) to 3 (samples).
    lane: u8,
    /// The last number that is there or declared missing.
    high_water: u64,
    /// How many of them are missing.
    missing: u64,
    /// Which.
    gaps: Vec<GapReport>,
}

/// Numbers that are missing.
#[derive(Serialize, ToSchema)]
pub(super) struct GapReport {
    /// The first.
    first: u64,
    /// The last.
    last: u64,
    /// A code: `spool_full`, `corrupt`, `collector_restored`.
    reason: String,
    /// How many of each kind of event, as far as known.
    counts: BTreeMap<String, u64>,
    /// When the collector learned of it.
    at_ms: i64,
}

/// What a sensor could not see.
#[derive(Serialize, ToSchema)]
pub(super) struct BlindReport {
    /// The sensor.
    sensor: String,
    /// What it was blind to, such as a folder.
    scope: Text,
    /// Since when.
    since_ms: i64,
    /// Until when.
    until_ms: i64,
    /// A code, such as `queue_overflow`.
    reason: String,
}

/// One host's ledger: "0 events missing", or the exact list.
#[utoipa::path(
    get, path = "/api/v1/hosts/{id}/ledger", tag = "hosts", params(("id" = i64, Path)),
    responses((status = OK, body = Ledger), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn host_ledger(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
) -> Result<Json<Ledger>, ApiError> {
    let host = visible_host(&api, &viewer, id).await?.host.id;
    let HostLedger { streams, forgotten } = api.journal.ledger(host).await?;
    let sum =
        |of: fn(&LaneLedger) -> u64| -> u64 { streams.iter().flat_map(|stream| &stream.lanes).map(of).sum() };
    Ok(Json(Ledger {
        missing: sum(missing) + forgotten.missing,
        opaque: sum(|lane| lane.opaque) + forgotten.opaque,
        set_aside: sum(|lane| lane.set_aside) + forgotten.set_aside,
        blind: blind_spots(&api, host).await?,
        streams: streams.into_iter().map(shown_stream).collect(),
    }))
}

fn missing(lane: &LaneLedger) -> u64 {
    lane.gaps.iter().map(NamedGap::missing).sum()
}

fn shown_stream(stream: StreamLedger) -> StreamReport {
    StreamReport {
        stream: stream.stream.to_string(),
        lanes: stream.lanes.into_iter().map(shown_lane).collect(),
    }
}

fn shown_lane(lane: LaneLedger) -> LaneReport {
    LaneReport {
        lane: lane.lane as u8,
        high_water: lane.high_water,
        missing: missing(&lane),
        gaps: lane.gaps.into_iter().map(shown_gap).collect(),
    }
}

fn shown_gap(gap: NamedGap) -> GapReport {
    GapReport {
        first: gap.first,
        last: gap.last,
        reason: gap.reason,
        counts: gap.counts,
        at_ms: gap.at_ms,
    }
}

/// How the rules keep a blind spot.
#[derive(Deserialize)]
struct Blind {
    sensor: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    scope_hex: String,
    since_ms: i64,
    until_ms: i64,
    reason: String,
}

async fn blind_spots(api: &Api, host: HostId) -> Result<Vec<BlindReport>, ApiError> {
    let states = host_state::of_host(&api.registry, host).await?;
    let blind = states.into_iter().filter(|state| state.noun == Noun::Blind);
    let mut spots: Vec<BlindReport> = blind
        .filter_map(|state| serde_json::from_value::<Blind>(state.detail).ok())
        .map(shown_blind)
        .collect();
    spots.sort_by_key(|spot| std::cmp::Reverse(spot.until_ms));
    Ok(spots)
}

fn shown_blind(blind: Blind) -> BlindReport {
    let bytes = hex::decode(&blind.scope_hex).unwrap_or_default();
    let scope = if bytes.is_empty() {
        blind.scope.as_bytes()
    } else {
        &bytes
    };
    BlindReport {
        sensor: blind.sensor,
        scope: Text::of(scope),
        since_ms: blind.since_ms,
        until_ms: blind.until_ms,
        reason: blind.reason,
    }
}

/// What is missing of each host that misses anything.
pub(super) struct Missing(HashMap<HostId, HostTotals>);

impl Missing {
    /// Of all hosts.
    pub(super) async fn everywhere(api: &Api) -> Result<Self, ApiError> {
        let totals = api.journal.ledger_totals().await?;
        Ok(Self(totals.into_iter().map(|host| (host.host, host)).collect()))
    }

    /// Of the hosts within a scope.
    pub(super) async fn within(api: &Api, scope: &Scope) -> Result<Self, ApiError> {
        let mut missing = Self::everywhere(api).await?;
        if let Some(units) = &scope.units {
            let hosts = host::units(&api.registry).await?;
            let units_of: HashMap<HostId, i64> = hosts.into_iter().collect();
            missing
                .0
                .retain(|host, _| units_of.get(host).is_some_and(|unit| units.contains(unit)));
        }
        Ok(missing)
    }

    /// A number of all of them together.
    pub(super) fn total(&self, of: fn(&HostTotals) -> u64) -> u64 {
        self.0.values().map(of).fold(0, u64::saturating_add)
    }

    /// How many events a host misses.
    pub(super) fn of(&self, host: HostId) -> u64 {
        self.0.get(&host).map_or(0, |host| host.missing)
    }

    /// The hosts that miss any.
    pub(super) fn hosts_with_missing(&self) -> Vec<HostId> {
        self.0
            .values()
            .filter(|host| host.missing > 0)
            .map(|host| host.host)
            .collect()
    }
}
