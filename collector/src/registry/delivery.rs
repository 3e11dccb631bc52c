//! Deliveries and their attempts: a mail is a row before it is a mail.
//!
//! The row holds everything that the mail says ([`Content`]), its Message-ID and its date, all fixed when
//! the alert stage commits it: whatever happens later, a repeated attempt sends the same mail.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;
use vong_proto::event::Severity;

use super::alert::{MailKind, Verdict};
use super::query::{json, parsed, word};
use super::unreadable::Readable;
use super::{Registry, Result, Transaction, next_id};
use crate::finding::Category;

/// One mail to one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// The alert it tells about.
    pub alert_id: i64,
    /// How: `mail`.
    pub channel: String,
    /// To whom.
    pub recipient: String,
    /// What it tells.
    pub kind: MailKind,
    /// What became of it.
    pub state: DeliveryState,
    /// Not before this.
    pub due_ms: i64,
    /// When it was written; the mail's date.
    pub created_ms: i64,
    /// When the mail server took it.
    pub sent_ms: Option<i64>,
    /// The mail's Message-ID, with its angle brackets.
    pub message_id: String,
    /// The Message-ID of the first mail to this recipient about this alert; its own when it is the first.
    pub thread: String,
    /// What it says.
    pub content: Content,
    /// How often it was tried.
    pub attempts: i64,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be sent.
    Due,
    /// The mail server has it.
    Sent,
    /// It was given up.
    Failed,
}

/// Everything a mail says, as facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// `vi` or `en`.
    pub language: String,
    /// What the alert is about.
    pub category: Category,
    /// How grave it is.
    pub severity: Severity,
    /// The rule of the gravest finding.
    pub title_code: String,
    /// Parameters of the title.
    pub title_params: Value,
    /// Which PC; without a number when it is about a unit.
    pub host: HostCard,
    /// Some of the PCs of such a unit, by name.
    #[serde(default)]
    pub pcs: Vec<String>,
    /// When the alert began.
    pub opened_ms: i64,
    /// When it ended.
    pub resolved_ms: Option<i64>,
    /// Who ended it; `None` when its cause went away by itself.
    pub resolved_by: Option<String>,
    /// What people found it to be.
    pub verdict: Option<Verdict>,
    /// What was seen, the newest first, no more than a mail can hold.
    pub findings: Vec<SeenFinding>,
    /// How many findings there are in all.
    pub findings_total: i64,
    /// How many of them are open.
    pub findings_open: i64,
    /// The telephone to call; empty when none is known.
    pub phone: String,
    /// Set in the duty office's own mail: what it must know of the unit.
    #[serde(default)]
    pub duty: Option<DutyCard>,
}

impl Content {
    /// Whether it is about a unit, and not about one PC.
    pub fn is_about_a_unit(&self) -> bool {
        self.host.id == 0
    }
}

/// What the duty office's mail says of the unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutyCard {
    /// The unit's address that was written to as well; empty when nobody of the unit was.
    pub told: String,
    /// The unit that all of this is of: the PC's own, or one above it.
    #[serde(default)]
    pub unit: String,
    /// Who answers for the unit's PCs; may be empty.
    pub contact_name: String,
    /// The unit's telephone; empty when none is known.
    pub contact_phone: String,
}

/// What a mail says of a PC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCard {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The inventory number on its case.
    pub asset_number: String,
    /// Where it stands.
    pub place: String,
    /// Its unit's name.
    pub unit: String,
}

/// What a mail says of a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeenFinding {
    /// The rule.
    pub rule: String,
    /// How grave.
    pub severity: Severity,
    /// When it was seen.
    pub opened_ms: i64,
    /// When its cause was gone.
    pub closed_ms: Option<i64>,
    /// The facts.
    pub evidence: Value,
}

/// One try to hand a mail over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub at_ms: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// What the server, or the connection, said.
    pub detail: String,
    /// How long it took.
    pub duration_ms: i64,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The mail server took the mail.
    Accepted,
    /// It will not take it now.
    Deferred,
    /// It will never take it.
    Bounced,
    /// It could not be asked.
    Error,
    /// The attempt was begun, and nobody could note how it ended: the mail may have gone out.
    Unknown,
}

/// What is to be known of a new delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDelivery {
    /// The alert it tells about.
    pub alert_id: i64,
    /// To whom.
    pub recipient: String,
    /// What it tells.
    pub kind: MailKind,
    /// The mail's Message-ID, with its angle brackets.
    pub message_id: String,
    /// What it says.
    pub content: Content,
}

const COLUMNS: &str = "id, alert_id, channel, recipient, kind, state, due_ms, created_ms, sent_ms, message_id, \
    thread, content, attempts";

fn from_row(row: &AnyRow) -> Result<Delivery> {
    Ok(Delivery {
        id: row.try_get("id")?,
        alert_id: row.try_get("alert_id")?,
        channel: row.try_get("channel")?,
        recipient: row.try_get("recipient")?,
        kind: parsed(row, "kind")?,
        state: parsed(row, "state")?,
        due_ms: row.try_get("due_ms")?,
        created_ms: row.try_get("created_ms")?,
        sent_ms: row.try_get("sent_ms")?,
        message_id: row.try_get("message_id")?,
        thread: row.try_get("thread")?,
        content: json(row, "content")?,
        attempts: row.try_get("attempts")?,
    })
}

/// Plans a mail for now. It joins the thread of the first mail to this recipient about this alert.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Transaction, new: &NewDelivery, now_ms: i64) -> Result<i64> {
    let id = next_id(tx, "deliveries").await?;
    let thread: Option<String> = sqlx::query_scalar(
        "SELECT thread FROM deliveries WHERE alert_id = $1 AND recipient = $2 ORDER BY id LIMIT 1",
    )
    .bind(new.alert_id)
    .bind(new.recipient.clone())
    .fetch_optional(&mut **tx)
    .await?;
    sqlx::query(
        "INSERT INTO deliveries (id, alert_id, channel, recipient, kind, state, due_ms, created_ms, message_id, \
         thread, content) VALUES ($1, $2, 'mail', $3, $4, 'due', $5, $5, $6, $7, $8)",
    )
    .bind(id)
    .bind(new.alert_id)
    .bind(new.recipient.clone())
    .bind(word(new.kind))
    .bind(now_ms)
    .bind(new.message_id.clone())
    .bind(thread.unwrap_or_else(|| new.message_id.clone()))
    .bind(serde_json::to_string(&new.content).expect("content is plain data"))
    .execute(&mut **tx)
    .await?;
    Ok(id)
}

/// The mails that are due, in the order of their dates; a row that cannot be read hides no other.
///
/// # Errors
/// When the database fails.
pub async fn due(registry: &Registry, now_ms: i64, limit: i64) -> Result<Readable<Delivery>> {
    let statement = format!(
        "SELECT {COLUMNS} FROM deliveries WHERE state = 'due' AND due_ms <= $1 ORDER BY due_ms, id LIMIT $2"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(now_ms)
        .bind(limit)
        .fetch_all(registry.readers())
        .await?;
    Ok(Readable::of("deliveries", &rows, from_row))
}

/// When the next mail becomes due that is not due yet; `None` when none waits.
///
/// # Errors
/// When the database fails.
pub async fn next_due_ms(registry: &Registry, now_ms: i64) -> Result<Option<i64>> {
    Ok(
        sqlx::query_scalar("SELECT MIN(due_ms) FROM deliveries WHERE state = 'due' AND due_ms > $1")
            .bind(now_ms)
            .fetch_one(registry.readers())
            .await?,
    )
}

/// Begins an attempt and returns its number; `None` when somebody else has taken the mail. Until
/// [`end_attempt`] says otherwise its outcome is unknown, and the delivery stands as if it had failed:
/// in `state`, due again at `due_ms`.
///
/// # Errors
/// When the database fails.
pub async fn begin_attempt(
    tx: &mut Transaction,
    row: &Delivery,
    at_ms: i64,
    state: DeliveryState,
    due_ms: i64,
) -> Result<Option<i64>> {
    let taken = sqlx::query(
        "UPDATE deliveries SET state = $3, due_ms = $4, attempts = attempts + 1 \
         WHERE id = $1 AND state = 'due' AND attempts = $2",
    )
    .bind(row.id)
    .bind(row.attempts)
    .bind(word(state))
    .bind(due_ms)
    .execute(&mut **tx)
    .await?;
    if taken.rows_affected() == 0 {
        return Ok(None);
    }
    let attempt_id = next_id(tx, "attempts").await?;
    sqlx::query(
        "INSERT INTO attempts (id, delivery_id, at_ms, outcome, detail, duration_ms) \
         VALUES ($1, $2, $3, $4, '', 0)",
    )
    .bind(attempt_id)
    .bind(row.id)
    .bind(at_ms)
    .bind(word(Outcome::Unknown))
    .execute(&mut **tx)
    .await?;
    Ok(Some(attempt_id))
}

/// Keeps how an attempt ended: the delivery's state, and when to try again.
///
/// # Errors
/// When the database fails.
pub async fn end_attempt(
    tx: &mut Transaction,
    attempt_id: i64,
    attempt: &Attempt,
    state: DeliveryState,
    due_ms: i64,
) -> Result<()> {
    sqlx::query("UPDATE attempts SET outcome = $2, detail = $3, duration_ms = $4 WHERE id = $1")
        .bind(attempt_id)
        .bind(word(attempt.outcome))
        .bind(super::fold::storable(&attempt.detail))
        .bind(attempt.duration_ms)
        .execute(&mut **tx)
        .await?;
    let sent_ms = (state == DeliveryState::Sent).then_some(attempt.at_ms);
    sqlx::query(
        "UPDATE deliveries SET state = $2, due_ms = $3, sent_ms = $4 \
         WHERE id = (SELECT delivery_id FROM attempts WHERE id = $1)",
    )
    .bind(attempt_id)
    .bind(word(state))
    .bind(due_ms)
    .bind(sent_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The mails about an alert, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of_alert(registry: &Registry, alert_id: i64) -> Result<Vec<Delivery>> {
    let statement = format!("SELECT {COLUMNS} FROM deliveries WHERE alert_id = $1 ORDER BY id");
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(alert_id)
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// The attempts of a delivery, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn attempts(registry: &Registry, delivery_id: i64) -> Result<Vec<Attempt>> {
    sqlx::query("SELECT at_ms, outcome, detail, duration_ms FROM attempts WHERE delivery_id = $1 ORDER BY id")
        .bind(delivery_id)
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(|row| {
            Ok(Attempt {
                at_ms: row.try_get("at_ms")?,
                outcome: parsed(row, "outcome")?,
                detail: row.try_get("detail")?,
                duration_ms: row.try_get("duration_ms")?,
            })
        })
        .collect()
}
