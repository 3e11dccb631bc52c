//! Alerts: many findings of one category on one host, with a life of their own.
//!
//! What the alert stage decides is written with [`insert`] and [`save`]; what people decide comes through
//! [`acknowledge`], [`resolve`] and [`comment`], which also plan the mail that tells about it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;
use vong_proto::event::Severity;

use super::query::{json as read_json, parsed, parsed_option, rank, severity, severity_option, word};
use super::{Registry, Result, Transaction, finding, next_id};
use crate::entry::HostId;
use crate::finding::Category;

/// One alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its number.
    pub id: i64,
    /// What it is about, in the large.
    pub category: Category,
    /// Which host; the one that opened it, when it is about a unit.
    pub host: HostId,
    /// The unit that it is about, with everything below it; `None` when it is about the host.
    pub unit: Option<i64>,
    /// The gravest of its findings.
    pub severity: Severity,
    /// Where it stands in its life.
    pub state: AlertState,
    /// What people found it to be.
    pub verdict: Option<Verdict>,
    /// Who takes care of it.
    pub assignee: Option<String>,
    /// When its first finding was judged.
    pub opened_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// When somebody took it.
    pub acknowledged_ms: Option<i64>,
    /// When it ended.
    pub resolved_ms: Option<i64>,
    /// Who ended it; `None` when its cause went away by itself.
    pub resolved_by: Option<String>,
    /// How many findings it has had.
    pub findings: i64,
    /// How many of them are open.
    pub open_findings: i64,
    /// The rule of its gravest finding: names its title in any language.
    pub title_code: String,
    /// Parameters of the title.
    pub title_params: Value,
    /// The next mail about it.
    pub mail: Option<PlannedMail>,
    /// When the last mail about it was written.
    pub mailed_ms: Option<i64>,
    /// How grave its readers take it to be; `None` when they know of none, or that it is over.
    pub mailed_severity: Option<Severity>,
}

/// A mail that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedMail {
    /// What it tells.
    pub kind: MailKind,
    /// Not before this.
    pub due_ms: i64,
}

/// What a mail tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// Something began.
    Opened,
    /// More of it.
    Update,
    /// It is over.
    Resolved,
    /// It waits for somebody.
    Reminder,
}

/// Where an alert stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has taken it yet.
    Open,
    /// Somebody takes care of it.
    Acknowledged,
    /// It is over.
    Resolved,
}

/// What people found an alert to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// What it said.
    True,
    /// What it said, but harmless.
    Benign,
    /// Wrong.
    False,
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It began.
    Opened,
    /// A finding joined it.
    FindingAdded,
    /// A finding's cause is gone.
    FindingClosed,
    /// Somebody took it.
    Acknowledged,
    /// It ended.
    Resolved,
    /// It came back soon after its end.
    Reopened,
    /// Somebody said something.
    Comment,
    /// Mails about it were written.
    Mailed,
}

/// One line of an alert's history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryLine {
    /// When.
    pub at_ms: i64,
    /// A user's name, or [`SYSTEM`].
    pub actor: String,
    /// What happened.
    pub action: Action,
    /// Particulars.
    pub detail: Value,
}

/// The actor of what the program itself does.
pub const SYSTEM: &str = "system";

pub(super) const COLUMNS: &str = "a.id, a.category, a.host_id, a.unit_id AS about_unit_id, a.severity, a.state, a.verdict, a.assignee, \
    a.opened_ms, a.updated_ms, a.acknowledged_ms, a.resolved_ms, a.resolved_by, a.findings, a.open_findings, \
    a.title_code, a.title_params, a.mail_kind, a.mail_due_ms, a.mailed_ms, a.mailed_severity";

pub(super) fn from_row(row: &AnyRow) -> Result<Alert> {
    let kind: Option<MailKind> = parsed_option(row, "mail_kind")?;
    let due_ms: Option<i64> = row.try_get("mail_due_ms")?;
    Ok(Alert {
        id: row.try_get("id")?,
        category: parsed(row, "category")?,
        host: HostId(row.try_get("host_id")?),
        unit: row.try_get("about_unit_id")?,
        severity: severity(row, "severity")?,
        state: parsed(row, "state")?,
        verdict: parsed_option(row, "verdict")?,
        assignee: row.try_get("assignee")?,
        opened_ms: row.try_get("opened_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        acknowledged_ms: row.try_get("acknowledged_ms")?,
        resolved_ms: row.try_get("resolved_ms")?,
        resolved_by: row.try_get("resolved_by")?,
        findings: row.try_get("findings")?,
        open_findings: row.try_get("open_findings")?,
        title_code: row.try_get("title_code")?,
        title_params: read_json(row, "title_params")?,
        mail: kind
            .zip(due_ms)
            .map(|(kind, due_ms)| PlannedMail { kind, due_ms }),
        mailed_ms: row.try_get("mailed_ms")?,
        mailed_severity: severity_option(row, "mailed_severity")?,
    })
}

/// The number of the latest alert of a host in a category, resolved or not.
///
/// # Errors
/// When the database fails.
pub async fn latest_of(tx: &mut Transaction, host: HostId, category: Category) -> Result<Option<i64>> {
    Ok(sqlx::query_scalar(
        "SELECT id FROM alerts WHERE host_id = $1 AND category = $2 ORDER BY id DESC LIMIT 1",
    )
    .bind(host.0)
    .bind(word(category))
    .fetch_optional(&mut **tx)
    .await?)
}

/// The number of the latest alert that holds a finding of this rule and key, whatever it is about.
///
/// # Errors
/// When the database fails.
pub async fn latest_with(tx: &mut Transaction, rule: &str, key: &str) -> Result<Option<i64>> {
    Ok(sqlx::query_scalar(
        "SELECT alert_id FROM findings WHERE rule = $1 AND key = $2 AND alert_id IS NOT NULL \
         ORDER BY alert_id DESC LIMIT 1",
    )
    .bind(rule.to_owned())
    .bind(key.to_owned())
    .fetch_optional(&mut **tx)
    .await?)
}

/// The alert with this number, locked until the transaction ends: a person and the alert stage may both
/// be about to change it.
///
/// # Errors
/// When the database fails.
pub async fn locked(tx: &mut Transaction, id: i64) -> Result<Option<Alert>> {
    // An UPDATE that changes nothing is the one statement that locks a row in both databases.
    sqlx::query("UPDATE alerts SET state = state WHERE id = $1")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM alerts a WHERE a.id = $1"
    )))
    .bind(id)
    .fetch_optional(&mut **tx)
    .await?
    .map(|row| from_row(&row))
    .transpose()
}

/// The alerts whose next mail is due, the gravest first.
///
/// # Errors
/// When the database fails.
pub async fn due(tx: &mut Transaction, now_ms: i64, limit: i64) -> Result<Vec<i64>> {
    let statement =
        "SELECT id FROM alerts WHERE mail_due_ms <= $1 ORDER BY severity DESC, mail_due_ms, id LIMIT $2";
    Ok(sqlx::query_scalar(statement)
        .bind(now_ms)
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?)
}

/// The alerts that are going on about hosts that no longer belong here.
///
/// # Errors
/// When the database fails.
pub async fn of_retired_hosts(tx: &mut Transaction, limit: i64) -> Result<Vec<i64>> {
    let statement = "SELECT a.id FROM alerts a JOIN hosts h ON h.id = a.host_id \
         WHERE a.state <> 'resolved' AND a.unit_id IS NULL AND h.status = 'retired' ORDER BY a.id LIMIT $1";
    Ok(sqlx::query_scalar(statement)
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?)
}

/// When the next mail becomes due that is not due yet; `None` when none is planned.
///
/// # Errors
/// When the database fails.
pub async fn next_due_ms(registry: &Registry, now_ms: i64) -> Result<Option<i64>> {
    Ok(
        sqlx::query_scalar("SELECT MIN(mail_due_ms) FROM alerts WHERE mail_due_ms > $1")
            .bind(now_ms)
            .fetch_one(registry.readers())
            .await?,
    )
}

/// Adds an alert and returns its number; the one in `alert` is ignored.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Transaction, alert: &Alert) -> Result<i64> {
    let id = next_id(tx, "alerts").await?;
    sqlx::query(
        "INSERT INTO alerts (id, category, host_id, severity, state, opened_ms, updated_ms, findings, \
         open_findings, title_code, title_params) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(id)
    .bind(word(alert.category))
    .bind(alert.host.0)
    .bind(rank(alert.severity))
    .bind(word(alert.state))
    .bind(alert.opened_ms)
    .bind(alert.updated_ms)
    .bind(alert.findings)
    .bind(alert.open_findings)
    .bind(alert.title_code.clone())
    .bind(alert.title_params.to_string())
    .execute(&mut **tx)
    .await?;
    save(tx, &Alert { id, ..alert.clone() }).await?;
    Ok(id)
}

/// Writes everything of an alert that can change.
///
/// # Errors
/// When the database fails.
pub async fn save(tx: &mut Transaction, alert: &Alert) -> Result<()> {
    sqlx::query(
        "UPDATE alerts SET severity = $2, state = $3, verdict = $4, assignee = $5, updated_ms = $6, \
         acknowledged_ms = $7, resolved_ms = $8, resolved_by = $9, findings = $10, open_findings = $11, \
         title_code = $12, title_params = $13, mail_kind = $14, mail_due_ms = $15, mailed_ms = $16, \
         mailed_severity = $17, unit_id = $18 WHERE id = $1",
    )
    .bind(alert.id)
    .bind(rank(alert.severity))
    .bind(word(alert.state))
    .bind(alert.verdict.map(word))
    .bind(alert.assignee.clone())
    .bind(alert.updated_ms)
    .bind(alert.acknowledged_ms)
    .bind(alert.resolved_ms)
    .bind(alert.resolved_by.clone())
    .bind(alert.findings)
    .bind(alert.open_findings)
    .bind(alert.title_code.clone())
    .bind(alert.title_params.to_string())
    .bind(alert.mail.map(|mail| word(mail.kind)))
    .bind(alert.mail.map(|mail| mail.due_ms))
    .bind(alert.mailed_ms)
    .bind(alert.mailed_severity.map(rank))
    .bind(alert.unit)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Adds a line to an alert's history.
///
/// # Errors
/// When the database fails.
pub async fn record(tx: &mut Transaction, alert_id: i64, line: &HistoryLine) -> Result<()> {
    let id = next_id(tx, "alert_history").await?;
    sqlx::query(
        "INSERT INTO alert_history (id, alert_id, at_ms, actor, action, detail) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(alert_id)
    .bind(line.at_ms)
    .bind(line.actor.clone())
    .bind(word(line.action))
    .bind(line.detail.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// An alert's history, the oldest line first.
///
/// # Errors
/// When the database fails.
pub async fn history(registry: &Registry, alert_id: i64) -> Result<Vec<HistoryLine>> {
    sqlx::query("SELECT at_ms, actor, action, detail FROM alert_history WHERE alert_id = $1 ORDER BY id")
        .bind(alert_id)
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(|row| {
            Ok(HistoryLine {
                at_ms: row.try_get("at_ms")?,
                actor: row.try_get("actor")?,
                action: parsed(row, "action")?,
                detail: read_json(row, "detail")?,
            })
        })
        .collect()
}

/// Somebody takes an alert; whether it was there to be taken.
///
/// # Errors
/// When the database fails.
pub async fn acknowledge(tx: &mut Transaction, id: i64, actor: &str, now_ms: i64) -> Result<bool> {
    let Some(mut alert) = locked(tx, id).await? else {
        return Ok(false);
    };
    if alert.state != AlertState::Open {
        return Ok(false);
    }
    alert.state = AlertState::Acknowledged;
    alert.assignee = Some(actor.to_owned());
    alert.acknowledged_ms = Some(now_ms);
    alert.updated_ms = now_ms;
    alert.mail = alert.mail.filter(|mail| mail.kind != MailKind::Reminder);
    save(tx, &alert).await?;
    record(tx, id, &line(now_ms, actor, Action::Acknowledged, json!({}))).await?;
    Ok(true)
}

/// Somebody ends an alert with a verdict; whether it was still going on. Moments, such as a changed file, which no
/// rule ever closes, end with it. Who was told of the alert is told of its end.
///
/// # Errors
/// When the database fails.
pub async fn resolve(
    tx: &mut Transaction,
    id: i64,
    actor: &str,
    verdict: Verdict,
    comment: &str,
    now_ms: i64,
) -> Result<bool> {
    let Some(mut alert) = locked(tx, id).await? else {
        return Ok(false);
    };
    if alert.state == AlertState::Resolved {
        return Ok(false);
    }
    let ended = finding::close_moments(tx, id, now_ms).await?;
    alert.open_findings = alert.open_findings.saturating_sub(ended).max(0);
    alert.state = AlertState::Resolved;
    alert.verdict = Some(verdict);
    alert.resolved_ms = Some(now_ms);
    alert.resolved_by = Some(actor.to_owned());
    alert.updated_ms = now_ms;
    alert.mail = alert.mailed_severity.map(|_| PlannedMail {
        kind: MailKind::Resolved,
        due_ms: now_ms,
    });
    save(tx, &alert).await?;
    let detail = json!({ "verdict": verdict, "comment": comment });
    record(tx, id, &line(now_ms, actor, Action::Resolved, detail)).await?;
    Ok(true)
}

/// Somebody says something about an alert; whether there is one.
///
/// # Errors
/// When the database fails.
pub async fn comment(tx: &mut Transaction, id: i64, actor: &str, comment: &str, now_ms: i64) -> Result<bool> {
    if locked(tx, id).await?.is_none() {
        return Ok(false);
    }
    record(
        tx,
        id,
        &line(now_ms, actor, Action::Comment, json!({ "comment": comment })),
    )
    .await?;
    Ok(true)
}

fn line(at_ms: i64, actor: &str, action: Action, detail: Value) -> HistoryLine {
    HistoryLine {
        at_ms,
        actor: actor.to_owned(),
        action,
        detail,
    }
}
