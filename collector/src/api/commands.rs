//! Commands: what a host is told to do, and how it ended. Typed, never a shell.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::ApiError;
use super::extract::{Key, Sent};
use super::guard::{Right, Viewer};
use super::hosts::visible_host;
use super::page::Page;
use super::word::Params;
use crate::clock::now_ms;
use crate::entry::HostId;
use crate::registry::command::NewCommand;
use crate::registry::{audit, command};

/// How the registry names the one kind there is.
const RESCAN: &str = "rescan";
/// A command that reached nobody within this time has lapsed: who ordered it looks again, and orders again.
const LIFE_MS: i64 = 24 * 3_600_000;
/// A host's latest commands that are shown.
const SHOWN_MAX: i64 = 200;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_commands, order_command))
}

/// What hosts can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CommandKind {
    /// Look again at everything below one watch, or below all.
    Rescan,
}

/// Something a host shall do.
#[derive(Deserialize, ToSchema)]
pub(super) struct CommandRequest {
    /// What.
    kind: CommandKind,
    /// The watch's name in the policy; all watches when absent.
    watch: Option<String>,
}

/// An ordered command.
#[derive(Serialize, ToSchema)]
pub(super) struct CommandOrdered {
    /// Its id.
    id: String,
}

/// A command and what became of it.
#[derive(Serialize, ToSchema)]
pub(super) struct CommandReport {
    /// Its id.
    id: String,
    /// What is to be done.
    kind: CommandKind,
    /// With what.
    parameters: Params,
    /// When it was ordered.
    created_ms: i64,
    /// When it lapses.
    expires_ms: i64,
    /// By whom it was ordered.
    created_by: String,
    /// When it was sent.
    sent_ms: Option<i64>,
    /// When it was answered.
    finished_ms: Option<i64>,
    /// Whether it was carried out; `null` while nobody knows.
    done: Option<bool>,
    /// What happened, in the agent's words.
    detail: Option<String>,
}

/// The commands that a host was given, the newest first.
#[utoipa::path(
    get, path = "/api/v1/hosts/{id}/commands", tag = "commands", params(("id" = i64, Path)),
    responses((status = OK, body = Page<CommandReport>), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_commands(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
) -> Result<Json<Page<CommandReport>>, ApiError> {
    let host = visible_host(&api, &viewer, id).await?.host.id;
    let commands = command::of_host(&api.registry, host, SHOWN_MAX).await?;
    Ok(Json(Page::whole(
        commands.into_iter().filter_map(CommandReport::of).collect(),
    )))
}

/// Tells a host to do something.
#[utoipa::path(
    post, path = "/api/v1/hosts/{id}/commands", tag = "commands", params(("id" = i64, Path)), request_body = CommandRequest,
    responses((status = OK, body = CommandOrdered), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn order_command(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Sent(CommandRequest {
        kind: CommandKind::Rescan,
        watch,
    }): Sent<CommandRequest>,
) -> Result<Json<CommandOrdered>, ApiError> {
    let host = visible_host(&api, &viewer, id).await?.host.id;
    viewer.require(Right::OrderCommands)?;
    let watch = watch.unwrap_or_default();
    let (now_ms, name) = (now_ms(), &viewer.user.name);
    let mut tx = api.registry.begin().await?;
    let command = command::insert(&mut tx, &rescan(host, &watch, name, now_ms), now_ms).await?;
    let detail = json!({ "command": command, "kind": RESCAN, "watch": watch });
    audit::record(
        &mut tx,
        now_ms,
        name,
        "command.ordered",
        &format!("host/{id}"),
        &detail,
    )
    .await?;
    tx.commit().await?;
    Ok(Json(CommandOrdered {
        id: command.to_string(),
    }))
}

/// The command to look again; an empty `watch` is all of them.
pub(crate) fn rescan(host: HostId, watch: &str, by: &str, now_ms: i64) -> NewCommand {
    NewCommand {
        host,
        kind: RESCAN.to_owned(),
        parameters: json!({ "watch": watch }),
        expires_ms: now_ms + LIFE_MS,
        created_by: by.to_owned(),
    }
}

impl CommandReport {
    /// `None` for a kind of a newer build.
    fn of(row: command::Command) -> Option<Self> {
        let answered = row.finished_ms.is_some();
        Some(Self {
            id: row.id.to_string(),
            kind: if row.kind == RESCAN {
                CommandKind::Rescan
            } else {
                return None;
            },
            parameters: Params::of(row.parameters),
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
            created_by: row.created_by,
            sent_ms: row.sent_ms,
            finished_ms: row.finished_ms,
            done: row.done,
            detail: answered.then_some(row.detail),
        })
    }
}
