//! The standard places: folders and files that matter on every PC of a kind, whoever uses it.
//!
//! A place has a name that the policy knows and several paths that only the agent knows: they differ from system to
//! system and with the homes of those who have an account here. What is not there is nothing to report, because
//! hardly a PC has all of them; what appears there later is new.

use std::collections::HashSet;

use vong_proto::policy::{FilesPolicy, Watch};

use super::watch::is_within;

#[cfg(target_os = "linux")]
#[path = "standard/linux.rs"]
mod imp;

#[cfg(windows)]
#[path = "standard/windows.rs"]
mod imp;

/// What the names of their watches begin with.
const PREFIX: &str = "standard:";
/// The place that has a folder in every home.
const KEYS: &str = "ssh_keys";
/// So many homes are looked into: each costs two calls whenever the roots are looked at. Of a server with more
/// accounts it is said that not all are watched.
const HOMES_MAX: usize = 256;

/// A standard place on this system.
#[derive(Debug)]
struct Place {
    /// The policy's name for it.
    name: &'static str,
    /// Where it is.
    paths: &'static [&'static str],
    /// Names that are passed over there, beside [`imp::LEFTOVERS`].
    exclude: &'static [&'static str],
}

/// What is to be watched.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The policy's own watches, then the standard ones.
    pub(super) watches: Vec<Watch>,
    /// There are more homes than are watched.
    pub(super) homes_are_cut: bool,
}

/// The watches that a policy asks for on this PC, as it is now.
pub(super) fn wanted(policy: &FilesPolicy) -> Wanted {
    wanted_with(policy, imp::homes)
}

/// Whether a watch is one of a standard place.
pub(super) fn is_standard(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Whether a path under a watch is one of those that no program but its owner's has to change: whom the SSH server lets
/// in, and what lies in somebody's home.
pub(super) fn is_personal(watch: &str, path: &[u8]) -> bool {
    let mut homes = imp::HOMES.iter();
    watch.strip_prefix(PREFIX) == Some(KEYS) || homes.any(|homes| is_within(homes.as_bytes(), path))
}

/// A path that tells whether the keys of users have been looked at before: of all homes the one that is always asked
/// for. What is found in another home after that is new.
pub(super) fn first_home_of(name: &str) -> Option<&'static str> {
    (name.strip_prefix(PREFIX) == Some(KEYS)).then_some(imp::FIRST_HOME_KEYS)
}

/// The name that a limit of the homes stands under.
pub(super) fn keys_watch() -> String {
    format!("{PREFIX}{KEYS}")
}

fn wanted_with(policy: &FilesPolicy, homes: impl FnOnce() -> Vec<String>) -> Wanted {
    let mut wanted = Wanted {
        watches: policy.watches.clone(),
        homes_are_cut: false,
    };
    let meanings = policy.standard.places();
    let severity_of = |name: &str| {
        let (_, meaning) = meanings.iter().find(|(place, _)| *place == name)?;
        meaning.severity()
    };
    let mut taken: HashSet<String> = policy.watches.iter().map(|watch| watch.path.clone()).collect();
    for place in imp::PLACES {
        let Some(severity) = severity_of(place.name) else {
            continue;
        };
        let paths = place.paths.iter().map(|path| (*path).to_owned());
        for path in paths.filter(|path| taken.insert(path.clone())) {
            wanted.watches.push(place.watch(path, severity));
        }
    }
    let (keys, severity) = (
        imp::PLACES.iter().find(|place| place.name == KEYS),
        severity_of(KEYS),
    );
    if let (Some(place), Some(severity)) = (keys, severity) {
        let mut homes = homes();
        wanted.homes_are_cut = homes.len() > HOMES_MAX;
        homes.truncate(HOMES_MAX);
        let paths = homes.into_iter().map(imp::keys_in);
        for path in paths.filter(|path| taken.insert(path.clone())) {
            wanted.watches.push(place.watch(path, severity));
        }
    }
    wanted
}

impl Place {
    fn watch(&self, path: String, severity: Option<vong_proto::event::Severity>) -> Watch {
        let exclude = imp::LEFTOVERS.iter().chain(self.exclude);
        Watch {
            name: format!("{PREFIX}{}", self.name),
            path,
            severity,
            exclude: exclude.map(|pattern| (*pattern).to_owned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use vong_proto::event::Severity;
    use vong_proto::policy::{Meaning, Standard};

    use super::*;

    fn policy(standard: Standard) -> FilesPolicy {
        FilesPolicy {
            standard,
            ..FilesPolicy::default()
        }
    }

    fn names(wanted: &Wanted) -> HashSet<&str> {
        wanted.watches.iter().map(|watch| watch.name.as_str()).collect()
    }

    #[test]
    fn every_place_of_the_policy_has_paths_and_none_is_watched_twice() {
        let wanted = wanted_with(&policy(Standard::default()), Vec::new);
        let known: HashSet<String> = Standard::default()
            .places()
            .iter()
            .map(|(name, _)| format!("{PREFIX}{name}"))
            .collect();
        assert_eq!(names(&wanted), known.iter().map(String::as_str).collect());
        let paths: HashSet<&str> = wanted.watches.iter().map(|watch| watch.path.as_str()).collect();
        assert_eq!(paths.len(), wanted.watches.len());
    }

    #[test]
    fn a_place_has_the_policys_severity_or_is_not_watched() {
        let standard = Standard {
            boot: Meaning::Critical,
            web_roots: Meaning::Record,
            ..Standard::off()
        };
        let wanted = wanted_with(&policy(standard), || vec!["/home/lan".to_owned()]);
        assert_eq!(
            names(&wanted),
            HashSet::from(["standard:boot", "standard:web_roots"])
        );
        let severity = |name: &str| {
            let mut watches = wanted.watches.iter();
            watches
                .find(|watch| watch.name == name)
                .expect("watched")
                .severity
        };
        assert_eq!(severity("standard:boot"), Some(Severity::Critical));
        assert_eq!(severity("standard:web_roots"), None);
        assert!(wanted_with(&policy(Standard::off()), Vec::new).watches.is_empty());
    }

    #[test]
    fn keys_and_homes_are_personal() {
        let check = |watch: &str, path: &str, expected: bool| {
            assert_eq!(is_personal(watch, path.as_bytes()), expected, "{watch} {path}");
        };
        check("standard:ssh_keys", "/home/lan/.ssh/authorized_keys", true);
        check("standard:ssh_keys", "/var/lib/git/.ssh/authorized_keys", true);
        check("standard:accounts", "/etc/passwd", false);
        check("hồ sơ", "/home/lan/hồ sơ", true);
        check("hồ sơ", "/root/.bashrc", true);
        check("hồ sơ", "/homes/lan", false);
    }

    #[test]
    fn a_watch_of_the_policy_goes_before_a_standard_one() {
        let mut policy = policy(Standard::default());
        policy.watches.push(Watch {
            name: "tên máy".to_owned(),
            path: "/etc/hosts".to_owned(),
            severity: None,
            exclude: Vec::new(),
        });
        let wanted = wanted_with(&policy, Vec::new);
        let hosts = wanted.watches.iter().filter(|watch| watch.path == "/etc/hosts");
        assert_eq!(
            hosts.map(|watch| watch.name.as_str()).collect::<Vec<_>>(),
            ["tên máy"]
        );
    }

    #[test]
    fn every_home_has_keys_up_to_a_number() {
        let standard = Standard {
            ssh_keys: Meaning::High,
            ..Standard::off()
        };
        let homes = |count: usize| (0..count).map(|number| format!("/home/{number}")).collect();
        let few = wanted_with(&policy(standard.clone()), || homes(2));
        assert!(few.watches.iter().any(|watch| watch.path == "/home/1/.ssh"));
        assert!(!few.homes_are_cut);
        let many = wanted_with(&policy(standard), || homes(HOMES_MAX + 1));
        assert!(many.homes_are_cut);
        assert_eq!(many.watches.len(), few.watches.len() - 2 + HOMES_MAX);
    }
}
