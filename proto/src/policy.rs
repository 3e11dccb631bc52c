//! What the sensors of one PC are told to do: the only thing they read besides the world.
//!
//! Policies are edited per unit as partial documents and merged down the tree by the collector; what
//! travels is the effective [`Policy`] as JSON. An agent ignores keys that it does not know, so that a
//! newer collector can add sections; the collector, where people write, refuses them.

use serde::{Deserialize, Serialize};
use serde_path_to_error::Segment;

use crate::event::{Expectations, ProbeKind, Severity};

mod budget;
mod files;
mod tripwire;

pub use budget::BudgetPolicy;
pub use files::{FilesPolicy, Meaning, PlannedWindow, Standard, Watch};
pub use tripwire::TripwirePolicy;

/// The effective policy of one PC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// What the file sensor does.
    pub files: FilesPolicy,
    /// What the ransomware tripwire does.
    pub tripwire: TripwirePolicy,
    /// How much of the PC the agent may use.
    pub budget: BudgetPolicy,
    /// What the antivirus sensor does.
    pub antivirus: AntivirusPolicy,
    /// What the network sensor does.
    pub network: NetworkPolicy,
    /// How much may be sent to the collector.
    pub uplink: UplinkPolicy,
}

/// How much of an office's line reports may take. The default is no limit: then it is only taken care that nothing
/// urgent waits behind a backlog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UplinkPolicy {
    /// What one PC may send, in kbit/s; 0 for no limit.
    pub agent_kbit_s: u32,
    /// What the PCs of one unit may send together, in kbit/s; 0 for no limit. Inherited, it holds for each unit by
    /// itself: a unit is an office with a line.
    pub unit_kbit_s: u32,
}

/// What the antivirus sensor does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AntivirusPolicy {
    /// The products are looked at this often, in seconds.
    pub interval_s: u32,
    /// Definitions older than this many days are a warning.
    pub definitions_warn_days: u32,
    /// Definitions older than this many days are a grave fault.
    pub definitions_high_days: u32,
    /// A scan is overdue when the last one is longer ago than this many days; 0 asks for none.
    pub scan_days: u32,
    /// Whether files must be scanned as they are opened.
    pub real_time: RealTime,
    /// A fault must last this long before it is told, in seconds.
    pub hold_s: u32,
    /// Old definitions must stay old for this long while the PC is connected, in seconds.
    pub stale_hold_s: u32,
    /// What a quick scan looks at: absolute paths; empty for where malware usually lands on such a PC.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quick_scan_paths: Vec<String>,
}

/// Whether a PC's files must be scanned as they are opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RealTime {
    /// Where products usually do so: on Windows.
    #[default]
    Auto,
    /// Yes; a PC on which it is off is not protected.
    Required,
    /// No; that it is off is shown and not told.
    Optional,
}

impl Default for AntivirusPolicy {
    fn default() -> Self {
        let asked = Expectations::default();
        Self {
            interval_s: 60,
            definitions_warn_days: asked.definitions_warn_days,
            definitions_high_days: asked.definitions_high_days,
            scan_days: asked.scan_days,
            real_time: RealTime::Auto,
            hold_s: asked.hold_s,
            stale_hold_s: asked.stale_hold_s,
            quick_scan_paths: Vec::new(),
        }
    }
}

impl AntivirusPolicy {
    /// What is asked of a PC's antivirus; `usual` is whether products on such a PC scan files as they are opened.
    pub fn expectations(&self, usual: bool) -> Expectations {
        Expectations {
            definitions_warn_days: self.definitions_warn_days,
            definitions_high_days: self.definitions_high_days,
            scan_days: self.scan_days,
            real_time_required: match self.real_time {
                RealTime::Auto => usual,
                RealTime::Required => true,
                RealTime::Optional => false,
            },
            hold_s: self.hold_s,
            stale_hold_s: self.stale_hold_s,
        }
    }
}

/// What the network sensor does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkPolicy {
    /// The probed services.
    pub probes: Vec<Probe>,
    /// Samples are summed up over this interval, in seconds.
    pub aggregate_s: u32,
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self {
            probes: Vec::new(),
            aggregate_s: 300,
        }
    }
}

/// One probed service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// A name that is unique within the policy; events carry it.
    pub name: String,
    /// How it is probed.
    pub kind: ProbeKind,
    /// ICMP: address or name. TCP: `host:port`. DNS: the name to look up. HTTPS: the URL.
    pub target: String,
    /// Asked this often, in seconds.
    #[serde(default = "Probe::default_interval_s")]
    pub interval_s: u32,
    /// An answer later than this is a loss, in milliseconds.
    #[serde(default = "Probe::default_timeout_ms")]
    pub timeout_ms: u32,
    /// So many losses (or answers) in a row change the state.
    #[serde(default = "Probe::default_threshold")]
    pub threshold: u32,
    /// What a failure means; absent is routine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

impl Probe {
    fn default_interval_s() -> u32 {
        30
    }

    fn default_timeout_ms() -> u32 {
        3_000
    }

    fn default_threshold() -> u32 {
        3
    }
}

/// What is wrong with a policy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// Not JSON, or not of this shape.
    #[error("the policy document cannot be read: {0}")]
    Unreadable(String),
    /// Two watches or two probes have one name.
    #[error("{list}: the name {name:?} stands twice; names must be unique")]
    DuplicateName {
        /// `files.watches`, `files.planned` or `network.probes`.
        list: &'static str,
        /// The name.
        name: String,
    },
    /// A value is outside what is allowed.
    #[error("{place}: {problem}")]
    Value {
        /// Where, such as `network.probes[2].interval_s`.
        place: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl Policy {
    /// More watches than this are refused: each costs kernel memory on the PC.
    pub const WATCHES_MAX: usize = 256;
    /// More announced windows than this are refused: whoever needs more has forgotten to remove the old ones.
    pub const PLANNED_MAX: usize = 64;
    /// More of the tripwire's paths than this are refused.
    pub const TRIPWIRE_PATHS_MAX: usize = 64;
    /// More probes than this are refused: each is traffic from every PC of the unit.
    pub const PROBES_MAX: usize = 64;
    /// More paths of a quick scan than this are refused: it is to be quick.
    pub const QUICK_SCAN_PATHS_MAX: usize = 32;
    /// A tighter limit is refused: below it not even what is urgent would arrive in time.
    pub const UPLINK_KBIT_S_MIN: u32 = 8;
    /// A wider one too: 10 Gbit/s is more than any office's line, and most likely a number in bit/s.
    pub const UPLINK_KBIT_S_MAX: u32 = 10_000_000;

    /// What holds before a first document has come: nothing is watched and nothing is placed that nobody has asked for.
    pub fn before_any() -> Policy {
        Policy {
            files: FilesPolicy {
                standard: Standard::off(),
                ..FilesPolicy::default()
            },
            tripwire: TripwirePolicy::off(),
            ..Policy::default()
        }
    }

    /// Reads and checks a policy document.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn from_json(document: &str) -> Result<Policy, PolicyFault> {
        let mut json = serde_json::Deserializer::from_str(document);
        let policy: Policy = serde_path_to_error::deserialize(&mut json).map_err(unreadable)?;
        json.end()
            .map_err(|error| PolicyFault::Unreadable(error.to_string()))?;
        policy.check()?;
        Ok(policy)
    }

    /// The document that travels.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a policy has only string keys")
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn check(&self) -> Result<(), PolicyFault> {
        at_most("network.probes", self.network.probes.len(), Self::PROBES_MAX)?;
        unique(
            "network.probes",
            self.network.probes.iter().map(|p| p.name.as_str()),
        )?;
        self.files.check()?;
        self.tripwire.check()?;
        self.budget.check()?;
        self.antivirus.check()?;
        within("network.aggregate_s", self.network.aggregate_s, 1, 3_600)?;
        check_kbit_s("uplink.agent_kbit_s", self.uplink.agent_kbit_s)?;
        check_kbit_s("uplink.unit_kbit_s", self.uplink.unit_kbit_s)?;
        for (i, probe) in self.network.probes.iter().enumerate() {
            check_probe(&format!("network.probes[{i}]"), probe)?;
        }
        Ok(())
    }
}

/// Names the key when there is one: whoever wrote TOML or used a form never saw the JSON's lines.
fn unreadable(error: serde_path_to_error::Error<serde_json::Error>) -> PolicyFault {
    let is_known = |part: &Segment| !matches!(part, Segment::Unknown);
    let known = error.path().iter().len() > 0 && error.path().iter().all(is_known);
    let place = error.path().to_string();
    let problem = error.into_inner().to_string();
    let without_line = problem
        .rsplit_once(" at line ")
        .map_or(problem.as_str(), |(words, _)| words);
    if known {
        fault(place, without_line)
    } else {
        PolicyFault::Unreadable(problem)
    }
}

impl AntivirusPolicy {
    fn check(&self) -> Result<(), PolicyFault> {
        const DAYS_MAX: u32 = 365;
        within("antivirus.interval_s", self.interval_s, 1, 86_400)?;
        let (warn, high) = (self.definitions_warn_days, self.definitions_high_days);
        within("antivirus.definitions_warn_days", warn, 1, DAYS_MAX)?;
        within("antivirus.definitions_high_days", high, 1, DAYS_MAX)?;
        if high < warn {
            let problem = format!("{high} is less than antivirus.definitions_warn_days ({warn})");
            return Err(fault("antivirus.definitions_high_days", problem));
        }
        within("antivirus.scan_days", self.scan_days, 0, DAYS_MAX)?;
        within("antivirus.hold_s", self.hold_s, 0, 86_400)?;
        within("antivirus.stale_hold_s", self.stale_hold_s, 0, 7 * 86_400)?;
        let paths = &self.quick_scan_paths;
        at_most(
            "antivirus.quick_scan_paths",
            paths.len(),
            Policy::QUICK_SCAN_PATHS_MAX,
        )?;
        for (i, path) in paths.iter().enumerate() {
            absolute(&format!("antivirus.quick_scan_paths[{i}]"), path)?;
        }
        Ok(())
    }
}

fn absolute(place: &str, path: &str) -> Result<(), PolicyFault> {
    let drive = path.as_bytes().get(1) == Some(&b':');
    if !(path.starts_with('/') || path.starts_with('\\') || drive) {
        return Err(fault(place, format!("{path:?} is not an absolute path")));
    }
    if path.contains('\0') || path.split(['/', '\\']).any(|part| part == "..") {
        return Err(fault(place, format!("{path:?} is not a plain path")));
    }
    Ok(())
}

fn check_probe(place: &str, probe: &Probe) -> Result<(), PolicyFault> {
    not_empty(&format!("{place}.name"), &probe.name)?;
    not_empty(&format!("{place}.target"), &probe.target)?;
    within(&format!("{place}.interval_s"), probe.interval_s, 1, 3_600)?;
    within(&format!("{place}.timeout_ms"), probe.timeout_ms, 50, 30_000)?;
    within(&format!("{place}.threshold"), probe.threshold, 1, 100)?;
    let target = &probe.target;
    let has_port = target
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    match probe.kind {
        ProbeKind::Tcp if !has_port => Err(fault(
            format!("{place}.target"),
            format!("{target:?} is not host:port"),
        )),
        ProbeKind::Https if !(target.starts_with("https://") || target.starts_with("http://")) => Err(fault(
            format!("{place}.target"),
            format!("{target:?} is not an http:// or https:// URL"),
        )),
        _ => Ok(()),
    }
}

fn check_kbit_s(place: &str, value: u32) -> Result<(), PolicyFault> {
    let (min, max) = (Policy::UPLINK_KBIT_S_MIN, Policy::UPLINK_KBIT_S_MAX);
    if value == 0 || (min..=max).contains(&value) {
        return Ok(());
    }
    let problem = format!("{value} is outside {min} to {max}; 0 stands for no limit");
    Err(fault(place, problem))
}

fn fault(place: impl Into<String>, problem: impl Into<String>) -> PolicyFault {
    PolicyFault::Value {
        place: place.into(),
        problem: problem.into(),
    }
}

fn not_empty(place: &str, text: &str) -> Result<(), PolicyFault> {
    if text.trim().is_empty() {
        Err(fault(place, "must not be empty"))
    } else {
        Ok(())
    }
}

fn within(place: &str, value: u32, min: u32, max: u32) -> Result<(), PolicyFault> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(fault(place, format!("{value} is outside {min} to {max}")))
}

fn at_most(place: &str, count: usize, max: usize) -> Result<(), PolicyFault> {
    if count <= max {
        Ok(())
    } else {
        Err(fault(
            place,
            format!("{count} entries, at most {max} are allowed"),
        ))
    }
}

fn unique<'a>(list: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), PolicyFault> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(PolicyFault::DuplicateName {
                list,
                name: name.to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(document: &str) -> String {
        Policy::from_json(document).expect_err("a fault").to_string()
    }

    #[test]
    fn an_empty_document_is_the_default_policy() {
        assert_eq!(Policy::from_json("{}"), Ok(Policy::default()));
    }

    #[test]
    fn unknown_sections_are_left_for_newer_agents() {
        assert_eq!(
            Policy::from_json(r#"{"usb": {"block": true}}"#),
            Ok(Policy::default())
        );
    }

    #[test]
    fn faults_name_their_place() {
        assert_eq!(
            fault_of(r#"{"files": {"watches": [{"name": "a", "path": "etc"}]}}"#),
            r#"files.watches[0].path: "etc" is not an absolute path"#
        );
        assert_eq!(
            fault_of(r#"{"network": {"probes": [{"name": "a", "kind": "tcp", "target": "portal"}]}}"#),
            r#"network.probes[0].target: "portal" is not host:port"#
        );
        assert_eq!(
            fault_of(
                r#"{"network": {"probes": [{"name": "a", "kind": "tcp", "target": "h:1", "threshold": "x"}]}}"#
            ),
            r#"network.probes[0].threshold: invalid type: string "x", expected u32"#
        );
        assert_eq!(
            fault_of(r#"{"files": {"watches": [{"name": "a"}]}}"#),
            "files.watches[0]: missing field `path`"
        );
        assert_eq!(
            fault_of(r#"{"uplink": {"unit_kbit_s": 2}}"#),
            "uplink.unit_kbit_s: 2 is outside 8 to 10000000; 0 stands for no limit"
        );
        assert_eq!(
            fault_of(r#"{"antivirus": {"definitions_warn_days": 9}}"#),
            "antivirus.definitions_high_days: 7 is less than antivirus.definitions_warn_days (9)"
        );
        assert_eq!(
            fault_of(r#"{"antivirus": {"quick_scan_paths": ["home"]}}"#),
            r#"antivirus.quick_scan_paths[0]: "home" is not an absolute path"#
        );
        assert_eq!(
            fault_of(r#"{"antivirus": {"quick_scan_paths": ["/srv/../etc"]}}"#),
            r#"antivirus.quick_scan_paths[0]: "/srv/../etc" is not a plain path"#
        );
        assert!(fault_of("{").starts_with("the policy document cannot be read: EOF"));
        assert_eq!(
            fault_of(r#"{"files": {"watches": [{"name": "a", "path": "/a"}, {"name": "a", "path": "/b"}]}}"#),
            r#"files.watches: the name "a" stands twice; names must be unique"#
        );
    }

    #[test]
    fn a_policy_survives_its_journey() {
        let document =
            r#"{"files": {"watches": [{"name": "hồ sơ", "path": "/srv/hồ sơ", "severity": "critical"}]}}"#;
        let policy = Policy::from_json(document).expect("valid");
        assert_eq!(Policy::from_json(&policy.to_json()), Ok(policy));
    }
}
