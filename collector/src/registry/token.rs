//! Enrolment tokens: only the hash of the secret is kept, and each use is counted down in one statement.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Registry, Result, Transaction, next_id};

/// An enrolment token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its number.
    pub id: i64,
    /// The unit that PCs enrolled with it belong to.
    pub unit_id: i64,
    /// So many PCs may still use it.
    pub uses_left: i64,
    /// Not after this.
    pub expires_ms: i64,
    /// When it was made.
    pub created_ms: i64,
    /// By whom.
    pub created_by: String,
    /// What for.
    pub note: String,
}

/// What is to be known of a new token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// SHA-256 of the secret, hexadecimal.
    pub secret_hash: String,
    /// The unit that PCs enrolled with it belong to.
    pub unit_id: i64,
    /// So many PCs may use it.
    pub uses: i64,
    /// Not after this.
    pub expires_ms: i64,
    /// By whom.
    pub created_by: String,
    /// What for.
    pub note: String,
}

const COLUMNS: &str = "id, unit_id, uses_left, expires_ms, created_ms, created_by, note";

fn from_row(row: &AnyRow) -> Result<Token> {
    Ok(Token {
        id: row.try_get("id")?,
        unit_id: row.try_get("unit_id")?,
        uses_left: row.try_get("uses_left")?,
        expires_ms: row.try_get("expires_ms")?,
        created_ms: row.try_get("created_ms")?,
        created_by: row.try_get("created_by")?,
        note: row.try_get("note")?,
    })
}

/// All tokens, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn all(registry: &Registry) -> Result<Vec<Token>> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM tokens ORDER BY id DESC"
    )))
    .fetch_all(registry.readers())
    .await?
    .iter()
    .map(from_row)
    .collect()
}

/// Adds a token.
///
/// # Errors
/// When the database fails, or the unit does not exist.
pub async fn insert(tx: &mut Transaction, new: &NewToken, now_ms: i64) -> Result<i64> {
    let id = next_id(tx, "tokens").await?;
    sqlx::query(
        "INSERT INTO tokens (id, secret_hash, unit_id, uses_left, expires_ms, created_ms, created_by, note) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id)
    .bind(new.secret_hash.clone())
    .bind(new.unit_id)
    .bind(new.uses)
    .bind(new.expires_ms)
    .bind(now_ms)
    .bind(new.created_by.clone())
    .bind(new.note.clone())
    .execute(&mut **tx)
    .await?;
    Ok(id)
}

/// Whether a token can be used at this moment; only [`consume`] uses it.
///
/// # Errors
/// When the database fails.
pub async fn is_of_use(registry: &Registry, secret_hash: &str, now_ms: i64) -> Result<bool> {
    let found =
        sqlx::query("SELECT 1 FROM tokens WHERE secret_hash = $1 AND uses_left > 0 AND expires_ms > $2")
            .bind(secret_hash.to_owned())
            .bind(now_ms)
            .fetch_optional(registry.readers())
            .await?;
    Ok(found.is_some())
}

/// Uses a token once; `None` when it is wrong, used up or expired. Two PCs never share a last use.
///
/// # Errors
/// When the database fails.
pub async fn consume(tx: &mut Transaction, secret_hash: &str, now_ms: i64) -> Result<Option<Token>> {
    let statement = format!(
        "UPDATE tokens SET uses_left = uses_left - 1 \
         WHERE secret_hash = $1 AND uses_left > 0 AND expires_ms > $2 RETURNING {COLUMNS}"
    );
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(secret_hash.to_owned())
        .bind(now_ms)
        .fetch_optional(&mut **tx)
        .await?
        .map(|row| from_row(&row))
        .transpose()
}

/// Makes a token useless; whether it was of use.
///
/// # Errors
/// When the database fails.
pub async fn revoke(tx: &mut Transaction, id: i64) -> Result<bool> {
    let changed = sqlx::query("UPDATE tokens SET uses_left = 0 WHERE id = $1 AND uses_left > 0")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(changed.rows_affected() > 0)
}
