//! Words for antivirus: one model of state for every vendor, in which "unknown" is a state of its own.

use serde::{Deserialize, Serialize};

/// Everything known of antivirus on one PC at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AntivirusState {
    /// Every product found; empty means that the sensor looked and found none.
    pub products: Vec<AntivirusProduct>,
}

/// One installed antivirus product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AntivirusProduct {
    /// The product's name, such as `ClamAV`.
    pub product: String,
    /// Its vendor, such as `Cisco`.
    pub vendor: String,
    /// Program version, empty when unknown.
    pub version: String,
    /// Whether its engine answers (for ClamAV: clamd answers PING).
    pub engine: Switch,
    /// Whether files are scanned as they are opened.
    pub real_time: Switch,
    /// Whether definitions are kept up to date (for ClamAV: freshclam runs or its timer is active).
    pub updater: Switch,
    /// The definitions' version and age.
    pub definitions: Definitions,
    /// Raw values of the source as `name=value`, for people who want to check.
    pub raw: Vec<String>,
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
}
