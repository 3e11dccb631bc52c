//! Who started whom. A process that encrypts one file is gone before anybody can ask about it; what counts is the
//! one that starts a thousand of them.
//!
//! The kernel tells of each process that is split off and of each program that begins, while it happens. Of those
//! that a file event names, and of their ancestors, more is kept: they keep their keys as long as they live.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::{debug, warn};
use vong_os::process::{Facts, Processes, parent_and_start};
use vong_os::starts::{Start, Starts};
use vong_proto::event::{Process, Tripwire};

use crate::sensor::tripwire::clue::Key;

/// So many processes that started lately are remembered, some 300 bytes each.
const BORN_MAX: usize = 2_048;
/// So many that have touched documents, or whose children have.
const KNOWN_MAX: usize = 1_024;
/// Ancestors that a deed counts against.
const ANCESTORS_MAX: usize = 4;
/// The listener looks up at least this often to see whether it shall end.
const LOOK_UP: Duration = Duration::from_millis(500);
/// The listener may be a moment behind the file events.
const PATIENCE: Duration = Duration::from_micros(500);
const PATIENCE_TIMES: usize = 4;

/// Programs that start whatever a user starts: not to blame for any of it.
const HOSTS: &[&str] = &[
    "systemd",
    "init",
    "sshd",
    "sshd-session",
    "login",
    "su",
    "sudo",
    "cron",
    "crond",
    "atd",
    "gdm",
    "gdm3",
    "gdm-session-worker",
    "lightdm",
    "sddm",
    "gnome-shell",
    "gnome-session-binary",
    "gnome-terminal-server",
    "plasmashell",
    "kwin_wayland",
    "kwin_x11",
    "ksmserver",
    "xfce4-session",
    "xfce4-panel",
    "cinnamon",
    "mate-session",
    "dbus-daemon",
    "dbus-broker",
    "Xorg",
    "tmux",
    "tmux: server",
    "screen",
    "containerd-shim",
    "containerd-shim-runc-v2",
    "dockerd",
    "runc",
    "kubelet",
    "supervisord",
    "polkitd",
];

/// Everybody who is known.
#[derive(Debug)]
pub(in super::super) struct Kin {
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
    known: HashMap<u32, Known>,
    order: VecDeque<u32>,
    processes: Processes,
    last_key: Key,
}

#[derive(Debug, Default)]
struct Shared {
    born: Mutex<Born>,
    closing: AtomicBool,
}

/// Those who started lately.
#[derive(Debug, Default)]
struct Born {
    lives: HashMap<u32, Life>,
    order: VecDeque<(u32, u64)>,
    births: u64,
}

#[derive(Debug)]
struct Life {
    /// Grows with every birth: two lives of one number differ in it.
    birth: u64,
    parent: u32,
    facts: Option<Facts>,
}

/// A process with a key.
#[derive(Clone, Debug)]
struct Known {
    birth: u64,
    start: Option<u64>,
    /// Its key, then its ancestors'.
    chain: Vec<Key>,
    facts: Facts,
}

impl Kin {
    pub(in super::super) fn open() -> Kin {
        let shared = Arc::<Shared>::default();
        let listener = match Starts::open() {
            Ok(starts) => {
                let shared = Arc::clone(&shared);
                let run = move || listen(&starts, &shared);
                thread::Builder::new().name("kin".to_owned()).spawn(run).ok()
            }
            Err(error) => {
                debug!(%error, "the system does not tell which programs start");
                None
            }
        };
        Kin {
            shared,
            listener,
            known: HashMap::new(),
            order: VecDeque::new(),
            processes: Processes::default(),
            last_key: 0,
        }
    }

    /// The keys of a process and those who started it, the process first; empty when nothing is known of it.
    pub(in super::super) fn chain(&mut self, pid: u32) -> Vec<Key> {
        if pid == 0 {
            return Vec::new();
        }
        self.known(pid, 0).map(|known| known.chain).unwrap_or_default()
    }

    /// A key of nobody.
    pub(in super::super) fn new_key(&mut self) -> Key {
        self.last_key += 1;
        self.last_key
    }

    /// Whether the process of this number is the one that started then.
    pub(in super::super) fn is(&self, pid: u32, start: u64) -> bool {
        parent_and_start(pid).is_some_and(|(_, other)| other == start)
    }

    /// By what the next run of the agent knows the process with this key: its number, and when it started.
    pub(in super::super) fn identity(&self, key: Key) -> Option<(u32, u64)> {
        let (pid, known) = self.known.iter().find(|(_, known)| known.chain[0] == key)?;
        Some((*pid, known.start?))
    }

    /// What is known of the processes with these keys.
    pub(in super::super) fn processes(&mut self, chain: &[Key]) -> Vec<Process> {
        let by_key: HashMap<Key, u32> = self
            .known
            .iter()
            .map(|(pid, known)| (known.chain[0], *pid))
            .collect();
        let mut processes = Vec::new();
        for pid in chain
            .iter()
            .filter_map(|key| by_key.get(key))
            .take(Tripwire::PROCESSES_MAX)
        {
            let Some(known) = self.known.get(pid) else {
                continue;
            };
            let born = self.shared.born();
            let later = born
                .lives
                .get(pid)
                .filter(|life| life.birth == known.birth)
                .and_then(|life| life.facts.clone());
            let facts = later.unwrap_or_else(|| known.facts.clone());
            processes.push(Process {
                pid: *pid,
                executable: facts.executable,
                command_line: facts.command_line,
                user: facts.user,
                parent_pid: facts.parent_pid,
                parent_executable: facts.parent_executable,
            });
        }
        processes
    }

    fn known(&mut self, pid: u32, depth: usize) -> Option<Known> {
        let mut alive = parent_and_start(pid);
        let mut birth = self.shared.birth_of(pid);
        let is_lost =
            |birth: Option<(u64, u32)>, alive: Option<(u32, u64)>| birth.is_none() && alive.is_none();
        if self.listener.is_some() && depth == 0 {
            for _ in 0..PATIENCE_TIMES {
                if !is_lost(birth, alive) || self.known.contains_key(&pid) {
                    break;
                }
                thread::sleep(PATIENCE);
                alive = parent_and_start(pid);
                birth = self.shared.birth_of(pid);
            }
        }
        let start = alive.map(|(_, start)| start);
        if let Some(known) = self.known.get(&pid) {
            let is_other_birth = birth.is_some_and(|(birth, _)| birth > known.birth && known.birth > 0);
            let is_other_start = matches!((known.start, start), (Some(before), Some(now)) if before != now);
            if !is_other_birth && !is_other_start {
                return Some(known.clone());
            }
        }
        let parent = birth
            .map(|(_, parent)| parent)
            .or(alive.map(|(parent, _)| parent))?;
        let facts = self
            .processes
            .describe(pid, None)
            .or_else(|| self.shared.facts_of(pid))
            .unwrap_or_else(|| Facts {
                pid,
                parent_pid: parent,
                ..Facts::default()
            });
        let mut chain = vec![self.new_key()];
        if depth < ANCESTORS_MAX
            && parent > 1
            && parent != std::process::id()
            && !is_host(&facts.executable)
            && parent != pid
        {
            let above = self
                .known(parent, depth + 1)
                .filter(|above| !is_host(&above.facts.executable));
            chain.extend(above.into_iter().flat_map(|above| above.chain));
            chain.truncate(1 + ANCESTORS_MAX);
        }
        let known = Known {
            birth: birth.map_or(0, |(birth, _)| birth),
            start,
            chain,
            facts,
        };
        self.remember(pid, known.clone());
        Some(known)
    }

    fn remember(&mut self, pid: u32, known: Known) {
        if self.known.insert(pid, known).is_none() {
            self.order.push_back(pid);
        }
        while self.order.len() > KNOWN_MAX {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            // Those who still live are needed: among them is whoever has started all the others.
            if parent_and_start(oldest).is_some() && self.known.len() <= 2 * KNOWN_MAX {
                self.order.push_back(oldest);
                if self.order.len() >= 2 * KNOWN_MAX {
                    continue;
                }
                return;
            }
            self.known.remove(&oldest);
        }
    }
}

impl Drop for Kin {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        if let Some(listener) = self.listener.take()
            && listener.join().is_err()
        {
            warn!("the listener for starting programs has panicked");
        }
    }
}

impl Shared {
    fn born(&self) -> MutexGuard<'_, Born> {
        self.born.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn birth_of(&self, pid: u32) -> Option<(u64, u32)> {
        self.born().lives.get(&pid).map(|life| (life.birth, life.parent))
    }

    fn facts_of(&self, pid: u32) -> Option<Facts> {
        self.born().lives.get(&pid)?.facts.clone()
    }
}

impl Born {
    fn take(&mut self, pid: u32, parent: u32) {
        self.births += 1;
        let birth = self.births;
        self.lives.insert(
            pid,
            Life {
                birth,
                parent,
                facts: None,
            },
        );
        self.order.push_back((pid, birth));
        while self.order.len() > BORN_MAX {
            let Some((oldest, birth)) = self.order.pop_front() else {
                return;
            };
            if self.lives.get(&oldest).is_some_and(|life| life.birth == birth) {
                self.lives.remove(&oldest);
            }
        }
    }
}

fn listen(starts: &Starts, shared: &Shared) {
    let mut processes = Processes::default();
    while !shared.closing.load(Ordering::Relaxed) {
        match starts.next(LOOK_UP) {
            Ok(Some(Start::Forked { pid, parent })) => shared.born().take(pid, parent),
            Ok(Some(Start::Executed { pid })) => {
                let facts = processes.describe(pid, None);
                if let Some(life) = shared.born().lives.get_mut(&pid) {
                    life.facts = facts;
                }
            }
            Ok(None) => {}
            // Some were dropped: whoever is asked about is asked for in /proc.
            Err(_) => shared.born().lives.clear(),
        }
    }
}

fn is_host(executable: &[u8]) -> bool {
    let executable = executable.strip_suffix(b" (deleted)").unwrap_or(executable);
    let name = executable.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    HOSTS.iter().any(|host| host.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_counts_against_its_parent() {
        let mut kin = Kin::open();
        let own = kin.chain(std::process::id());
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("a child");
        let chain = kin.chain(child.id());
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        // An agent's own children are its own; anybody else's are known by their parents.
        assert_eq!(chain.len(), 1);
        assert!(!own.is_empty());
        assert_eq!(kin.chain(child.id()), chain, "it keeps its key when it is gone");
        assert!(kin.processes(&chain)[0].executable.ends_with(b"sleep"));
        assert!(kin.chain(0).is_empty());
    }

    #[test]
    fn the_number_of_those_who_started_is_bounded() {
        let mut born = Born::default();
        for pid in 0..2 * BORN_MAX as u32 {
            born.take(pid % 3_000, 1);
        }
        assert!(born.lives.len() <= BORN_MAX && born.order.len() <= BORN_MAX);
    }
}
