//! A person's word about a host that waits for it.

use serde_json::json;

use super::host::{self, HostEdit, HostStatus};
use super::{Registry, Result, agent, audit};
use crate::entry::HostId;

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The host belongs here.
    Approve,
    /// It does not: its certificates are revoked.
    Reject,
}

/// Decides about a host; false when it does not wait for it.
///
/// # Errors
/// When the database fails.
pub async fn decide(
    registry: &Registry,
    id: HostId,
    decision: Decision,
    by: &str,
    now_ms: i64,
) -> Result<bool> {
    let (status, action) = match decision {
        Decision::Approve => (HostStatus::Active, "host.approved"),
        Decision::Reject => (HostStatus::Retired, "host.rejected"),
    };
    let waiting = host::by_id(registry, id).await?;
    if waiting.is_none_or(|host| host.status != HostStatus::Pending) {
        return Ok(false);
    }
    let mut tx = registry.begin().await?;
    if decision == Decision::Reject {
        agent::revoke_all_of(&mut tx, id, now_ms).await?;
    }
    let edit = HostEdit {
        status: Some(status),
        ..HostEdit::default()
    };
    host::edit(&mut tx, id, &edit).await?;
    audit::record(&mut tx, now_ms, by, action, &format!("host/{id}"), &json!({})).await?;
    tx.commit().await?;
    Ok(true)
}
