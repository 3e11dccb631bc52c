//! Brings the tables up to this build: numbered files, each applied once, in order, never edited.
//!
//! The checksum of each applied file is kept. A registry that was written by another form of a file, or
//! by a newer program, is refused instead of guessed at.

use sha2::{Digest, Sha256};
use sqlx::Row;

use super::{Engine, Error, Registry, Result, Transaction};

const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("migrations/0001_foundation.sql")),
    (2, include_str!("migrations/0002_identity.sql")),
    (3, include_str!("migrations/0003_findings_by_host.sql")),
    (4, include_str!("migrations/0004_antivirus.sql")),
    (5, include_str!("migrations/0005_coverage.sql")),
    (6, include_str!("migrations/0006_files.sql")),
];

/// Applies what is missing, all in one transaction, so that two programs that start at once do not
/// both apply it.
pub(super) async fn apply(registry: &Registry) -> Result<()> {
    let mut tx = registry.begin().await?;
    if registry.engine == Engine::Postgres {
        sqlx::raw_sql("DO $$ BEGIN PERFORM pg_advisory_xact_lock(86470001); END $$")
            .execute(&mut *tx)
            .await?;
    }
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS migrations (version BIGINT PRIMARY KEY, checksum TEXT NOT NULL)",
    )
    .execute(&mut *tx)
    .await?;
    let applied = applied(&mut tx).await?;
    if let Some((newer, _)) = applied.iter().find(|(version, _)| *version > newest()) {
        return Err(Error::Migration(*newer));
    }
    for (version, sql) in MIGRATIONS {
        let checksum = hex::encode(Sha256::digest(sql));
        match applied.iter().find(|(applied, _)| applied == version) {
            Some((_, known)) if *known == checksum => {}
            Some(_) => return Err(Error::Migration(*version)),
            None => apply_one(&mut tx, *version, sql, checksum).await?,
        }
    }
    tx.commit().await?;
    Ok(())
}

fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, _)| *version)
}

async fn applied(tx: &mut Transaction) -> Result<Vec<(i64, String)>> {
    sqlx::query("SELECT version, checksum FROM migrations ORDER BY version")
        .fetch_all(&mut **tx)
        .await?
        .iter()
        .map(|row| Ok((row.try_get("version")?, row.try_get("checksum")?)))
        .collect()
}

async fn apply_one(tx: &mut Transaction, version: i64, sql: &'static str, checksum: String) -> Result<()> {
    sqlx::raw_sql(sql).execute(&mut **tx).await?;
    sqlx::query("INSERT INTO migrations (version, checksum) VALUES ($1, $2)")
        .bind(version)
        .bind(checksum)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
