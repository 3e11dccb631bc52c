//! The folders at the tops of watches: which there are, how they are spelt, and whether they are still the same.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use vong_os::file::{Facts, Kind};
use vong_proto::policy::{FilesPolicy, Watch};

use super::leads::{Lead, follow};
use super::limit::Limit;
use super::standard::{self, Wanted};

/// Watched folders are looked at this often: a replaced or new one needs new marks.
const INTERVAL: Duration = Duration::from_secs(1);
/// The standard places are many, and asking for all of them each second would be most of what an idle agent does. A
/// new user's keys are watched after so long.
const STANDARD_INTERVAL: Duration = Duration::from_secs(30);

/// What is to be watched, and what stood there when it was last looked at.
#[derive(Debug)]
pub(super) struct Roots {
    wanted: Wanted,
    /// By the path of the watch.
    seen: HashMap<String, Option<Identity>>,
    due: Instant,
    standard_due: Instant,
    /// Where nobody shall look.
    foreign: Vec<Vec<u8>>,
}

impl Roots {
    pub(super) fn new() -> Self {
        Self {
            wanted: Wanted::default(),
            seen: HashMap::new(),
            due: Instant::now(),
            standard_due: Instant::now(),
            foreign: Vec::new(),
        }
    }

    /// Passes over what lies at or below these points from now on.
    pub(super) fn pass_over(&mut self, foreign: Vec<Vec<u8>>) {
        self.foreign = foreign;
    }

    /// Forgets what stood where: all is to be looked at again.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }

    /// What a policy asks for now, each with its root as the system spells it. Two paths may lead to one folder, as
    /// `/bin` and `/usr/bin`: the first is watched, and a standard place gives way to the policy's own.
    pub(super) fn want(&mut self, policy: &FilesPolicy) -> Vec<(Watch, Vec<u8>)> {
        self.wanted = standard::wanted(policy);
        self.standard_due = Instant::now() + STANDARD_INTERVAL;
        let paths: HashSet<&String> = self.wanted.watches.iter().map(|watch| &watch.path).collect();
        self.seen.retain(|path, _| paths.contains(path));
        let mut taken = HashSet::new();
        let spelt = self
            .wanted
            .watches
            .iter()
            .map(|watch| (watch.clone(), spelt_by_system(&watch.path, &self.foreign)));
        spelt
            .filter(|(watch, root)| taken.insert(root.clone()) || !standard::is_standard(&watch.name))
            .collect()
    }

    /// Looks at what stands at a watch's path: whether there is something, and whether it is what was there before.
    pub(super) fn look_again(&mut self, watch: &Watch) -> (bool, bool) {
        let now = identity(&watch.path, &self.foreign);
        let before = self.seen.insert(watch.path.clone(), now);
        (now.is_some(), before == Some(now))
    }

    /// Whether a root has appeared, gone or been replaced, or there are others to watch. Asked often, it looks rarely.
    pub(super) fn have_changed(&mut self, policy: &FilesPolicy) -> bool {
        let now = Instant::now();
        if now < self.due {
            return false;
        }
        self.due = now + INTERVAL;
        let with_standard = now >= self.standard_due;
        if with_standard {
            self.standard_due = now + STANDARD_INTERVAL;
            if standard::wanted(policy) != self.wanted {
                return true;
            }
        }
        let is_asked = |watch: &&Watch| with_standard || !standard::is_standard(&watch.name);
        let mut asked = self.wanted.watches.iter().filter(is_asked);
        // One that leads to where another one stands has never been looked at for itself.
        asked.any(|watch| {
            self.seen
                .get(&watch.path)
                .is_some_and(|seen| *seen != identity(&watch.path, &self.foreign))
        })
    }

    /// What is not watched though it should be.
    pub(super) fn limit(&self) -> Option<Limit> {
        self.wanted
            .homes_are_cut
            .then(|| Limit::too_many(&standard::keys_watch()))
    }
}

/// What makes a folder this folder. Of a file only its presence counts: files are replaced all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// This very folder.
    Folder {
        /// Its file system.
        device: u64,
        /// Its number there.
        inode: u64,
    },
    /// Something else.
    NoFolder,
}

impl Identity {
    fn of(facts: Facts) -> Self {
        match facts.kind {
            Kind::Folder => Self::Folder {
                device: facts.device,
                inode: facts.inode,
            },
            Kind::File | Kind::Link | Kind::Other => Self::NoFolder,
        }
    }
}

/// What stands at a watch's path now; `None` when nothing does, or where nobody shall look.
pub(super) fn identity(path: &str, foreign: &[Vec<u8>]) -> Option<Identity> {
    match follow(b"/", path.as_bytes(), foreign) {
        Lead::To { facts, .. } => Some(Identity::of(facts)),
        Lead::Nowhere | Lead::Round | Lead::Foreign(_) | Lead::Unknown => None,
    }
}

/// A path as events will spell it, links in it followed.
pub(super) fn spelt_by_system(path: &str, foreign: &[Vec<u8>]) -> Vec<u8> {
    match follow(b"/", path.as_bytes(), foreign) {
        Lead::To { path, .. } => path,
        Lead::Nowhere | Lead::Round | Lead::Foreign(_) | Lead::Unknown => path.as_bytes().to_vec(),
    }
}

/// What a first look depended on: when it changes, what then comes into view is not new.
pub(super) fn stamp(watch: &Watch) -> Vec<u8> {
    watch.exclude.join("\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_are_one_are_watched_once_and_by_the_policys_own_watch() {
        let mut policy = FilesPolicy::default();
        policy.watches.push(Watch {
            name: "chương trình".to_owned(),
            path: "/usr/bin/.".to_owned(),
            severity: None,
            exclude: Vec::new(),
        });
        let mut roots = Roots::new();
        let wanted = roots.want(&policy);
        let spelt: HashSet<&Vec<u8>> = wanted.iter().map(|(_, root)| root).collect();
        assert_eq!(spelt.len(), wanted.len());
        let of_programs: Vec<&str> = wanted
            .iter()
            .filter(|(_, root)| root == b"/usr/bin")
            .map(|(watch, _)| watch.name.as_str())
            .collect();
        assert_eq!(of_programs, ["chương trình"]);
    }

    #[test]
    fn nothing_has_changed_until_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("later");
        let policy = FilesPolicy {
            watches: vec![Watch {
                name: "later".to_owned(),
                path: path.to_str().expect("plain").to_owned(),
                severity: None,
                exclude: Vec::new(),
            }],
            ..FilesPolicy::default()
        };
        let mut roots = Roots::new();
        let arm = |roots: &mut Roots| {
            for (watch, _) in roots.want(&policy) {
                roots.look_again(&watch);
            }
            roots.due = Instant::now();
            roots.standard_due = Instant::now();
        };
        arm(&mut roots);
        assert!(!roots.have_changed(&policy));
        std::fs::create_dir(&path).expect("made");
        roots.due = Instant::now();
        assert!(roots.have_changed(&policy));
        arm(&mut roots);
        assert!(!roots.have_changed(&policy));
    }
}
