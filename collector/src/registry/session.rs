//! Sessions of the dashboard, and the attempts to get one. Of a session's token only the hash is kept.

use sqlx::Row;

use super::query::flag;
use super::{Registry, Result, Transaction, next_id};

/// More attempts than this are not looked at: whoever made them waits the longest time anyway.
const ATTEMPTS_MAX: i64 = 1_000;

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie's token, hexadecimal.
    pub token_hash: String,
    /// Whose it is.
    pub user_id: i64,
    /// What requests that change something must show.
    pub csrf: String,
    /// When it began.
    pub created_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// When it was last used.
    pub seen_ms: i64,
    /// Where it came from.
    pub address: String,
}

/// An attempt to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginAttempt {
    /// When.
    pub at_ms: i64,
    /// Whether it succeeded.
    pub success: bool,
    /// Whether it was with the name that was asked for.
    pub same_name: bool,
    /// Whether it came from the address that was asked for.
    pub same_address: bool,
}

/// Begins a session.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Transaction, session: &Session) -> Result<()> {
    sqlx::query(
        "INSERT INTO sessions (token_hash, user_id, csrf, created_ms, expires_ms, seen_ms, address) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(session.token_hash.clone())
    .bind(session.user_id)
    .bind(session.csrf.clone())
    .bind(session.created_ms)
    .bind(session.expires_ms)
    .bind(session.seen_ms)
    .bind(session.address.clone())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The session with this token hash, unless it has ended.
///
/// # Errors
/// When the database fails.
pub async fn by_hash(registry: &Registry, token_hash: &str, now_ms: i64) -> Result<Option<Session>> {
    let row = sqlx::query(
        "SELECT token_hash, user_id, csrf, created_ms, expires_ms, seen_ms, address FROM sessions \
         WHERE token_hash = $1 AND expires_ms > $2",
    )
    .bind(token_hash.to_owned())
    .bind(now_ms)
    .fetch_optional(registry.readers())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Session {
        token_hash: row.try_get("token_hash")?,
        user_id: row.try_get("user_id")?,
        csrf: row.try_get("csrf")?,
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        seen_ms: row.try_get("seen_ms")?,
        address: row.try_get("address")?,
    }))
}

/// A session was used: it lives on until `expires_ms`.
///
/// # Errors
/// When the database fails.
pub async fn touch(tx: &mut Transaction, token_hash: &str, now_ms: i64, expires_ms: i64) -> Result<()> {
    sqlx::query("UPDATE sessions SET seen_ms = $2, expires_ms = $3 WHERE token_hash = $1")
        .bind(token_hash.to_owned())
        .bind(now_ms)
        .bind(expires_ms)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Ends a session.
///
/// # Errors
/// When the database fails.
pub async fn end(tx: &mut Transaction, token_hash: &str) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE token_hash = $1")
        .bind(token_hash.to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Ends all sessions of a user.
///
/// # Errors
/// When the database fails.
pub async fn end_all_of(tx: &mut Transaction, user_id: i64) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE user_id = $1")
        .bind(user_id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Removes sessions that have ended and attempts that no longer count.
///
/// # Errors
/// When the database fails.
pub async fn sweep(tx: &mut Transaction, now_ms: i64, attempts_before_ms: i64) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE expires_ms <= $1")
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
    sqlx::query("DELETE FROM login_attempts WHERE at_ms < $1")
        .bind(attempts_before_ms)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Records an attempt to sign in.
///
/// # Errors
/// When the database fails.
pub async fn record_attempt(
    tx: &mut Transaction,
    name: &str,
    address: &str,
    at_ms: i64,
    success: bool,
) -> Result<()> {
    let id = next_id(tx, "login_attempts").await?;
    sqlx::query("INSERT INTO login_attempts (id, name, address, at_ms, success) VALUES ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(super::fold::storable(name))
        .bind(address.to_owned())
        .bind(at_ms)
        .bind(i64::from(success))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The latest attempts with a name or from an address since a moment, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn attempts(
    registry: &Registry,
    name: &str,
    address: &str,
    since_ms: i64,
) -> Result<Vec<LoginAttempt>> {
    sqlx::query(
        "SELECT at_ms, success, CAST(CASE WHEN name = $1 THEN 1 ELSE 0 END AS BIGINT) AS same_name, \
         CAST(CASE WHEN address = $2 THEN 1 ELSE 0 END AS BIGINT) AS same_address FROM login_attempts \
         WHERE (name = $1 OR address = $2) AND at_ms >= $3 ORDER BY at_ms DESC, id DESC LIMIT $4",
    )
    .bind(super::fold::storable(name))
    .bind(address.to_owned())
    .bind(since_ms)
    .bind(ATTEMPTS_MAX)
    .fetch_all(registry.readers())
    .await?
    .iter()
    .map(|row| {
        Ok(LoginAttempt {
            at_ms: row.try_get("at_ms")?,
            success: flag(row, "success")?,
            same_name: flag(row, "same_name")?,
            same_address: flag(row, "same_address")?,
        })
    })
    .collect()
}
