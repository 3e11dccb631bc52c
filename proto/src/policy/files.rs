//! Which files are watched, what a change of them means, and which changes were announced.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Policy, PolicyFault, absolute, at_most, fault, not_empty, unique, within};
use crate::event::Severity;

/// What the file sensor does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilesPolicy {
    /// The watched folders.
    pub watches: Vec<Watch>,
    /// Larger files are watched but not hashed, MiB.
    pub hash_max_mib: u32,
    /// The places that matter on every PC of a kind, by what they are for.
    pub standard: Standard,
    /// Changes that were announced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<PlannedWindow>,
    /// All trees are compared with what is remembered this often, in hours, whatever the system has told; 0 only when
    /// something may have been missed.
    pub recheck_hours: u32,
    /// Every watched file is read again within so many days, though nothing shows that it changed; 0 never.
    pub rehash_days: u32,
}

impl Default for FilesPolicy {
    fn default() -> Self {
        Self {
            watches: Vec::new(),
            hash_max_mib: 512,
            standard: Standard::default(),
            planned: Vec::new(),
            recheck_hours: 24,
            rehash_days: 30,
        }
    }
}

/// One watched folder, with everything below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// A name that is unique within the policy; events carry it.
    pub name: String,
    /// Absolute path of a folder or a file.
    pub path: String,
    /// What a change below it means; absent is routine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Names (with `*` and `?`) of files and folders that are passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// The places that matter on every PC of a kind. Which paths these are is the agent's knowledge of its system; here
/// stands what a change there means. The watch of a place is named `standard:` and the name of the place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standard {
    /// Programs and libraries of the system.
    pub system_binaries: Meaning,
    /// What starts the system.
    pub boot: Meaning,
    /// Definitions of services.
    pub services: Meaning,
    /// What runs at set times.
    pub scheduled: Meaning,
    /// The hosts file and the order of name services.
    pub hosts: Meaning,
    /// Accounts and who may act as administrator.
    pub accounts: Meaning,
    /// Keys that open the PC from afar.
    pub ssh_keys: Meaning,
    /// Pages that a web server of this PC shows.
    pub web_roots: Meaning,
}

impl Default for Standard {
    fn default() -> Self {
        Self {
            system_binaries: Meaning::High,
            boot: Meaning::High,
            services: Meaning::Medium,
            scheduled: Meaning::Medium,
            hosts: Meaning::High,
            accounts: Meaning::Medium,
            ssh_keys: Meaning::High,
            web_roots: Meaning::Record,
        }
    }
}

impl Standard {
    /// None of them is watched.
    pub fn off() -> Self {
        let off = Meaning::Off;
        Self {
            system_binaries: off,
            boot: off,
            services: off,
            scheduled: off,
            hosts: off,
            accounts: off,
            ssh_keys: off,
            web_roots: off,
        }
    }

    /// Each place's name, and what a change there means.
    pub fn places(&self) -> [(&'static str, Meaning); 8] {
        [
            ("system_binaries", self.system_binaries),
            ("boot", self.boot),
            ("services", self.services),
            ("scheduled", self.scheduled),
            ("hosts", self.hosts),
            ("accounts", self.accounts),
            ("ssh_keys", self.ssh_keys),
            ("web_roots", self.web_roots),
        ]
    }
}

/// What a change of a standard place means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// The place is not watched.
    Off,
    /// It is recorded and tells nobody.
    Record,
    /// Low severity.
    Low,
    /// Medium severity.
    Medium,
    /// High severity.
    High,
    /// Critical severity.
    Critical,
}

impl Meaning {
    /// The severity of a change, if the place is watched at all.
    pub fn severity(self) -> Option<Option<Severity>> {
        match self {
            Meaning::Off => None,
            Meaning::Record => Some(None),
            Meaning::Low => Some(Some(Severity::Low)),
            Meaning::Medium => Some(Some(Severity::Medium)),
            Meaning::High => Some(Some(Severity::High)),
            Meaning::Critical => Some(Some(Severity::Critical)),
        }
    }
}

/// A time in which changes are expected. They are recorded as ever, with the window's name, and tell nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWindow {
    /// A name that is unique within the policy; events carry it.
    pub name: String,
    /// Who announced it.
    pub author: String,
    /// When it begins: a time of RFC 3339, such as `2026-12-01T22:00:00+07:00`.
    pub from: String,
    /// When it ends.
    pub until: String,
    /// Names of the watches that it holds for; empty stands for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watches: Vec<String>,
    /// Why, for whoever reads the policy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl PlannedWindow {
    /// Longer windows are refused: what is always planned is no exception, but another severity of the watch.
    const DAYS_MAX: i64 = 31;

    /// When it begins and ends, in milliseconds since 1970; `None` when one of the times cannot be read, which a
    /// checked policy does not have.
    pub fn span_ms(&self) -> Option<(i64, i64)> {
        Some((milliseconds(&self.from)?, milliseconds(&self.until)?))
    }

    fn check(&self, place: &str) -> Result<(), PolicyFault> {
        not_empty(&format!("{place}.name"), &self.name)?;
        not_empty(&format!("{place}.author"), &self.author)?;
        let time = |key: &str, text: &str| {
            milliseconds(text).ok_or_else(|| {
                let problem = format!("{text:?} is not a time such as 2026-12-01T22:00:00+07:00");
                fault(format!("{place}.{key}"), problem)
            })
        };
        // Other watches may be those of a unit above, which a document on its own does not show.
        let standard = Standard::default().places();
        let is_none = |name: &&String| {
            let place = name.strip_prefix("standard:");
            place.is_some_and(|place| !standard.iter().any(|(known, _)| *known == place))
        };
        if let Some(name) = self.watches.iter().find(is_none) {
            let problem = format!("{name:?} is no standard place");
            return Err(fault(format!("{place}.watches"), problem));
        }
        let (from, until) = (time("from", &self.from)?, time("until", &self.until)?);
        let longest = Self::DAYS_MAX * 86_400_000;
        if until <= from || until - from > longest {
            let problem = format!(
                "must be after {} and at most {} days later",
                self.from,
                Self::DAYS_MAX
            );
            return Err(fault(format!("{place}.until"), problem));
        }
        Ok(())
    }
}

impl FilesPolicy {
    pub(super) fn check(&self) -> Result<(), PolicyFault> {
        at_most("files.watches", self.watches.len(), Policy::WATCHES_MAX)?;
        at_most("files.planned", self.planned.len(), Policy::PLANNED_MAX)?;
        unique(
            "files.watches",
            self.watches.iter().map(|watch| watch.name.as_str()),
        )?;
        unique(
            "files.planned",
            self.planned.iter().map(|window| window.name.as_str()),
        )?;
        within("files.recheck_hours", self.recheck_hours, 0, 24 * 31)?;
        within("files.rehash_days", self.rehash_days, 0, 366)?;
        for (i, watch) in self.watches.iter().enumerate() {
            let place = format!("files.watches[{i}]");
            not_empty(&format!("{place}.name"), &watch.name)?;
            if watch.name.starts_with("standard:") {
                let problem = "names that begin with standard: belong to files.standard";
                return Err(fault(format!("{place}.name"), problem));
            }
            absolute(&format!("{place}.path"), &watch.path)?;
        }
        for (i, window) in self.planned.iter().enumerate() {
            window.check(&format!("files.planned[{i}]"))?;
        }
        Ok(())
    }
}

fn milliseconds(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::super::Policy;

    fn fault_of(document: &str) -> String {
        Policy::from_json(document).expect_err("a fault").to_string()
    }

    #[test]
    fn windows_are_checked() {
        let window = |from: &str, until: &str| {
            format!(
                r#"{{"files": {{"planned": [{{"name": "Tết", "author": "lan", "from": "{from}", "until": "{until}"}}]}}}}"#
            )
        };
        let policy = Policy::from_json(&window("2026-12-01T22:00:00+07:00", "2026-12-02T02:00:00+07:00"));
        let span = policy.expect("valid").files.planned[0].span_ms().expect("times");
        assert_eq!(span, (1_796_137_200_000, 1_796_151_600_000));
        assert_eq!(
            fault_of(&window("tối nay", "2026-12-02T02:00:00+07:00")),
            r#"files.planned[0].from: "tối nay" is not a time such as 2026-12-01T22:00:00+07:00"#
        );
        assert_eq!(
            fault_of(&window("2026-12-01T22:00:00Z", "2026-12-01T22:00:00Z")),
            "files.planned[0].until: must be after 2026-12-01T22:00:00Z and at most 31 days later"
        );
    }

    #[test]
    fn a_misspelt_standard_place_is_refused() {
        assert_eq!(
            fault_of(
                r#"{"files": {"planned": [{"name": "a", "author": "b", "watches": ["x", "standard:boots"],
                "from": "2026-12-01T22:00:00Z", "until": "2026-12-01T23:00:00Z"}]}}"#
            ),
            r#"files.planned[0].watches: "standard:boots" is no standard place"#
        );
        assert_eq!(
            fault_of(r#"{"files": {"standard": {"boot": "loud"}}}"#),
            "files.standard.boot: unknown variant `loud`, expected one of `off`, `record`, `low`, `medium`, `high`, `critical`"
        );
        assert_eq!(
            fault_of(r#"{"files": {"watches": [{"name": "standard:x", "path": "/x"}]}}"#),
            "files.watches[0].name: names that begin with standard: belong to files.standard"
        );
    }
}
