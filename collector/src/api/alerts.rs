//! Alerts: the queue, one alert with its evidence and history, and what people do with it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, ErrorCode};
use super::extract::{Asked, Key, Sent};
use super::page::{Count, Page, PageQuery};
use super::units::UnitRef;
use super::word::{AlertState, Category, Params, Phrase, Severity, Verdict};

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_alerts))
        .routes(routes!(count_alerts))
        .routes(routes!(alert))
        .routes(routes!(acknowledge_alert))
        .routes(routes!(resolve_alert))
        .routes(routes!(comment_alert))
}

/// Which states of alerts are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AlertStateFilter {
    /// Open and acknowledged ones.
    #[default]
    Active,
    /// Nobody has taken them yet.
    Open,
    /// Somebody takes care of them.
    Acknowledged,
    /// Over.
    Resolved,
}

/// Which alerts are wanted; what is absent does not restrict, but for `state`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertFilter {
    /// In this state; open and acknowledged ones when absent.
    state: Option<AlertStateFilter>,
    /// As grave as this.
    severity: Option<Severity>,
    /// About this.
    category: Option<Category>,
    /// Of this unit, with those below it.
    unit: Option<i64>,
    /// Of this host.
    host: Option<i64>,
    /// Part of the host's name, or the alert's number.
    search: Option<String>,
}

/// A host, as it is named elsewhere.
#[derive(Serialize, ToSchema)]
pub(super) struct HostRef {
    /// Its number.
    id: i64,
    /// The PC's name.
    name: String,
}

/// An alert, as it stands in a queue.
#[derive(Serialize, ToSchema)]
pub(super) struct AlertRow {
    /// Its number.
    id: i64,
    /// What it is about, in the large.
    category: Category,
    /// The gravest of its findings.
    severity: Severity,
    /// Where it stands in its life.
    state: AlertState,
    /// What it turned out to be.
    verdict: Option<Verdict>,
    /// What it says.
    title: Phrase,
    /// The host it is about.
    host: HostRef,
    /// The office of that host.
    unit: UnitRef,
    /// Its findings.
    findings: u64,
    /// Those whose cause is still there.
    open_findings: u64,
    /// When it was opened.
    opened_ms: i64,
    /// When anything about it changed last.
    updated_ms: i64,
    /// Who takes care of it.
    assignee: Option<String>,
}

/// Everything about one alert.
#[derive(Serialize, ToSchema)]
pub(super) struct AlertDetail {
    /// What stands in queues.
    #[serde(flatten)]
    row: AlertRow,
    /// Its newest findings, at most 200, the newest first.
    findings_list: Vec<FindingReport>,
    /// Who did what, the oldest first.
    history: Vec<HistoryEntry>,
    /// Whom it was told to, the oldest first.
    deliveries: Vec<DeliveryReport>,
    /// What to do about it: a code that texts are kept for.
    steps_code: String,
}

/// One rule's verdict.
#[derive(Serialize, ToSchema)]
pub(super) struct FindingReport {
    /// Its identity.
    id: String,
    /// The rule.
    rule: String,
    /// What on the host, such as a path or a probe; empty when the host itself.
    key: String,
    /// How grave it is.
    severity: Severity,
    /// When it happened.
    opened_ms: i64,
    /// When its cause was gone.
    closed_ms: Option<i64>,
    /// Why: the facts.
    evidence: Params,
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HistoryAction {
    /// It was opened.
    Opened,
    /// A finding joined it.
    FindingAdded,
    /// A finding's cause was gone.
    FindingClosed,
    /// Somebody took it.
    Acknowledged,
    /// It was resolved.
    Resolved,
    /// It was opened again.
    Reopened,
    /// Somebody said something.
    Comment,
    /// It was mailed.
    Mailed,
}

/// A moment of an alert's history.
#[derive(Serialize, ToSchema)]
pub(super) struct HistoryEntry {
    /// When.
    at_ms: i64,
    /// Who: a user's name, empty when the collector itself.
    actor: String,
    /// What.
    action: HistoryAction,
    /// More of it, such as `comment` or `verdict`.
    detail: Params,
}

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeliveryKind {
    /// It is new.
    Opened,
    /// More has happened.
    Update,
    /// It is over.
    Resolved,
    /// Nobody has taken it.
    Reminder,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeliveryState {
    /// To be sent.
    Due,
    /// Accepted by the mail server.
    Sent,
    /// Given up.
    Failed,
}

/// Somebody is told of an alert.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryReport {
    /// Its number.
    id: i64,
    /// By which means, such as `email`.
    channel: String,
    /// Whom.
    recipient: String,
    /// Why.
    kind: DeliveryKind,
    /// Where it stands.
    state: DeliveryState,
    /// When it was decided.
    created_ms: i64,
    /// When it was accepted.
    sent_ms: Option<i64>,
    /// Every try, the oldest first.
    attempts: Vec<AttemptReport>,
}

/// How a try to tell somebody ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AttemptOutcome {
    /// The mail server took it.
    Accepted,
    /// The mail server asked to come again.
    Deferred,
    /// The mail server refused it.
    Bounced,
    /// The mail server could not be asked.
    Error,
}

/// One try to tell somebody.
#[derive(Serialize, ToSchema)]
pub(super) struct AttemptReport {
    /// When.
    at_ms: i64,
    /// How it ended.
    outcome: AttemptOutcome,
    /// The other side's words.
    detail: String,
    /// How long it took.
    duration_ms: i64,
}

/// Taking an alert.
#[derive(Deserialize, ToSchema)]
pub(super) struct AcknowledgeRequest {}

/// Resolving an alert.
#[derive(Deserialize, ToSchema)]
pub(super) struct ResolveRequest {
    /// What it turned out to be.
    verdict: Verdict,
    /// Why, in one's own words.
    #[serde(default)]
    #[schema(max_length = 4000)]
    comment: String,
}

/// Saying something about an alert.
#[derive(Deserialize, ToSchema)]
pub(super) struct CommentRequest {
    /// What.
    #[schema(min_length = 1, max_length = 4000)]
    comment: String,
}

/// The alerts that the asker may see: the gravest first, then the oldest.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "alerts", params(AlertFilter, PageQuery),
    responses((status = OK, body = Page<AlertRow>), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_alerts(
    State(_api): State<Api>,
    Asked(_filter): Asked<AlertFilter>,
    Asked(_page): Asked<PageQuery>,
) -> Result<Json<Page<AlertRow>>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// How many alerts a filter matches.
#[utoipa::path(
    get, path = "/api/v1/alerts/count", tag = "alerts", params(AlertFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_alerts(
    State(_api): State<Api>,
    Asked(_filter): Asked<AlertFilter>,
) -> Result<Json<Count>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// One alert.
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}", tag = "alerts", params(("id" = i64, Path)),
    responses((status = OK, body = AlertDetail), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn alert(State(_api): State<Api>, Key(_id): Key<i64>) -> Result<Json<AlertDetail>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// Takes an alert: the asker takes care of it from now on.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/acknowledge", tag = "alerts", params(("id" = i64, Path)), request_body = AcknowledgeRequest,
    responses((status = OK, body = AlertDetail), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn acknowledge_alert(
    State(_api): State<Api>,
    Key(_id): Key<i64>,
    Sent(_request): Sent<AcknowledgeRequest>,
) -> Result<Json<AlertDetail>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// Resolves an alert with a verdict.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/resolve", tag = "alerts", params(("id" = i64, Path)), request_body = ResolveRequest,
    responses((status = OK, body = AlertDetail), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn resolve_alert(
    State(_api): State<Api>,
    Key(_id): Key<i64>,
    Sent(_request): Sent<ResolveRequest>,
) -> Result<Json<AlertDetail>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// Says something about an alert.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/comment", tag = "alerts", params(("id" = i64, Path)), request_body = CommentRequest,
    responses((status = OK, body = AlertDetail), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn comment_alert(
    State(_api): State<Api>,
    Key(_id): Key<i64>,
    Sent(_request): Sent<CommentRequest>,
) -> Result<Json<AlertDetail>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}
