//! What people say of the states that files were left in: "that is as it should be", or "that is not".

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, ErrorCode};
use super::events::{ReviewReport, ReviewVerdict, place, state_of, units_above};
use super::extract::{Asked, Key, Sent};
use super::guard::{Right, Viewer};
use super::hashes::may_keep;
use super::hosts::visible_host;
use super::page::{Page, PageQuery};
use super::units::sees;
use super::word::{Text, said};
use crate::clock::now_ms;
use crate::live::Topic;
use crate::registry::audit;
use crate::registry::file_hash::{self, HashVerdict, Listing};
use crate::registry::file_review::{self, NewReview, Place, Review};
use crate::store::EventRow;

/// A reason is a sentence, not a word or a book.
const REASON_CHARS: std::ops::RangeInclusive<usize> = 3..=500;
/// The source of hashes that come onto the bad list from a flagged change.
const FLAGGED: &str = "flagged";

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_file_reviews, review_file))
        .routes(routes!(take_back_file_review))
}

/// For which hosts a word holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReviewScope {
    /// For the event's host.
    #[default]
    Host,
    /// For all hosts of its office, and of those below it.
    Unit,
}

/// Saying what a change left behind is.
#[derive(Deserialize, ToSchema)]
pub(super) struct FileReviewRequest {
    /// The file event.
    event_key: String,
    /// What is said.
    verdict: ReviewVerdict,
    /// Why: 3 to 500 characters.
    reason: String,
    /// For which hosts: the event's own when absent.
    #[serde(default)]
    scope: ReviewScope,
    /// Of what is flagged: its content goes onto the list of bad ones, too, for all units.
    #[serde(default)]
    add_hash: bool,
}

/// What somebody said, and of which file.
#[derive(Serialize, ToSchema)]
pub(super) struct FileReviewRow {
    /// What was said.
    review: ReviewReport,
    /// The file.
    path: Text,
    /// What had happened to it: a word such as `modified`; `null` when it came from an alert of before.
    action: Option<String>,
    /// SHA-256 of the content that it is about.
    sha256: Option<String>,
}

/// What was said that concerns a host's files, the latest first.
#[utoipa::path(
    get, path = "/api/v1/hosts/{id}/file-reviews", tag = "events", params(("id" = i64, Path), PageQuery),
    responses((status = OK, body = Page<FileReviewRow>), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_file_reviews(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<FileReviewRow>>, ApiError> {
    let host = visible_host(&api, &viewer, id).await?.host.id;
    let units = units_above(&api, host).await?;
    let page = file_review::list(&api.registry, host, &units, &page.of_registry()).await?;
    Ok(Json(Page::of_registry(page, FileReviewRow::of)))
}

/// Says of the state that a file event left its file in that it is accepted, or flagged. What is accepted opens no
/// finding again as long as it stays exactly so. A file whose content nobody could read cannot be accepted: size and time
/// can be forged, so that is a conflict (`content_unknown`). A later word replaces an earlier one. Audited; for analysts and
/// administrators.
#[utoipa::path(
    post, path = "/api/v1/hosts/{id}/file-reviews", tag = "events", params(("id" = i64, Path)), request_body = FileReviewRequest,
    responses((status = OK, body = FileReviewRow), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn review_file(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Sent(request): Sent<FileReviewRequest>,
) -> Result<Json<FileReviewRow>, ApiError> {
    let host = visible_host(&api, &viewer, id).await?.host;
    viewer.require(Right::ReviewFiles)?;
    let reason = reason(&request.reason)?;
    let add_hash = request.add_hash && request.verdict == ReviewVerdict::Flagged;
    if add_hash {
        may_keep(&viewer)?;
    }
    let row = event_of(&api, &viewer, host.id.0, &request.event_key).await?;
    let hash = <[u8; 32]>::try_from(row.file_sha256.0.as_slice()).ok();
    if add_hash && hash.is_none() {
        return Err(ApiError::new(ErrorCode::Conflict).with("state", "no_hash"));
    }
    if request.verdict == ReviewVerdict::Accepted && !state_of(&row).is_certain() {
        return Err(ApiError::new(ErrorCode::Conflict).with("state", "content_unknown"));
    }
    let new = NewReview {
        place: match request.scope {
            ReviewScope::Host => Place::Host(host.id),
            ReviewScope::Unit => Place::Unit(host.unit_id),
        },
        state_key: state_of(&row).key(),
        path: row.file_path.0.clone(),
        action: row.file_action.clone(),
        sha256: hex::encode(&row.file_sha256.0),
        verdict: request.verdict.into(),
        reason,
        author: viewer.user.name.clone(),
    };
    let now_ms = now_ms();
    let mut tx = api.registry.begin().await?;
    let id = file_review::say(&mut tx, &new, now_ms).await?;
    if let Some(hash) = hash.filter(|_| add_hash) {
        let listing = Listing {
            verdict: HashVerdict::Bad,
            source: FLAGGED.to_owned(),
            note: new.reason.clone(),
            author: new.author.clone(),
        };
        file_hash::bring(&mut tx, &BTreeSet::from([hash]), &listing, now_ms).await?;
    }
    let detail = json!({
        "event": request.event_key, "verdict": request.verdict, "scope": request.scope, "reason": new.reason,
        "path": String::from_utf8_lossy(&new.path), "sha256": new.sha256, "add_hash": add_hash, "review": id,
    });
    let object = format!("host/{}", host.id);
    audit::record(&mut tx, now_ms, &new.author, "file.reviewed", &object, &detail).await?;
    tx.commit().await?;
    api.live.publish(Topic::Host(host.id));
    Ok(Json(FileReviewRow::of(Review {
        id,
        said: new,
        at_ms: now_ms,
    })))
}

/// Takes back what was said. Audited; for analysts and administrators.
#[utoipa::path(
    delete, path = "/api/v1/hosts/{id}/file-reviews/{review}", tag = "events", params(("id" = i64, Path), ("review" = i64, Path)),
    responses((status = NO_CONTENT), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn take_back_file_review(
    State(api): State<Api>,
    viewer: Viewer,
    Key((id, review)): Key<(i64, i64)>,
) -> Result<StatusCode, ApiError> {
    let host = visible_host(&api, &viewer, id).await?.host.id;
    viewer.require(Right::ReviewFiles)?;
    let known = file_review::by_id(&api.registry, review).await?;
    let known = known.ok_or_else(ApiError::not_found)?;
    let is_of_host = match known.said.place {
        Place::Host(of) => of == host,
        // What holds for an office that the asker does not see all of is not theirs to take back.
        Place::Unit(unit) => units_above(&api, host).await?.contains(&unit) && sees(&viewer.scope, unit),
    };
    if !is_of_host {
        return Err(ApiError::not_found());
    }
    let now_ms = now_ms();
    let mut tx = api.registry.begin().await?;
    file_review::take_back(&mut tx, review).await?;
    let detail = json!({
        "review": review, "verdict": known.said.verdict, "path": String::from_utf8_lossy(&known.said.path),
        "author": known.said.author, "reason": known.said.reason,
    });
    let object = format!("host/{host}");
    audit::record(
        &mut tx,
        now_ms,
        &viewer.user.name,
        "file.review_taken_back",
        &object,
        &detail,
    )
    .await?;
    tx.commit().await?;
    api.live.publish(Topic::Host(host));
    Ok(StatusCode::NO_CONTENT)
}

/// The file event of a host that has this name.
async fn event_of(api: &Api, viewer: &Viewer, host: i64, key: &str) -> Result<EventRow, ApiError> {
    let (pos, i) = place(key).ok_or_else(ApiError::not_found)?;
    let row = api.store.event(&viewer.scope, pos, i).await?;
    row.filter(|row| row.host == host && row.kind == "file")
        .ok_or_else(ApiError::not_found)
}

/// A reason, as it may be kept.
pub(super) fn reason(text: &str) -> Result<String, ApiError> {
    let reason = text.trim();
    if REASON_CHARS.contains(&reason.chars().count()) {
        Ok(reason.to_owned())
    } else {
        Err(ApiError::bad_request(
            "reason",
            "not between 3 and 500 characters",
        ))
    }
}

impl FileReviewRow {
    fn of(review: Review) -> Self {
        Self {
            review: ReviewReport::of(&review),
            path: Text::of(&review.said.path),
            action: said(review.said.action),
            sha256: said(review.said.sha256),
        }
    }
}
