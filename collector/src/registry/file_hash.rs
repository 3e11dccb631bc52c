//! Contents that are known to be bad or good, by SHA-256.
//!
//! A hash stands here once. What is listed as bad is never made good by a list that comes later: it has to be removed
//! first. Every change moves a revision, so that the rules' copy of what they asked for is never an old one.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::fold::{fold, storable};
use super::query::{Page, Paged, Statement, containing, parsed, word};
use super::{Error, Registry, Result, Transaction};

/// SHA-256 of a content.
pub type Sha256 = [u8; 32];

/// So many hashes are asked for, or written, in one statement: far below what either database takes as parameters.
const AT_ONCE_MAX: usize = 500;

/// What is known of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashVerdict {
    /// It is known to be bad.
    Bad,
    /// It is known to be good.
    Good,
}

/// What is said of a content, and who says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// What is known of it.
    pub verdict: HashVerdict,
    /// The list that it comes from.
    pub source: String,
    /// Anything else.
    pub note: String,
    /// Who brought it in.
    pub author: String,
}

/// A line of the lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedHash {
    /// The content.
    pub sha256: Sha256,
    /// What is said of it.
    pub listing: Listing,
    /// Since when.
    pub at_ms: i64,
}

/// What became of the hashes that somebody brought in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Brought {
    /// They are new.
    pub added: u64,
    /// They were listed in other words, and are now in these.
    pub replaced: u64,
    /// They were to be good, and stay bad.
    pub kept_bad: u64,
}

/// Which hashes; `None` means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HashFilter {
    /// With this verdict.
    pub verdict: Option<HashVerdict>,
    /// That begin with this, or whose source or note contains it.
    pub search: Option<String>,
}

/// How often the lists have changed.
///
/// # Errors
/// When the database fails.
pub async fn revision(registry: &Registry) -> Result<i64> {
    Ok(
        sqlx::query_scalar("SELECT value FROM revisions WHERE name = 'file_hashes'")
            .fetch_one(registry.readers())
            .await?,
    )
}

/// What is said of these contents; those that nothing is said of are missing.
///
/// # Errors
/// When the database fails.
pub async fn of(registry: &Registry, hashes: &BTreeSet<Sha256>) -> Result<HashMap<Sha256, Listing>> {
    let mut found = HashMap::new();
    let hashes: Vec<&Sha256> = hashes.iter().collect();
    for some in hashes.chunks(AT_ONCE_MAX) {
        let mut statement =
            Statement::new("SELECT sha256, verdict, source, note, author, at_ms FROM file_hashes");
        statement.sql(" WHERE sha256 IN (");
        for (index, hash) in some.iter().enumerate() {
            statement
                .sql(if index > 0 { ", " } else { "" })
                .bind(hex::encode(hash));
        }
        statement.sql(")");
        for row in statement.query().fetch_all(registry.readers()).await? {
            let listed = from_row(&row)?;
            found.insert(listed.sha256, listed.listing);
        }
    }
    Ok(found)
}

/// Lists contents.
///
/// # Errors
/// When the database fails.
pub async fn bring(
    tx: &mut Transaction,
    hashes: &BTreeSet<Sha256>,
    listing: &Listing,
    at_ms: i64,
) -> Result<Brought> {
    let mut brought = Brought::default();
    let hashes: Vec<&Sha256> = hashes.iter().collect();
    for some in hashes.chunks(AT_ONCE_MAX) {
        let known = known_of(tx, some).await?;
        let bad = known
            .iter()
            .filter(|verdict| **verdict == HashVerdict::Bad)
            .count() as u64;
        let kept = if listing.verdict == HashVerdict::Good {
            bad
        } else {
            0
        };
        brought.kept_bad += kept;
        brought.replaced += known.len() as u64 - kept;
        brought.added += (some.len() - known.len()) as u64;
        write(tx, some, listing, at_ms).await?;
    }
    moved(tx).await?;
    Ok(brought)
}

async fn known_of(tx: &mut Transaction, hashes: &[&Sha256]) -> Result<Vec<HashVerdict>> {
    let mut statement = Statement::new("SELECT verdict FROM file_hashes WHERE sha256 IN (");
    for (index, hash) in hashes.iter().enumerate() {
        statement
            .sql(if index > 0 { ", " } else { "" })
            .bind(hex::encode(hash));
    }
    statement.sql(")");
    let rows = statement.query().fetch_all(&mut **tx).await?;
    rows.iter().map(|row| parsed(row, "verdict")).collect()
}

async fn write(tx: &mut Transaction, hashes: &[&Sha256], listing: &Listing, at_ms: i64) -> Result<()> {
    let mut statement =
        Statement::new("INSERT INTO file_hashes (sha256, verdict, source, note, author, at_ms) VALUES ");
    for (index, hash) in hashes.iter().enumerate() {
        statement.sql(if index > 0 { ", (" } else { "(" });
        statement
            .bind(hex::encode(hash))
            .sql(", ")
            .bind(word(listing.verdict));
        statement
            .sql(", ")
            .bind(storable(&listing.source))
            .sql(", ")
            .bind(storable(&listing.note));
        statement
            .sql(", ")
            .bind(storable(&listing.author))
            .sql(", ")
            .bind(at_ms)
            .sql(")");
    }
    statement.sql(
        " ON CONFLICT (sha256) DO UPDATE SET verdict = excluded.verdict, source = excluded.source, \
         note = excluded.note, author = excluded.author, at_ms = excluded.at_ms \
         WHERE NOT (file_hashes.verdict = 'bad' AND excluded.verdict = 'good')",
    );
    statement.query().execute(&mut **tx).await?;
    Ok(())
}

/// Takes contents off the lists; how many were there.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &mut Transaction, hashes: &BTreeSet<Sha256>) -> Result<u64> {
    let mut removed = 0;
    let hashes: Vec<&Sha256> = hashes.iter().collect();
    for some in hashes.chunks(AT_ONCE_MAX) {
        let mut statement = Statement::new("DELETE FROM file_hashes WHERE sha256 IN (");
        for (index, hash) in some.iter().enumerate() {
            statement
                .sql(if index > 0 { ", " } else { "" })
                .bind(hex::encode(hash));
        }
        statement.sql(")");
        removed += statement.query().execute(&mut **tx).await?.rows_affected();
    }
    moved(tx).await?;
    Ok(removed)
}

/// Takes everything of one source off the lists; how much that was.
///
/// # Errors
/// When the database fails.
pub async fn remove_source(tx: &mut Transaction, source: &str) -> Result<u64> {
    let removed = sqlx::query("DELETE FROM file_hashes WHERE source = $1")
        .bind(storable(source))
        .execute(&mut **tx)
        .await?;
    moved(tx).await?;
    Ok(removed.rows_affected())
}

async fn moved(tx: &mut Transaction) -> Result<()> {
    sqlx::query("UPDATE revisions SET value = value + 1 WHERE name = 'file_hashes'")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// One page of the lists, what came last first.
///
/// # Errors
/// When the database fails, or the cursor is not one of ours.
pub async fn list(registry: &Registry, filter: &HashFilter, page: &Page) -> Result<Paged<ListedHash>> {
    let mut statement =
        Statement::new("SELECT sha256, verdict, source, note, author, at_ms FROM file_hashes WHERE 1 = 1");
    narrow(&mut statement, filter);
    if let Some((sha256, at_ms)) = page.position::<String>()? {
        statement
            .sql(" AND (at_ms < ")
            .bind(at_ms)
            .sql(" OR (at_ms = ")
            .bind(at_ms);
        statement.sql(" AND sha256 > ").bind(sha256).sql("))");
    }
    statement
        .sql(" ORDER BY at_ms DESC, sha256 LIMIT ")
        .bind(page.limit() + 1);
    let rows = statement.query().fetch_all(registry.readers()).await?;
    let listed = rows.iter().map(from_row).collect::<Result<_>>()?;
    Ok(Paged::of(listed, page.limit(), |it: &ListedHash| {
        (hex::encode(it.sha256), it.at_ms)
    }))
}

/// How many hashes a filter finds.
///
/// # Errors
/// When the database fails.
pub async fn count(registry: &Registry, filter: &HashFilter) -> Result<i64> {
    let mut statement = Statement::new("SELECT COUNT(*) FROM file_hashes WHERE 1 = 1");
    narrow(&mut statement, filter);
    Ok(statement
        .query()
        .fetch_one(registry.readers())
        .await?
        .try_get(0)?)
}

fn narrow(statement: &mut Statement, filter: &HashFilter) {
    if let Some(verdict) = filter.verdict {
        statement.sql(" AND verdict = ").bind(word(verdict));
    }
    if let Some(search) = &filter.search {
        let folded = fold(search);
        let beginning = containing(&folded)[1..].to_owned();
        statement
            .sql(" AND (sha256 LIKE ")
            .bind(beginning)
            .sql(" ESCAPE '!'");
        for column in ["source", "note"] {
            statement.sql(" OR LOWER(").sql(column).sql(") LIKE ");
            statement
                .bind(containing(&search.to_lowercase()))
                .sql(" ESCAPE '!'");
        }
        statement.sql(")");
    }
}

fn from_row(row: &AnyRow) -> Result<ListedHash> {
    let text: String = row.try_get("sha256")?;
    let mut sha256 = [0; 32];
    hex::decode_to_slice(&text, &mut sha256).map_err(|_| Error::Value {
        column: "sha256",
        value: text,
    })?;
    Ok(ListedHash {
        sha256,
        listing: Listing {
            verdict: parsed(row, "verdict")?,
            source: row.try_get("source")?,
            note: row.try_get("note")?,
            author: row.try_get("author")?,
        },
        at_ms: row.try_get("at_ms")?,
    })
}

/// What is said of one content, with its time.
///
/// # Errors
/// When the database fails.
pub async fn one(registry: &Registry, hash: &Sha256) -> Result<Option<ListedHash>> {
    sqlx::query("SELECT sha256, verdict, source, note, author, at_ms FROM file_hashes WHERE sha256 = $1")
        .bind(hex::encode(hash))
        .fetch_optional(registry.readers())
        .await?
        .as_ref()
        .map(from_row)
        .transpose()
}

impl std::ops::AddAssign for Brought {
    fn add_assign(&mut self, more: Self) {
        self.added += more.added;
        self.replaced += more.replaced;
        self.kept_bad += more.kept_bad;
    }
}
