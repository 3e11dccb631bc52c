//! Events out of the store's rows. A row whose words this build does not know is left out and logged: it was
//! written by a newer one.

use serde::de::DeserializeOwned;
use serde::de::value::{Error, StrDeserializer};
use serde_json::{Value, json};
use tracing::warn;

use super::file::{CauseReport, FileAspect, FileReport, LinkReport, WhoKind, WhoReport};
use super::{EventDetail, EventKind, EventRow, ProbeEventReport};
use crate::api::word::{Params, Phrase, Text, said};
use crate::entry::file_state::{FileState, GONE};
use crate::store;

impl EventKind {
    /// The name under which it is stored.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Antivirus => "antivirus",
            Self::Detection => "detection",
            Self::Tripwire => "tripwire",
            Self::Strain => "strain",
            Self::Neighbours => "neighbours",
            Self::Network => "network",
            Self::ProbeState => "probe_state",
            Self::ProbeSample => "probe_sample",
            Self::Presence => "presence",
            Self::Blind => "blind",
            Self::Unsupported => "unsupported",
            Self::CommandResult => "command_result",
            Self::Opaque => "opaque",
        }
    }
}

impl EventRow {
    pub(super) fn of(row: store::EventRow) -> Option<Self> {
        let shown = shown(&row);
        if shown.is_none() {
            warn!(
                pos = row.pos,
                i = row.i,
                kind = row.kind,
                "an event in the store holds words of a newer build"
            );
        }
        shown
    }
}

impl EventDetail {
    pub(super) fn of(row: store::EventRow) -> Option<Self> {
        let raw = raw(&row);
        Some(Self {
            row: EventRow::of(row)?,
            raw,
        })
    }
}

fn shown(row: &store::EventRow) -> Option<EventRow> {
    let kind = word(&row.kind)?;
    let detail: Value = serde_json::from_str(&row.detail).unwrap_or(Value::Null);
    Some(EventRow {
        key: format!("{}-{}", row.pos, row.i),
        host: row.host,
        time_ms: row.time,
        received_ms: row.received,
        kind,
        lane: row.lane,
        seq: row.seq,
        cloned: row.cloned,
        stream: hex::encode(row.stream),
        summary: summary(row, kind, &detail),
        file: if kind == EventKind::File {
            Some(file(row)?)
        } else {
            None
        },
        probe: if kind == EventKind::ProbeState {
            Some(probe(row)?)
        } else {
            None
        },
        detail: (!detail.is_null()).then(|| Params::of(detail)),
        review: None,
    })
}

/// A word of a closed set, as stored.
pub(super) fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    T::deserialize(StrDeserializer::<Error>::new(text)).ok()
}

/// A word of a closed set, or nothing where nothing stands; the outer `None` is an unknown word.
fn word_or_none<T: DeserializeOwned>(text: &str) -> Option<Option<T>> {
    if text.is_empty() {
        Some(None)
    } else {
        word(text).map(Some)
    }
}

fn text_or_none(bytes: &[u8]) -> Option<Text> {
    (!bytes.is_empty()).then(|| Text::of(bytes))
}

fn file(row: &store::EventRow) -> Option<FileReport> {
    // A file that is gone has neither size nor times, nor a reason other than that for having no hash.
    let there = row.file_digest_absent != GONE;
    let path: &[u8] = &row.file_path.0;
    Some(FileReport {
        action: word(&row.file_action)?,
        path: Text::of(path),
        path_hex: hex::encode(path),
        old_path: text_or_none(&row.file_old_path.0),
        origin: word(&row.file_origin)?,
        size: there.then_some(row.file_size),
        mtime_ns: there.then(|| row.file_mtime_ns.to_string()),
        mode: there.then_some(row.file_mode),
        owner: said(row.file_owner.clone()),
        group: said(row.file_group.clone()),
        acl_sha256: said(hex::encode(&row.file_acl_sha256.0)),
        link: link(row)?,
        changed: aspects(&row.file_changed),
        // Rows of before hold what the column had by default.
        count: row.file_count.max(1),
        first_ms: (row.file_first != 0).then_some(row.file_first),
        cause: cause(row)?,
        sha256: said(hex::encode(&row.file_sha256.0)),
        digest_absent: said(row.file_digest_absent.clone()),
        watch: row.file_watch.clone(),
        severity: word_or_none(&row.file_severity)?,
        who: who(row)?,
        known: None,
    })
}

/// What differs; a word of a newer build is left out.
fn aspects(list: &str) -> Vec<FileAspect> {
    list.split(',').filter_map(word).collect()
}

fn link(row: &store::EventRow) -> Option<Option<LinkReport>> {
    if row.file_link_target.is_empty() {
        return Some(None);
    }
    Some(Some(LinkReport {
        text: Text::of(&row.file_link_text.0),
        target: word(&row.file_link_target)?,
    }))
}

fn cause(row: &store::EventRow) -> Option<Option<CauseReport>> {
    let Some(kind) = word_or_none(&row.cause_kind)? else {
        return Some(None);
    };
    Some(Some(CauseReport {
        kind,
        name: row.cause_name.clone(),
        version: said(row.cause_version.clone()),
        by: row.cause_by.clone(),
    }))
}

/// The state that a file event left its file in.
pub(in crate::api) fn state(row: &store::EventRow) -> FileState<'_> {
    FileState {
        path: &row.file_path.0,
        sha256: &row.file_sha256.0,
        digest_absent: &row.file_digest_absent,
        size: row.file_size,
        mtime_ns: row.file_mtime_ns,
        mode: row.file_mode,
        owner: &row.file_owner,
        group: &row.file_group,
        acl_sha256: &row.file_acl_sha256.0,
        link_text: &row.file_link_text.0,
    }
}

fn who(row: &store::EventRow) -> Option<WhoReport> {
    let kind: WhoKind = word(&row.process_known)?;
    let exact = kind == WhoKind::Exact;
    let executable: &[u8] = &row.process_executable.0;
    Some(WhoReport {
        kind,
        pid: (kind != WhoKind::Unavailable).then_some(row.process_pid),
        executable: exact.then(|| Text::of(executable)),
        command_line: exact.then(|| Text::of(&row.process_command_line.0)),
        user: exact.then(|| row.process_user.clone()),
        parent_pid: (exact && row.process_parent_pid != 0).then_some(row.process_parent_pid),
        parent_executable: text_or_none(&row.process_parent_executable.0),
        reason: said(row.process_unknown_reason.clone()),
    })
}

fn probe(row: &store::EventRow) -> Option<ProbeEventReport> {
    Some(ProbeEventReport {
        probe: row.probe_name.clone(),
        kind: word(&row.probe_kind)?,
        target: row.probe_target.clone(),
        state: word_or_none(&row.probe_state)?,
        error: said(row.probe_error.clone()),
        severity: word_or_none(&row.probe_severity)?,
        interval_ms: None,
        sent: None,
        lost: None,
        latency_min_us: None,
        latency_mean_us: None,
        latency_max_us: None,
    })
}

fn summary(row: &store::EventRow, kind: EventKind, detail: &Value) -> Phrase {
    let phrase = |code: &str, params: Value| Phrase {
        code: code.to_owned(),
        params: Params::of(params),
    };
    match kind {
        EventKind::File => phrase(
            "event.file",
            json!({ "action": row.file_action, "path": String::from_utf8_lossy(&row.file_path.0) }),
        ),
        EventKind::ProbeState | EventKind::ProbeSample => phrase(
            "event.probe_state",
            json!({
                "probe": row.probe_name, "target": row.probe_target,
                "state": row.probe_state, "error": row.probe_error,
            }),
        ),
        EventKind::Antivirus => phrase(
            "event.antivirus",
            json!({ "products": names(&detail["products"]) }),
        ),
        EventKind::Detection => phrase(
            "event.detection",
            only(detail, &["product", "threat", "action", "outcome"]),
        ),
        EventKind::Tripwire => phrase(
            "event.tripwire",
            only(
                detail,
                &[
                    "level",
                    "files_touched",
                    "files_lost",
                    "canaries_touched",
                    "user",
                    "over",
                ],
            ),
        ),
        EventKind::Strain if detail["over"] == true => phrase(
            "event.strain_over",
            only(detail, &["budget", "limit", "measured"]),
        ),
        EventKind::Strain => phrase("event.strain", only(detail, &["budget", "limit", "measured"])),
        EventKind::Neighbours => phrase(
            "event.neighbours",
            json!({ "count": detail["neighbours"].as_array().map_or(0, Vec::len) }),
        ),
        EventKind::Network => phrase(
            "event.network",
            json!({ "gateways": joined(&detail["gateways"]) }),
        ),
        EventKind::Presence => phrase(
            &format!("event.presence_{}", detail["state"].as_str().unwrap_or("unknown")),
            only(detail, &["reason", "after_crash", "new_boot"]),
        ),
        EventKind::Blind => phrase("event.blind", only(detail, &["sensor", "scope", "reason"])),
        EventKind::Unsupported if detail["cured"] == true => {
            phrase("event.supported", only(detail, &["sensor", "what"]))
        }
        EventKind::Unsupported => phrase("event.unsupported", only(detail, &["sensor", "what", "why"])),
        EventKind::CommandResult => phrase("event.command_result", only(detail, &["done", "detail"])),
        EventKind::Opaque => phrase("event.opaque", only(detail, &["reason"])),
    }
}

fn names(products: &Value) -> String {
    let products = products.as_array().map_or(&[][..], Vec::as_slice);
    let names = products.iter().filter_map(|product| product["product"].as_str());
    names.collect::<Vec<_>>().join(", ")
}

fn joined(list: &Value) -> String {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// These members, as far as they are there.
fn only(object: &Value, names: &[&str]) -> Value {
    let members = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), object.get(name)?.clone())));
    Value::Object(members.collect())
}

/// The row under the names of the catalogue of fields; what is empty there is left out.
fn raw(row: &store::EventRow) -> Params {
    let text = |bytes: &[u8]| json!(Text::of(bytes));
    let members = [
        ("host", json!(row.host)),
        ("kind", json!(row.kind)),
        ("lane", json!(row.lane)),
        ("seq", json!(row.seq)),
        ("stream", json!(hex::encode(row.stream))),
        ("time", json!(row.time)),
        ("received", json!(row.received)),
        ("cloned", json!(row.cloned)),
        ("wall", json!(row.wall)),
        ("mono_ms", json!(row.mono_ms)),
        ("boot", json!(hex::encode(row.boot))),
        ("file.action", json!(row.file_action)),
        ("file.path", text(&row.file_path.0)),
        ("file.old_path", text(&row.file_old_path.0)),
        ("file.origin", json!(row.file_origin)),
        ("file.size", json!(row.file_size)),
        ("file.mtime_ns", json!(row.file_mtime_ns.to_string())),
        ("file.mode", json!(row.file_mode)),
        ("file.owner", json!(row.file_owner)),
        ("file.sha256", json!(hex::encode(&row.file_sha256.0))),
        ("file.group", json!(row.file_group)),
        ("file.acl_sha256", json!(hex::encode(&row.file_acl_sha256.0))),
        ("file.link.text", text(&row.file_link_text.0)),
        ("file.link.target", json!(row.file_link_target)),
        ("file.changed", json!(row.file_changed)),
        ("file.count", json!(row.file_count)),
        ("file.first", json!(row.file_first)),
        ("file.watch", json!(row.file_watch)),
        ("file.severity", json!(row.file_severity)),
        ("cause.kind", json!(row.cause_kind)),
        ("cause.name", json!(row.cause_name)),
        ("cause.version", json!(row.cause_version)),
        ("cause.by", json!(row.cause_by)),
        ("process.pid", json!(row.process_pid)),
        ("process.executable", text(&row.process_executable.0)),
        ("process.command_line", text(&row.process_command_line.0)),
        ("process.user", json!(row.process_user)),
        ("process.parent.pid", json!(row.process_parent_pid)),
        (
            "process.parent.executable",
            text(&row.process_parent_executable.0),
        ),
        ("probe.name", json!(row.probe_name)),
        ("probe.kind", json!(row.probe_kind)),
        ("probe.target", json!(row.probe_target)),
        ("probe.state", json!(row.probe_state)),
        ("probe.error", json!(row.probe_error)),
        ("detail", serde_json::from_str(&row.detail).unwrap_or(Value::Null)),
    ];
    let nothing = [json!(""), json!(0), json!("0"), Value::Null, text(b"")];
    let about_all = |name: &str| !name.contains('.') && name != "detail";
    let members = members
        .into_iter()
        .filter(|(name, value)| about_all(name) || !nothing.contains(value));
    Params(members.map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RawBytes;

    /// What the store holds of a change by a known process, with a path that is not UTF-8.
    fn changed() -> store::EventRow {
        store::EventRow {
            host: 7,
            time: 1_000,
            kind: "file".to_owned(),
            pos: 12,
            i: 3,
            file_action: "modified".to_owned(),
            file_path: RawBytes(b"/srv/h\xe1\xbb\x93 s\xc6\xa1/<b>\xff\x1b[31m".to_vec()),
            file_origin: "real_time".to_owned(),
            file_size: 5,
            file_mtime_ns: 1_800_000_000_123_456_789,
            file_sha256: RawBytes(vec![0xab; 32]),
            file_severity: "critical".to_owned(),
            process_known: "exact".to_owned(),
            process_pid: 42,
            process_executable: RawBytes(b"/usr/bin/vi".to_vec()),
            ..store::EventRow::default()
        }
    }

    #[test]
    fn a_file_event_is_shown_with_its_bytes_and_its_doer() {
        let event = EventRow::of(changed()).expect("shown");
        assert_eq!(event.key, "12-3");
        let file = event.file.expect("a file");
        assert_eq!(file.path.text, "/srv/hồ sơ/<b>\u{fffd}\u{1b}[31m");
        assert_eq!(file.path.hex, Some(file.path_hex));
        assert_eq!(file.mtime_ns.as_deref(), Some("1800000000123456789"));
        assert_eq!((file.who.kind, file.who.pid), (WhoKind::Exact, Some(42)));
        assert_eq!(file.sha256, Some("ab".repeat(32)));
    }

    #[test]
    fn a_deleted_file_has_no_size() {
        let row = store::EventRow {
            file_action: "deleted".to_owned(),
            file_digest_absent: GONE.to_owned(),
            ..changed()
        };
        let file = EventRow::of(row).expect("shown").file.expect("a file");
        assert_eq!((file.size, file.mtime_ns), (None, None));
    }

    #[test]
    fn words_of_a_newer_build_are_left_out() {
        let row = store::EventRow {
            file_action: "teleported".to_owned(),
            ..changed()
        };
        assert!(EventRow::of(row).is_none());
    }

    #[test]
    fn the_raw_row_speaks_the_names_of_the_catalogue() {
        let raw = raw(&changed());
        let known = |name: &str| vong_proto::event::FIELDS.iter().any(|field| field.name == name);
        let own = ["wall", "mono_ms", "boot", "file.mtime_ns", "file.mode"];
        for name in raw.0.keys() {
            assert!(known(name) || own.contains(&name.as_str()), "{name}");
        }
        assert_eq!(raw.0["process.pid"], json!(42));
        assert!(!raw.0.contains_key("probe.name"));
    }
}
