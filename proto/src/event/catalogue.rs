//! The one catalogue of fields: every name under which a part of an event can be asked for.
//!
//! Query bar, export, API and rules use these names and no others; the store's columns carry them too.

/// A named part of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name: lower case, dots between noun and part.
    pub name: &'static str,
    /// What its values look like.
    pub field_type: FieldType,
    /// The kinds of event that have it; empty means all.
    pub kinds: &'static [&'static str],
}

/// What the values of a field look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Text.
    Text,
    /// Bytes that are usually text, such as a path.
    Path,
    /// A whole number.
    Integer,
    /// Milliseconds since 1970.
    Time,
    /// 32 bytes, shown as hexadecimal digits.
    Hash,
    /// One of a fixed set of words.
    Word,
}

const fn field(name: &'static str, field_type: FieldType, kinds: &'static [&'static str]) -> Field {
    Field {
        name,
        field_type,
        kinds,
    }
}

const FILE: &[&str] = &["file"];
/// What an occurrence of the tripwire is found by: the first of its files, and who did it first.
const DOERS: &[&str] = &["file", "tripwire"];
const PATHS: &[&str] = &["file", "detection", "tripwire"];
const CONTENTS: &[&str] = &["file", "detection"];
const PROBES: &[&str] = &["probe_state", "probe_sample"];
const SAMPLE: &[&str] = &["probe_sample"];

/// Every field, grouped by noun.
pub const FIELDS: &[Field] = &[
    field("host", FieldType::Integer, &[]),
    field("kind", FieldType::Word, &[]),
    field("lane", FieldType::Integer, &[]),
    field("seq", FieldType::Integer, &[]),
    field("stream", FieldType::Hash, &[]),
    field("time", FieldType::Time, &[]),
    field("received", FieldType::Time, &[]),
    field("cloned", FieldType::Word, &[]),
    field("file.action", FieldType::Word, FILE),
    field("file.path", FieldType::Path, PATHS),
    field("file.old_path", FieldType::Path, DOERS),
    field("file.origin", FieldType::Word, FILE),
    field("file.size", FieldType::Integer, FILE),
    field("file.owner", FieldType::Text, FILE),
    field("file.sha256", FieldType::Hash, CONTENTS),
    field("file.group", FieldType::Text, FILE),
    field("file.acl_sha256", FieldType::Hash, FILE),
    field("file.link.text", FieldType::Path, FILE),
    field("file.link.target", FieldType::Word, FILE),
    field("file.changed", FieldType::Text, FILE),
    field("file.count", FieldType::Integer, FILE),
    field("file.first", FieldType::Time, FILE),
    field("file.watch", FieldType::Text, FILE),
    field("file.severity", FieldType::Word, FILE),
    field("cause.kind", FieldType::Word, FILE),
    field("cause.name", FieldType::Text, FILE),
    field("cause.version", FieldType::Text, FILE),
    field("cause.by", FieldType::Text, FILE),
    field("process.pid", FieldType::Integer, DOERS),
    field("process.executable", FieldType::Path, PATHS),
    field("process.command_line", FieldType::Path, DOERS),
    field("process.user", FieldType::Text, PATHS),
    field("process.parent.pid", FieldType::Integer, DOERS),
    field("process.parent.executable", FieldType::Path, DOERS),
    field("probe.name", FieldType::Text, PROBES),
    field("probe.kind", FieldType::Word, PROBES),
    field("probe.target", FieldType::Text, PROBES),
    field("probe.state", FieldType::Word, &["probe_state"]),
    field("probe.error", FieldType::Text, &["probe_state"]),
    field("probe.sent", FieldType::Integer, SAMPLE),
    field("probe.lost", FieldType::Integer, SAMPLE),
    field("probe.latency_mean_us", FieldType::Integer, SAMPLE),
    field(
        "detail",
        FieldType::Text,
        &[
            "antivirus",
            "detection",
            "network",
            "neighbours",
            "presence",
            "blind",
            "unsupported",
            "tripwire",
            "strain",
            "command_result",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::FIELDS;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = FIELDS.iter().map(|f| f.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FIELDS.len());
    }
}
