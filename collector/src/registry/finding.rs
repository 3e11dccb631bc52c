//! Findings as rows: written by the rules' task, taken up by the alert stage.
//!
//! `settled` is the hand-over between the two: a finding is unsettled from its opening, and again from
//! each change of its facts and from its closing, until the alert stage has seen that change and committed what follows from it.

use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::fold::storable;
use super::query::{Statement, json, parsed, rank, severity, word};
use super::unreadable::{Readable, Unreadable};
use super::{Registry, Result, Transaction};
use crate::entry::HostId;
use crate::finding::{Finding, MOMENTS};

mod again;

pub use again::{News, follow_up};

/// A finding with what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingRow {
    /// What the rule said.
    pub finding: Finding,
    /// When it was judged, by the collector's clock.
    pub judged_ms: i64,
    /// When its cause was gone.
    pub closed_ms: Option<i64>,
    /// The alert it belongs to.
    pub alert_id: Option<i64>,
}

/// What a finding's evidence says under `ended` when nobody watches for its cause any more.
pub const NOT_WATCHED: &str = "not_watched";

const COLUMNS: &str = "id, rule, category, host_id, key, severity, opened_pos, opened_ms, judged_ms, closed_ms, \
    evidence, alert_id";

pub(super) const LOOK_AGAIN: &str =
    "UPDATE findings SET settled = 0 WHERE host_id = $1 AND alert_id IS NULL AND closed_ms IS NULL";

fn from_row(row: &AnyRow) -> Result<FindingRow> {
    let opened_pos: i64 = row.try_get("opened_pos")?;
    Ok(FindingRow {
        finding: Finding {
            id: row.try_get("id")?,
            rule: row.try_get("rule")?,
            category: parsed(row, "category")?,
            host: HostId(row.try_get("host_id")?),
            key: row.try_get("key")?,
            severity: severity(row, "severity")?,
            opened_pos: opened_pos.cast_unsigned(),
            opened_ms: row.try_get("opened_ms")?,
            evidence: json::<Value>(row, "evidence")?,
        },
        judged_ms: row.try_get("judged_ms")?,
        closed_ms: row.try_get("closed_ms")?,
        alert_id: row.try_get("alert_id")?,
    })
}

/// Keeps a new finding; one that is already there stays as it is. A host that this registry does not know
/// (it was restored from a backup, the journal was not) has nobody to tell, and must not stop the others.
///
/// # Errors
/// When the database fails.
pub async fn open(tx: &mut Transaction, finding: &Finding, judged_ms: i64) -> Result<()> {
    sqlx::query(
        "INSERT INTO findings (id, rule, category, host_id, key, severity, opened_pos, opened_ms, judged_ms, \
         evidence) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 \
         WHERE EXISTS (SELECT 1 FROM hosts WHERE id = $4) ON CONFLICT (id) DO NOTHING",
    )
    .bind(finding.id.clone())
    .bind(finding.rule.clone())
    .bind(word(finding.category))
    .bind(finding.host.0)
    .bind(storable(&finding.key))
    .bind(rank(finding.severity))
    .bind(finding.opened_pos.cast_signed())
    .bind(finding.opened_ms)
    .bind(judged_ms)
    .bind(finding.evidence.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A finding's cause is gone; only its first end counts.
///
/// # Errors
/// When the database fails.
pub async fn close(tx: &mut Transaction, id: &str, closed_ms: i64) -> Result<()> {
    sqlx::query("UPDATE findings SET closed_ms = $2, settled = 0 WHERE id = $1 AND closed_ms IS NULL")
        .bind(id.to_owned())
        .bind(closed_ms)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The facts of an open finding are these from now on; whether it was open. The alert stage looks at it again.
///
/// # Errors
/// When the database fails.
pub async fn set_evidence(tx: &mut Transaction, id: &str, evidence: &Value) -> Result<bool> {
    let statement = "UPDATE findings SET evidence = $2, settled = 0 WHERE id = $1 AND closed_ms IS NULL";
    let done = sqlx::query(statement)
        .bind(id.to_owned())
        .bind(evidence.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Nobody watches for a finding's cause any more; its evidence says so from now on, as `ended`. Evidence that
/// cannot be read stays as it is, and is returned.
///
/// # Errors
/// When the database fails.
pub async fn close_unwatched(tx: &mut Transaction, id: &str, closed_ms: i64) -> Result<Option<Unreadable>> {
    let row = sqlx::query("SELECT evidence FROM findings WHERE id = $1 AND closed_ms IS NULL")
        .bind(id.to_owned())
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    close(tx, id, closed_ms).await?;
    let mut evidence: Value = match json(&row, "evidence") {
        Ok(evidence) => evidence,
        Err(error) => {
            return Ok(Some(Unreadable {
                table: "findings",
                id: id.to_owned(),
                error,
            }));
        }
    };
    if let Some(facts) = evidence.as_object_mut() {
        facts.insert("ended".to_owned(), Value::from(NOT_WATCHED));
    }
    sqlx::query("UPDATE findings SET evidence = $2 WHERE id = $1")
        .bind(id.to_owned())
        .bind(evidence.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(None)
}

/// The open findings of a host whose rules' names begin like this, such as `antivirus.`.
///
/// # Errors
/// When the database fails.
pub async fn open_of(tx: &mut Transaction, host: HostId, rules: &str) -> Result<Vec<String>> {
    let statement = "SELECT id FROM findings WHERE host_id = $1 AND closed_ms IS NULL \
         AND SUBSTR(rule, 1, LENGTH($2)) = $2 ORDER BY opened_pos, id";
    Ok(sqlx::query_scalar(statement)
        .bind(host.0)
        .bind(rules.to_owned())
        .fetch_all(&mut **tx)
        .await?)
}

/// The alert that a finding belongs to.
///
/// # Errors
/// When the database fails.
pub async fn alert_of(tx: &mut Transaction, id: &str) -> Result<Option<i64>> {
    let found: Option<Option<i64>> = sqlx::query_scalar("SELECT alert_id FROM findings WHERE id = $1")
        .bind(id.to_owned())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(found.flatten())
}

/// The finding that names an alert: the last one of its gravest.
///
/// # Errors
/// When the database fails.
pub async fn naming(tx: &mut Transaction, alert_id: i64) -> Result<Option<String>> {
    let statement = "SELECT id FROM findings WHERE alert_id = $1 ORDER BY severity DESC, opened_pos DESC, id DESC LIMIT 1";
    Ok(sqlx::query_scalar(statement)
        .bind(alert_id)
        .fetch_optional(&mut **tx)
        .await?)
}

/// The findings whose last change the alert stage has not seen, in journal order; a row that cannot be
/// read hides no other.
///
/// # Errors
/// When the database fails.
pub async fn unsettled(tx: &mut Transaction, limit: i64) -> Result<Readable<FindingRow>> {
    let statement =
        format!("SELECT {COLUMNS} FROM findings WHERE settled = 0 ORDER BY opened_pos, id LIMIT $1");
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?;
    Ok(Readable::of("findings", &rows, from_row))
}

/// The alert stage has seen a finding as it is in `row`, and raised nothing or this alert. If it was
/// closed meanwhile, it stays unsettled.
///
/// # Errors
/// When the database fails.
pub async fn settle(tx: &mut Transaction, row: &FindingRow, alert_id: Option<i64>) -> Result<()> {
    sqlx::query(
        "UPDATE findings SET alert_id = $2, \
         settled = CASE WHEN COALESCE(closed_ms, -1) = $3 THEN 1 ELSE 0 END WHERE id = $1",
    )
    .bind(row.finding.id.clone())
    .bind(alert_id)
    .bind(row.closed_ms.unwrap_or(-1))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Lets the alert stage look again at what goes on at a host and was not its business so far.
///
/// # Errors
/// When the database fails.
pub async fn look_again(tx: &mut Transaction, host: HostId) -> Result<()> {
    sqlx::query(LOOK_AGAIN).bind(host.0).execute(&mut **tx).await?;
    Ok(())
}

/// The newest findings of an alert.
///
/// # Errors
/// When the database fails.
pub async fn of_alert(registry: &Registry, alert_id: i64, limit: i64) -> Result<Vec<FindingRow>> {
    sqlx::query(sqlx::AssertSqlSafe(of_alert_statement()))
        .bind(alert_id)
        .bind(limit)
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// [`of_alert`], with what this transaction has changed; a row that cannot be read hides no other.
///
/// # Errors
/// When the database fails.
pub async fn of_alert_within(
    tx: &mut Transaction,
    alert_id: i64,
    limit: i64,
) -> Result<Readable<FindingRow>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(of_alert_statement()))
        .bind(alert_id)
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?;
    Ok(Readable::of("findings", &rows, from_row))
}

fn of_alert_statement() -> String {
    format!("SELECT {COLUMNS} FROM findings WHERE alert_id = $1 ORDER BY opened_pos DESC, id LIMIT $2")
}

/// Closes an alert's findings that no rule will ever close, because people have dealt with them; how many those were.
///
/// # Errors
/// When the database fails.
pub(super) async fn close_moments(tx: &mut Transaction, alert_id: i64, now_ms: i64) -> Result<i64> {
    let mut statement = Statement::new("UPDATE findings SET closed_ms = ");
    statement
        .bind(now_ms)
        .sql(", settled = 1 WHERE alert_id = ")
        .bind(alert_id);
    statement.sql(" AND closed_ms IS NULL AND (1 = 0");
    for rule in MOMENTS {
        statement.sql(" OR rule = ").bind((*rule).to_owned());
    }
    statement.sql(")");
    let closed = statement.query().execute(&mut **tx).await?;
    Ok(i64::try_from(closed.rows_affected()).unwrap_or(i64::MAX))
}
