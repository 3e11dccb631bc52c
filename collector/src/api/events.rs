//! Events: one host's timeline, and one event with everything that was reported.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::{Asked, Key};
use super::guard::Viewer;
use super::hosts::{ProbeKind, Reachability, visible_host};
use super::page::{Page, PageQuery};
use super::word::{Params, Phrase, Severity, said, searched};
use super::{Api, trail};
use crate::store::{Cursor, Timeline};

mod file;
mod known;
mod row;
mod timeline;

use file::FileReport;
pub(super) use file::{HashVerdict, ReviewReport, ReviewVerdict};
pub(super) use known::units_above;
pub(super) use row::state as state_of;
pub(super) use timeline::Explained;

/// Of a searched text, this much is written into the audit trail.
const AUDITED_CHARACTERS_MAX: usize = 200;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(host_events))
        .routes(routes!(event))
        .merge(timeline::routes())
}

/// What kind of thing was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventKind {
    /// A file was created, changed, renamed or deleted.
    File,
    /// The complete antivirus state.
    Antivirus,
    /// Malware that was found, or what became of it.
    Detection,
    /// Something changes documents as ransomware does.
    Tripwire,
    /// The agent uses more of the PC than it may, or does so no longer.
    Strain,
    /// Machines that a PC sees on its network.
    Neighbours,
    /// Adapters, gateways and resolvers.
    Network,
    /// A probed service changed its state.
    ProbeState,
    /// Probing over one interval.
    ProbeSample,
    /// The agent or its PC starts or stops.
    Presence,
    /// A sensor knows that it has missed something.
    Blind,
    /// A sensor cannot see something.
    Unsupported,
    /// How a command ended.
    CommandResult,
    /// An event that could not be understood.
    Opaque,
}

/// Which events are wanted; what is absent does not restrict.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventFilter {
    /// Of this kind.
    kind: Option<EventKind>,
    /// Containing this text in a path, a user, a probe or the details.
    text: Option<String>,
    /// Not before.
    from_ms: Option<i64>,
    /// Before.
    to_ms: Option<i64>,
    /// Of files: under this watch of the policy.
    watch: Option<String>,
    /// Of files: explained by a package or a planned change of this name.
    cause_name: Option<String>,
    /// Of files: explained by a package of this version.
    cause_version: Option<String>,
}

/// An event, as it stands in a timeline.
#[derive(Serialize, ToSchema)]
pub(super) struct EventRow {
    /// Its name: unique and lasting.
    key: String,
    /// The host.
    host: i64,
    /// When it happened: the PC's clock, corrected by the measured offset.
    time_ms: i64,
    /// When the collector received it.
    received_ms: i64,
    /// What kind of thing was seen.
    kind: EventKind,
    /// Its lane, 0 (urgent) to 3 (samples).
    lane: u8,
    /// Its number in that lane of its stream.
    seq: u64,
    /// Whether two machines used the key of its agent: it may be of another one than it seems.
    cloned: bool,
    /// Its stream.
    stream: String,
    /// What happened, in one line.
    summary: Phrase,
    /// A file event's own part.
    file: Option<FileReport>,
    /// A probe's own part.
    probe: Option<ProbeEventReport>,
    /// Every other kind's own part, as reported.
    detail: Option<Params>,
    /// What somebody of the centre said of the state that a file event left its file in.
    review: Option<ReviewReport>,
}

/// What a probe saw: a change of state, or an interval's figures.
#[derive(Serialize, ToSchema)]
pub(super) struct ProbeEventReport {
    /// The probe's name in the policy.
    probe: String,
    /// How it is probed.
    kind: ProbeKind,
    /// What is probed.
    target: String,
    /// The new state, of a change.
    state: Option<Reachability>,
    /// Why it does not answer: a code.
    error: Option<String>,
    /// What a failure means, as the policy says.
    severity: Option<Severity>,
    /// Length of the interval, of a sample.
    interval_ms: Option<u32>,
    /// Probes sent.
    sent: Option<u32>,
    /// Probes without an answer in time.
    lost: Option<u32>,
    /// Smallest latency; 0 when none was answered.
    latency_min_us: Option<u32>,
    /// Mean latency.
    latency_mean_us: Option<u32>,
    /// Largest latency.
    latency_max_us: Option<u32>,
}

/// One event with everything that was reported.
#[derive(Serialize, ToSchema)]
pub(super) struct EventDetail {
    /// What stands in timelines.
    #[serde(flatten)]
    row: EventRow,
    /// Its row in the store, by the names of the catalogue of fields.
    raw: Params,
}

/// One host's events, the newest first. Searching them is audited.
#[utoipa::path(
    get, path = "/api/v1/hosts/{id}/events", tag = "events", params(("id" = i64, Path), EventFilter, PageQuery),
    responses((status = OK, body = Page<EventRow>), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn host_events(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Asked(filter): Asked<EventFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<EventRow>>, ApiError> {
    let host = visible_host(&api, &viewer, id).await?.host.id;
    let text = searched(filter.text);
    if let Some(text) = &text {
        let detail = json!({ "text": text.chars().take(AUDITED_CHARACTERS_MAX).collect::<String>() });
        trail::seen(&api, &viewer, "events.searched", &format!("host/{id}"), detail).await?;
    }
    let limit = page.limit();
    let timeline = Timeline {
        host: Some(host),
        kind: filter.kind.map(|kind| kind.name().to_owned()),
        text,
        from_ms: filter.from_ms,
        to_ms: filter.to_ms,
        after: page.after()?,
        watch: said_of(filter.watch),
        cause_name: said_of(filter.cause_name),
        cause_version: said_of(filter.cause_version),
        ..Timeline::default()
    };
    let one_more = u32::try_from(limit + 1).expect("a page is short");
    let rows = api.store.timeline(&viewer.scope, &timeline, one_more).await?;
    let page = Page::cut(rows, limit, Cursor::of);
    let Page { items, next_cursor } = page;
    let items = known::shown(&api, items).await?;
    Ok(Json(Page { items, next_cursor }))
}

/// One event.
#[utoipa::path(
    get, path = "/api/v1/events/{key}", tag = "events", params(("key" = String, Path)),
    responses((status = OK, body = EventDetail), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn event(
    State(api): State<Api>,
    viewer: Viewer,
    Key(key): Key<String>,
) -> Result<Json<EventDetail>, ApiError> {
    let (pos, i) = place(&key).ok_or_else(ApiError::not_found)?;
    let row = api
        .store
        .event(&viewer.scope, pos, i)
        .await?
        .ok_or_else(ApiError::not_found)?;
    // The store's own table of units may lag behind; the registry has the last word.
    visible_host(&api, &viewer, row.host).await?;
    trail::seen(
        &api,
        &viewer,
        "event.viewed",
        &format!("host/{}", row.host),
        json!({ "event": key }),
    )
    .await?;
    let mut detail = EventDetail::of(row.clone()).ok_or_else(ApiError::not_found)?;
    known::add(&api, &[row], std::slice::from_mut(&mut detail.row)).await?;
    Ok(Json(detail))
}

/// A stored event as the API shows it, for others who print JSON.
pub(crate) fn shown_event(row: crate::store::EventRow) -> Option<serde_json::Value> {
    EventRow::of(row).map(|event| json!(event))
}

/// What stands in an event's name: its journal position and its place in the batch.
pub(super) fn place(key: &str) -> Option<(u64, u32)> {
    let (pos, i) = key.split_once('-')?;
    Some((pos.parse().ok()?, i.parse().ok()?))
}

/// A filter's text, as the store compares it; empty restricts nothing.
fn said_of(text: Option<String>) -> Option<String> {
    text.and_then(said)
}
