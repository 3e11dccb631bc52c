//! An alert's life: what a finding, an end or a mail changes in it. Pure; `now` is an argument.
//!
//! The waits keep mails few: the first one waits a little for what belongs with it (the graver, the
//! shorter), later ones keep a distance, and what is grave and taken by nobody is repeated.

use serde_json::{Value, json};
use vong_proto::event::Severity;

use crate::finding::RANSOMWARE;
use crate::registry::alert::{Action, Alert, AlertState, HistoryLine, MailKind, PlannedMail, SYSTEM};
use crate::registry::finding::{FindingRow, NOT_WATCHED};

/// Mails about one alert keep this distance, unless it becomes graver.
pub(super) const BETWEEN_MAILS_MS: i64 = 5 * 60_000;
/// An alert of high severity or more that nobody takes is mailed again after this long.
pub(super) const REPEAT_AFTER_MS: i64 = 4 * 3_600_000;

/// How long the first mail waits for what belongs with it.
pub(super) fn first_wait_ms(severity: Severity) -> i64 {
    match severity {
        Severity::Critical => 0,
        Severity::High => 5_000,
        Severity::Medium | Severity::Low => 30_000,
    }
}

/// A finding that is heard of this late comes with a backlog, whose rest may say that it is over.
const LATE_AFTER_MS: i64 = 5 * 60_000;
/// So the first mail about it waits for that rest.
pub(super) const LATE_WAIT_MS: i64 = 60_000;

/// A new alert of its first finding. Its number is yet to be given.
pub(super) fn opened(row: &FindingRow, tells: bool, now_ms: i64) -> (Alert, Vec<HistoryLine>) {
    let mut alert = Alert {
        id: 0,
        category: row.finding.category,
        host: row.finding.host,
        unit: None,
        severity: row.finding.severity,
        state: AlertState::Open,
        verdict: None,
        assignee: None,
        opened_ms: now_ms,
        updated_ms: now_ms,
        acknowledged_ms: None,
        resolved_ms: None,
        resolved_by: None,
        findings: 0,
        open_findings: 0,
        title_code: String::new(),
        title_params: Value::Null,
        mail: None,
        mailed_ms: None,
        mailed_severity: None,
    };
    add(&mut alert, row, tells, now_ms);
    (alert, vec![line(Action::Opened, about(row), now_ms)])
}

/// A finding joins an alert that is going on.
pub(super) fn finding_added(
    alert: &mut Alert,
    row: &FindingRow,
    tells: bool,
    now_ms: i64,
) -> Vec<HistoryLine> {
    add(alert, row, tells, now_ms);
    vec![line(Action::FindingAdded, about(row), now_ms)]
}

/// A finding takes up an alert that has ended. Whoever took it before may be gone: it is open again. What
/// a person has ended and still goes on is news; what ended by itself and comes back is flapping.
pub(super) fn reopened(alert: &mut Alert, row: &FindingRow, tells: bool, now_ms: i64) -> Vec<HistoryLine> {
    if alert.resolved_by.is_some() {
        alert.mailed_ms = None;
        alert.mailed_severity = None;
        // It is as grave as what goes on now, and not as what a person has ended.
        alert.severity = row.finding.severity;
    }
    alert.state = AlertState::Open;
    alert.verdict = None;
    alert.assignee = None;
    alert.acknowledged_ms = None;
    alert.resolved_ms = None;
    alert.resolved_by = None;
    alert.mail = None;
    add(alert, row, tells, now_ms);
    vec![line(Action::Reopened, about(row), now_ms)]
}

/// A finding's cause is gone. With the last of them the alert ends by itself; who was told of the alert
/// is told of that, and who was not, never hears of it.
pub(super) fn finding_closed(alert: &mut Alert, row: &FindingRow, now_ms: i64) -> Vec<HistoryLine> {
    alert.open_findings = (alert.open_findings - 1).max(0);
    alert.updated_ms = now_ms;
    let unwatched = row.finding.evidence["ended"] == NOT_WATCHED;
    let mut ended = about(row);
    if unwatched {
        ended["reason"] = json!(NOT_WATCHED);
    }
    let mut lines = vec![line(Action::FindingClosed, ended, now_ms)];
    if alert.open_findings == 0 && alert.state != AlertState::Resolved {
        alert.state = AlertState::Resolved;
        alert.resolved_ms = Some(now_ms);
        alert.resolved_by = None;
        alert.mail = alert.mailed_severity.map(|_| PlannedMail {
            kind: MailKind::Resolved,
            due_ms: now_ms,
        });
        let reason = if unwatched {
            json!({ "reason": NOT_WATCHED })
        } else {
            json!({})
        };
        lines.push(line(Action::Resolved, reason, now_ms));
    }
    lines
}

/// More is known of a finding that is going on. The alert's title follows the finding that gave it its name; nobody is
/// written to again.
pub(super) fn finding_told_again(
    alert: &mut Alert,
    row: &FindingRow,
    names_it: bool,
    now_ms: i64,
) -> Vec<HistoryLine> {
    if names_it && alert.title_code == row.finding.rule {
        let total = alert.title_params[TOTAL].take();
        alert.title_params = title_params(&row.finding.evidence);
        if !total.is_null() {
            alert.title_params[TOTAL] = total;
        }
    }
    alert.updated_ms = now_ms;
    Vec::new()
}

/// The host no longer belongs here: nobody will mend it, and nobody is to be reminded of it.
pub(super) fn host_retired(alert: &mut Alert, now_ms: i64) -> Vec<HistoryLine> {
    alert.state = AlertState::Resolved;
    alert.resolved_ms = Some(now_ms);
    alert.resolved_by = None;
    alert.updated_ms = now_ms;
    alert.mail = None;
    vec![line(
        Action::Resolved,
        json!({ "reason": "host_retired" }),
        now_ms,
    )]
}

/// Mails of a kind were written to these recipients.
pub(super) fn mailed(
    alert: &mut Alert,
    kind: MailKind,
    recipients: &[String],
    now_ms: i64,
) -> Vec<HistoryLine> {
    alert.mailed_ms = Some(now_ms);
    // After the last mail of an alert its readers take it to be over.
    alert.mailed_severity = Some(alert.severity).filter(|_| kind != MailKind::Resolved);
    let waits = alert.state == AlertState::Open && alert.severity >= Severity::High;
    alert.mail = waits.then_some(PlannedMail {
        kind: MailKind::Reminder,
        due_ms: now_ms + REPEAT_AFTER_MS,
    });
    let detail = json!({ "kind": kind, "recipients": recipients });
    vec![line(Action::Mailed, detail, now_ms)]
}

fn add(alert: &mut Alert, row: &FindingRow, tells: bool, now_ms: i64) {
    let total = total(alert) + stands_for(&row.finding.evidence);
    alert.findings += 1;
    alert.open_findings += 1;
    alert.updated_ms = now_ms;
    if alert.findings == 1 || row.finding.severity >= alert.severity {
        alert.severity = row.finding.severity;
        alert.title_code = row.finding.rule.clone();
        alert.title_params = title_params(&row.finding.evidence);
    }
    if total > alert.findings {
        alert.title_params[TOTAL] = total.into();
    }
    if tells {
        let late = row.judged_ms - row.finding.opened_ms > LATE_AFTER_MS;
        plan(alert, if late { now_ms + LATE_WAIT_MS } else { now_ms });
    }
}

/// Among a title's facts: how much the alert is about, where that is more than its findings.
const TOTAL: &str = "total";

fn total(alert: &Alert) -> i64 {
    alert.title_params[TOTAL].as_i64().unwrap_or(alert.findings)
}

/// A finding that names what was held back stands for all of that.
fn stands_for(evidence: &Value) -> i64 {
    evidence["more"].as_i64().unwrap_or(1)
}

/// Plans the mail that tells of a new finding, or lets the one that is planned tell it.
fn plan(alert: &mut Alert, from_ms: i64) {
    let is_worse = match alert.mailed_severity {
        Some(known) => alert.severity > known,
        // What its readers take to be over is a fault that comes and goes, but for an alarm.
        None => alert.title_code == RANSOMWARE,
    };
    let soon_ms = from_ms + first_wait_ms(alert.severity);
    let wanted = match alert.mailed_ms {
        None => PlannedMail {
            kind: MailKind::Opened,
            due_ms: soon_ms,
        },
        Some(mailed_ms) => PlannedMail {
            kind: MailKind::Update,
            due_ms: if is_worse {
                soon_ms
            } else {
                soon_ms.max(mailed_ms + BETWEEN_MAILS_MS)
            },
        },
    };
    alert.mail = Some(match alert.mail {
        Some(planned) if planned.kind == wanted.kind && planned.due_ms <= wanted.due_ms => planned,
        _ => wanted,
    });
}

/// The facts that a title names; the rest stays in the evidence.
fn title_params(evidence: &Value) -> Value {
    let mut params = serde_json::Map::new();
    for name in [
        "path",
        "action",
        "more",
        "threat",
        "product",
        "reason",
        "pcs",
        "of",
        "count",
        "list",
        "files_touched",
        "files_lost",
        "user",
        "minutes",
        "failed",
        "days",
        "missing",
        "probe",
        "target",
        "error",
        "last_seen_ms",
        "machine",
        "other_machine",
        "cloned",
    ] {
        if let Some(value) = evidence.get(name).filter(|value| !value.is_null()) {
            params.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(who) = evidence
        .pointer("/process/executable")
        .filter(|who| !who.is_null())
    {
        params.insert("who".to_owned(), who.clone());
    }
    Value::Object(params)
}

fn about(row: &FindingRow) -> Value {
    json!({ "finding": row.finding.id, "rule": row.finding.rule, "severity": row.finding.severity })
}

fn line(action: Action, detail: Value, now_ms: i64) -> HistoryLine {
    HistoryLine {
        at_ms: now_ms,
        actor: SYSTEM.to_owned(),
        action,
        detail,
    }
}
