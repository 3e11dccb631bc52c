//! A watched file that matters changed: the policy says which, this rule makes each change a finding.
//!
//! A change that a package or a planned window explains is no finding; neither is one that leaves a file in a state that
//! somebody accepted, or with a content that the centre has listed as good. What is listed as bad is
//! [another rule's](super::known_bad).
//!
//! Such a finding is a single moment, and only people can close it. To keep one saving of a document
//! from becoming five findings, changes of the same kind to the same path within a minute are one. To keep
//! one PC from filling the registry, at most [`PER_MINUTE_MAX`] findings of a PC open in a minute; the
//! changes beyond are counted, and one finding at the minute's end names their number. The events
//! themselves are all in the store.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use vong_proto::event::{Digest, FileEvent, Severity, Who};

use super::memory::{Memory, MemoryError};
use super::{Judgement, Moment, Remembered, Verdict, lossy};
use crate::entry::HostId;
use crate::entry::file_state::FileState;
use crate::finding::{Category, FILE_CHANGED, FindingChange};
use crate::registry::rule_state::RuleState;

pub(super) const FAMILY: &str = "files";

/// A minute begins with a host's first change and ends by ticks or by the first change after it.
const MINUTE_MS: i64 = 60_000;
/// More changes than this in a minute tell a person nothing that their number does not.
const PER_MINUTE_MAX: usize = 100;

/// The family's memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Files {
    hosts: Memory<State>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// When this minute began, by the collector's clock.
    began_ms: i64,
    /// The changes of this minute that became findings, as short hashes.
    opened: BTreeSet<String>,
    /// How many did not.
    held_back: u64,
    /// The gravest of those.
    held_severity: Option<Severity>,
}

impl Files {
    pub(super) fn restore(&mut self, state: &RuleState) -> Result<(), MemoryError> {
        self.hosts.restore(state)
    }

    pub(super) fn remember(&mut self, into: &mut Vec<Remembered>) {
        self.hosts.remember(FAMILY, into);
    }

    pub(super) fn changed(
        &mut self,
        host: HostId,
        file: &FileEvent,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let Some(severity) = file.severity else {
            return;
        };
        let state = self.hosts.change(host);
        if state.is_over(moment) {
            state.end_minute(host, moment, judgement);
            state.began_ms = moment.received_ms;
        }
        let change = short_hash(file);
        if state.opened.contains(&change) {
            return;
        }
        if state.opened.len() >= PER_MINUTE_MAX {
            state.held_back += 1;
            state.held_severity = state.held_severity.max(Some(severity));
            return;
        }
        state.opened.insert(change);
        let verdict = Verdict {
            rule: FILE_CHANGED,
            category: Category::Files,
            host,
            key: &lossy(&file.path),
            severity,
            evidence: evidence(file, moment),
        };
        judgement.findings.push(FindingChange::Opened(verdict.at(moment)));
    }

    pub(super) fn tick(&mut self, moment: Moment, judgement: &mut Judgement) {
        for host in self.hosts.keys(|state| state.is_over(moment)) {
            self.hosts.change(host).end_minute(host, moment, judgement);
        }
    }
}

impl State {
    fn is_over(&self, moment: Moment) -> bool {
        moment.received_ms - self.began_ms >= MINUTE_MS
    }

    /// Forgets a minute, and says what was held back in it.
    fn end_minute(&mut self, host: HostId, moment: Moment, judgement: &mut Judgement) {
        let ended = std::mem::take(self);
        if let Some(severity) = ended.held_severity {
            let verdict = Verdict {
                rule: FILE_CHANGED,
                category: Category::Files,
                host,
                key: "",
                severity,
                evidence: json!({ "more": ended.held_back, "since_ms": ended.began_ms }),
            };
            judgement.findings.push(FindingChange::Opened(verdict.at(moment)));
        }
    }
}

fn short_hash(file: &FileEvent) -> String {
    let mut hash = Sha256::new();
    hash.update([file.action as u8]);
    hash.update(&file.path);
    hex::encode(&hash.finalize()[..8])
}

pub(super) fn evidence(file: &FileEvent, moment: Moment) -> Value {
    let meta = file.meta.as_ref();
    let (sha256, sha256_absent) = match meta.map(|meta| &meta.digest) {
        Some(Digest::Sha256(digest)) => (Some(hex::encode(digest)), None),
        Some(Digest::Absent(reason)) => (None, Some(reason)),
        None => (None, None),
    };
    let (process, who_reason) = who(&file.who);
    json!({
        "path": lossy(&file.path),
        "path_hex": hex::encode(&file.path),
        "action": file.action,
        "old_path": file.old_path.as_deref().map(lossy),
        "origin": file.origin,
        "sha256": sha256,
        "sha256_absent": sha256_absent,
        "size": file.meta.as_ref().map(|meta| meta.size),
        "watch": file.watch,
        "changed": file.changed,
        "count": file.count,
        "first_ms": file.first_ms,
        "mode": meta.map(|meta| meta.mode),
        "owner": meta.map(|meta| &meta.owner),
        "group": meta.map(|meta| &meta.group),
        "link_text": meta.and_then(|meta| meta.link.as_ref()).map(|link| lossy(&link.text)),
        "state_key": FileState::of(file).key(),
        "process": process,
        "who_reason": who_reason,
        "event_key": moment.event_key(),
        "time_ms": moment.at_ms,
    })
}

/// The process that did it, or the code of why nobody can tell.
fn who(who: &Who) -> (Option<Value>, Option<String>) {
    match who {
        Who::Exact(process) => {
            let process = json!({
                "pid": process.pid,
                "executable": lossy(&process.executable),
                "command_line": lossy(&process.command_line),
                "user": process.user,
                "parent_pid": process.parent_pid,
                "parent_executable": lossy(&process.parent_executable),
            });
            (Some(process), None)
        }
        Who::Exited { pid } => (Some(json!({ "pid": pid })), Some("exited".to_owned())),
        Who::Unavailable(reason) => (None, Some(reason.clone())),
    }
}
