//! Stage 7, judge: from facts to findings. Pure: no clock, no I/O; time passes only as journaled ticks.
//!
//! What people have said that matters for a judgement is handed in as plain data ([`Lists`]).
//! [`Rules`] reads entries in journal order and answers each with a [`Judgement`]: findings that open and
//! close, what is now known of hosts, and what the rules have to remember. The caller commits all of that
//! and its cursor in one transaction, and brings the memory back after a restart with [`Rules::restore`].
//! The same journal gives the same findings, because a finding's id is made of what opened it and where
//! that stands in the journal; an entry that was judged before is passed over.
//!
//! * [`antivirus`] — a PC without working antivirus: `antivirus.missing`, `.off`, `.crashed`, `.expired`,
//!   `.real_time_off`, `.stale`, `.scan_overdue`, `.exclusions_added`; and one product that grows old on many PCs at once:
//!   `updates.source_stale`
//! * [`malware`] — malware was found, and is not made harmless: `malware.detected`, `malware.not_remediated`
//! * [`outbreak`] — one threat on several PCs: `malware.outbreak`
//! * [`files`] — a watched file that matters changed: `file.critical_changed`
//! * [`known_bad`] — a file's content is on the centre's list of bad ones: `file.known_bad`
//! * [`tripwire`] — something changes documents as ransomware does: `tripwire.ransomware`, `tripwire.suspicious`
//! * [`probes`] — a service that matters cannot be reached: `probe.unreachable`
//! * [`gaps`] — events of a PC are gone for good: `ledger.gap`
//! * [`silence`] — a PC went away without a goodbye: `host.silent`
//! * [`clones`] — two machines use one agent's key: `agent.cloned`
//! * [`known`] — no findings; what hosts say of themselves, for their pages

use serde_json::Value;
use sha2::{Digest, Sha256};
use vong_proto::event::{Body, Detection, FileEvent, Neighbour, Severity};

use crate::entry::{Entry, Events, Fact, HostId};
use crate::finding::{Category, Finding, FindingChange};
use crate::registry::file_hash::HashVerdict;
use crate::registry::host_state::{HostState, Noun, ProtectionState};
use crate::registry::rule_state::RuleState;

mod antivirus;
mod clones;
mod files;
mod gaps;
mod known;
mod known_bad;
mod lists;
mod malware;
mod memory;
mod outbreak;
mod probes;
mod silence;
mod tripwire;

pub use lists::{Lists, Wanted};
pub use memory::MemoryError;

/// Everything that follows from one entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// Findings that begin and end.
    pub findings: Vec<FindingChange>,
    /// What rules remember from now on.
    pub memory: Vec<Remembered>,
    /// What is known of hosts from now on.
    pub hosts: Vec<HostChange>,
}

/// What one rule remembers of one entity; `None` is nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The family of rules.
    pub rule: &'static str,
    /// The entity.
    pub entity: String,
    /// JSON of the family's own shape.
    pub state: Option<String>,
}

/// Something that is now known of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostChange {
    /// Which.
    pub host: HostId,
    /// What.
    pub news: HostNews,
}

/// What can become known of a host.
#[derive(Clone, Debug, PartialEq)]
pub enum HostNews {
    /// Whether antivirus protects it.
    Protection(ProtectionState),
    /// Malware on it, or what became of it.
    Detection {
        /// What its agent said.
        detection: Detection,
        /// When it was found.
        found_ms: i64,
        /// When that was said.
        at_ms: i64,
        /// The event's name.
        event_key: String,
    },
    /// The machines on its network.
    Neighbours {
        /// When they were seen.
        at_ms: i64,
        /// Who they are.
        neighbours: Vec<Neighbour>,
    },
    /// How it is connected.
    Network {
        /// When that was seen.
        at_ms: i64,
        /// Adapters, gateways and resolvers.
        detail: Value,
    },
    /// One thing on it.
    State(HostState),
    /// One thing on it is no longer watched.
    Gone {
        /// Its kind.
        noun: Noun,
        /// Its name.
        key: String,
    },
    /// What was known of a kind of things before a moment no longer holds.
    Outdated {
        /// The kind.
        noun: Noun,
        /// The moment.
        before_ms: i64,
    },
}

/// All rules with what they remember.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    judged: u64,
    antivirus: antivirus::Antivirus,
    sources: antivirus::Sources,
    malware: malware::Malware,
    outbreaks: outbreak::Outbreaks,
    neighbours: known::Neighbours,
    clones: clones::Clones,
    files: files::Files,
    known_bad: known_bad::KnownBad,
    tripwires: tripwire::Tripwires,
    gaps: gaps::Gaps,
    probes: probes::Probes,
    silence: silence::Silence,
}

impl Rules {
    /// The rules as they were when this was remembered, with everything up to `judged` behind them; and
    /// the memories that are none of this build's. Whom those are about is judged as if new.
    pub fn restore(remembered: &[RuleState], judged: u64) -> (Rules, Vec<MemoryError>) {
        let mut rules = Rules {
            judged,
            ..Rules::default()
        };
        let restored = remembered.iter().map(|state| rules.restore_one(state));
        let unreadable = restored.filter_map(Result::err).collect();
        (rules, unreadable)
    }

    fn restore_one(&mut self, state: &RuleState) -> Result<(), MemoryError> {
        match state.rule.as_str() {
            antivirus::FAMILY => self.antivirus.restore(state),
            antivirus::SOURCE_FAMILY => self.sources.restore(state),
            malware::FAMILY => self.malware.restore(state),
            outbreak::FAMILY => self.outbreaks.restore(state),
            clones::FAMILY => self.clones.restore(state),
            files::FAMILY => self.files.restore(state),
            known_bad::FAMILY => self.known_bad.restore(state),
            tripwire::FAMILY => self.tripwires.restore(state),
            gaps::FAMILY => self.gaps.restore(state),
            probes::FAMILY => self.probes.restore(state),
            silence::FAMILY => self.silence.restore(state),
            _ => Err(MemoryError::of(state)),
        }
    }

    /// Judges one entry, knowing what is said of the contents and states that occur in it; entries come in the order
    /// of the journal.
    pub fn judge(&mut self, entry: &Entry, lists: &Lists) -> Judgement {
        let mut judgement = Judgement::default();
        if entry.pos <= self.judged {
            return judgement;
        }
        self.judged = entry.pos;
        let moment = Moment::of(entry);
        match &entry.fact {
            Fact::Events(events) => self.judge_events(entry, events, lists, &mut judgement),
            Fact::Connected(connected) => {
                self.silence.connected(connected.host, moment, &mut judgement);
                self.clones
                    .connected(connected.host, connected.agent, moment, &mut judgement);
                self.antivirus.connected(connected.host, moment);
                self.probes.connected(connected.host, moment);
            }
            Fact::Disconnected { host, reason } => {
                self.silence.disconnected(*host, *reason, moment);
                self.antivirus.disconnected(*host);
                self.probes.disconnected(*host);
            }
            Fact::Cloned(cloned) => self.clones.seen(cloned, moment, &mut judgement),
            Fact::Tick => {
                self.silence.tick(moment, &mut judgement);
                let silence = &self.silence;
                self.antivirus.tick(
                    &mut self.sources,
                    |host| silence.is_connected(host),
                    moment,
                    &mut judgement,
                );
                self.malware.tick(moment, &mut judgement);
                self.outbreaks.tick(moment, &mut judgement);
                self.files.tick(moment, &mut judgement);
                self.known_bad.tick(moment, &mut judgement);
                self.tripwires.tick(moment, &mut judgement);
                self.probes.tick(moment, &mut judgement);
            }
            Fact::Started => {
                self.silence.collector_started(moment);
                self.antivirus.collector_started();
                self.probes.collector_started();
            }
        }
        self.antivirus.remember(&mut judgement.memory);
        self.sources.remember(&mut judgement.memory);
        self.malware.remember(&mut judgement.memory);
        self.outbreaks.remember(&mut judgement.memory);
        self.clones.remember(&mut judgement.memory);
        self.files.remember(&mut judgement.memory);
        self.known_bad.remember(&mut judgement.memory);
        self.tripwires.remember(&mut judgement.memory);
        self.gaps.remember(&mut judgement.memory);
        self.probes.remember(&mut judgement.memory);
        self.silence.remember(&mut judgement.memory);
        judgement
    }

    fn judge_events(&mut self, entry: &Entry, events: &Events, lists: &Lists, judgement: &mut Judgement) {
        let host = events.host;
        self.gaps
            .declared(host, &events.gaps, Moment::of(entry), judgement);
        for (index, event) in events.events.iter().enumerate() {
            let moment = Moment {
                index,
                // A PC's clock may be wrong, but nothing happens after it is heard of.
                at_ms: event
                    .header
                    .wall_ms
                    .saturating_add(events.offset_ms)
                    .min(entry.received_ms),
                ..Moment::of(entry)
            };
            match &event.body {
                Body::Antivirus(state) => self.antivirus.seen(host, state, moment, judgement),
                Body::Detection(detection) => self.detected(host, detection, lists, moment, judgement),
                Body::Neighbours(all) => self.neighbours.note(host, all, moment, judgement),
                Body::File(file) => self.file(host, file, lists, moment, judgement),
                Body::Tripwire(tripwire) => self.tripwires.told(host, tripwire, moment, judgement),
                Body::ProbeState(probe) => self.probes.turned(host, probe, moment, judgement),
                Body::ProbeSample(sample) => self.probes.sampled(host, sample, moment),
                Body::Presence(presence) => {
                    self.silence.presence(host, presence);
                    self.antivirus.presence(host, presence, moment);
                }
                _ => {}
            }
            known::note(host, &event.body, moment, judgement);
        }
        if events.cloned {
            mark_cloned(&mut judgement.findings);
        }
    }
}

impl Rules {
    /// A file changed: what is listed as bad is told whatever explains it, and what is explained, accepted, or only
    /// became a content that is listed as good, is told to nobody.
    fn file(
        &mut self,
        host: HostId,
        file: &FileEvent,
        lists: &Lists,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let sha256 = lists::sha256_of(file);
        match (sha256, lists.listing(sha256)) {
            (Some(sha256), Some(listing)) if listing.verdict == HashVerdict::Bad => {
                self.known_bad
                    .changed(host, file, (sha256, listing), moment, judgement);
            }
            (_, Some(_)) if lists::content_excuses(file) => {}
            _ if file.severity.is_none() || file.cause.is_some() || lists.accepts(host, file) => {}
            _ => self.files.changed(host, file, moment, judgement),
        }
    }

    fn detected(
        &mut self,
        host: HostId,
        detection: &Detection,
        lists: &Lists,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        if let (Some(sha256), Some(listing)) = (detection.sha256, lists.listing(detection.sha256))
            && listing.verdict == HashVerdict::Bad
        {
            self.known_bad
                .detected(host, detection, (sha256, listing), moment, judgement);
        }
        let news = self.malware.found(host, detection, moment, judgement);
        match news {
            malware::News::First => self.outbreaks.hit(host, detection, moment, judgement),
            malware::News::FollowUp | malware::News::Again => self.outbreaks.heard(host, detection),
            malware::News::Beyond => {}
        }
    }
}

/// What a cloned agent reports may be of another machine than it seems: each finding says so.
fn mark_cloned(findings: &mut [FindingChange]) {
    for change in findings {
        let evidence = match change {
            FindingChange::Opened(finding) => &mut finding.evidence,
            FindingChange::Evidence { evidence, .. } => evidence,
            FindingChange::Closed { .. } | FindingChange::Unwatched { .. } => continue,
        };
        if let Some(facts) = evidence.as_object_mut() {
            facts.insert("cloned".to_owned(), Value::Bool(true));
        }
    }
}

/// Where and when something stands in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    /// The entry's position.
    pos: u64,
    /// The event's place within the entry.
    index: usize,
    /// When it happened, by the collector's clock.
    at_ms: i64,
    /// When the collector received it.
    received_ms: i64,
}

impl Moment {
    fn of(entry: &Entry) -> Self {
        Self {
            pos: entry.pos,
            index: 0,
            at_ms: entry.received_ms,
            received_ms: entry.received_ms,
        }
    }

    /// The name of the event at this moment, as the store and the API spell it.
    fn event_key(self) -> String {
        format!("{}-{}", self.pos, self.index)
    }
}

/// What a rule says, before it is placed in the journal.
struct Verdict<'a> {
    rule: &'static str,
    category: Category,
    host: HostId,
    key: &'a str,
    severity: Severity,
    evidence: Value,
}

impl Verdict<'_> {
    /// The finding that opens at this moment.
    fn at(self, moment: Moment) -> Finding {
        let key = crate::registry::fold::storable(self.key);
        Finding {
            id: finding_id(self.rule, self.host, &key, moment),
            rule: self.rule.to_owned(),
            category: self.category,
            host: self.host,
            key,
            severity: self.severity,
            opened_pos: moment.pos,
            opened_ms: moment.at_ms,
            evidence: self.evidence,
        }
    }
}

/// The parts are separated by a byte that stands in none of them.
fn finding_id(rule: &str, host: HostId, key: &str, moment: Moment) -> String {
    let name = [rule, &host.to_string(), key, &moment.event_key()].join("\0");
    hex::encode(&Sha256::digest(name)[..16])
}

/// The numbers of at most so many hosts, from all over the list: hosts of one unit have neighbouring numbers, and the
/// first ones alone would only tell of that unit.
fn some_of(hosts: impl ExactSizeIterator<Item = HostId>, count_max: usize) -> Vec<i64> {
    let step = hosts.len().div_ceil(count_max).max(1);
    hosts.step_by(step).map(|host| host.0).collect()
}

/// Text made of bytes that are usually text, as evidence shows it.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
