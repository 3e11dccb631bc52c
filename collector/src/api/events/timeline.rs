//! What became of a host's files: change after change, with all that one package or one planned change explains as one.
//!
//! An entry stands where its newest change stands; explained changes of one cause belong together while no more than
//! ten minutes lie between one and the next. A page's cursor is the place of its last entry, and the next page holds
//! the entries whose newest change lies before it: no entry is split between pages, and none is lost. What arrives
//! while somebody pages can make an entry of an earlier page longer, never one of a later page.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::file::CauseReport;
use super::{AUDITED_CHARACTERS_MAX, EventRow, known, said_of};
use crate::api::error::ApiError;
use crate::api::extract::{Asked, Key};
use crate::api::guard::Viewer;
use crate::api::hosts::visible_host;
use crate::api::page::{Page, PageQuery};
use crate::api::word::{Text, said, searched};
use crate::api::{Api, trail};
use crate::store::{self, Cursor, Run, Timeline};

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(file_timeline))
}

/// Which changes are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Explained {
    /// All of them.
    #[default]
    All,
    /// Only those that a package or a planned change explains.
    Only,
    /// Only those that nothing explains.
    None,
}

/// Which changes of files are wanted; what is absent does not restrict.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct FileTimelineFilter {
    /// Containing this text in their path, without regard to case and accents.
    q: Option<String>,
    /// Under this watch of the policy.
    watch: Option<String>,
    /// Explained or not; all when absent.
    explained: Option<Explained>,
    /// Not before.
    from_ms: Option<i64>,
    /// Before.
    to_ms: Option<i64>,
}

/// One entry of what became of a host's files.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::api) enum FileTimelineEntry {
    /// One change that nothing explains.
    Event {
        /// The change.
        event: Box<EventRow>,
    },
    /// Everything that one cause explains, in one go. The changes themselves are the host's events of kind `file` with
    /// this `cause_name` (and `cause_version`), from `first_ms` to `last_ms`.
    Explained {
        /// Its name: that of its newest change, unique and lasting.
        key: String,
        /// What explains them.
        cause: CauseReport,
        /// So many changes.
        count: u64,
        /// When the first of them was.
        first_ms: i64,
        /// When the last of them was.
        last_ms: i64,
        /// The watches that they fall under, at most 10.
        watches: Vec<String>,
        /// Some of their paths, at most 3.
        paths: Vec<Text>,
    },
}

/// What became of one host's files, the newest first. Searching it is audited.
#[utoipa::path(
    get, path = "/api/v1/hosts/{id}/file-timeline", tag = "events", params(("id" = i64, Path), FileTimelineFilter, PageQuery),
    responses((status = OK, body = Page<FileTimelineEntry>), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn file_timeline(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Asked(filter): Asked<FileTimelineFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<FileTimelineEntry>>, ApiError> {
    let host = visible_host(&api, &viewer, id).await?.host.id;
    let text = searched(filter.q);
    if let Some(text) = &text {
        let detail = json!({ "text": text.chars().take(AUDITED_CHARACTERS_MAX).collect::<String>() });
        trail::seen(&api, &viewer, "events.searched", &format!("host/{id}"), detail).await?;
    }
    let limit = page.limit();
    let one_more = u32::try_from(limit + 1).expect("a page is short");
    let asked = Timeline {
        host: Some(host),
        kind: Some("file".to_owned()),
        text,
        watch: said_of(filter.watch),
        from_ms: filter.from_ms,
        to_ms: filter.to_ms,
        after: page.after()?,
        unexplained: true,
        ..Timeline::default()
    };
    let explained = filter.explained.unwrap_or_default();
    let mut places = Vec::new();
    if explained != Explained::Only {
        let rows = api.store.timeline(&viewer.scope, &asked, one_more).await?;
        places.extend(rows.into_iter().map(|row| Place::Event(Box::new(row))));
    }
    if explained != Explained::None {
        let runs = api.store.explained_runs(&viewer.scope, &asked, one_more).await?;
        places.extend(runs.into_iter().map(Place::Run));
    }
    places.sort_by_key(|place| std::cmp::Reverse(place.cursor().order()));
    let page = Page::cut(places, limit, Place::cursor);
    Ok(Json(Page {
        items: entries(&api, page.items).await?,
        next_cursor: page.next_cursor,
    }))
}

/// What the store has at one place.
enum Place {
    Event(Box<store::EventRow>),
    Run(Run),
}

impl Place {
    fn cursor(&self) -> Cursor {
        match self {
            Self::Event(row) => Cursor::of(row),
            Self::Run(run) => run.last(),
        }
    }
}

async fn entries(api: &Api, places: Vec<Place>) -> Result<Vec<FileTimelineEntry>, ApiError> {
    let rows = places.iter().filter_map(|place| match place {
        Place::Event(row) => Some(row.as_ref().clone()),
        Place::Run(_) => None,
    });
    let events = known::shown(api, rows.collect()).await?;
    let mut events: std::collections::HashMap<String, EventRow> = events
        .into_iter()
        .map(|event| (event.key.clone(), event))
        .collect();
    let entry = |place: Place| match place {
        Place::Event(row) => {
            let event = events.remove(&format!("{}-{}", row.pos, row.i))?;
            Some(FileTimelineEntry::Event {
                event: Box::new(event),
            })
        }
        Place::Run(run) => explained_entry(run),
    };
    Ok(places.into_iter().filter_map(entry).collect())
}

fn explained_entry(run: Run) -> Option<FileTimelineEntry> {
    Some(FileTimelineEntry::Explained {
        key: format!("{}-{}", run.last_pos, run.last_i),
        cause: CauseReport {
            kind: super::row::word(&run.cause_kind)?,
            name: run.cause_name,
            version: said(run.cause_version),
            by: run.cause_by,
        },
        count: run.changes,
        first_ms: run.first_ms,
        last_ms: run.last_ms,
        watches: run.watches,
        paths: run.paths.iter().map(|path| Text::of(&path.0)).collect(),
    })
}
