//! Exceptions: PCs that may lawfully be without antivirus or connection, with author, reason and end.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{Asked, Key, Sent};
use crate::api::guard::{Right, Viewer};
use crate::api::hosts::visible_host;
use crate::api::page::{Count, Page, PageQuery};
use crate::api::units::{UnitRef, sees, subtree};
use crate::api::word::{count, said, searched};
use crate::clock::now_ms;
use crate::registry::exception::{self, NewException, Subject};
use crate::registry::host::HostStatus;
use crate::registry::{asset, audit};

/// No exception lasts longer than a year: then somebody looks again.
const LIFE_MS_MAX: i64 = 366 * 24 * 3_600_000;
/// A reason is a sentence, not a word or a book.
const REASON_CHARS: std::ops::RangeInclusive<usize> = 3..=500;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_exceptions, add_exception))
        .routes(routes!(count_exceptions))
        .routes(routes!(end_exception))
}

/// What allows a PC to be an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum ExceptionKind {
    /// A rule forbids it any network, such as one for state secrets.
    OfflineRule,
    /// It is a tablet or a kiosk.
    TabletKiosk,
    /// No agent or antivirus exists for its system.
    Unsupported,
    /// It is out of use and waits to be taken from the register.
    Retired,
}

/// Which exceptions are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum ExceptionState {
    /// Those that hold now.
    #[default]
    Current,
    /// Those that are over, or were ended early.
    Over,
    /// All.
    All,
}

/// Which exceptions are wanted; what is absent does not restrict.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct ExceptionFilter {
    /// Of PCs of a unit, with those below it.
    unit: Option<i64>,
    /// Whether they hold: `current` when absent.
    state: Option<ExceptionState>,
    /// Part of the PC's name, asset number or place.
    search: Option<String>,
}

/// A PC that may lawfully be uncovered for a while.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct ExceptionRow {
    /// Its number.
    id: i64,
    /// The register's line that it is for, if it is for one.
    asset_id: Option<i64>,
    /// The host that it is for, or that its line is joined to.
    host_id: Option<i64>,
    /// The PC's name.
    name: String,
    /// The office's own number for it.
    asset_number: Option<String>,
    /// Where it stands.
    place: Option<String>,
    /// The office it counts at.
    unit: UnitRef,
    /// What allows it.
    kind: ExceptionKind,
    /// Why, in its author's words.
    reason: String,
    /// Its author.
    created_by: String,
    /// When it was made.
    created_ms: i64,
    /// When it ends.
    ends_ms: i64,
    /// When it was ended early.
    ended_ms: Option<i64>,
    /// By whom.
    ended_by: Option<String>,
    /// Whether it holds now.
    current: bool,
}

/// A new exception.
#[derive(Deserialize, ToSchema)]
pub(in crate::api) struct ExceptionRequest {
    /// The register's line; either this or `host_id`.
    asset_id: Option<i64>,
    /// The host; either this or `asset_id`.
    host_id: Option<i64>,
    /// What allows it.
    kind: ExceptionKind,
    /// Why: 3 to 500 characters.
    reason: String,
    /// When it ends: later than now, and within 366 days.
    ends_ms: i64,
}

/// An exception that was made.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct ExceptionMade {
    /// Its number.
    id: i64,
}

/// The exceptions, the newest first.
#[utoipa::path(
    get, path = "/api/v1/coverage/exceptions", tag = "coverage", params(ExceptionFilter, PageQuery),
    responses((status = OK, body = Page<ExceptionRow>), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_exceptions(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<ExceptionFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<ExceptionRow>>, ApiError> {
    let filter = filter(&api, asked).await?;
    let page = exception::list(
        &api.registry,
        &viewer.scope,
        &filter,
        now_ms(),
        &page.of_registry(),
    )
    .await?;
    Ok(Json(Page::of_registry(page, ExceptionRow::of)))
}

/// How many exceptions a filter matches.
#[utoipa::path(
    get, path = "/api/v1/coverage/exceptions/count", tag = "coverage", params(ExceptionFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_exceptions(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<ExceptionFilter>,
) -> Result<Json<Count>, ApiError> {
    let filter = filter(&api, asked).await?;
    let number = exception::count(&api.registry, &viewer.scope, &filter, now_ms()).await?;
    Ok(Json(Count { count: count(number) }))
}

/// Makes an exception. Audited; for administrators.
#[utoipa::path(
    post, path = "/api/v1/coverage/exceptions", tag = "coverage", request_body = ExceptionRequest,
    responses((status = OK, body = ExceptionMade), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn add_exception(
    State(api): State<Api>,
    viewer: Viewer,
    Sent(request): Sent<ExceptionRequest>,
) -> Result<Json<ExceptionMade>, ApiError> {
    let subject = subject(&api, &viewer, &request).await?;
    viewer.require(Right::KeepRegister)?;
    let now_ms = now_ms();
    let new = NewException {
        subject,
        kind: request.kind.into(),
        reason: request.reason.trim().to_owned(),
        created_by: viewer.user.name.clone(),
        ends_ms: request.ends_ms,
    };
    if !REASON_CHARS.contains(&new.reason.chars().count()) {
        return Err(ApiError::bad_request(
            "reason",
            "not between 3 and 500 characters",
        ));
    }
    if new.ends_ms <= now_ms || new.ends_ms - now_ms > LIFE_MS_MAX {
        return Err(ApiError::bad_request(
            "ends_ms",
            "not between now and 366 days from now",
        ));
    }
    let mut tx = api.registry.begin().await?;
    if exception::holds(&mut tx, new.subject, now_ms).await? {
        return Err(ApiError::new(ErrorCode::Conflict).with("state", "excepted"));
    }
    let id = exception::insert(&mut tx, &new, now_ms).await?;
    let detail = json!({
        "asset_id": request.asset_id, "host_id": request.host_id, "kind": new.kind,
        "reason": new.reason, "ends_ms": new.ends_ms,
    });
    let object = format!("exception/{id}");
    audit::record(
        &mut tx,
        now_ms,
        &new.created_by,
        "exception.made",
        &object,
        &detail,
    )
    .await?;
    tx.commit().await?;
    Ok(Json(ExceptionMade { id }))
}

/// Ends an exception before its time. Audited; for administrators.
#[utoipa::path(
    post, path = "/api/v1/coverage/exceptions/{id}/end", tag = "coverage", params(("id" = i64, Path)),
    responses((status = NO_CONTENT), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn end_exception(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
) -> Result<StatusCode, ApiError> {
    let unit = exception::unit_of(&api.registry, id).await?;
    if !unit.is_some_and(|unit| sees(&viewer.scope, unit)) {
        return Err(ApiError::not_found());
    }
    viewer.require(Right::KeepRegister)?;
    let (now_ms, by) = (now_ms(), &viewer.user.name);
    let mut tx = api.registry.begin().await?;
    if !exception::end(&mut tx, id, by, now_ms).await? {
        return Err(ApiError::new(ErrorCode::Conflict).with("state", "over"));
    }
    let object = format!("exception/{id}");
    audit::record(&mut tx, now_ms, by, "exception.ended", &object, &json!({})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an exception is asked for, if it may be seen.
async fn subject(api: &Api, viewer: &Viewer, request: &ExceptionRequest) -> Result<Subject, ApiError> {
    match (request.asset_id, request.host_id) {
        (Some(asset), None) => {
            let asset = asset::by_id(&api.registry, &viewer.scope, asset).await?;
            Ok(Subject::Asset(asset.ok_or_else(ApiError::not_found)?.id))
        }
        (None, Some(host)) => {
            let host = visible_host(api, viewer, host).await?.host;
            match host.status {
                HostStatus::Active => Ok(Subject::Host(host.id)),
                _ => Err(ApiError::new(ErrorCode::Conflict).with("state", "not_active")),
            }
        }
        _ => Err(ApiError::bad_request(
            "asset_id",
            "either asset_id or host_id is needed",
        )),
    }
}

async fn filter(api: &Api, asked: ExceptionFilter) -> Result<exception::ExceptionFilter, ApiError> {
    Ok(exception::ExceptionFilter {
        one_per_pc: false,
        units: subtree(api, asked.unit).await?,
        current: match asked.state.unwrap_or_default() {
            ExceptionState::Current => Some(true),
            ExceptionState::Over => Some(false),
            ExceptionState::All => None,
        },
        search: searched(asked.search),
    })
}

impl ExceptionRow {
    pub(super) fn of(row: exception::ListedException) -> Self {
        Self {
            id: row.id,
            asset_id: row.asset_id,
            host_id: row.host_id.map(|host| host.0),
            name: row.name,
            asset_number: said(row.asset_number),
            place: said(row.place),
            unit: UnitRef {
                id: row.unit_id,
                name: row.unit_name,
            },
            kind: row.kind.into(),
            reason: row.reason,
            created_by: row.created_by,
            created_ms: row.created_ms,
            ends_ms: row.ends_ms,
            ended_ms: row.ended_ms,
            ended_by: said(row.ended_by),
            current: row.current,
        }
    }
}

impl From<exception::ExceptionKind> for ExceptionKind {
    fn from(kind: exception::ExceptionKind) -> Self {
        match kind {
            exception::ExceptionKind::OfflineRule => Self::OfflineRule,
            exception::ExceptionKind::TabletKiosk => Self::TabletKiosk,
            exception::ExceptionKind::Unsupported => Self::Unsupported,
            exception::ExceptionKind::Retired => Self::Retired,
        }
    }
}

impl From<ExceptionKind> for exception::ExceptionKind {
    fn from(kind: ExceptionKind) -> Self {
        match kind {
            ExceptionKind::OfflineRule => Self::OfflineRule,
            ExceptionKind::TabletKiosk => Self::TabletKiosk,
            ExceptionKind::Unsupported => Self::Unsupported,
            ExceptionKind::Retired => Self::Retired,
        }
    }
}
