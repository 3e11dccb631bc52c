//! Users of the dashboard. Password hashes are made and checked elsewhere; here they are only kept.

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::query::{flag, parsed, word};
use super::{Registry, Result, Transaction, next_id};

/// A person who may sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Their number.
    pub id: i64,
    /// The name they sign in with.
    pub name: String,
    /// Argon2id, in PHC form.
    pub password_hash: String,
    /// What they may do.
    pub role: Role,
    /// They see this unit and what is below it; `None` is everything.
    pub unit_id: Option<i64>,
    /// Whether they must choose a password first.
    pub must_change_password: bool,
    /// Whether they may no longer sign in.
    pub disabled: bool,
    /// `vi` or `en`.
    pub language: String,
    /// Their mail address.
    pub email: String,
    /// When they were added.
    pub created_ms: i64,
}

/// Without the password hash: what is printed for debugging ends in logs.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("role", &self.role)
            .field("unit_id", &self.unit_id)
            .finish_non_exhaustive()
    }
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Administrator,
    /// Handle alerts.
    Analyst,
    /// Handle alerts of their unit.
    UnitStaff,
    /// Look.
    Auditor,
}

/// What is to be known of a new user.
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The name they sign in with.
    pub name: String,
    /// Argon2id, in PHC form.
    pub password_hash: String,
    /// What they may do.
    pub role: Role,
    /// They see this unit and what is below it; `None` is everything.
    pub unit_id: Option<i64>,
    /// Whether they must choose a password first.
    pub must_change_password: bool,
    /// `vi` or `en`.
    pub language: String,
    /// Their mail address.
    pub email: String,
}

const COLUMNS: &str =
    "id, name, password_hash, role, unit_id, must_change_password, disabled, language, email, created_ms";

fn from_row(row: &AnyRow) -> Result<User> {
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        password_hash: row.try_get("password_hash")?,
        role: parsed(row, "role")?,
        unit_id: row.try_get("unit_id")?,
        must_change_password: flag(row, "must_change_password")?,
        disabled: flag(row, "disabled")?,
        language: row.try_get("language")?,
        email: row.try_get("email")?,
        created_ms: row.try_get("created_ms")?,
    })
}

/// All users by name.
///
/// # Errors
/// When the database fails.
pub async fn all(registry: &Registry) -> Result<Vec<User>> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM users ORDER BY name"
    )))
    .fetch_all(registry.readers())
    .await?
    .iter()
    .map(from_row)
    .collect()
}

/// The user with this number.
///
/// # Errors
/// When the database fails.
pub async fn by_id(registry: &Registry, id: i64) -> Result<Option<User>> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM users WHERE id = $1"
    )))
    .bind(id)
    .fetch_optional(registry.readers())
    .await?
    .map(|row| from_row(&row))
    .transpose()
}

/// The user with this name.
///
/// # Errors
/// When the database fails.
pub async fn by_name(registry: &Registry, name: &str) -> Result<Option<User>> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM users WHERE name = $1"
    )))
    .bind(name.to_owned())
    .fetch_optional(registry.readers())
    .await?
    .map(|row| from_row(&row))
    .transpose()
}

/// Adds a user; `None` when the name is taken.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Transaction, new: &NewUser, now_ms: i64) -> Result<Option<i64>> {
    let id = next_id(tx, "users").await?;
    let added = sqlx::query(
        "INSERT INTO users (id, name, password_hash, role, unit_id, must_change_password, disabled, language, \
         email, created_ms) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9) ON CONFLICT (name) DO NOTHING",
    )
    .bind(id)
    .bind(new.name.clone())
    .bind(new.password_hash.clone())
    .bind(word(new.role))
    .bind(new.unit_id)
    .bind(i64::from(new.must_change_password))
    .bind(new.language.clone())
    .bind(new.email.clone())
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok((added.rows_affected() > 0).then_some(id))
}

/// Gives a user another password.
///
/// # Errors
/// When the database fails.
pub async fn set_password(
    tx: &mut Transaction,
    id: i64,
    password_hash: &str,
    must_change: bool,
) -> Result<()> {
    sqlx::query("UPDATE users SET password_hash = $2, must_change_password = $3 WHERE id = $1")
        .bind(id)
        .bind(password_hash.to_owned())
        .bind(i64::from(must_change))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Gives a user another language.
///
/// # Errors
/// When the database fails.
pub async fn set_language(tx: &mut Transaction, id: i64, language: &str) -> Result<()> {
    sqlx::query("UPDATE users SET language = $2 WHERE id = $1")
        .bind(id)
        .bind(language.to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Lets a user in again, or no longer; their sessions end with it.
///
/// # Errors
/// When the database fails.
pub async fn set_disabled(tx: &mut Transaction, id: i64, disabled: bool) -> Result<()> {
    sqlx::query("UPDATE users SET disabled = $2 WHERE id = $1")
        .bind(id)
        .bind(i64::from(disabled))
        .execute(&mut **tx)
        .await?;
    if disabled {
        super::session::end_all_of(tx, id).await?;
    }
    Ok(())
}
