//! Who started whom. A process that encrypts one file is gone before anybody can ask about it; what counts is the
//! one that starts a thousand of them.
//!
//! ```text
//! systemd ─▶ gnome-terminal ─▶ bash ─▶ openssl     chain: openssl, bash;  beneath: the user
//!  host       host
//! ```
//! Of those that a file event names, and of their ancestors, more is kept than of all others: they keep their keys as
//! long as they live. Chains end below the programs that start whatever a user starts; what is started by these once
//! for each file adds up under the user.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use vong_os::process::{Facts, Processes, parent_and_start};
use vong_proto::event::{Process, Tripwire};

use crate::sensor::programs::{Birth, Programs, Starting};
use crate::sensor::tripwire::clue::{Key, USERS, VOLUMES};

#[path = "kin/hosts.rs"]
mod hosts;
#[path = "kin/known.rs"]
mod known;

use hosts::is_host;
use known::{Known, KnownProcesses};

/// Ancestors that a deed counts against.
const ANCESTORS_MAX: usize = 4;
/// The listener may be a moment behind the file events.
const PATIENCE: Duration = Duration::from_micros(500);
const PATIENCE_TIMES: usize = 4;

/// Everybody who is known.
#[derive(Debug)]
pub(in super::super) struct Kin {
    starting: Arc<Starting>,
    known: KnownProcesses,
    processes: Processes,
    last_key: Key,
}

impl Kin {
    pub(in super::super) fn open(programs: &Programs) -> Kin {
        Kin {
            starting: programs.listen(),
            known: KnownProcesses::default(),
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

    /// The key of the user whom the process with this key counts against.
    pub(in super::super) fn user_of(&self, key: Key) -> Option<Key> {
        self.known.of(key)?.1.user
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
        let (pid, known) = self.known.of(key)?;
        Some((pid, known.start?))
    }

    /// What is known of the processes with these keys; of a user's, of the last and of who has started it.
    pub(in super::super) fn processes(&mut self, chain: &[Key]) -> Vec<Process> {
        let pids: Vec<u32> = match chain {
            [user @ USERS..VOLUMES] => self.last_of(*user),
            _ => {
                let known = chain.iter().filter_map(|key| self.known.of(*key));
                known.map(|(pid, _)| pid).collect()
            }
        };
        let mut processes = Vec::new();
        for pid in pids.into_iter().take(Tripwire::PROCESSES_MAX) {
            let Some(known) = self.known.ask(pid) else {
                continue;
            };
            // It may run another program by now than it did when it came.
            let later = self
                .starting
                .birth_of(pid)
                .filter(|birth| birth.number == known.birth)
                .and_then(|_| self.starting.facts_of(pid));
            let facts = later.unwrap_or_else(|| known.facts.clone());
            processes.push(Process {
                pid,
                executable: facts.executable,
                command_line: facts.command_line,
                user: facts.user,
                parent_pid: facts.parent_pid,
                parent_executable: facts.parent_executable,
            });
        }
        processes
    }

    fn last_of(&self, user: Key) -> Vec<u32> {
        let of_user = self
            .known
            .iter()
            .filter(|(_, known)| known.user == Some(user) && !known.is_host);
        let last = of_user.max_by_key(|(_, known)| known.chain.first().copied());
        last.into_iter()
            .flat_map(|(pid, known)| [pid, known.facts.parent_pid])
            .collect()
    }

    fn known(&mut self, pid: u32, depth: usize) -> Option<Known> {
        let (birth, alive) = self.look(pid, depth == 0);
        let start = alive.map(|(_, start)| start);
        if let Some(known) = self.known.ask(pid) {
            let is_other_birth = birth.is_some_and(|birth| birth.number > known.birth && known.birth > 0);
            let is_other_start = matches!((known.start, start), (Some(before), Some(now)) if before != now);
            if !is_other_birth && !is_other_start {
                if known.is_host
                    && let Some(facts) = self.starting.facts_of(pid)
                    && facts.program != known.facts.program
                {
                    // It was split off from a host, and runs a program of its own now.
                    known.is_host = is_host(&facts);
                    known.facts = facts;
                }
                return Some(known.clone());
            }
        }
        let parent = birth
            .map(|birth| birth.parent)
            .or(alive.map(|(parent, _)| parent))?;
        let facts = self
            .processes
            .describe(pid, None)
            .or_else(|| self.starting.facts_of(pid))
            .unwrap_or_else(|| Facts {
                pid,
                parent_pid: parent,
                ..Facts::default()
            });
        let known = self.new_known(birth, start, parent, facts, depth);
        self.known
            .remember(pid, known.clone(), |pid| parent_and_start(pid).is_some());
        Some(known)
    }

    /// How a process began, and who its parent is and when it started if it still lives.
    fn look(&self, pid: u32, is_patient: bool) -> (Option<Birth>, Option<(u32, u64)>) {
        let mut tries = 0;
        loop {
            let (alive, birth) = (parent_and_start(pid), self.starting.birth_of(pid));
            let is_lost = birth.is_none() && alive.is_none() && !self.known.contains(pid);
            if !is_lost || !is_patient || !self.starting.hears() || tries == PATIENCE_TIMES {
                return (birth, alive);
            }
            tries += 1;
            thread::sleep(PATIENCE);
        }
    }

    fn new_known(
        &mut self,
        birth: Option<Birth>,
        start: Option<u64>,
        parent: u32,
        facts: Facts,
        depth: usize,
    ) -> Known {
        let (pid, own_pid) = (facts.pid, std::process::id());
        let is_host = is_host(&facts);
        let key = self.new_key();
        let mut known = Known {
            birth: birth.map_or(0, |birth| birth.number),
            start,
            chain: vec![key],
            user: (pid != own_pid && parent != own_pid).then(|| user_key(&facts.user)),
            is_host,
            facts,
        };
        if depth < ANCESTORS_MAX && parent > 1 && parent != own_pid && parent != pid && !is_host {
            let above = self.known(parent, depth + 1).filter(|above| !above.is_host);
            known
                .chain
                .extend(above.into_iter().flat_map(|above| above.chain));
            known.chain.truncate(1 + ANCESTORS_MAX);
        }
        known
    }
}

/// Nobody's number, however many users there are.
fn user_key(user: &str) -> Key {
    let mut hasher = DefaultHasher::new();
    user.hash(&mut hasher);
    USERS | (hasher.finish() & (USERS - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_counts_against_its_parent() {
        let mut kin = Kin::open(&Programs::default());
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
}
