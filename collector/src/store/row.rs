//! Events as rows: the store's own shape, converted by hand from the domain's words.
//!
//! The columns carry the names of the field catalogue with `_` for `.`. Structs list them in the order of
//! the schema. A row is public as it is: whoever shows it converts it at their own border.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use vong_proto::event::{
    Aspect, Body, Cause, Detection, Digest, Event, FileAction, FileEvent, LinkTarget, Origin, ProbeKind,
    ProbeSample, ProbeState, Process, Reachability, Severity, Tripwire, Who,
};

use crate::entry::{Entry, Events, Fact};

pub use bytes::RawBytes;
pub(super) use fold::fold;

mod bytes;
mod detail;
mod fold;

/// The last moment that a `DateTime64(3)` can hold, 2299-12-31; a PC's clock can claim more.
const LAST_TIME_MS: i64 = 10_413_791_999_999;

/// A row of `events`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct EventRow {
    /// Whose event it is.
    pub host: i64,
    /// When it happened: the PC's clock corrected by the measured offset, milliseconds since 1970.
    pub time: i64,
    /// When the collector received it.
    pub received: i64,
    /// The PC's own clock.
    pub wall: i64,
    /// Milliseconds since boot.
    pub mono_ms: u64,
    /// The boot.
    pub boot: [u8; 16],
    /// The kind of event, see [`Body::kind`].
    pub kind: String,
    /// Journal position of its batch.
    pub pos: u64,
    /// Its place in the batch.
    pub i: u32,
    /// Its stream.
    pub stream: [u8; 16],
    /// Its lane.
    pub lane: u8,
    /// Its number in the lane.
    pub seq: u64,
    /// `created`, `modified`, `deleted`, `renamed`, `attributes`.
    pub file_action: String,
    /// The path's bytes.
    pub file_path: RawBytes,
    /// The path as it is searched.
    pub file_path_folded: String,
    /// The path before a rename, or empty.
    pub file_old_path: RawBytes,
    /// `real_time`, `catch_up`.
    pub file_origin: String,
    /// Size after the event; 0 when the file is gone.
    pub file_size: u64,
    /// Time of the last change of content, nanoseconds since 1970; 0 when the file is gone.
    pub file_mtime_ns: i64,
    /// Unix mode bits.
    pub file_mode: u32,
    /// Owner as the system names it.
    pub file_owner: String,
    /// 32 bytes, or none.
    pub file_sha256: RawBytes,
    /// Why there is no hash: a code of [`Digest::Absent`], or `gone`.
    pub file_digest_absent: String,
    /// The watch's name.
    pub file_watch: String,
    /// `low` to `critical`, or empty for routine.
    pub file_severity: String,
    /// `exact`, `exited`, `unavailable`; empty when the event is not about a file.
    pub process_known: String,
    /// Why it is unavailable.
    pub process_unknown_reason: String,
    /// Process id.
    pub process_pid: u32,
    /// Path of its executable.
    pub process_executable: RawBytes,
    /// Its command line.
    pub process_command_line: RawBytes,
    /// Its user.
    pub process_user: String,
    /// Its parent's process id.
    pub process_parent_pid: u32,
    /// Path of its parent's executable.
    pub process_parent_executable: RawBytes,
    /// The probe's name.
    pub probe_name: String,
    /// `icmp`, `tcp`, `dns`, `https`.
    pub probe_kind: String,
    /// What is probed.
    pub probe_target: String,
    /// `unknown`, `reachable`, `unreachable`.
    pub probe_state: String,
    /// Why it is not reachable.
    pub probe_error: String,
    /// `low` to `critical`, or empty for routine.
    pub probe_severity: String,
    /// Everything else that was reported, as a JSON object; empty for files and probes.
    pub detail: String,
    /// Whether it was known on arrival that two machines use the key of the event's agent.
    pub cloned: bool,
    /// What differs from before: words of [`Aspect`] in their order, with commas between them.
    pub file_changed: String,
    /// So many reports of the system became this event; 0 when it is not about a file.
    pub file_count: u32,
    /// When the first of them was; 0 when there was one.
    pub file_first: i64,
    /// Owning group.
    pub file_group: String,
    /// 32 bytes, or none.
    pub file_acl_sha256: RawBytes,
    /// A symbolic link's own text.
    pub file_link_text: RawBytes,
    /// What it leads to; empty when the file is no link.
    pub file_link_target: String,
    /// `package`, `planned`; empty when nothing explains the change.
    pub cause_kind: String,
    /// The package, or the window's name.
    pub cause_name: String,
    /// The package's version.
    pub cause_version: String,
    /// The package manager, or who announced the window.
    pub cause_by: String,
}

/// A row of `samples`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct SampleRow {
    /// Whose sample it is.
    pub host: i64,
    /// The probe's name.
    pub probe_name: String,
    /// When the interval ended: the PC's clock corrected by the measured offset.
    pub time: i64,
    /// When the collector received it.
    pub received: i64,
    /// Journal position of its batch.
    pub pos: u64,
    /// Its place in the batch.
    pub i: u32,
    /// Its stream.
    pub stream: [u8; 16],
    /// Its lane.
    pub lane: u8,
    /// Its number in the lane.
    pub seq: u64,
    /// `icmp`, `tcp`, `dns`, `https`.
    pub probe_kind: String,
    /// What is probed.
    pub probe_target: String,
    /// Length of the interval.
    pub interval_ms: u32,
    /// Probes sent.
    pub probe_sent: u32,
    /// Probes without an answer.
    pub probe_lost: u32,
    /// Smallest latency.
    pub probe_latency_min_us: u32,
    /// Mean latency.
    pub probe_latency_mean_us: u32,
    /// Largest latency.
    pub probe_latency_max_us: u32,
}

/// The rows of some entries, by table.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// For `events`.
    pub events: Vec<EventRow>,
    /// For `samples`.
    pub samples: Vec<SampleRow>,
}

impl Rows {
    /// The same entries give the same rows in the same order: a re-sent insert is identical.
    pub(super) fn of<'entries>(entries: impl IntoIterator<Item = &'entries Entry>) -> Self {
        let mut rows = Self::default();
        for entry in entries {
            if let Fact::Events(events) = &entry.fact {
                rows.add(entry, events);
            }
        }
        rows
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.events.len() + self.samples.len()
    }

    fn add(&mut self, entry: &Entry, batch: &Events) {
        for (i, event) in (0..).zip(&batch.events) {
            match &event.body {
                Body::ProbeSample(sample) => self.samples.push(sample_row(entry, batch, i, event, sample)),
                _ => self.events.push(event_row(entry, batch, i, event)),
            }
        }
    }
}

fn event_row(entry: &Entry, batch: &Events, i: u32, event: &Event) -> EventRow {
    let header = &event.header;
    let mut row = EventRow {
        host: batch.host.0,
        time: within_range(header.wall_ms.saturating_add(batch.offset_ms)),
        received: within_range(entry.received_ms),
        wall: within_range(header.wall_ms),
        mono_ms: header.mono_ms,
        boot: header.boot.0,
        kind: event.body.kind().to_owned(),
        pos: entry.pos,
        i,
        stream: batch.stream.0,
        lane: header.lane as u8,
        seq: header.seq,
        cloned: batch.cloned,
        ..EventRow::default()
    };
    match &event.body {
        Body::File(file) => set_file(&mut row, file, batch.offset_ms),
        Body::ProbeState(probe) => set_probe(&mut row, probe),
        Body::Detection(detection) => set_detection(&mut row, detection),
        Body::Tripwire(tripwire) => set_tripwire(&mut row, tripwire),
        other => row.detail = detail::json(other).to_string(),
    }
    row
}

fn set_file(row: &mut EventRow, file: &FileEvent, offset_ms: i64) {
    row.file_action = action(file.action).to_owned();
    row.file_path = RawBytes(file.path.clone());
    row.file_path_folded = fold(&String::from_utf8_lossy(&file.path));
    row.file_old_path = RawBytes(file.old_path.clone().unwrap_or_default());
    row.file_origin = origin(file.origin).to_owned();
    row.file_watch.clone_from(&file.watch);
    row.file_severity = file.severity.map(severity).unwrap_or_default().to_owned();
    row.file_changed = changed(&file.changed);
    row.file_count = file.count;
    let first_ms = file.first_ms.map(|first_ms| first_ms.saturating_add(offset_ms));
    row.file_first = first_ms.map(within_range).unwrap_or_default();
    set_cause(row, file.cause.as_ref());
    match &file.meta {
        None => row.file_digest_absent = "gone".to_owned(),
        Some(meta) => {
            row.file_size = meta.size;
            row.file_mtime_ns = meta.mtime_ns;
            row.file_mode = meta.mode;
            row.file_owner.clone_from(&meta.owner);
            row.file_group.clone_from(&meta.group);
            row.file_acl_sha256 = RawBytes(meta.acl_sha256.map(Vec::from).unwrap_or_default());
            if let Some(link) = &meta.link {
                row.file_link_text = RawBytes(link.text.clone());
                row.file_link_target = link_target(link.target).to_owned();
            }
            match &meta.digest {
                Digest::Sha256(hash) => row.file_sha256 = RawBytes(hash.to_vec()),
                Digest::Absent(reason) => row.file_digest_absent.clone_from(reason),
            }
        }
    }
    match &file.who {
        Who::Exact(process) => set_process(row, process),
        Who::Exited { pid } => (row.process_known, row.process_pid) = ("exited".to_owned(), *pid),
        Who::Unavailable(reason) => {
            (row.process_known, row.process_unknown_reason) = ("unavailable".to_owned(), reason.clone());
        }
    }
}

/// In one order, each once: the same differences are the same value.
fn changed(aspects: &[Aspect]) -> String {
    let named = Aspect::ALL.into_iter().filter(|aspect| aspects.contains(aspect));
    named.map(Aspect::name).collect::<Vec<_>>().join(",")
}

fn set_cause(row: &mut EventRow, cause: Option<&Cause>) {
    let (kind, name, version, by) = match cause {
        None => return,
        Some(Cause::Package {
            manager,
            name,
            version,
        }) => ("package", name.as_str(), version.as_str(), manager),
        Some(Cause::Planned { name, author }) => ("planned", name.as_str(), "", author),
    };
    row.cause_kind = kind.to_owned();
    row.cause_name = name.to_owned();
    row.cause_version = version.to_owned();
    row.cause_by.clone_from(by);
}

fn set_process(row: &mut EventRow, process: &Process) {
    row.process_known = "exact".to_owned();
    row.process_pid = process.pid;
    row.process_executable = RawBytes(process.executable.clone());
    row.process_command_line = RawBytes(process.command_line.clone());
    row.process_user.clone_from(&process.user);
    row.process_parent_pid = process.parent_pid;
    row.process_parent_executable = RawBytes(process.parent_executable.clone());
}

fn set_probe(row: &mut EventRow, probe: &ProbeState) {
    row.probe_name.clone_from(&probe.probe);
    row.probe_kind = probe_kind(probe.kind).to_owned();
    row.probe_target.clone_from(&probe.target);
    row.probe_state = reachability(probe.state).to_owned();
    row.probe_error.clone_from(&probe.error);
    row.probe_severity = probe.severity.map(severity).unwrap_or_default().to_owned();
}

/// A detection is found by its path, process and user like a change of a file; the rest stands in `detail`.
fn set_detection(row: &mut EventRow, detection: &Detection) {
    row.file_path = RawBytes(detection.path.clone());
    row.file_path_folded = fold(&String::from_utf8_lossy(&detection.path));
    row.file_sha256 = RawBytes(detection.sha256.map(Vec::from).unwrap_or_default());
    row.process_executable = RawBytes(detection.process.clone());
    row.process_user.clone_from(&detection.user);
    row.detail = detail::json(&Body::Detection(detection.clone())).to_string();
}

/// It is found by who did it first and by the first of its files; the rest stands in `detail`.
fn set_tripwire(row: &mut EventRow, tripwire: &Tripwire) {
    if let Some(file) = tripwire.files.first() {
        row.file_path = RawBytes(file.path.clone());
        row.file_path_folded = fold(&String::from_utf8_lossy(&file.path));
        row.file_old_path = RawBytes(file.old_path.clone().unwrap_or_default());
    }
    match tripwire.processes.first() {
        Some(process) => set_process(row, process),
        None => row.process_user.clone_from(&tripwire.user),
    }
    row.detail = crate::entry::tripwire::json(tripwire).to_string();
}

fn sample_row(entry: &Entry, batch: &Events, i: u32, event: &Event, sample: &ProbeSample) -> SampleRow {
    let header = &event.header;
    SampleRow {
        host: batch.host.0,
        probe_name: sample.probe.clone(),
        time: within_range(header.wall_ms.saturating_add(batch.offset_ms)),
        received: within_range(entry.received_ms),
        pos: entry.pos,
        i,
        stream: batch.stream.0,
        lane: header.lane as u8,
        seq: header.seq,
        probe_kind: probe_kind(sample.kind).to_owned(),
        probe_target: sample.target.clone(),
        interval_ms: sample.interval_ms,
        probe_sent: sample.sent,
        probe_lost: sample.lost,
        probe_latency_min_us: sample.latency_min_us,
        probe_latency_mean_us: sample.latency_mean_us,
        probe_latency_max_us: sample.latency_max_us,
    }
}

fn within_range(time_ms: i64) -> i64 {
    time_ms.clamp(0, LAST_TIME_MS)
}

fn action(action: FileAction) -> &'static str {
    match action {
        FileAction::Created => "created",
        FileAction::Modified => "modified",
        FileAction::Deleted => "deleted",
        FileAction::Renamed => "renamed",
        FileAction::Attributes => "attributes",
    }
}

fn link_target(target: LinkTarget) -> &'static str {
    match target {
        LinkTarget::Unknown => "unknown",
        LinkTarget::File => "file",
        LinkTarget::Folder => "folder",
        LinkTarget::Other => "other",
        LinkTarget::Missing => "missing",
        LinkTarget::Loop => "loop",
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::RealTime => "real_time",
        Origin::CatchUp => "catch_up",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

fn probe_kind(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Icmp => "icmp",
        ProbeKind::Tcp => "tcp",
        ProbeKind::Dns => "dns",
        ProbeKind::Https => "https",
    }
}

fn reachability(state: Reachability) -> &'static str {
    match state {
        Reachability::Unknown => "unknown",
        Reachability::Reachable => "reachable",
        Reachability::Unreachable => "unreachable",
    }
}

#[cfg(test)]
mod tests {
    use vong_proto::event::{AgentId, BootId, Header, Lane, StreamId};

    use super::*;
    use crate::entry::HostId;

    fn entry(bodies: Vec<Body>) -> Entry {
        let events = (1..).zip(bodies).map(|(seq, body)| Event {
            header: Header {
                lane: Lane::Urgent,
                seq,
                wall_ms: i64::MAX,
                mono_ms: 5,
                boot: BootId([2; 16]),
            },
            body,
        });
        Entry {
            pos: 7,
            received_ms: 1_790_000_000_000,
            fact: Fact::Events(Events {
                host: HostId(3),
                agent: AgentId([1; 16]),
                stream: StreamId([4; 16]),
                offset_ms: 10,
                events: events.collect(),
                gaps: Vec::new(),
                cloned: false,
            }),
        }
    }

    #[test]
    fn a_path_keeps_its_bytes_and_is_found_by_its_letters() {
        let file = FileEvent {
            action: FileAction::Created,
            path: b"/BA\xcc\x81o ca\xcc\x81o/\xff".to_vec(),
            old_path: None,
            origin: Origin::RealTime,
            meta: None,
            who: Who::Unavailable("unprivileged".to_owned()),
            watch: "demo".to_owned(),
            severity: Some(Severity::Critical),
            changed: Vec::new(),
            count: 1,
            first_ms: None,
            cause: None,
        };
        let rows = Rows::of(&[entry(vec![Body::File(file)])]);
        let row = &rows.events[0];
        assert_eq!(row.file_path.0, b"/BA\xcc\x81o ca\xcc\x81o/\xff");
        assert_eq!(row.file_path_folded, "/bao cao/\u{fffd}");
        assert_eq!((row.pos, row.i, row.time), (7, 0, LAST_TIME_MS));
        assert_eq!(
            (row.file_severity.as_str(), row.process_known.as_str()),
            ("critical", "unavailable")
        );
    }

    #[test]
    fn samples_go_to_their_own_table() {
        let sample = ProbeSample {
            probe: "gateway".to_owned(),
            kind: ProbeKind::Icmp,
            target: "10.0.0.1".to_owned(),
            interval_ms: 300_000,
            sent: 60,
            lost: 2,
            latency_min_us: 1,
            latency_mean_us: 2,
            latency_max_us: 3,
        };
        let rows = Rows::of(&[entry(vec![
            Body::Presence(vong_proto::event::Presence::Stopping(
                vong_proto::event::StopReason::Upgrade,
            )),
            Body::ProbeSample(sample),
        ])]);
        assert_eq!((rows.events.len(), rows.samples.len()), (1, 1));
        assert_eq!(
            rows.events[0].detail,
            r#"{"reason":"upgrade","state":"stopping"}"#
        );
        assert_eq!((rows.samples[0].i, rows.samples[0].seq), (1, 2));
    }
}
