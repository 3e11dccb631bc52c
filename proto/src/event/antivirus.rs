//! Words for antivirus: one shape of state and one of detections for every vendor, in which "unknown" is a state
//! of its own.

use serde::{Deserialize, Serialize};

use super::Severity;

/// Everything known of antivirus on one PC at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AntivirusState {
    /// Every product found; empty means that the sensor looked and found none.
    pub products: Vec<AntivirusProduct>,
    /// What the PC's policy asks of it.
    pub expectations: Expectations,
}

/// What a policy asks of a PC's antivirus. It travels with the state, so that a judgement needs nothing but the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectations {
    /// Definitions older than this many days are a warning.
    pub definitions_warn_days: u32,
    /// Definitions older than this many days are a grave fault.
    pub definitions_high_days: u32,
    /// A scan is overdue when the last one is longer ago than this many days; 0 asks for none.
    pub scan_days: u32,
    /// Whether files must be scanned as they are opened.
    pub real_time_required: bool,
    /// A fault must last this long before it counts, in seconds: an update or a restart is shorter.
    pub hold_s: u32,
    /// Old definitions must stay old for this long while the PC is connected, in seconds: after a holiday every PC
    /// wakes with old ones and brings new ones within the hour.
    pub stale_hold_s: u32,
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            definitions_warn_days: 3,
            definitions_high_days: 7,
            scan_days: 30,
            real_time_required: false,
            hold_s: 120,
            stale_hold_s: 2 * 3_600,
        }
    }
}

/// One installed antivirus product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AntivirusProduct {
    /// The product's name, such as `ClamAV`.
    pub product: String,
    /// Its vendor, such as `Cisco`.
    pub vendor: String,
    /// Program version, empty when unknown.
    pub version: String,
    /// Version of the scanning engine where it has one of its own, empty when unknown.
    pub engine_version: String,
    /// Whether more than its presence is known.
    pub health: Health,
    /// Whether it is the product that protects, where two are installed.
    pub mode: AntivirusMode,
    /// Whether its engine answers (for ClamAV: clamd answers PING).
    pub engine: Switch,
    /// Why the engine is not on: a code such as `stopped`, `crashed`, `not_answering`; empty when it is, or
    /// nobody knows.
    pub engine_reason: String,
    /// Whether files are scanned as they are opened.
    pub real_time: Switch,
    /// Whether definitions are kept up to date (for ClamAV: freshclam runs or its timer is active).
    pub updater: Switch,
    /// Whether the product guards its own settings.
    pub tamper_protection: Switch,
    /// The definitions' version and age.
    pub definitions: Definitions,
    /// When the last quick scan ended, milliseconds since 1970; `None` when unknown or never.
    pub quick_scan_ms: Option<i64>,
    /// When the last full scan ended, milliseconds since 1970; `None` when unknown or never.
    pub full_scan_ms: Option<i64>,
    /// When the licence ends, milliseconds since 1970; `None` when it has none or nobody knows.
    pub licence_expires_ms: Option<i64>,
    /// What it does not look at, in the product's own words, sorted; at most [`Self::EXCLUSIONS_MAX`].
    pub exclusions: Vec<String>,
    /// Raw values of the source as `name=value`, for people who want to check.
    pub raw: Vec<String>,
}

impl AntivirusProduct {
    /// Further exclusions are not told one by one: whoever has so many has none that protects.
    pub const EXCLUSIONS_MAX: usize = 100;
}

/// Whether more than the presence of a product is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Its own state was read.
    #[default]
    Reported,
    /// It is installed; how it is, nobody can tell.
    InstalledOnly,
}

/// Whether a product is the one that protects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AntivirusMode {
    /// Nobody said.
    #[default]
    Unknown,
    /// It protects.
    Active,
    /// It steps back for another product.
    Passive,
}

/// A thing that may be on or off, or that nobody could find out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// Could not be found out.
    #[default]
    Unknown,
    /// On.
    On,
    /// Off.
    Off,
    /// Switched off for a while by somebody.
    Snoozed,
    /// Off because the licence has expired.
    Expired,
}

/// Definitions (signatures) of an antivirus product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// Their version, empty when unknown.
    pub version: String,
    /// When their vendor built them, milliseconds since 1970; `None` when unknown.
    pub built_ms: Option<i64>,
    /// When they were last brought here successfully, milliseconds since 1970; `None` when unknown.
    pub updated_ms: Option<i64>,
    /// What the source says of their age without naming it.
    pub freshness: Freshness,
}

/// What a source says of definitions without giving their age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// Nothing.
    #[default]
    Unknown,
    /// They are up to date.
    Fresh,
    /// They are not.
    Stale,
}

/// Malware that a product found, or what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detection {
    /// What joins follow-ups to the first word about it: the vendor's own id, or a hash of product, threat and path.
    /// Unique on one PC.
    pub key: String,
    /// The product's name.
    pub product: String,
    /// Its vendor.
    pub vendor: String,
    /// The threat, as the vendor names it.
    pub threat: String,
    /// The vendor's category, such as `Trojan`; empty when it has none.
    pub category: String,
    /// How grave the vendor says it is; `None` when it does not say.
    pub severity: Option<Severity>,
    /// The file, as the system's bytes; empty when it is not a file.
    pub path: Vec<u8>,
    /// The program that touched it; empty when unknown.
    pub process: Vec<u8>,
    /// The user it was found under; empty when unknown.
    pub user: String,
    /// What was done.
    pub action: Remedy,
    /// Whether that worked.
    pub outcome: Outcome,
    /// The vendor's own code, such as an event's number or an error.
    pub code: String,
    /// Where it was read: a code such as `clamonacc`, `clamd`, `quick_scan`, `defender`.
    pub source: String,
    /// When the product says it found it, milliseconds since 1970; `None` when it does not say.
    pub found_ms: Option<i64>,
    /// SHA-256 of the file, when known.
    pub sha256: Option<[u8; 32]>,
}

/// What a product did about malware.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// It does not say.
    #[default]
    Unknown,
    /// Nothing: it only tells.
    None,
    /// Put it where it can do no harm.
    Quarantined,
    /// Deleted it.
    Removed,
    /// Took the malware out of the file.
    Cleaned,
    /// Kept it from being opened; it is still there.
    Blocked,
    /// Let it be, because somebody said so.
    Allowed,
}

/// Whether what was done about malware worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nobody said.
    #[default]
    Unknown,
    /// Nothing has been done yet.
    Pending,
    /// It worked: the malware is harmless.
    Succeeded,
    /// It did not.
    Failed,
}
