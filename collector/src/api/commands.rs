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
use super::units::visible_units;
use super::word::{Params, count};
use crate::clock::now_ms;
use crate::registry::command::Order;
use crate::registry::{audit, command};

/// A host's latest commands that are shown.
const SHOWN_MAX: i64 = 200;
/// Hosts that one order may be for: a province's largest department many times over. More are refused, not cut.
const HOSTS_MAX: i64 = 5_000;
/// Time that a command may be given, in seconds: no work of an agent's is done sooner, and none may outlive its command.
const LIMIT_S: std::ops::RangeInclusive<u32> = 60..=86_400;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_commands, order_command))
        .routes(routes!(order_unit_command))
}

/// What hosts can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CommandKind {
    /// Look again at everything below one watch, or below all.
    Rescan,
    /// Let the antivirus bring its definitions up to date.
    UpdateSignatures,
    /// Let the antivirus look at where malware usually lands.
    QuickScan,
}

/// Something a host shall do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandRequest {
    /// What.
    kind: CommandKind,
    /// For `rescan`: the watch's name in the policy; all watches when absent.
    watch: Option<String>,
    /// For the others: given up after so many seconds, 60 to 86400. When absent, 900 for `update_signatures` and 7200
    /// for `quick_scan`.
    limit_s: Option<u32>,
}

impl CommandRequest {
    fn order(self) -> Result<Order, ApiError> {
        if self.limit_s.is_some_and(|limit_s| !LIMIT_S.contains(&limit_s)) {
            return Err(ApiError::bad_request("limit_s", "not between 60 and 86400"));
        }
        Ok(match self.kind {
            CommandKind::Rescan => Order::Rescan {
                watch: self.watch.unwrap_or_default(),
            },
            CommandKind::UpdateSignatures => Order::UpdateSignatures {
                limit_s: self.limit_s.unwrap_or(Order::UPDATE_LIMIT_S),
            },
            CommandKind::QuickScan => Order::QuickScan {
                limit_s: self.limit_s.unwrap_or(Order::SCAN_LIMIT_S),
            },
        })
    }
}

/// Commands that were ordered for a unit.
#[derive(Serialize, ToSchema)]
pub(super) struct CommandsOrdered {
    /// So many hosts are told.
    hosts: u64,
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
    /// Numbers that belong to the answer, such as `files` and `infected` of a scan.
    counts: Params,
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
    responses((status = OK, body = CommandOrdered), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn order_command(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Sent(request): Sent<CommandRequest>,
) -> Result<Json<CommandOrdered>, ApiError> {
    let host = visible_host(&api, &viewer, id).await?.host.id;
    viewer.require(Right::OrderCommands)?;
    let order = request.order()?;
    let (now_ms, name) = (now_ms(), &viewer.user.name);
    let mut tx = api.registry.begin().await?;
    let command = command::insert(&mut tx, &order.to(host, name, now_ms), now_ms).await?;
    let detail = json!({ "command": command, "kind": order.kind(), "parameters": order.parameters() });
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

/// Tells all active hosts of a unit and those below it to do something; at most 5,000.
#[utoipa::path(
    post, path = "/api/v1/units/{id}/commands", tag = "commands", params(("id" = i64, Path)), request_body = CommandRequest,
    responses((status = OK, body = CommandsOrdered), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn order_unit_command(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Sent(request): Sent<CommandRequest>,
) -> Result<Json<CommandsOrdered>, ApiError> {
    let units = visible_units(&api, &viewer.scope, id).await?;
    viewer.require(Right::OrderCommands)?;
    let order = request.order()?;
    let (now_ms, name) = (now_ms(), &viewer.user.name);
    let mut tx = api.registry.begin().await?;
    let hosts = command::insert_for_units(&mut tx, &units, &order, name, now_ms, HOSTS_MAX).await?;
    if hosts > HOSTS_MAX {
        return Err(ApiError::bad_request(
            "unit",
            format!("more than {HOSTS_MAX} hosts"),
        ));
    }
    let detail = json!({ "hosts": hosts, "kind": order.kind(), "parameters": order.parameters() });
    let object = format!("unit/{id}");
    audit::record(&mut tx, now_ms, name, "command.ordered", &object, &detail).await?;
    tx.commit().await?;
    Ok(Json(CommandsOrdered { hosts: count(hosts) }))
}

impl CommandReport {
    /// `None` for a kind of a newer build.
    fn of(row: command::Command) -> Option<Self> {
        let answered = row.finished_ms.is_some();
        Some(Self {
            id: row.id.to_string(),
            kind: serde_json::from_value(row.kind.into()).ok()?,
            parameters: Params::of(row.parameters),
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
            created_by: row.created_by,
            sent_ms: row.sent_ms,
            finished_ms: row.finished_ms,
            done: row.done,
            detail: answered.then_some(row.detail),
            counts: Params(row.counts.into_iter().map(|(name, n)| (name, n.into())).collect()),
        })
    }
}
