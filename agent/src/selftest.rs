//! `vong-agent selftest`: one look with every sensor that can be asked once, told in plain words.
//!
//! It answers two questions of whoever installs the agent: what will the collector see of this PC, and what will it
//! not, and why. With a recording of the raw rows the decoders are taught to read what they do not know yet.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use vong_proto::event::{
    AntivirusMode, AntivirusProduct, Definitions, Freshness, Health, Neighbour, NetworkState, Switch,
};

use crate::clock;
use crate::paths::{self, Readers};
use crate::sensor::antivirus::rows::{self, Decoded, Rows};
use crate::sensor::{antivirus, network};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// What one look saw.
#[derive(Debug)]
pub struct Seen {
    rows: Rows,
    now_ms: i64,
    network: NetworkState,
    neighbours: Vec<Neighbour>,
    sees_others: bool,
}

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Something is there already.
    #[error("{path} exists already; name another file, or replace it with --force")]
    Already {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Looks once; that takes seconds when an antivirus does not answer.
pub fn look() -> Seen {
    let network = network::network_state();
    Seen {
        rows: antivirus::look(&antivirus::Places::default()),
        now_ms: clock::wall_ms(),
        neighbours: network::neighbours_of(&network),
        network,
        sees_others: vong_os::process::sees_others(),
    }
}

/// What must be known of a recording before it is handed on.
pub fn recorded(path: &Path) -> String {
    format!(
        "recorded in {}, which only you may read: look through it before you hand it on, for names of this PC's \
         users, programs and folders may stand in it",
        path.display()
    )
}

impl Seen {
    /// What was seen and what was not, a line for each thing.
    pub fn text(&self) -> String {
        let decoded = rows::decode(&self.rows);
        let mut lines = antivirus_lines(&decoded, self.now_ms);
        lines.extend(network_lines(&self.network, &self.neighbours));
        let unread = decoded.unread.iter();
        lines.extend(unread.map(|unread| line("not read", &format!("{}: {}", unread.source, unread.reason))));
        if !self.sees_others {
            lines.push(line("not seen", "programs of other users: ask as root"));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// Writes the raw rows into a file that only its owner may read.
    ///
    /// # Errors
    /// See [`RecordError`]; without `force` whatever is there is left alone.
    pub fn record(&self, path: &Path, force: bool) -> Result<(), RecordError> {
        let json = self.rows.to_json();
        let written = if force {
            paths::replace(path, &json, Readers::Owner)
        } else {
            write_new(path, &json)
        };
        written.map_err(|source| {
            let path = path.to_owned();
            match source.kind() {
                ErrorKind::AlreadyExists => RecordError::Already { path },
                _ => RecordError::Write { path, source },
            }
        })
    }
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    vong_os::rights::readable_by(&mut options, false);
    options.open(path)?.write_all(content)
}

/// A name and what belongs to it. What a program says of itself may hold anything; a terminal obeys no letter of it.
fn line(name: &str, text: &str) -> String {
    let text: String = text
        .chars()
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect();
    format!("{name:<10} {text}")
}

fn antivirus_lines(decoded: &Decoded, now_ms: i64) -> Vec<String> {
    if decoded.products.is_empty() {
        return vec![line("antivirus", "none is found on this PC")];
    }
    let mut lines = Vec::new();
    for product in &decoded.products {
        lines.push(line("antivirus", &product_text(product, now_ms)));
        lines.extend(product.raw.iter().map(|raw| line("", raw)));
    }
    lines
}

fn product_text(product: &AntivirusProduct, now_ms: i64) -> String {
    let AntivirusProduct {
        product: name,
        vendor,
        version,
        ..
    } = product;
    let called = [name.as_str(), version.as_str()]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<&str>>()
        .join(" ");
    let vendor = if vendor.is_empty() {
        "vendor unknown"
    } else {
        vendor
    };
    if product.health == Health::InstalledOnly {
        return format!("{called} ({vendor}): installed, its health is unknown");
    }
    let mode = match product.mode {
        AntivirusMode::Unknown => "",
        AntivirusMode::Active => "protects; ",
        AntivirusMode::Passive => "steps back for another; ",
    };
    let reason = match product.engine_reason.as_str() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    };
    format!(
        "{called} ({vendor}): {mode}engine {}{reason}; files scanned as they are opened: {}; updates {}; definitions {}",
        switch_text(product.engine),
        switch_text(product.real_time),
        switch_text(product.updater),
        definitions_text(&product.definitions, now_ms),
    )
}

fn switch_text(switch: Switch) -> &'static str {
    match switch {
        Switch::Unknown => "unknown",
        Switch::On => "on",
        Switch::Off => "off",
        Switch::Snoozed => "switched off for a while",
        Switch::Expired => "off, the licence has ended",
    }
}

fn definitions_text(definitions: &Definitions, now_ms: i64) -> String {
    let freshness = match definitions.freshness {
        Freshness::Unknown => "",
        Freshness::Fresh => "up to date",
        Freshness::Stale => "out of date",
    };
    // When definitions were brought here does not say how old they are.
    let built = definitions.built_ms.map(|built_ms| age_text(built_ms, now_ms));
    let brought = || {
        Some(format!(
            "brought here on {}, of unknown age",
            day_text(definitions.updated_ms?)
        ))
    };
    let age = built.or_else(brought);
    let words = [
        definitions.version.as_str(),
        age.as_deref().unwrap_or_default(),
        freshness,
    ];
    let known: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    if known.is_empty() {
        "unknown".to_owned()
    } else {
        known.join(", ")
    }
}

fn day_text(moment_ms: i64) -> String {
    match OffsetDateTime::from_unix_timestamp(moment_ms.div_euclid(1_000)) {
        Ok(moment) => moment.date().to_string(),
        Err(_) => "a day that cannot be".to_owned(),
    }
}

fn age_text(moment_ms: i64, now_ms: i64) -> String {
    let day = day_text(moment_ms);
    match now_ms.saturating_sub(moment_ms).div_euclid(DAY_MS) {
        days if days < 0 => format!("of {day}, which is still to come"),
        1 => format!("of {day}, 1 day old"),
        days => format!("of {day}, {days} days old"),
    }
}

fn network_lines(state: &NetworkState, neighbours: &[Neighbour]) -> Vec<String> {
    let mut lines: Vec<String> = state
        .adapters
        .iter()
        .map(|adapter| {
            let up = if adapter.up { "connected" } else { "not connected" };
            let words = [
                adapter.name.as_str(),
                up,
                &adapter.mac,
                &adapter.addresses.join(" "),
            ]
            .join(" ");
            line("adapter", words.trim_end())
        })
        .collect();
    let listed = |texts: &[String]| {
        if texts.is_empty() {
            "none".to_owned()
        } else {
            texts.join(" ")
        }
    };
    lines.push(line("gateways", &listed(&state.gateways)));
    lines.push(line("resolvers", &listed(&state.resolvers)));
    let machines: BTreeSet<&str> = neighbours
        .iter()
        .map(|neighbour| neighbour.mac.as_str())
        .collect();
    lines.push(line(
        "neighbours",
        &format!("{} known on the same network", machines.len()),
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_795_383_060_000;

    fn seen(json: &str) -> Seen {
        Seen {
            rows: Rows::from_json(json.as_bytes()).expect("a recording"),
            now_ms: NOW_MS,
            network: NetworkState::default(),
            neighbours: Vec::new(),
            sees_others: false,
        }
    }

    #[test]
    fn what_is_seen_and_what_is_not_is_told_in_words() {
        let text = seen(
            r#"{ "version": 1,
                 "eset": { "rows": [{ "ProductName": "ESET Endpoint Security", "ProductVersion": "12.0",
                                      "ScannerVersion": "30251 (20261120)" }] },
                 "security_center": { "failed": "0x8004100E" },
                 "installed": [{ "kind": "service", "name": "BkavService" }] }"#,
        )
        .text();
        let expected = [
            "antivirus  ESET Endpoint Security 12.0 (ESET): engine unknown; files scanned as they are opened: unknown; \
             updates unknown; definitions 30251, of 2026-11-20, 2 days old",
            "antivirus  Bkav Antivirus (Bkav): installed, its health is unknown",
            "gateways   none",
            "neighbours 0 known on the same network",
            "not read   security_center: 0x8004100E",
            "not seen   programs of other users: ask as root",
        ];
        for line in expected {
            assert!(
                text.lines().any(|told| told == line),
                "{line}\nis missing in\n{text}"
            );
        }
        assert!(
            seen(r#"{ "version": 1 }"#)
                .text()
                .starts_with("antivirus  none is found")
        );
    }

    #[test]
    fn a_terminal_obeys_nothing_that_a_product_is_called() {
        let text = seen(
            r#"{ "version": 1, "security_center": { "rows": [{ "displayName": "A\u001b[2J\nB", "productState": 1 }] } }"#,
        )
        .text();
        assert!(text.starts_with("antivirus  A\u{fffd}[2J\u{fffd}B"), "{text}");
    }

    #[test]
    fn a_recording_is_private_and_replaces_nothing_unasked() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rows.json");
        let before = seen(r#"{ "version": 1, "read_ms": 1 }"#);
        before.record(&path, false).expect("written");
        let facts = vong_os::file::look(&path).expect("there");
        assert_eq!(facts.mode & 0o777, 0o600);

        let now = seen(r#"{ "version": 1, "read_ms": 2 }"#);
        let refused = now.record(&path, false).expect_err("there is one");
        assert!(matches!(refused, RecordError::Already { .. }));
        let recorded = || Rows::from_json(&std::fs::read(&path).expect("read")).expect("a recording");
        assert_eq!(recorded(), before.rows);

        now.record(&path, true).expect("replaced");
        assert_eq!(recorded(), now.rows);
        let nowhere = folder.path().join("no/such/folder");
        assert!(matches!(
            now.record(&nowhere, false),
            Err(RecordError::Write { .. })
        ));
    }

    #[test]
    fn this_pc_can_be_looked_at() {
        let seen = look();
        let again = Rows::from_json(&seen.rows.to_json()).expect("our own");
        assert_eq!(again, seen.rows);
        assert!(!seen.text().is_empty());
    }

    #[test]
    fn when_definitions_were_brought_here_is_not_said_to_be_their_age() {
        let brought = Definitions {
            updated_ms: Some(0),
            ..Definitions::default()
        };
        assert_eq!(
            definitions_text(&brought, DAY_MS),
            "brought here on 1970-01-01, of unknown age"
        );
        let built = Definitions {
            built_ms: Some(0),
            ..brought
        };
        assert_eq!(definitions_text(&built, DAY_MS), "of 1970-01-01, 1 day old");
    }
}
