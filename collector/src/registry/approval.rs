//! A person's word about a host that waits for it.

use serde_json::json;

use super::host::HostStatus;
use super::query::word;
use super::{Registry, Result, Transaction, agent, audit, policy};
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
    let mut tx = registry.begin().await?;
    if !end_waiting(&mut tx, id, status).await? {
        return Ok(false);
    }
    if decision == Decision::Reject {
        agent::revoke_all_of(&mut tx, id, now_ms).await?;
    }
    audit::record(&mut tx, now_ms, by, action, &format!("host/{id}"), &json!({})).await?;
    tx.commit().await?;
    Ok(true)
}

/// Gives a host that waits its next status; whether it did wait. Of two answers at once the first counts.
async fn end_waiting(tx: &mut Transaction, id: HostId, status: HostStatus) -> Result<bool> {
    let changed = sqlx::query("UPDATE hosts SET status = $2 WHERE id = $1 AND status = $3")
        .bind(id.0)
        .bind(word(status))
        .bind(word(HostStatus::Pending))
        .execute(&mut **tx)
        .await?;
    policy::bump_revision(tx).await?;
    Ok(changed.rows_affected() > 0)
}
