//! Alerts: the queue, one alert with its evidence and history, and what people do with it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ErrorCode};
use super::extract::{Asked, Key, Sent};
use super::guard::{Right, Viewer};
use super::page::{Count, Page, PageQuery};
use super::reviews::{ReviewScope, reason};
use super::units::{UnitRef, subtree};
use super::word::{AlertState, Category, Phrase, Severity, Verdict, count, searched};
use super::{Api, trail};
use crate::clock::now_ms;
use crate::entry::HostId;
use crate::live::Topic;
use crate::registry::alert_list::{self, ListedAlert};
use crate::registry::{Transaction, alert, audit, delivery, detection, file_review, finding};

mod baseline;
mod report;

use report::{DeliveryReport, FindingReport, HistoryEntry};

/// Findings that one alert's page shows.
const FINDINGS_MAX: i64 = 200;
/// A comment is a remark, not a file.
const COMMENT_CHARACTERS_MAX: usize = 4_000;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_alerts))
        .routes(routes!(count_alerts))
        .routes(routes!(alert))
        .routes(routes!(acknowledge_alert))
        .routes(routes!(resolve_alert))
        .routes(routes!(comment_alert))
        .routes(routes!(accept_baseline))
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
    /// Part of the host's name, asset number or place.
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

impl HostRef {
    /// A host by number and name.
    pub(super) fn new(id: HostId, name: &str) -> Self {
        Self {
            id: id.0,
            name: name.to_owned(),
        }
    }
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
    /// The host it is about; the one that opened it, when it is about a unit.
    host: HostRef,
    /// The office of that host, or the unit that it is about.
    unit: UnitRef,
    /// Whether it is about that unit and everything below it, and not about one host.
    about_unit: bool,
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
    /// Whether anybody of the unit was written to; otherwise it is for the duty office to tell them.
    unit_told: bool,
    /// Whether mails name a duty telephone.
    by_phone: bool,
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

/// Accepting what an alert's files have become.
#[derive(Deserialize, ToSchema)]
pub(super) struct AcceptBaselineRequest {
    /// Why: 3 to 500 characters.
    reason: String,
    /// For which hosts: the alert's own when absent.
    #[serde(default)]
    scope: ReviewScope,
    /// The findings that the asker has seen, as the page of the alert lists them (at most 200): nothing else is accepted.
    findings: Vec<String>,
}

/// The alerts that the asker may see: the gravest first, and among equals the newest.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "alerts", params(AlertFilter, PageQuery),
    responses((status = OK, body = Page<AlertRow>), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_alerts(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(filter): Asked<AlertFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<AlertRow>>, ApiError> {
    let filter = asked(&api, filter).await?;
    let page = alert_list::list(&api.registry, &viewer.scope, &filter, &page.of_registry()).await?;
    Ok(Json(Page::of_registry(page, AlertRow::of)))
}

/// How many alerts a filter matches.
#[utoipa::path(
    get, path = "/api/v1/alerts/count", tag = "alerts", params(AlertFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_alerts(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(filter): Asked<AlertFilter>,
) -> Result<Json<Count>, ApiError> {
    let filter = asked(&api, filter).await?;
    let number = alert_list::count(&api.registry, &viewer.scope, &filter).await?;
    Ok(Json(Count { count: count(number) }))
}

/// One alert. Looking at it is audited.
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}", tag = "alerts", params(("id" = i64, Path)),
    responses((status = OK, body = AlertDetail), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn alert(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
) -> Result<Json<AlertDetail>, ApiError> {
    let detail = detail_of(&api, &viewer, id).await?;
    trail::seen(&api, &viewer, "alert.viewed", &format!("alert/{id}"), json!({})).await?;
    Ok(Json(detail))
}

/// Takes an alert: the asker takes care of it from now on.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/acknowledge", tag = "alerts", params(("id" = i64, Path)), request_body = AcknowledgeRequest,
    responses((status = OK, body = AlertDetail), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn acknowledge_alert(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Sent(AcknowledgeRequest {}): Sent<AcknowledgeRequest>,
) -> Result<Json<AlertDetail>, ApiError> {
    let mut change = Change::begin(&api, &viewer, id).await?;
    let done = alert::acknowledge(&mut change.tx, id, &viewer.user.name, change.now_ms).await?;
    change.finish(done, "alert.acknowledged", json!({})).await
}

/// Resolves an alert with a verdict.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/resolve", tag = "alerts", params(("id" = i64, Path)), request_body = ResolveRequest,
    responses((status = OK, body = AlertDetail), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn resolve_alert(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Sent(ResolveRequest { verdict, comment }): Sent<ResolveRequest>,
) -> Result<Json<AlertDetail>, ApiError> {
    let comment = spoken(&comment)?;
    let mut change = Change::begin(&api, &viewer, id).await?;
    let (name, now_ms) = (&viewer.user.name, change.now_ms);
    let done = alert::resolve(&mut change.tx, id, name, verdict.into(), &comment, now_ms).await?;
    change
        .finish(done, "alert.resolved", json!({ "verdict": verdict }))
        .await
}

/// Says something about an alert.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/comment", tag = "alerts", params(("id" = i64, Path)), request_body = CommentRequest,
    responses((status = OK, body = AlertDetail), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn comment_alert(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Sent(CommentRequest { comment }): Sent<CommentRequest>,
) -> Result<Json<AlertDetail>, ApiError> {
    let comment = spoken(&comment)?;
    if comment.is_empty() {
        return Err(ApiError::bad_request("comment", "empty"));
    }
    let mut change = Change::begin(&api, &viewer, id).await?;
    let done = alert::comment(&mut change.tx, id, &viewer.user.name, &comment, change.now_ms).await?;
    change.finish(done, "alert.commented", json!({})).await
}

/// Accepts the states that the files of an alert were left in as they should be, and closes it as harmless: the same
/// states open no finding again. Only what the asker has seen is accepted: when the alert's newest findings are others
/// than those named, it is a conflict (`findings_changed`). Findings that only count changes name no file, so nothing of
/// them is accepted; neither is a content that is listed as bad, nor one that nobody could read. When nothing at all
/// could be accepted, it is a conflict, too (`nothing_to_accept`). Audited; for analysts and administrators.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/accept-baseline", tag = "alerts", params(("id" = i64, Path)), request_body = AcceptBaselineRequest,
    responses((status = OK, body = AlertDetail), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn accept_baseline(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Sent(request): Sent<AcceptBaselineRequest>,
) -> Result<Json<AlertDetail>, ApiError> {
    let listed = visible_alert(&api, &viewer, id).await?;
    viewer.require(Right::ReviewFiles)?;
    let reason = reason(&request.reason)?;
    if listed.alert.category != crate::finding::Category::Files {
        return Err(ApiError::new(ErrorCode::Conflict).with("state", "not_about_files"));
    }
    let place = match request.scope {
        ReviewScope::Host => file_review::Place::Host(listed.alert.host),
        ReviewScope::Unit => file_review::Place::Unit(listed.unit_id),
    };
    let mut change = Change::begin(&api, &viewer, id).await?;
    let (name, now_ms) = (&viewer.user.name, change.now_ms);
    // Once it is locked, no finding joins it.
    alert::locked(&mut change.tx, id).await?;
    let findings = finding::of_alert_within(&mut change.tx, id, FINDINGS_MAX)
        .await?
        .rows;
    if !baseline::are_these(&findings, &request.findings) {
        return Err(ApiError::new(ErrorCode::Conflict).with("state", "findings_changed"));
    }
    let states = findings
        .iter()
        .filter_map(|row| baseline::state(row, place, &reason, name));
    let states: Vec<_> = states.collect();
    if states.is_empty() && listed.alert.state != crate::registry::alert::AlertState::Resolved {
        return Err(ApiError::new(ErrorCode::Conflict).with("state", "nothing_to_accept"));
    }
    let done = alert::resolve(&mut change.tx, id, name, alert::Verdict::Benign, &reason, now_ms).await?;
    if done {
        for state in &states {
            file_review::say(&mut change.tx, state, now_ms).await?;
        }
    }
    let detail = json!({
        "reason": reason, "scope": request.scope, "accepted": states.len(),
        "not_accepted": count(listed.alert.findings).saturating_sub(states.len() as u64),
    });
    change.finish(done, "alert.baseline_accepted", detail).await
}

/// What somebody says, as it may be kept.
fn spoken(comment: &str) -> Result<String, ApiError> {
    let comment = comment.trim().replace('\0', "\u{fffd}");
    if comment.chars().count() > COMMENT_CHARACTERS_MAX {
        return Err(ApiError::bad_request("comment", "too long").with("max", COMMENT_CHARACTERS_MAX));
    }
    Ok(comment)
}

/// A change of an alert by a person: allowed, in scope, audited, told.
struct Change<'a> {
    api: &'a Api,
    viewer: &'a Viewer,
    id: i64,
    now_ms: i64,
    tx: Transaction,
}

impl<'a> Change<'a> {
    async fn begin(api: &'a Api, viewer: &'a Viewer, id: i64) -> Result<Self, ApiError> {
        visible_alert(api, viewer, id).await?;
        viewer.require(Right::HandleAlerts)?;
        let tx = api.registry.begin().await?;
        Ok(Self {
            api,
            viewer,
            id,
            now_ms: now_ms(),
            tx,
        })
    }

    /// Commits what was `done`; what could not be done was not in a state that allows it.
    async fn finish(
        mut self,
        done: bool,
        action: &str,
        detail: Value,
    ) -> Result<Json<AlertDetail>, ApiError> {
        if !done {
            self.tx.rollback().await?;
            let listed = visible_alert(self.api, self.viewer, self.id).await?;
            let state = AlertState::from(listed.alert.state);
            return Err(ApiError::new(ErrorCode::Conflict).with("state", json!(state)));
        }
        let (name, object) = (&self.viewer.user.name, format!("alert/{}", self.id));
        audit::record(&mut self.tx, self.now_ms, name, action, &object, &detail).await?;
        self.tx.commit().await?;
        self.api.live.publish(Topic::Alert(self.id));
        detail_of(self.api, self.viewer, self.id).await.map(Json)
    }
}

/// An alert that the viewer may see, or nothing that exists.
async fn visible_alert(api: &Api, viewer: &Viewer, id: i64) -> Result<ListedAlert, ApiError> {
    let listed = alert_list::by_id(&api.registry, &viewer.scope, id).await?;
    listed.ok_or_else(ApiError::not_found)
}

async fn detail_of(api: &Api, viewer: &Viewer, id: i64) -> Result<AlertDetail, ApiError> {
    let listed = visible_alert(api, viewer, id).await?;
    let mut findings = finding::of_alert(&api.registry, id, FINDINGS_MAX).await?;
    detection::bring_up_to_date(&api.registry, &mut findings).await?;
    let history = alert::history(&api.registry, id).await?;
    let mut deliveries = Vec::new();
    let mut unit_told = false;
    for delivery in delivery::of_alert(&api.registry, id).await? {
        unit_told |= delivery.content.duty.is_none();
        let attempts = delivery::attempts(&api.registry, delivery.id).await?;
        deliveries.push(DeliveryReport::of(delivery, attempts));
    }
    Ok(AlertDetail {
        steps_code: listed.alert.title_code.clone(),
        row: AlertRow::of(listed),
        findings_list: findings.into_iter().map(FindingReport::of).collect(),
        history: history.into_iter().map(HistoryEntry::of).collect(),
        deliveries,
        unit_told,
        by_phone: api.has_duty_phone,
    })
}

async fn asked(api: &Api, filter: AlertFilter) -> Result<alert_list::AlertFilter, ApiError> {
    Ok(alert_list::AlertFilter {
        states: filter.state.unwrap_or_default().states(),
        severities: filter.severity.map(Into::into).into_iter().collect(),
        category: filter.category.map(Into::into),
        units: subtree(api, filter.unit).await?,
        host: filter.host.map(HostId),
        search: searched(filter.search),
    })
}
