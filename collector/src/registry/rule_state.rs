//! What the rules remember, and how far they have read the journal: both move in one transaction.

use std::fmt::Write as _;

use sqlx::Row;

use super::{Registry, Result, Transaction};

/// What one rule remembers of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleState {
    /// The rule.
    pub rule: String,
    /// The entity, in the rule's own spelling.
    pub entity: String,
    /// JSON of the rule's own shape.
    pub state: String,
}

/// Before the name of a rule whose memory could not be read, where it was put out of the way.
const UNREADABLE: &str = "unreadable/";

/// Everything that the rules remember, without what was put out of the way.
///
/// # Errors
/// When the database fails.
pub async fn all(registry: &Registry) -> Result<Vec<RuleState>> {
    sqlx::query(
        "SELECT rule, entity, state FROM rule_state WHERE SUBSTR(rule, 1, LENGTH($1)) <> $1 ORDER BY rule, entity",
    )
    .bind(UNREADABLE)
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(|row| {
            Ok(RuleState {
                rule: row.try_get("rule")?,
                entity: row.try_get("entity")?,
                state: row.try_get("state")?,
            })
        })
        .collect()
}

/// So many states are written by one statement: few enough parameters for both databases, and a fraction of the time
/// that as many statements would take.
const KEPT_AT_ONCE: usize = 100;

/// Keeps what rules remember, each of another entity.
///
/// # Errors
/// When the database fails.
pub async fn keep_all(tx: &mut Transaction, states: &[RuleState]) -> Result<()> {
    for some in states.chunks(KEPT_AT_ONCE) {
        let mut values = String::new();
        for place in (1..).step_by(3).take(some.len()) {
            let comma = if place == 1 { "" } else { ", " };
            let _ = write!(values, "{comma}(${place}, ${}, ${})", place + 1, place + 2);
        }
        let statement = format!(
            "INSERT INTO rule_state (rule, entity, state) VALUES {values} \
             ON CONFLICT (rule, entity) DO UPDATE SET state = excluded.state"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
        for RuleState { rule, entity, state } in some {
            query = query.bind(rule.clone()).bind(entity.clone()).bind(state.clone());
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Keeps what a rule remembers of an entity; `None` is nothing any more.
///
/// # Errors
/// When the database fails.
pub async fn keep(tx: &mut Transaction, rule: &str, entity: &str, state: Option<&str>) -> Result<()> {
    let query = match state {
        Some(state) => sqlx::query(
            "INSERT INTO rule_state (rule, entity, state) VALUES ($1, $2, $3) \
             ON CONFLICT (rule, entity) DO UPDATE SET state = excluded.state",
        )
        .bind(rule.to_owned())
        .bind(entity.to_owned())
        .bind(state.to_owned()),
        None => sqlx::query("DELETE FROM rule_state WHERE rule = $1 AND entity = $2")
            .bind(rule.to_owned())
            .bind(entity.to_owned()),
    };
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Keeps a state that cannot be read under another name, where the rule's next one does not overwrite it.
///
/// # Errors
/// When the database fails.
pub async fn put_out_of_the_way(tx: &mut Transaction, rule: &str, entity: &str, now_ms: i64) -> Result<()> {
    sqlx::query("UPDATE rule_state SET rule = $3, entity = $4 WHERE rule = $1 AND entity = $2")
        .bind(rule.to_owned())
        .bind(entity.to_owned())
        .bind(format!("{UNREADABLE}{rule}"))
        .bind(format!("{entity}@{now_ms}"))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The position of a reader, 0 before the first.
///
/// # Errors
/// When the database fails.
pub async fn cursor(registry: &Registry, name: &str) -> Result<u64> {
    let pos: Option<i64> = sqlx::query_scalar("SELECT pos FROM cursors WHERE name = $1")
        .bind(name.to_owned())
        .fetch_optional(registry.readers())
        .await?;
    Ok(pos.unwrap_or(0).cast_unsigned())
}

/// Moves a reader's position.
///
/// # Errors
/// When the database fails.
pub async fn move_cursor(tx: &mut Transaction, name: &str, pos: u64) -> Result<()> {
    sqlx::query(
        "INSERT INTO cursors (name, pos) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET pos = excluded.pos",
    )
    .bind(name.to_owned())
    .bind(pos.cast_signed())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
