//! What a session asks the registry, and what it tells it, in the words of the wire.

use vong_proto::event::CommandResult;
use vong_proto::session::{Command, CommandKind, Hello, PolicyDocument, PolicyStatus};

use serde_json::json;

use super::share::Line;
use super::troubles::Noted;
use crate::entry::{Cloned, HostId};
use crate::fleet::Identity;
use crate::registry::host::{PolicyState, Presented};
use crate::registry::host_state;
use crate::registry::{Registry, Result, agent, audit, command, host, policy};

/// So many hosts are noted as heard by one statement, in a transaction of its own: a few milliseconds.
const HEARD_AT_ONCE: usize = 250;

/// Who acts in the audit trail when a conversation shows something.
const ACTOR: &str = "intake";

/// An agent has said hello; `has_changed` when it comes otherwise than before.
pub(super) async fn connected(
    registry: &Registry,
    identity: &Identity,
    has_changed: bool,
    hello: &Hello,
    offset_ms: i64,
    now_ms: i64,
) -> Result<()> {
    let presented = Presented {
        name: hello.hostname.clone(),
        os: hello.os.clone(),
        agent_version: hello.agent_version.clone(),
        privileged: hello.privileged,
        boot: hello.boot.to_string(),
        clock_offset_ms: offset_ms,
    };
    let mut tx = registry.begin().await?;
    host::set_connected(&mut tx, identity.host, &presented, now_ms).await?;
    if has_changed {
        agent::present(&mut tx, identity.agent, &identity.presented).await?;
    }
    Ok(tx.commit().await?)
}

/// A host's connection has ended.
pub(super) async fn disconnected(
    registry: &Registry,
    id: HostId,
    said_goodbye: bool,
    now_ms: i64,
) -> Result<()> {
    let mut tx = registry.begin().await?;
    host::set_disconnected(&mut tx, id, said_goodbye, now_ms).await?;
    Ok(tx.commit().await?)
}

/// Two machines use one agent's key.
pub(super) async fn cloned(registry: &Registry, cloned: &Cloned, now_ms: i64) -> Result<()> {
    let mut tx = registry.begin().await?;
    if agent::note_cloned(&mut tx, cloned.agent, cloned.how, now_ms).await? {
        let object = format!("host/{}", cloned.host);
        let detail =
            json!({ "agent": cloned.agent.to_string(), "how": cloned.how, "machines": cloned.machines });
        audit::record(&mut tx, now_ms, ACTOR, "agent.quarantined", &object, &detail).await?;
    }
    Ok(tx.commit().await?)
}

/// What the intake had against agents.
pub(super) async fn note_troubles(registry: &Registry, noted: &[Noted]) -> Result<()> {
    for some in noted.chunks(HEARD_AT_ONCE) {
        let mut tx = registry.begin().await?;
        for one in some {
            host_state::note_trouble(&mut tx, one.host, one.trouble, one.times, one.at_ms).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// When hosts were last heard. All at once, 19,000 would keep every other writer waiting for seconds.
pub(super) async fn heard(registry: &Registry, heard: &[(HostId, i64)]) -> Result<()> {
    for some in heard.chunks(HEARD_AT_ONCE) {
        let mut tx = registry.begin().await?;
        host::touch_seen(&mut tx, some).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The effective policy of a host, and what it says about the line of the host's unit.
pub(super) async fn policy_of(registry: &Registry, id: HostId) -> Result<(PolicyDocument, Line)> {
    let effective = policy::effective(registry, id).await?;
    let line = Line {
        unit: effective.unit_id,
        kbit_s: effective.unit_kbit_s,
    };
    let document = PolicyDocument {
        version: u64::try_from(effective.version).unwrap_or_default(),
        hash: effective.hash,
        document: effective.document,
    };
    Ok((document, line))
}

/// A policy is on its way to its agent.
pub(super) async fn policy_sent(registry: &Registry, id: HostId, policy: &PolicyDocument) -> Result<()> {
    let version = i64::try_from(policy.version).unwrap_or(i64::MAX);
    let mut tx = registry.begin().await?;
    host::set_policy_state(&mut tx, id, PolicyState::Sent, version, &policy.hash, "").await?;
    Ok(tx.commit().await?)
}

/// What became of a policy on its agent.
pub(super) async fn policy_status(registry: &Registry, id: HostId, status: &PolicyStatus) -> Result<()> {
    let state = if status.applied {
        PolicyState::Applied
    } else {
        PolicyState::Refused
    };
    let version = i64::try_from(status.version).unwrap_or(i64::MAX);
    let mut tx = registry.begin().await?;
    host::set_policy_state(&mut tx, id, state, version, &status.hash, &status.refusal).await?;
    Ok(tx.commit().await?)
}

/// The commands that wait for a host.
pub(super) async fn commands_waiting(registry: &Registry, id: HostId, now_ms: i64) -> Result<Vec<Command>> {
    let pending = command::pending_of(registry, id, now_ms).await?;
    Ok(pending
        .into_iter()
        .map(|row| Command {
            id: row.id.to_string(),
            expires_ms: row.expires_ms,
            kind: kind(&row),
        })
        .collect())
}

fn kind(row: &command::Command) -> CommandKind {
    match row.kind.as_str() {
        "rescan" => CommandKind::Rescan {
            watch: row.parameters["watch"].as_str().unwrap_or_default().to_owned(),
        },
        "update_signatures" => CommandKind::UpdateSignatures {
            limit_s: limit_s(row),
        },
        "quick_scan" => CommandKind::QuickScan {
            limit_s: limit_s(row),
        },
        _ => CommandKind::Unknown,
    }
}

fn limit_s(row: &command::Command) -> u32 {
    let limit_s = row.parameters["limit_s"].as_u64().unwrap_or_default();
    u32::try_from(limit_s).unwrap_or(u32::MAX)
}

/// A command is on its way.
pub(super) async fn command_sent(registry: &Registry, id: &str, now_ms: i64) -> Result<()> {
    let Ok(id) = id.parse() else { return Ok(()) };
    let mut tx = registry.begin().await?;
    command::mark_sent(&mut tx, id, now_ms).await?;
    Ok(tx.commit().await?)
}

/// A host has answered commands. An id that is no number was never one of ours.
pub(super) async fn commands_finished(
    registry: &Registry,
    id: HostId,
    results: &[CommandResult],
    now_ms: i64,
) -> Result<()> {
    let mut tx = registry.begin().await?;
    for result in results {
        let Ok(command) = result.command_id.parse() else {
            continue;
        };
        command::finish(
            &mut tx,
            id,
            command,
            result.done,
            &result.detail,
            &result.counts,
            now_ms,
        )
        .await?;
    }
    Ok(tx.commit().await?)
}
