//! The raw rows of every source of one PC, as they were read: recorded as JSON and decoded again, unchanged.
//!
//! Each source is absent when it was not asked, because the system has none. What a row holds is the source's
//! business; it is kept as it came, so that a decoder can learn to read it later.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vong_proto::event::AntivirusProduct;

use super::combine::{Told, combine};
use super::defender::events::{self, DefenderEvent};
use super::installed::Sign;
use super::{clamav, defender, eset, installed, kaspersky, mdatp, security_center};

/// The form of today. A reader refuses a later one.
const VERSION: u32 = 1;
/// A longer recording is none: a PC has a handful of products and at most some thousand events.
pub const RECORDING_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What was read, with the moment of the reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// The form, [`VERSION`].
    version: u32,
    /// When it was read, milliseconds since 1970.
    #[serde(default)]
    read_ms: i64,
    #[serde(flatten)]
    pub(super) sources: Sources,
}

/// The rows, by where they come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Sources {
    /// ClamAV's programs, processes, files and answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clamav: Option<clamav::Rows>,
    /// The answer of Defender on Linux.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mdatp: Option<Asked>,
    /// `AntiVirusProduct` of Windows Security Center.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) security_center: Option<Asked>,
    /// `MSFT_MpComputerStatus`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) defender: Option<Asked>,
    /// Events of Defender's channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) defender_events: Option<Asked>,
    /// Kaspersky's keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kaspersky: Option<Asked>,
    /// ESET's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) eset: Option<Asked>,
    /// Traces of installed products.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) installed: Vec<Sign>,
}

/// What came of asking a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Asked {
    /// Its rows.
    Rows(Vec<Value>),
    /// Why there are none: a code or an error's number.
    Failed(String),
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// It is longer than [`RECORDING_BYTES_MAX`].
    #[error("the recording is too long")]
    TooLong,
    /// It is not what a recording looks like.
    #[error("this is no recording")]
    Malformed(#[from] serde_json::Error),
    /// A newer agent made it.
    #[error("the recording has form {0}, which this agent does not know")]
    Newer(u32),
}

/// What the rows of a PC say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// Its products.
    pub products: Vec<AntivirusProduct>,
    /// What happened to Defender, and what it found.
    pub events: Vec<DefenderEvent>,
    /// Sources that could not be read.
    pub unread: Vec<Unread>,
}

/// A source that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its name.
    pub source: &'static str,
    /// Why: a code or an error's number.
    pub reason: String,
}

impl Rows {
    /// What was read at this moment.
    pub(super) fn new(read_ms: i64, sources: Sources) -> Self {
        Self {
            version: VERSION,
            read_ms,
            sources,
        }
    }

    /// Reads a recording.
    ///
    /// # Errors
    /// See [`RowsError`].
    pub fn from_json(json: &[u8]) -> Result<Self, RowsError> {
        if json.len() as u64 > RECORDING_BYTES_MAX {
            return Err(RowsError::TooLong);
        }
        let rows: Self = serde_json::from_slice(json)?;
        if rows.version > VERSION {
            return Err(RowsError::Newer(rows.version));
        }
        Ok(rows)
    }

    /// The recording.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("rows have only text as keys");
        json.push(b'\n');
        json
    }
}

/// What the rows say, in the domain's words.
pub fn decode(rows: &Rows) -> Decoded {
    let sources = &rows.sources;
    let registered = sources.security_center.iter().flat_map(Asked::rows);
    let told = Told {
        registered: registered.filter_map(security_center::decode).collect(),
        own: own(rows),
        installed: installed::decode(&sources.installed),
    };
    Decoded {
        products: combine(told),
        events: sources
            .defender_events
            .iter()
            .flat_map(Asked::rows)
            .map(events::decode)
            .collect(),
        unread: sources.unread(),
    }
}

/// What products say of themselves. A Defender that is not there at all is named only when nothing else is: then
/// that is what an administrator must know.
fn own(rows: &Rows) -> Vec<AntivirusProduct> {
    let sources = &rows.sources;
    let mut own: Vec<AntivirusProduct> = sources.clamav.iter().filter_map(clamav::decode).collect();
    own.extend(sources.mdatp.iter().map(mdatp::decode));
    let kaspersky = sources.kaspersky.iter().flat_map(Asked::rows);
    // A key is left behind for each version that was ever installed; the newest was updated last.
    let newest = kaspersky
        .filter_map(|row| kaspersky::decode(row, rows.read_ms))
        .max_by_key(|product| product.definitions.updated_ms);
    own.extend(newest);
    own.extend(sources.eset.iter().flat_map(Asked::rows).find_map(eset::decode));
    let is_alone = own.is_empty() && sources.installed.is_empty() && !sources.has_registered();
    let defender = sources.defender.iter();
    let named = defender.filter(|asked| is_alone || !defender::is_absent(asked));
    own.extend(named.map(|asked| defender::decode(asked, rows.read_ms)));
    own
}

impl Sources {
    fn has_registered(&self) -> bool {
        self.security_center.iter().flat_map(Asked::rows).next().is_some()
    }

    fn unread(&self) -> Vec<Unread> {
        let asked = [
            ("mdatp", &self.mdatp),
            ("security_center", &self.security_center),
            ("defender", &self.defender),
            ("defender_events", &self.defender_events),
            ("kaspersky", &self.kaspersky),
            ("eset", &self.eset),
        ];
        let unread = |(source, asked): (&'static str, &Option<Asked>)| match asked {
            Some(Asked::Failed(reason)) => Some(Unread {
                source,
                reason: reason.clone(),
            }),
            Some(Asked::Rows(_)) | None => None,
        };
        asked.into_iter().filter_map(unread).collect()
    }
}

impl Asked {
    fn rows(&self) -> &[Value] {
        match self {
            Asked::Rows(rows) => rows,
            Asked::Failed(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use vong_proto::event::Switch;

    use super::*;

    fn failed(reason: &str) -> Option<Asked> {
        Some(Asked::Failed(reason.to_owned()))
    }

    #[test]
    fn a_recording_is_read_as_it_was_written() {
        let sources = Sources {
            defender: failed("timed_out"),
            security_center: Some(Asked::Rows(vec![
                json!({ "displayName": "Bkav", "productState": null }),
            ])),
            ..Sources::default()
        };
        let rows = Rows::new(1_795_383_060_000, sources);
        let read = Rows::from_json(&rows.to_json()).expect("our own");
        assert_eq!(read, rows);
        assert_eq!(decode(&read), decode(&rows));
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        let refused = |json: &str| Rows::from_json(json.as_bytes()).expect_err(json).to_string();
        assert_eq!(refused("{}"), "this is no recording");
        assert_eq!(refused("[]"), "this is no recording");
        assert_eq!(
            refused("{\"version\":1,\"defender\":{\"rows\":7}}"),
            "this is no recording"
        );
        assert_eq!(
            refused("{\"version\":2}"),
            "the recording has form 2, which this agent does not know"
        );
        let long = vec![b' '; usize::try_from(RECORDING_BYTES_MAX).expect("it fits") + 1];
        assert!(matches!(Rows::from_json(&long), Err(RowsError::TooLong)));
    }

    #[test]
    fn a_defender_that_is_not_there_is_named_only_where_nothing_else_is() {
        let named = |sources: Sources| -> Vec<String> {
            let products = decode(&Rows::new(0, sources)).products;
            products.into_iter().map(|product| product.product).collect()
        };
        let absent = Sources {
            defender: failed("0x8004100E"),
            security_center: failed("0x8004100E"),
            ..Sources::default()
        };
        assert_eq!(named(absent.clone()), ["Microsoft Defender"]);
        let eset = Some(Asked::Rows(vec![json!({ "ProductVersion": "12.0" })]));
        let other = Sources { eset, ..absent };
        assert_eq!(named(other.clone()), ["ESET Endpoint Security"]);
        let hangs = Sources {
            defender: failed("timed_out"),
            ..other
        };
        assert_eq!(named(hangs), ["ESET Endpoint Security", "Microsoft Defender"]);
    }

    #[test]
    fn sources_that_failed_are_named() {
        let sources = Sources {
            security_center: failed("0x8004100E"),
            mdatp: Some(Asked::Rows(Vec::new())),
            eset: failed("no_permission"),
            ..Sources::default()
        };
        let unread = decode(&Rows::new(0, sources)).unread;
        let told: Vec<(&str, &str)> = unread
            .iter()
            .map(|unread| (unread.source, unread.reason.as_str()))
            .collect();
        assert_eq!(
            told,
            [("security_center", "0x8004100E"), ("eset", "no_permission")]
        );
    }

    proptest! {
        #[test]
        fn without_a_yes_nothing_is_on(text in "\\PC*", number in any::<i64>(), read_ms in any::<i64>()) {
            let values = [json!(text), json!(-number.saturating_abs()), json!(null), json!([number])];
            for value in values {
                let names = ["displayName", "productState", "AntivirusEnabled", "RealTimeProtectionEnabled",
                             "AMServiceEnabled", "LastSuccessfulUpdate", "ScannerVersion", "healthy", "licensed"];
                let row: Value = names.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
                let asked = || Some(Asked::Rows(vec![value.clone(), row.clone()]));
                let sources = Sources {
                    mdatp: asked(), security_center: asked(), defender: asked(), defender_events: asked(),
                    kaspersky: asked(), eset: asked(), ..Sources::default()
                };
                let is_word = text.trim().eq_ignore_ascii_case("true") || text.trim().parse::<i64>().is_ok();
                for product in decode(&Rows::new(read_ms, sources)).products {
                    prop_assert!(is_word || product.engine != Switch::On, "{:?}", product);
                    prop_assert!(is_word || product.real_time != Switch::On, "{:?}", product);
                }
            }
        }
    }
}
