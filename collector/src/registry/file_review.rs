//! What people said of the states that files were left in: accepted, or flagged.
//!
//! A word is about one host, or about a unit with everything below it, and about one
//! [state](crate::entry::file_state::FileState). A later word about the same replaces it; the audit trail has all of
//! them. Of several that concern a host's file, the latest counts.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::fold::storable;
use super::query::{Page, Paged, Statement, parsed, word};
use super::{Registry, Result, Transaction, next_id};
use crate::entry::HostId;

/// So many states are asked for in one statement.
const AT_ONCE_MAX: usize = 500;

/// What somebody says of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    /// It is as it should be.
    Accepted,
    /// It is not.
    Flagged,
}

/// What a word is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// One host.
    Host(HostId),
    /// Every host of a unit and of those below it.
    Unit(i64),
}

/// A word that somebody says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReview {
    /// What it is about.
    pub place: Place,
    /// The name of the state.
    pub state_key: String,
    /// The file's path.
    pub path: Vec<u8>,
    /// What had happened to it; empty when nobody remembers.
    pub action: String,
    /// SHA-256 of its content in hexadecimal digits, or empty.
    pub sha256: String,
    /// What is said.
    pub verdict: ReviewVerdict,
    /// Why.
    pub reason: String,
    /// By whom.
    pub author: String,
}

/// A word that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Its number.
    pub id: i64,
    /// What was said, and of what.
    pub said: NewReview,
    /// When.
    pub at_ms: i64,
}

/// How often anything was said.
///
/// # Errors
/// When the database fails.
pub async fn revision(registry: &Registry) -> Result<i64> {
    Ok(
        sqlx::query_scalar("SELECT value FROM revisions WHERE name = 'file_reviews'")
            .fetch_one(registry.readers())
            .await?,
    )
}

const COLUMNS: &str =
    "id, host_id, unit_id, state_key, path_hex, action, sha256, verdict, reason, author, at_ms";

/// Keeps what somebody says; its number.
///
/// # Errors
/// When the database fails.
pub async fn say(tx: &mut Transaction, new: &NewReview, at_ms: i64) -> Result<i64> {
    let id = next_id(tx, "file_reviews").await?;
    let (host, unit) = match new.place {
        Place::Host(host) => (Some(host.0), None),
        Place::Unit(unit) => (None, Some(unit)),
    };
    sqlx::query(
        "INSERT INTO file_reviews (id, host_id, unit_id, place, state_key, path, path_hex, action, sha256, verdict, \
         reason, author, at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (state_key, place) DO UPDATE SET id = excluded.id, action = excluded.action, \
         verdict = excluded.verdict, reason = excluded.reason, author = excluded.author, at_ms = excluded.at_ms",
    )
    .bind(id)
    .bind(host)
    .bind(unit)
    .bind(new.place.name())
    .bind(new.state_key.clone())
    .bind(storable(&String::from_utf8_lossy(&new.path)))
    .bind(hex::encode(&new.path))
    .bind(new.action.clone())
    .bind(new.sha256.clone())
    .bind(word(new.verdict))
    .bind(storable(&new.reason))
    .bind(storable(&new.author))
    .bind(at_ms)
    .execute(&mut **tx)
    .await?;
    moved(tx).await?;
    Ok(id)
}

/// Takes a word back; what it was.
///
/// # Errors
/// When the database fails.
pub async fn take_back(tx: &mut Transaction, id: i64) -> Result<bool> {
    let taken = sqlx::query("DELETE FROM file_reviews WHERE id = $1")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    moved(tx).await?;
    Ok(taken.rows_affected() > 0)
}

async fn moved(tx: &mut Transaction) -> Result<()> {
    sqlx::query("UPDATE revisions SET value = value + 1 WHERE name = 'file_reviews'")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Everything that was said of these states, whatever host it is about.
///
/// # Errors
/// When the database fails.
pub async fn of_states(registry: &Registry, states: &BTreeSet<String>) -> Result<Vec<Review>> {
    let mut found = Vec::new();
    let states: Vec<&String> = states.iter().collect();
    for some in states.chunks(AT_ONCE_MAX) {
        let mut statement = Statement::new("SELECT ");
        statement
            .sql(COLUMNS)
            .sql(" FROM file_reviews WHERE state_key IN (");
        for (index, state) in some.iter().enumerate() {
            statement
                .sql(if index > 0 { ", " } else { "" })
                .bind((*state).clone());
        }
        statement.sql(") ORDER BY id");
        for row in statement.query().fetch_all(registry.readers()).await? {
            found.push(from_row(&row)?);
        }
    }
    Ok(found)
}

/// Of what was said, the latest word that concerns a host which belongs to these units, by state.
pub fn concerning(said: &[Review], host: HostId, units: &[i64]) -> HashMap<String, Review> {
    let concerns = |review: &&Review| match review.said.place {
        Place::Host(of) => of == host,
        Place::Unit(unit) => units.contains(&unit),
    };
    let mut latest: HashMap<String, Review> = HashMap::new();
    for review in said.iter().filter(concerns) {
        let known = latest.get(&review.said.state_key);
        if known.is_none_or(|known| known.id < review.id) {
            latest.insert(review.said.state_key.clone(), review.clone());
        }
    }
    latest
}

/// What was said that concerns a host which belongs to these units, the latest first.
///
/// # Errors
/// When the database fails, or the cursor is not one of ours.
pub async fn list(registry: &Registry, host: HostId, units: &[i64], page: &Page) -> Result<Paged<Review>> {
    let mut statement = Statement::new("SELECT ");
    statement
        .sql(COLUMNS)
        .sql(" FROM file_reviews WHERE (host_id = ")
        .bind(host.0);
    statement.sql(" OR ").among("unit_id", units).sql(")");
    if let Some((_, id)) = page.position::<i64>()? {
        statement.sql(" AND id < ").bind(id);
    }
    statement.sql(" ORDER BY id DESC LIMIT ").bind(page.limit() + 1);
    let rows = statement.query().fetch_all(registry.readers()).await?;
    let reviews = rows.iter().map(from_row).collect::<Result<_>>()?;
    Ok(Paged::of(reviews, page.limit(), |it: &Review| (it.id, it.id)))
}

/// What was said under this number.
///
/// # Errors
/// When the database fails.
pub async fn by_id(registry: &Registry, id: i64) -> Result<Option<Review>> {
    let mut statement = Statement::new("SELECT ");
    statement
        .sql(COLUMNS)
        .sql(" FROM file_reviews WHERE id = ")
        .bind(id);
    let row = statement.query().fetch_optional(registry.readers()).await?;
    row.as_ref().map(from_row).transpose()
}

impl Place {
    fn name(self) -> String {
        match self {
            Place::Host(host) => format!("h{host}"),
            Place::Unit(unit) => format!("u{unit}"),
        }
    }
}

fn from_row(row: &AnyRow) -> Result<Review> {
    let (host, unit): (Option<i64>, Option<i64>) = (row.try_get("host_id")?, row.try_get("unit_id")?);
    let path_hex: String = row.try_get("path_hex")?;
    Ok(Review {
        id: row.try_get("id")?,
        said: NewReview {
            place: match (host, unit) {
                (Some(host), _) => Place::Host(HostId(host)),
                (None, unit) => Place::Unit(unit.unwrap_or_default()),
            },
            state_key: row.try_get("state_key")?,
            path: hex::decode(&path_hex).map_err(|_| super::Error::Value {
                column: "path_hex",
                value: path_hex,
            })?,
            action: row.try_get("action")?,
            sha256: row.try_get("sha256")?,
            verdict: parsed(row, "verdict")?,
            reason: row.try_get("reason")?,
            author: row.try_get("author")?,
        },
        at_ms: row.try_get("at_ms")?,
    })
}
