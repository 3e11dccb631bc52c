//! Contents that the centre knows to be bad or good, by SHA-256, and where they have been seen.

use std::collections::{BTreeSet, HashMap};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::alerts::HostRef;
use super::error::{ApiError, ErrorCode};
use super::events::HashVerdict;
use super::extract::{Asked, Key, Sent};
use super::guard::{Right, Viewer};
use super::hosts::visible_host;
use super::page::{Count, Page, PageQuery};
use super::units::UnitRef;
use super::word::{Text, count, searched};
use super::{Api, trail};
use crate::clock::now_ms;
use crate::entry::HostId;
use crate::hash_list::{self, ListError};
use crate::registry::audit;
use crate::registry::file_hash::{self, Brought, ListedHash, Listing, Sha256};

/// Hashes that one request may name.
const HASHES_MAX: usize = 1_000;
/// A list that is brought in by upload: about 250,000 lines. The command line takes longer ones.
const LIST_BYTES_MAX: usize = 16 << 20;
/// So many hashes of a list are written in one transaction, while others wait.
const IN_ONE_TRANSACTION: usize = 2_000;
/// So many places are named at which a content has been seen.
const SIGHTINGS_MAX: usize = 200;
/// A name of a list.
const SOURCE_CHARS: std::ops::RangeInclusive<usize> = 1..=100;
/// A note is a sentence or two.
const NOTE_CHARS_MAX: usize = 500;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    let import = OpenApiRouter::new()
        .routes(routes!(import_hashes))
        .layer(DefaultBodyLimit::max(LIST_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(list_hashes, add_hashes))
        .routes(routes!(count_hashes))
        .routes(routes!(remove_hash))
        .routes(routes!(sightings))
        .merge(import)
}

/// Which hashes are wanted; what is absent does not restrict.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HashFilter {
    /// With this verdict.
    verdict: Option<HashVerdict>,
    /// That begin with this, or whose source or note contains it.
    search: Option<String>,
}

/// A content that is known to be bad or good.
#[derive(Serialize, ToSchema)]
pub(super) struct HashRow {
    /// Its SHA-256.
    sha256: String,
    /// What is known of it.
    verdict: HashVerdict,
    /// The list that it comes from.
    source: String,
    /// Anything else that is said of it.
    note: String,
    /// Who brought it in.
    author: String,
    /// When.
    at_ms: i64,
}

/// Listing contents.
#[derive(Deserialize, ToSchema)]
pub(super) struct HashesRequest {
    /// Their SHA-256, at most 1,000.
    sha256: Vec<String>,
    /// What is known of them.
    verdict: HashVerdict,
    /// The list that they come from: 1 to 100 characters.
    source: String,
    /// Anything else: at most 500 characters.
    #[serde(default)]
    note: String,
}

/// What is to be said of the hashes of a list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HashImportQuery {
    /// What is known of them.
    verdict: HashVerdict,
    /// What the list is called: 1 to 100 characters.
    source: String,
    /// Anything else: at most 500 characters.
    note: Option<String>,
}

/// What became of hashes that were brought in.
#[derive(Serialize, ToSchema)]
pub(super) struct HashesReport {
    /// So many lines named a hash.
    hashes: u64,
    /// They are new.
    added: u64,
    /// They were listed before, and now say this.
    replaced: u64,
    /// They were to be good, and stay bad: whoever wants that takes them off the list first.
    kept_bad: u64,
}

/// A path of a host at which a content has been seen.
#[derive(Serialize, ToSchema)]
pub(super) struct SightingRow {
    /// The host.
    host: HostRef,
    /// Its office.
    unit: UnitRef,
    /// The path.
    path: Text,
    /// When it was seen there first.
    first_ms: i64,
    /// When last.
    last_ms: i64,
    /// In so many events.
    events: u64,
}

/// Where a content has been seen.
#[derive(Serialize, ToSchema)]
pub(super) struct Sightings {
    /// What is known of it; `null` when it is on no list.
    listed: Option<HashRow>,
    /// Where it has been seen, the latest first; at most 200.
    sightings: Vec<SightingRow>,
    /// Whether there are more.
    more: bool,
}

/// The contents that are known to be bad or good, what came last first. For who sees all units: sources and notes may
/// tell of an incident in any of them.
#[utoipa::path(
    get, path = "/api/v1/hashes", tag = "hashes", params(HashFilter, PageQuery),
    responses((status = OK, body = Page<HashRow>), (status = BAD_REQUEST, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_hashes(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(filter): Asked<HashFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<HashRow>>, ApiError> {
    sees_all(&viewer)?;
    let page = file_hash::list(&api.registry, &filter.into(), &page.of_registry()).await?;
    Ok(Json(Page::of_registry(page, HashRow::of)))
}

/// How many hashes a filter matches. For who sees all units.
#[utoipa::path(
    get, path = "/api/v1/hashes/count", tag = "hashes", params(HashFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_hashes(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(filter): Asked<HashFilter>,
) -> Result<Json<Count>, ApiError> {
    sees_all(&viewer)?;
    let number = file_hash::count(&api.registry, &filter.into()).await?;
    Ok(Json(Count { count: count(number) }))
}

/// Lists contents as bad or good. Audited; for analysts and administrators who see all units.
#[utoipa::path(
    post, path = "/api/v1/hashes", tag = "hashes", request_body = HashesRequest,
    responses((status = OK, body = HashesReport), (status = BAD_REQUEST, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn add_hashes(
    State(api): State<Api>,
    viewer: Viewer,
    Sent(request): Sent<HashesRequest>,
) -> Result<Json<HashesReport>, ApiError> {
    may_keep(&viewer)?;
    if request.sha256.is_empty() || request.sha256.len() > HASHES_MAX {
        return Err(ApiError::bad_request("sha256", "not between 1 and 1,000 hashes"));
    }
    let mut hashes = BTreeSet::new();
    for text in &request.sha256 {
        let hash = hash_list::hash(text);
        hashes.insert(hash.ok_or_else(|| ApiError::bad_request("sha256", "not 64 hexadecimal digits"))?);
    }
    let listing = listing(&viewer, request.verdict, &request.source, &request.note)?;
    let report = bring(&api, &hashes, &listing, "hashes.added").await?;
    Ok(Json(HashesReport::of(hashes.len() as u64, report)))
}

/// Brings in a list: one hash a line, what `sha256sum` prints, or a table with a column `sha256`; UTF-8. A line that
/// cannot be understood is named, and nothing is brought in. Audited; for analysts and administrators who see all units.
#[utoipa::path(
    post, path = "/api/v1/hashes/import", tag = "hashes", params(HashImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = OK, body = HashesReport), (status = BAD_REQUEST, body = ApiError), (status = PAYLOAD_TOO_LARGE, body = ApiError), (status = UNPROCESSABLE_ENTITY, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn import_hashes(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<HashImportQuery>,
    list: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Json<HashesReport>, ApiError> {
    may_keep(&viewer)?;
    let list = list.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(ErrorCode::BodyTooLarge).with("max_bytes", LIST_BYTES_MAX)
        }
        _ => ApiError::bad_request("body", rejection.body_text()),
    })?;
    let listing = listing(
        &viewer,
        asked.verdict,
        &asked.source,
        asked.note.as_deref().unwrap_or_default(),
    )?;
    // All of it is understood before any of it is written.
    let mut hashes = BTreeSet::new();
    let lines = hash_list::read(&list[..], |hash| {
        hashes.insert(hash);
        Ok::<_, ListError>(())
    })?;
    let report = bring(&api, &hashes, &listing, "hashes.imported").await?;
    Ok(Json(HashesReport::of(lines, report)))
}

/// Takes a content off the lists. Audited; for analysts and administrators who see all units.
#[utoipa::path(
    delete, path = "/api/v1/hashes/{sha256}", tag = "hashes", params(("sha256" = String, Path)),
    responses((status = NO_CONTENT), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn remove_hash(
    State(api): State<Api>,
    viewer: Viewer,
    Key(sha256): Key<String>,
) -> Result<StatusCode, ApiError> {
    may_keep(&viewer)?;
    let hash = hash_list::hash(&sha256).ok_or_else(ApiError::not_found)?;
    let mut tx = api.registry.begin().await?;
    if file_hash::remove(&mut tx, &BTreeSet::from([hash])).await? == 0 {
        return Err(ApiError::not_found());
    }
    let object = format!("hash/{}", hex::encode(hash));
    audit::record(
        &mut tx,
        now_ms(),
        &viewer.user.name,
        "hashes.removed",
        &object,
        &json!({}),
    )
    .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a content has been seen, as far as the asker may see it. Audited.
#[utoipa::path(
    get, path = "/api/v1/hashes/{sha256}/sightings", tag = "hashes", params(("sha256" = String, Path)),
    responses((status = OK, body = Sightings), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn sightings(
    State(api): State<Api>,
    viewer: Viewer,
    Key(sha256): Key<String>,
) -> Result<Json<Sightings>, ApiError> {
    let hash = hash_list::hash(&sha256).ok_or_else(ApiError::not_found)?;
    let one_more = u32::try_from(SIGHTINGS_MAX + 1).expect("a short list");
    let mut seen = api.store.sightings(&viewer.scope, &hash, one_more).await?;
    let object = format!("hash/{}", hex::encode(hash));
    trail::seen(&api, &viewer, "hash.sightings_viewed", &object, json!({})).await?;
    let more = seen.len() > SIGHTINGS_MAX;
    seen.truncate(SIGHTINGS_MAX);
    let mut hosts = HashMap::new();
    let mut rows = Vec::new();
    for sighting in seen {
        // The store's own table of units may lag behind; the registry has the last word.
        if let std::collections::hash_map::Entry::Vacant(host) = hosts.entry(sighting.host) {
            host.insert(visible_host(&api, &viewer, sighting.host).await.ok());
        }
        let Some(listed) = &hosts[&sighting.host] else {
            continue;
        };
        rows.push(SightingRow {
            host: HostRef::new(HostId(sighting.host), &listed.host.name),
            unit: UnitRef {
                id: listed.host.unit_id,
                name: listed.unit_name.clone(),
            },
            path: Text::of(&sighting.path.0),
            first_ms: sighting.first_ms,
            last_ms: sighting.last_ms,
            events: sighting.events,
        });
    }
    Ok(Json(Sightings {
        listed: file_hash::one(&api.registry, &hash).await?.map(HashRow::of),
        sightings: rows,
        more,
    }))
}

/// A list is one for all units: who sees some of them only would decide for others.
pub(super) fn may_keep(viewer: &Viewer) -> Result<(), ApiError> {
    viewer.require(Right::KeepHashes)?;
    sees_all(viewer)
}

fn sees_all(viewer: &Viewer) -> Result<(), ApiError> {
    match viewer.scope.units {
        None => Ok(()),
        Some(_) => Err(ApiError::new(ErrorCode::Forbidden)),
    }
}

fn listing(viewer: &Viewer, verdict: HashVerdict, source: &str, note: &str) -> Result<Listing, ApiError> {
    let (source, note) = (source.trim(), note.trim());
    if !SOURCE_CHARS.contains(&source.chars().count()) {
        return Err(ApiError::bad_request(
            "source",
            "not between 1 and 100 characters",
        ));
    }
    if note.chars().count() > NOTE_CHARS_MAX {
        return Err(ApiError::bad_request("note", "more than 500 characters"));
    }
    Ok(Listing {
        verdict: verdict.into(),
        source: source.to_owned(),
        note: note.to_owned(),
        author: viewer.user.name.clone(),
    })
}

/// Writes hashes down, some at a time; doing it again changes nothing, so a fault in between is mended by that.
async fn bring(
    api: &Api,
    hashes: &BTreeSet<Sha256>,
    listing: &Listing,
    action: &str,
) -> Result<Brought, ApiError> {
    let (all, now_ms): (Vec<Sha256>, i64) = (hashes.iter().copied().collect(), now_ms());
    let mut brought = Brought::default();
    for some in all.chunks(IN_ONE_TRANSACTION) {
        let mut tx = api.registry.begin().await?;
        brought += file_hash::bring(&mut tx, &some.iter().copied().collect(), listing, now_ms).await?;
        tx.commit().await?;
    }
    let mut tx = api.registry.begin().await?;
    let detail = json!({
        "verdict": listing.verdict, "source": listing.source, "note": listing.note, "hashes": all.len(),
        "first": all.first().map(hex::encode),
    });
    audit::record(&mut tx, now_ms, &listing.author, action, "hashes", &detail).await?;
    tx.commit().await?;
    Ok(brought)
}

impl HashRow {
    fn of(listed: ListedHash) -> Self {
        Self {
            sha256: hex::encode(listed.sha256),
            verdict: listed.listing.verdict.into(),
            source: listed.listing.source,
            note: listed.listing.note,
            author: listed.listing.author,
            at_ms: listed.at_ms,
        }
    }
}

impl HashesReport {
    fn of(hashes: u64, brought: Brought) -> Self {
        Self {
            hashes,
            added: brought.added,
            replaced: brought.replaced,
            kept_bad: brought.kept_bad,
        }
    }
}

impl From<HashFilter> for file_hash::HashFilter {
    fn from(filter: HashFilter) -> Self {
        Self {
            verdict: filter.verdict.map(Into::into),
            search: searched(filter.search),
        }
    }
}

impl From<ListError> for ApiError {
    fn from(error: ListError) -> Self {
        let (problem, line) = error.code();
        let refused = Self::new(ErrorCode::HashListFault).with("problem", problem);
        match line {
            Some(line) => refused.with("line", line),
            None => refused,
        }
    }
}
