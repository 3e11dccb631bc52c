//! Words that stand in many answers: closed sets of states, text of uncertain encoding, phrases to translate.
//!
//! The API never sends prose. What is said to people is a code with parameters ([`Phrase`]), which the
//! dashboard puts into their language; what a PC said is data ([`Text`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use vong_proto::event;

use crate::registry::fold::storable;
use crate::registry::{alert, host, host_state, unit, user};
use crate::{entry, finding};

/// Named values that fill a text or describe a thing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Params(pub(super) BTreeMap<String, Value>);

impl Params {
    /// An object's members; anything else stands under `value`.
    pub(super) fn of(value: Value) -> Self {
        match value {
            Value::Object(members) => Self(members.into_iter().collect()),
            Value::Null => Self::default(),
            other => Self(BTreeMap::from([("value".to_owned(), other)])),
        }
    }
}

impl utoipa::PartialSchema for Params {
    fn schema() -> RefOr<Schema> {
        let any = AdditionalProperties::FreeForm(true);
        ObjectBuilder::new().additional_properties(Some(any)).into()
    }
}

impl ToSchema for Params {
    fn name() -> std::borrow::Cow<'static, str> {
        "Params".into()
    }
}

/// Something to be said, as a code and what fills it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Phrase {
    /// What is said, such as `antivirus.stale`.
    #[schema(example = "antivirus.stale")]
    pub(super) code: String,
    /// What fills it.
    pub(super) params: Params,
}

/// Bytes that are usually text, such as a path: hostile, and not always valid UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Text {
    /// The text; what is not UTF-8 in it is replaced by U+FFFD.
    pub(super) text: String,
    /// The bytes as hexadecimal digits, only when `text` does not say it all.
    pub(super) hex: Option<String>,
}

impl Text {
    /// Shows bytes as well as they can be shown.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self {
                text: text.to_owned(),
                hex: None,
            },
            Err(_) => Self {
                text: String::from_utf8_lossy(bytes).into_owned(),
                hex: Some(hex::encode(bytes)),
            },
        }
    }
}

/// Text that is empty when there is nothing to say.
pub(super) fn said(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Text to search for, as databases take it: one reads no further than a NUL, the other refuses it.
pub(super) fn searched(text: Option<String>) -> Option<String> {
    text.map(|text| storable(text.trim())).and_then(said)
}

/// A count, which no database makes negative.
pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    /// Everything.
    Administrator,
    /// Sees and handles alerts, orders rescans; everywhere, or in a subtree of units.
    Analyst,
    /// Sees and handles what concerns one unit and those below it.
    UnitStaff,
    /// Sees, and changes nothing.
    Auditor,
}

/// What kind of office a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UnitKind {
    /// The province itself.
    Province,
    /// A department (sở).
    Department,
    /// A commune (xã).
    Commune,
    /// A ward (phường).
    Ward,
    /// A special administrative zone (đặc khu).
    SpecialZone,
    /// Any office below those.
    Office,
}

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HostKind {
    /// A PC that somebody works at.
    Workstation,
    /// A server.
    Server,
}

/// Where a host stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HostStatus {
    /// Enrolled.
    Active,
    /// Waits for approval.
    Pending,
    /// Managed no more.
    Retired,
}

/// What is known of a host's antivirus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Protection {
    /// Present, on, up to date.
    Protected,
    /// On, with definitions that are too old.
    Stale,
    /// Present, but switched off.
    Off,
    /// No product was found.
    Missing,
    /// Nobody knows.
    Unknown,
}

/// How grave a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// Worth a line in a digest.
    Low,
    /// Worth an alert.
    Medium,
    /// Worth a mail in working hours.
    High,
    /// Worth waking somebody.
    Critical,
}

/// What an alert is about, in the large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Category {
    /// Antivirus is missing, off or stale.
    Protection,
    /// Malware was found.
    Malware,
    /// One threat on several hosts of a unit.
    Outbreak,
    /// One product is no longer brought up to date on the hosts of a unit.
    Updates,
    /// Watched files changed.
    Files,
    /// Something changes documents as ransomware does.
    Ransomware,
    /// A service cannot be reached.
    Network,
    /// A host does not report.
    Presence,
    /// Events of a host are missing.
    Ledger,
    /// It is in doubt who reports.
    Identity,
}

/// Where an alert stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AlertState {
    /// Nobody has taken it yet.
    Open,
    /// Somebody takes care of it.
    Acknowledged,
    /// Over.
    Resolved,
}

/// What an alert turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// It was what it said.
    True,
    /// It was what it said, and harmless.
    Benign,
    /// It was not so.
    False,
}

impl From<user::Role> for Role {
    fn from(role: user::Role) -> Self {
        match role {
            user::Role::Administrator => Self::Administrator,
            user::Role::Analyst => Self::Analyst,
            user::Role::UnitStaff => Self::UnitStaff,
            user::Role::Auditor => Self::Auditor,
        }
    }
}

impl From<unit::UnitKind> for UnitKind {
    fn from(kind: unit::UnitKind) -> Self {
        match kind {
            unit::UnitKind::Province => Self::Province,
            unit::UnitKind::Department => Self::Department,
            unit::UnitKind::Commune => Self::Commune,
            unit::UnitKind::Ward => Self::Ward,
            unit::UnitKind::SpecialZone => Self::SpecialZone,
            unit::UnitKind::Office => Self::Office,
        }
    }
}

impl From<host::HostKind> for HostKind {
    fn from(kind: host::HostKind) -> Self {
        match kind {
            host::HostKind::Workstation => Self::Workstation,
            host::HostKind::Server => Self::Server,
        }
    }
}

impl From<HostStatus> for host::HostStatus {
    fn from(status: HostStatus) -> Self {
        match status {
            HostStatus::Active => Self::Active,
            HostStatus::Pending => Self::Pending,
            HostStatus::Retired => Self::Retired,
        }
    }
}

impl From<host::HostStatus> for HostStatus {
    fn from(status: host::HostStatus) -> Self {
        match status {
            host::HostStatus::Active => Self::Active,
            host::HostStatus::Pending => Self::Pending,
            host::HostStatus::Retired => Self::Retired,
        }
    }
}

impl From<host::Protection> for Protection {
    fn from(protection: host::Protection) -> Self {
        match protection {
            host::Protection::Protected => Self::Protected,
            host::Protection::Stale => Self::Stale,
            host::Protection::Off => Self::Off,
            host::Protection::Missing => Self::Missing,
            host::Protection::Unknown => Self::Unknown,
        }
    }
}

impl From<Protection> for host::Protection {
    fn from(protection: Protection) -> Self {
        match protection {
            Protection::Protected => Self::Protected,
            Protection::Stale => Self::Stale,
            Protection::Off => Self::Off,
            Protection::Missing => Self::Missing,
            Protection::Unknown => Self::Unknown,
        }
    }
}

impl From<event::Severity> for Severity {
    fn from(severity: event::Severity) -> Self {
        match severity {
            event::Severity::Low => Self::Low,
            event::Severity::Medium => Self::Medium,
            event::Severity::High => Self::High,
            event::Severity::Critical => Self::Critical,
        }
    }
}

impl From<Severity> for event::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Low => Self::Low,
            Severity::Medium => Self::Medium,
            Severity::High => Self::High,
            Severity::Critical => Self::Critical,
        }
    }
}

/// What shows that two machines use one agent's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CloneSign {
    /// One key with two fingerprints.
    TwoFingerprints,
    /// Connections that keep taking over from each other, both alive.
    TakeOvers,
    /// One range of numbers with two contents.
    TwoContents,
}

impl From<entry::CloneSign> for CloneSign {
    fn from(sign: entry::CloneSign) -> Self {
        match sign {
            entry::CloneSign::TwoFingerprints => Self::TwoFingerprints,
            entry::CloneSign::TakeOvers => Self::TakeOvers,
            entry::CloneSign::TwoContents => Self::TwoContents,
        }
    }
}

/// What the intake had to hold against an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trouble {
    /// It sent more than it may, and was slowed.
    Slowed,
    /// It announced a frame that is too large, and was cut off.
    Oversized,
    /// It did not keep to the protocol, and was cut off.
    Protocol,
    /// It brought the stream of another PC, and began one of its own.
    StreamClaimed,
}

impl From<host_state::Trouble> for Trouble {
    fn from(trouble: host_state::Trouble) -> Self {
        match trouble {
            host_state::Trouble::Slowed => Self::Slowed,
            host_state::Trouble::Oversized => Self::Oversized,
            host_state::Trouble::Protocol => Self::Protocol,
            host_state::Trouble::StreamClaimed => Self::StreamClaimed,
        }
    }
}

impl From<finding::Category> for Category {
    fn from(category: finding::Category) -> Self {
        match category {
            finding::Category::Protection => Self::Protection,
            finding::Category::Malware => Self::Malware,
            finding::Category::Outbreak => Self::Outbreak,
            finding::Category::Updates => Self::Updates,
            finding::Category::Files => Self::Files,
            finding::Category::Ransomware => Self::Ransomware,
            finding::Category::Network => Self::Network,
            finding::Category::Presence => Self::Presence,
            finding::Category::Ledger => Self::Ledger,
            finding::Category::Identity => Self::Identity,
        }
    }
}

impl From<Category> for finding::Category {
    fn from(category: Category) -> Self {
        match category {
            Category::Protection => Self::Protection,
            Category::Malware => Self::Malware,
            Category::Outbreak => Self::Outbreak,
            Category::Updates => Self::Updates,
            Category::Files => Self::Files,
            Category::Ransomware => Self::Ransomware,
            Category::Network => Self::Network,
            Category::Presence => Self::Presence,
            Category::Ledger => Self::Ledger,
            Category::Identity => Self::Identity,
        }
    }
}

impl From<alert::AlertState> for AlertState {
    fn from(state: alert::AlertState) -> Self {
        match state {
            alert::AlertState::Open => Self::Open,
            alert::AlertState::Acknowledged => Self::Acknowledged,
            alert::AlertState::Resolved => Self::Resolved,
        }
    }
}

impl From<alert::Verdict> for Verdict {
    fn from(verdict: alert::Verdict) -> Self {
        match verdict {
            alert::Verdict::True => Self::True,
            alert::Verdict::Benign => Self::Benign,
            alert::Verdict::False => Self::False,
        }
    }
}

impl From<Verdict> for alert::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::True => Self::True,
            Verdict::Benign => Self::Benign,
            Verdict::False => Self::False,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vietnamese_text_comes_through_as_it_is() {
        for path in ["/srv/hồ sơ/Nguyễn.txt", "/srv/ho\u{302}\u{300} so\u{31b}"] {
            assert_eq!(
                Text::of(path.as_bytes()),
                Text {
                    text: path.to_owned(),
                    hex: None
                }
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_beside_their_picture() {
        let shown = Text::of(b"/srv/\xff.txt");
        assert_eq!(shown.text, "/srv/\u{fffd}.txt");
        assert_eq!(shown.hex.as_deref(), Some("2f7372762fff2e747874"));
    }
}
