//! One alert's page, out of the registry's rows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AlertRow, AlertStateFilter, HostRef};
use crate::api::units::UnitRef;
use crate::api::word::{Params, Phrase, Severity, count};
use crate::registry::alert::{self, Action, AlertState, HistoryLine, MailKind};
use crate::registry::alert_list::ListedAlert;
use crate::registry::delivery::{self, Attempt, Delivery, Outcome};
use crate::registry::finding::FindingRow;

/// One rule's verdict.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct FindingReport {
    /// Its identity.
    id: String,
    /// The rule.
    rule: String,
    /// What on the host, such as a path or a probe; empty when the host itself.
    key: String,
    /// How grave it is.
    severity: Severity,
    /// When it happened.
    opened_ms: i64,
    /// When its cause was gone.
    closed_ms: Option<i64>,
    /// Why: the facts.
    evidence: Params,
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum HistoryAction {
    /// It was opened.
    Opened,
    /// A finding joined it.
    FindingAdded,
    /// A finding's cause was gone.
    FindingClosed,
    /// Somebody took it.
    Acknowledged,
    /// It was resolved.
    Resolved,
    /// It was opened again.
    Reopened,
    /// Somebody said something.
    Comment,
    /// It was mailed.
    Mailed,
}

/// A moment of an alert's history.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct HistoryEntry {
    /// When.
    at_ms: i64,
    /// Who: a user's name, empty when the collector itself.
    actor: String,
    /// What.
    action: HistoryAction,
    /// More of it, such as `comment` or `verdict`.
    detail: Params,
}

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum DeliveryKind {
    /// It is new.
    Opened,
    /// More has happened.
    Update,
    /// It is over.
    Resolved,
    /// Nobody has taken it.
    Reminder,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum DeliveryState {
    /// To be sent.
    Due,
    /// Accepted by the mail server.
    Sent,
    /// Given up.
    Failed,
}

/// Somebody is told of an alert.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct DeliveryReport {
    /// Its number.
    id: i64,
    /// By which means, such as `email`.
    channel: String,
    /// Whom.
    recipient: String,
    /// Why.
    kind: DeliveryKind,
    /// Where it stands.
    state: DeliveryState,
    /// When it was decided.
    created_ms: i64,
    /// When it was accepted.
    sent_ms: Option<i64>,
    /// Every try, the oldest first.
    attempts: Vec<AttemptReport>,
}

/// How a try to tell somebody ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum AttemptOutcome {
    /// The mail server took it.
    Accepted,
    /// The mail server asked to come again.
    Deferred,
    /// The mail server refused it.
    Bounced,
    /// The mail server could not be asked.
    Error,
    /// It was begun, and how it ended could not be noted.
    Unknown,
}

/// One try to tell somebody.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct AttemptReport {
    /// When.
    at_ms: i64,
    /// How it ended.
    outcome: AttemptOutcome,
    /// The other side's words.
    detail: String,
    /// How long it took.
    duration_ms: i64,
}

impl AlertStateFilter {
    pub(super) fn states(self) -> Vec<AlertState> {
        match self {
            Self::Active => vec![AlertState::Open, AlertState::Acknowledged],
            Self::Open => vec![AlertState::Open],
            Self::Acknowledged => vec![AlertState::Acknowledged],
            Self::Resolved => vec![AlertState::Resolved],
        }
    }
}

impl AlertRow {
    pub(super) fn of(listed: ListedAlert) -> Self {
        let alert = listed.alert;
        Self {
            id: alert.id,
            category: alert.category.into(),
            severity: alert.severity.into(),
            state: alert.state.into(),
            verdict: alert.verdict.map(Into::into),
            title: Phrase {
                code: alert.title_code,
                params: Params::of(alert.title_params),
            },
            host: HostRef {
                id: alert.host.0,
                name: listed.host_name,
            },
            about_unit: alert.unit.is_some(),
            unit: UnitRef {
                id: listed.unit_id,
                name: listed.unit_name,
            },
            findings: count(alert.findings),
            open_findings: count(alert.open_findings),
            opened_ms: alert.opened_ms,
            updated_ms: alert.updated_ms,
            assignee: alert.assignee,
        }
    }
}

impl FindingReport {
    pub(super) fn of(row: FindingRow) -> Self {
        let finding = row.finding;
        Self {
            id: finding.id,
            rule: finding.rule,
            key: finding.key,
            severity: finding.severity.into(),
            opened_ms: finding.opened_ms,
            closed_ms: row.closed_ms,
            evidence: Params::of(finding.evidence),
        }
    }
}

impl HistoryEntry {
    pub(super) fn of(line: HistoryLine) -> Self {
        let by_itself = line.actor == alert::SYSTEM;
        Self {
            at_ms: line.at_ms,
            actor: if by_itself { String::new() } else { line.actor },
            action: line.action.into(),
            detail: Params::of(line.detail),
        }
    }
}

impl DeliveryReport {
    pub(super) fn of(delivery: Delivery, attempts: Vec<Attempt>) -> Self {
        Self {
            id: delivery.id,
            channel: delivery.channel,
            recipient: delivery.recipient,
            kind: delivery.kind.into(),
            state: delivery.state.into(),
            created_ms: delivery.created_ms,
            sent_ms: delivery.sent_ms,
            attempts: attempts.into_iter().map(AttemptReport::of).collect(),
        }
    }
}

impl AttemptReport {
    fn of(attempt: Attempt) -> Self {
        Self {
            at_ms: attempt.at_ms,
            outcome: attempt.outcome.into(),
            detail: attempt.detail,
            duration_ms: attempt.duration_ms,
        }
    }
}

impl From<Action> for HistoryAction {
    fn from(action: Action) -> Self {
        match action {
            Action::Opened => Self::Opened,
            Action::FindingAdded => Self::FindingAdded,
            Action::FindingClosed => Self::FindingClosed,
            Action::Acknowledged => Self::Acknowledged,
            Action::Resolved => Self::Resolved,
            Action::Reopened => Self::Reopened,
            Action::Comment => Self::Comment,
            Action::Mailed => Self::Mailed,
        }
    }
}

impl From<MailKind> for DeliveryKind {
    fn from(kind: MailKind) -> Self {
        match kind {
            MailKind::Opened => Self::Opened,
            MailKind::Update => Self::Update,
            MailKind::Resolved => Self::Resolved,
            MailKind::Reminder => Self::Reminder,
        }
    }
}

impl From<delivery::DeliveryState> for DeliveryState {
    fn from(state: delivery::DeliveryState) -> Self {
        match state {
            delivery::DeliveryState::Due => Self::Due,
            delivery::DeliveryState::Sent => Self::Sent,
            delivery::DeliveryState::Failed => Self::Failed,
        }
    }
}

impl From<Outcome> for AttemptOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted => Self::Accepted,
            Outcome::Deferred => Self::Deferred,
            Outcome::Bounced => Self::Bounced,
            Outcome::Error => Self::Error,
            Outcome::Unknown => Self::Unknown,
        }
    }
}
