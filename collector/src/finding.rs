//! What the rules hand to the alert stage: verdicts about entities, opened and closed.

use serde::{Deserialize, Serialize};
use vong_proto::event::Severity;

use crate::entry::HostId;

/// One rule's verdict about one entity, from its opening to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// hash(rule, entity, key, position that opened it): judging twice is harmless, a recurrence is new.
    pub id: String,
    /// The rule, such as `antivirus.missing`.
    pub rule: String,
    /// What it belongs together with: alerts group by (category, entity).
    pub category: Category,
    /// Whom it is about.
    pub host: HostId,
    /// What on that host, such as a path or a probe; empty when the host itself.
    pub key: String,
    /// How grave it is.
    pub severity: Severity,
    /// Journal position that opened it.
    pub opened_pos: u64,
    /// When it happened (the event's time, corrected by the offset), milliseconds since 1970.
    pub opened_ms: i64,
    /// Why: the facts, as parameters for texts in any language; never prose.
    pub evidence: serde_json::Value,
}

/// What a finding is about, in the large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Antivirus is missing, off or stale.
    Protection,
    /// Malware was found.
    Malware,
    /// One threat on several hosts; about the unit that they have in common.
    Outbreak,
    /// One product is no longer brought up to date; about the unit that its hosts have in common.
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

impl Category {
    /// Whether its findings are about many hosts at once, which their evidence names under `hosts`.
    pub fn is_of_many(self) -> bool {
        matches!(self, Category::Outbreak | Category::Updates)
    }
}

/// Malware was found.
pub const MALWARE_DETECTED: &str = "malware.detected";
/// Malware is still there.
pub const MALWARE_NOT_REMEDIATED: &str = "malware.not_remediated";
/// A watched file that matters changed.
pub const FILE_CHANGED: &str = "file.critical_changed";
/// A file is of those that the centre has listed as bad.
pub const KNOWN_BAD: &str = "file.known_bad";
/// Something changes documents as ransomware does: act at once.
pub const RANSOMWARE: &str = "tripwire.ransomware";
/// The same, not yet beyond doubt.
pub const SUSPICIOUS: &str = "tripwire.suspicious";
/// Antivirus was told to pass something over.
pub const EXCLUSIONS_ADDED: &str = "antivirus.exclusions_added";

/// The rules whose findings are a single moment: people close them with their alert. Malware that was made harmless is
/// also closed by its rule, after a day.
pub const MOMENTS: &[&str] = &[
    FILE_CHANGED,
    "ledger.gap",
    EXCLUSIONS_ADDED,
    MALWARE_DETECTED,
    MALWARE_NOT_REMEDIATED,
    KNOWN_BAD,
    RANSOMWARE,
    SUSPICIOUS,
];

/// What rules decide.
#[derive(Clone, Debug, PartialEq)]
pub enum FindingChange {
    /// A finding begins; one that is a single moment (a changed file) is closed by people, not by rules.
    Opened(Finding),
    /// Its cause is gone.
    Closed {
        /// Which.
        id: String,
        /// When, milliseconds since 1970.
        closed_ms: i64,
    },
    /// More is known of a finding: its facts are these from now on. An alarm that people have closed and that goes on is
    /// opened anew.
    Evidence {
        /// Which.
        id: String,
        /// Where in the journal that stands.
        pos: u64,
        /// When that was, milliseconds since 1970.
        at_ms: i64,
        /// The facts.
        evidence: serde_json::Value,
    },
    /// Nobody watches for its cause any more: it is over without being mended.
    Unwatched {
        /// Which.
        id: String,
        /// Since when, milliseconds since 1970.
        closed_ms: i64,
    },
}
