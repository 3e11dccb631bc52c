//! A file whose content the centre has listed as bad was seen: by a change, or by what antivirus found.
//!
//! Nothing explains such a change away: neither a package, nor a planned window, nor that somebody accepted it before
//! the list knew better. One content at one path of a PC is told once a day. Of further ones than [`TOLD_MAX`] a day the
//! number is told, an hour after the first of them; all of them are events in the store.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use vong_proto::event::{Detection, FileEvent, Severity};

use super::memory::{Memory, MemoryError};
use super::{Judgement, Moment, Remembered, Verdict, files, lossy};
use crate::entry::HostId;
use crate::finding::{Category, FindingChange, KNOWN_BAD};
use crate::registry::file_hash::{self, Listing};
use crate::registry::rule_state::RuleState;

pub(super) const FAMILY: &str = "known_bad";

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Days are Vietnam's.
const ZONE_MS: i64 = 7 * HOUR_MS;
/// More of them on one PC and day tell a person nothing that their number does not.
const TOLD_MAX: usize = 50;

/// The family's memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct KnownBad {
    hosts: Memory<State>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// Days since 1970.
    day: i64,
    /// What was told on this day, as short hashes of content and path.
    told: BTreeSet<String>,
    /// How many were not told one by one.
    held_back: u64,
    /// When the first of those was seen.
    held_since_ms: i64,
}

impl KnownBad {
    pub(super) fn restore(&mut self, state: &RuleState) -> Result<(), MemoryError> {
        self.hosts.restore(state)
    }

    pub(super) fn remember(&mut self, into: &mut Vec<Remembered>) {
        self.hosts.remember(FAMILY, into);
    }

    /// A file became one that is listed as bad.
    pub(super) fn changed(
        &mut self,
        host: HostId,
        file: &FileEvent,
        (sha256, listing): (file_hash::Sha256, &Listing),
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let facts = || files::evidence(file, moment);
        self.seen(host, &file.path, sha256, (listing, facts), moment, judgement);
    }

    /// Antivirus found a file that is listed as bad.
    pub(super) fn detected(
        &mut self,
        host: HostId,
        detection: &Detection,
        (sha256, listing): (file_hash::Sha256, &Listing),
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let process = &detection.process;
        let facts = || {
            json!({
                "path": lossy(&detection.path),
                "path_hex": hex::encode(&detection.path),
                "sha256": hex::encode(sha256),
                "threat": detection.threat,
                "product": detection.product,
                "process": (!process.is_empty()).then(|| json!({ "executable": lossy(process), "user": detection.user })),
                "event_key": moment.event_key(),
                "time_ms": moment.at_ms,
            })
        };
        self.seen(host, &detection.path, sha256, (listing, facts), moment, judgement);
    }

    fn seen(
        &mut self,
        host: HostId,
        path: &[u8],
        sha256: file_hash::Sha256,
        (listing, facts): (&Listing, impl Fn() -> Value),
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let state = self.hosts.change(host);
        if state.day != day(moment) {
            state.tell_held_back(host, moment, judgement);
            *state = State {
                day: day(moment),
                ..State::default()
            };
        }
        let name = short_hash(path, sha256);
        if state.told.contains(&name) {
            return;
        }
        if state.told.len() >= TOLD_MAX {
            if state.held_back == 0 {
                state.held_since_ms = moment.received_ms;
            }
            state.held_back += 1;
            return;
        }
        state.told.insert(name);
        let mut evidence = facts();
        if let Some(facts) = evidence.as_object_mut() {
            facts.insert("list".to_owned(), listing.source.as_str().into());
            facts.insert("list_note".to_owned(), listing.note.as_str().into());
            facts.insert("list_author".to_owned(), listing.author.as_str().into());
        }
        judgement
            .findings
            .push(opened(host, &lossy(path), evidence, moment));
    }

    pub(super) fn tick(&mut self, moment: Moment, judgement: &mut Judgement) {
        let due = |state: &State| state.held_back > 0 && moment.received_ms - state.held_since_ms >= HOUR_MS;
        for host in self.hosts.keys(due) {
            self.hosts.change(host).tell_held_back(host, moment, judgement);
        }
        for host in self
            .hosts
            .keys(|state| state.held_back == 0 && state.day < day(moment))
        {
            *self.hosts.change(host) = State::default();
        }
    }
}

impl State {
    fn tell_held_back(&mut self, host: HostId, moment: Moment, judgement: &mut Judgement) {
        let (more, since_ms) = (std::mem::take(&mut self.held_back), self.held_since_ms);
        if more > 0 {
            let evidence = json!({ "more": more, "since_ms": since_ms });
            judgement.findings.push(opened(host, "", evidence, moment));
        }
    }
}

fn opened(host: HostId, key: &str, evidence: Value, moment: Moment) -> FindingChange {
    let verdict = Verdict {
        rule: KNOWN_BAD,
        category: Category::Malware,
        host,
        key,
        severity: Severity::Critical,
        evidence,
    };
    FindingChange::Opened(verdict.at(moment))
}

fn day(moment: Moment) -> i64 {
    (moment.received_ms + ZONE_MS).div_euclid(DAY_MS)
}

fn short_hash(path: &[u8], sha256: file_hash::Sha256) -> String {
    let mut hash = Sha256::new();
    hash.update(sha256);
    hash.update(path);
    hex::encode(&hash.finalize()[..8])
}
