//! Defender's word about malware as the domain's detection.
//!
//! Follow-ups carry the id of the first word about it. Where there is none, product, threat and path stand for it.
//! What was done is told by numbers: `Action ID`, `Error Code`, and `Additional Actions ID`, which is not 0 while
//! the malware is not gone before a restart, a full scan or somebody's hand.

use serde_json::json;
use sha2::{Digest as _, Sha256};
use vong_proto::event::{Detection, Outcome, Remedy, Severity};

use super::super::{MICROSOFT, cell};
use super::Data;

/// Where it was read.
const SOURCE: &str = "defender";
/// A key of Defender's own is a GUID in braces; what is longer is hashed.
const KEY_BYTES_MAX: usize = 64;
/// So many bytes of a hash tell occurrences on one PC apart.
const HASH_BYTES: usize = 16;

/// What an event about malware says; `id` is its number.
pub(super) fn decode(id: i64, data: &Data<'_>) -> Detection {
    let threat = data.text("Threat Name");
    let path = path(&data.text("Path"));
    let error = error(&data.text("Error Code"));
    let (action, outcome) = remedy(id, data, error.is_some());
    Detection {
        key: key(&data.text("Detection ID"), &threat, &path),
        product: MICROSOFT.product.to_owned(),
        vendor: MICROSOFT.name.to_owned(),
        category: cell::cut(&data.text("Category Name")),
        severity: severity(&data.text("Severity ID")),
        path: path.into_bytes(),
        process: process(&data.text("Process Name")).into_bytes(),
        user: cell::cut(&data.either("Detection User", "User")),
        action,
        outcome,
        code: error.map_or_else(|| id.to_string(), |error| format!("{id} {error}")),
        source: SOURCE.to_owned(),
        found_ms: found_ms(data),
        sha256: None,
        threat: cell::cut(&threat),
    }
}

fn key(id: &str, threat: &str, path: &str) -> String {
    if !id.is_empty() && id.len() <= KEY_BYTES_MAX {
        return id.to_owned();
    }
    let mut hash = Sha256::new();
    for part in [MICROSOFT.product, threat, path, id] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex::encode(&hash.finalize()[..HASH_BYTES])
}

/// Of the things that an event names the file inside a container, else the container, else whatever is first:
///
/// ```text
/// containerfile:_C:\Tải về\a.zip; file:_C:\Tải về\a.zip->b.exe; webfile:_C:\Tải về\a.zip|https://…|pid:…
/// ```
fn path(things: &str) -> String {
    let named = |kind: &str| {
        let mut things = things.split(';').map(str::trim);
        things.find_map(|thing| thing.strip_prefix(kind)?.strip_prefix(":_"))
    };
    let first = things.split(';').next().unwrap_or_default().trim();
    let found = named("file")
        .or_else(|| named("containerfile"))
        .or_else(|| named("webfile"));
    match found {
        Some(file) => file.split('|').next().unwrap_or_default().to_owned(),
        // A key, a process or a task is no file, and its kind tells people what it is.
        None => first.to_owned(),
    }
}

/// Defender writes that it does not know.
fn process(name: &str) -> String {
    if name == "Unknown" {
        String::new()
    } else {
        name.to_owned()
    }
}

/// The vendor's error, if there is one.
fn error(code: &str) -> Option<String> {
    let digits = code.strip_prefix("0x").unwrap_or(code);
    let is_none = digits.bytes().all(|digit| digit == b'0');
    (!is_none).then(|| cell::cut(code).chars().take(KEY_BYTES_MAX / 4).collect())
}

fn severity(id: &str) -> Option<Severity> {
    match id {
        "1" => Some(Severity::Low),
        "2" => Some(Severity::Medium),
        "4" => Some(Severity::High),
        "5" => Some(Severity::Critical),
        _ => None,
    }
}

fn remedy(id: i64, data: &Data<'_>, is_error: bool) -> (Remedy, Outcome) {
    let told = data.text("Action ID");
    let action = match told.as_str() {
        "1" => Remedy::Cleaned,
        "2" => Remedy::Quarantined,
        "3" => Remedy::Removed,
        "6" => Remedy::Allowed,
        "9" => Remedy::None,
        "10" => Remedy::Blocked,
        _ => Remedy::Unknown,
    };
    match id {
        1008 | 1118 | 1119 => (action, Outcome::Failed),
        1007 | 1117 if is_error => (action, Outcome::Failed),
        1007 | 1117 => (action, acted(action, &told, &data.text("Additional Actions ID"))),
        // Only found: whatever stands there is what Defender would do.
        _ => (Remedy::None, Outcome::Pending),
    }
}

/// Whether malware is harmless after an action that met no error.
fn acted(action: Remedy, told: &str, additional: &str) -> Outcome {
    match action {
        Remedy::Cleaned | Remedy::Quarantined | Remedy::Removed if matches!(additional, "" | "0") => {
            Outcome::Succeeded
        }
        Remedy::Cleaned | Remedy::Quarantined | Remedy::Removed => Outcome::Pending,
        // It is still there.
        Remedy::Allowed | Remedy::Blocked | Remedy::None => Outcome::Pending,
        // The event alone says that Defender has done what it does.
        Remedy::Unknown if told.is_empty() => Outcome::Succeeded,
        Remedy::Unknown => Outcome::Unknown,
    }
}

fn found_ms(data: &Data<'_>) -> Option<i64> {
    let told = json!({ "at": data.text("Detection Time") });
    cell::moment_ms(&told, "at").or_else(|| {
        let written = json!({ "at": data.written()? });
        cell::moment_ms(&written, "at")
    })
}
