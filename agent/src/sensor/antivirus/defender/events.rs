//! Defender's event channel, `Microsoft-Windows-Windows Defender/Operational`: what a row of it means.
//!
//! A row is one event's XML turned into JSON. Only numbers and the names of data are read: messages come in the
//! system's language. A number that is not known here stays unknown; it is never guessed from its neighbours.

use serde_json::Value;
use vong_proto::event::Detection;

use super::cell;

mod detection;

/// The channel whose rows these are.
pub const CHANNEL: &str = "Microsoft-Windows-Windows Defender/Operational";
/// Texts of data are cut here: a changed setting may hold a whole list.
const DATA_BYTES_MAX: usize = 4_096;

/// What happened to Defender, or what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefenderEvent {
    /// Malware was found, or something was done about it, or that failed (1006 to 1008, 1116 to 1119).
    Detection(Box<Detection>),
    /// A program behaved like malware (1015).
    Behaviour(Box<Detection>),
    /// A rule against common attacks kept a program from something (1121).
    AttackSurface {
        /// The rule's id.
        rule: String,
        /// What was touched.
        path: String,
        /// The program.
        process: String,
        /// The user.
        user: String,
    },
    /// It reports its health (1150, 1151).
    Health,
    /// Definitions are up to date again (2000).
    DefinitionsUpdated {
        /// Their version.
        version: String,
    },
    /// Definitions could not be updated (2001).
    DefinitionsFailed {
        /// The vendor's code.
        error: String,
    },
    /// The engine could not be updated (2003).
    EngineUpdateFailed {
        /// The vendor's code.
        error: String,
    },
    /// Scanning as files are opened has failed (3002).
    RealTimeFailed {
        /// The vendor's code.
        error: String,
    },
    /// Scanning as files are opened works again (3007).
    RealTimeRecovered,
    /// Scanning as files are opened was switched on (5000) or off (5001).
    RealTime {
        /// Whether it is on.
        on: bool,
    },
    /// A setting was changed (5004, 5007).
    Configuration(Change),
    /// The engine crashed (5008).
    EngineCrashed {
        /// The vendor's code.
        error: String,
    },
    /// Scanning for malware was switched off (5010, 5012).
    ScanningOff,
    /// Somebody tried to change a guarded setting and was stopped (5013).
    TamperBlocked {
        /// The setting.
        setting: String,
    },
    /// The licence ends soon (5100).
    Expiring,
    /// The licence has ended (5101).
    Expired,
    /// Any other event, or a row that is none.
    Unknown {
        /// Its number, where it has one.
        id: Option<i64>,
    },
}

/// A changed setting, in the registry's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// What it was; empty when it was not set.
    pub before: String,
    /// What it is; empty when it is not set any more.
    pub after: String,
    /// What is not looked at any more since.
    pub exclusion_added: Option<Exclusion>,
    /// What is looked at again.
    pub exclusion_removed: Option<Exclusion>,
}

/// Something that Defender does not look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// What it is, as Defender calls it: `Paths`, `Extensions`, `Processes`, `IpAddresses`.
    pub kind: String,
    /// Which.
    pub value: String,
}

/// What a row means.
pub(in crate::sensor::antivirus) fn decode(row: &Value) -> DefenderEvent {
    use DefenderEvent::{
        AttackSurface, Behaviour, Configuration, DefinitionsFailed, DefinitionsUpdated, EngineCrashed,
        EngineUpdateFailed, Expired, Expiring, Health, RealTime, RealTimeFailed, RealTimeRecovered,
        ScanningOff, TamperBlocked, Unknown,
    };
    let data = Data::of(row);
    let id = id(row);
    match id.unwrap_or_default() {
        id @ (1006..=1008 | 1116..=1119) => DefenderEvent::Detection(Box::new(detection::decode(id, &data))),
        id @ 1015 => Behaviour(Box::new(detection::decode(id, &data))),
        1121 => AttackSurface {
            rule: data.text("ID"),
            path: data.text("Path"),
            process: data.text("Process Name"),
            user: data.text("User"),
        },
        1150 | 1151 => Health,
        2000 => DefinitionsUpdated {
            version: data.either(
                "Current security intelligence Version",
                "Current Signature Version",
            ),
        },
        2001 => DefinitionsFailed {
            error: data.text("Error Code"),
        },
        2003 => EngineUpdateFailed {
            error: data.text("Error Code"),
        },
        3002 => RealTimeFailed {
            error: data.text("Error Code"),
        },
        3007 => RealTimeRecovered,
        5000 => RealTime { on: true },
        5001 => RealTime { on: false },
        5004 | 5007 => Configuration(change(&data)),
        5008 => EngineCrashed {
            error: data.either("Exception Code", "Failure Type"),
        },
        5010 | 5012 => ScanningOff,
        5013 => TamperBlocked {
            setting: data.either("Value", "Changed Type"),
        },
        5100 => Expiring,
        5101 => Expired,
        _ => Unknown { id },
    }
}

/// The event's number: `System.EventID` as number, text or an object with attributes.
fn id(row: &Value) -> Option<i64> {
    let system = row.get("Event").unwrap_or(row).get("System")?;
    cell::number(system, "EventID")
}

/// The named data of an event, in any of the forms that converters give it: an object of names, or a list of
/// objects with `Name` and text, with or without `@` before the attribute.
struct Data<'a> {
    row: &'a Value,
    named: Vec<(&'a str, &'a Value)>,
}

impl<'a> Data<'a> {
    fn of(row: &'a Value) -> Self {
        let event = row.get("Event").unwrap_or(row);
        let data = event.get("EventData");
        let list = data.map(|data| data.get("Data").unwrap_or(data));
        let named = match list {
            Some(Value::Object(names)) => names.iter().map(|(name, value)| (name.as_str(), value)).collect(),
            Some(Value::Array(entries)) => entries.iter().filter_map(named_entry).collect(),
            _ => Vec::new(),
        };
        Self { row: event, named }
    }

    /// The text under a name; empty when there is none.
    fn text(&self, name: &str) -> String {
        let found = self
            .named
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name));
        let text = match found.map(|(_, value)| value.get("#text").unwrap_or(value)) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let end = (0..=DATA_BYTES_MAX.min(text.len())).rev();
        let mut ends = end.filter(|end| text.is_char_boundary(*end));
        text[..ends.next().unwrap_or(0)].to_owned()
    }

    fn either(&self, name: &str, other: &str) -> String {
        let text = self.text(name);
        if text.is_empty() { self.text(other) } else { text }
    }

    /// When Windows wrote the event down, as it says it.
    fn written(&self) -> Option<&'a Value> {
        let created = self.row.get("System")?.get("TimeCreated")?;
        ["SystemTime", "@SystemTime", "#attributes"]
            .into_iter()
            .find_map(|name| created.get(name))
            .map(|value| value.get("SystemTime").unwrap_or(value))
    }
}

fn named_entry(entry: &Value) -> Option<(&str, &Value)> {
    let attributes = entry.get("#attributes").unwrap_or(entry);
    let name = attributes
        .get("Name")
        .or_else(|| attributes.get("@Name"))?
        .as_str()?;
    Some((name, entry.get("#text").unwrap_or(entry)))
}

fn change(data: &Data<'_>) -> Change {
    let (before, after) = (data.text("Old Value"), data.text("New Value"));
    let (was, is) = (exclusion(&before), exclusion(&after));
    let has_changed = was != is;
    Change {
        before,
        after,
        exclusion_added: is.filter(|_| has_changed),
        exclusion_removed: was.filter(|_| has_changed),
    }
}

/// `HKLM\SOFTWARE\Microsoft\Windows Defender\Exclusions\Paths\C:\Tạm = 0x0`.
fn exclusion(setting: &str) -> Option<Exclusion> {
    const FOLDER: &str = "\\exclusions\\";
    // Small ASCII letters, so that places in both texts are the same.
    let begin = setting.to_ascii_lowercase().find(FOLDER)? + FOLDER.len();
    let (kind, rest) = setting[begin..].split_once('\\')?;
    let value = rest.rsplit_once(" = ").map_or(rest, |(value, _)| value);
    Some(Exclusion {
        kind: kind.to_owned(),
        value: value.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests;
