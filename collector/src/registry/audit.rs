//! The audit trail: who looked at personal data, exported it or changed something.

use serde_json::Value;
use sqlx::Row;

use super::fold::storable;
use super::query::{Page, Paged, Statement, json};
use super::{Registry, Result, Transaction, next_id};

/// One act.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// Its number.
    pub id: i64,
    /// When.
    pub at_ms: i64,
    /// A user's name, or `command line`.
    pub actor: String,
    /// A code, such as `host.retired`.
    pub action: String,
    /// What it was done to, such as `host/12`.
    pub object: String,
    /// Particulars.
    pub detail: Value,
}

/// Records an act.
///
/// # Errors
/// When the database fails.
pub async fn record(
    tx: &mut Transaction,
    at_ms: i64,
    actor: &str,
    action: &str,
    object: &str,
    detail: &Value,
) -> Result<()> {
    let id = next_id(tx, "audit").await?;
    sqlx::query(
        "INSERT INTO audit (id, at_ms, actor, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(at_ms)
    .bind(storable(actor))
    .bind(action.to_owned())
    .bind(storable(object))
    .bind(detail.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The acts, the newest first.
///
/// # Errors
/// When the database fails, or the cursor is not one of ours.
pub async fn list(registry: &Registry, page: &Page) -> Result<Paged<Act>> {
    let mut statement =
        Statement::new("SELECT id, at_ms, actor, action, object, detail FROM audit WHERE 1 = 1");
    if let Some((_, id)) = page.position::<i64>()? {
        statement.sql(" AND id < ").bind(id);
    }
    statement.sql(" ORDER BY id DESC LIMIT ").bind(page.limit() + 1);
    let acts: Vec<Act> = statement
        .query()
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(|row| {
            Ok(Act {
                id: row.try_get("id")?,
                at_ms: row.try_get("at_ms")?,
                actor: row.try_get("actor")?,
                action: row.try_get("action")?,
                object: row.try_get("object")?,
                detail: json(row, "detail")?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Paged::of(acts, page.limit(), |act| (act.id, act.id)))
}
