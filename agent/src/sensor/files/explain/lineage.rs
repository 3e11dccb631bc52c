//! Whether a process is a package manager, or was started by one.
//!
//! A maintainer's script is a shell below dpkg, and what it calls lies below that. So one walks up, from a process to
//! the one that started it, as long as these live; a process whose parents have gone belongs to the system's first
//! one, and so to nobody. A name proves nothing: the program must be the very file that stands where the manager's
//! program stands. And it must run as the administrator: anybody can start it, with code of their own loaded into it or
//! with a file of theirs as its output, but only the administrator's can install anything.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use vong_os::process::{Facts, Program};

use super::Manager;

/// Where the program of a manager is, and which manager that is.
const PROGRAMS: [(&str, Manager); 1] = [("/usr/bin/dpkg", Manager::Dpkg)];
/// Whom a manager works for.
const ADMINISTRATOR: u32 = 0;
/// A manager that upgrades itself goes on running as the file that it was before.
const EARLIER_MAX: usize = 4;
/// Scripts call scripts, but not so deep.
const STEPS_MAX: usize = 32;
/// What was found out about a parent holds for so long: less than it takes to give its number to another process on
/// purpose, long enough that a script's thousand files cost one walk.
const JUDGED_FOR: Duration = Duration::from_millis(300);
/// So many parents are remembered; then all are forgotten.
const JUDGED_MAX: usize = 1_024;

/// Recognises what package managers do.
#[derive(Debug, Default)]
pub(in super::super) struct Lineage {
    /// The files that have stood where a manager's program is, the latest first.
    programs: VecDeque<(Program, Manager)>,
    judged: HashMap<u32, (Instant, Option<Manager>)>,
}

impl Lineage {
    /// Knows which file each manager's program is now, so that it will still be known after an upgrade.
    pub(in super::super) fn learnt() -> Self {
        let mut lineage = Self::default();
        for (place, manager) in PROGRAMS {
            lineage.learn(Path::new(place), manager);
        }
        lineage
    }

    /// The package manager that a process is or descends from. `describe` tells what is known of another one.
    pub(in super::super) fn manager_of(
        &mut self,
        process: &Facts,
        describe: impl FnMut(u32) -> Option<Facts>,
        now: Instant,
    ) -> Option<Manager> {
        if let Some(manager) = self.manager(process) {
            return Some(manager);
        }
        let parent = process.parent_pid;
        if let Some((judged_at, manager)) = self.judged.get(&parent)
            && now.saturating_duration_since(*judged_at) < JUDGED_FOR
        {
            return *manager;
        }
        let manager = self.walk_up(parent, describe);
        if self.judged.len() >= JUDGED_MAX {
            self.judged.clear();
        }
        self.judged.insert(parent, (now, manager));
        manager
    }

    fn walk_up(&mut self, mut pid: u32, mut describe: impl FnMut(u32) -> Option<Facts>) -> Option<Manager> {
        for _ in 0..STEPS_MAX {
            if pid <= 1 {
                return None;
            }
            let process = describe(pid)?;
            if let Some(manager) = self.manager(&process) {
                return Some(manager);
            }
            pid = process.parent_pid;
        }
        None
    }

    /// Which manager this very process is.
    fn manager(&mut self, process: &Facts) -> Option<Manager> {
        if process.user_id != Some(ADMINISTRATOR) {
            return None;
        }
        let path = &process.executable;
        // The kernel's word for a file that was replaced while it runs.
        let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
        let (place, manager) = PROGRAMS.iter().find(|(place, _)| place.as_bytes() == path)?;
        let program = process.program?;
        if !self.knows(program) {
            self.learn(Path::new(place), *manager);
        }
        self.knows(program).then_some(*manager)
    }

    fn knows(&self, program: Program) -> bool {
        self.programs.iter().any(|(known, _)| *known == program)
    }

    fn learn(&mut self, place: &Path, manager: Manager) {
        if let Some(program) = Program::at(place)
            && !self.knows(program)
        {
            self.programs.truncate(EARLIER_MAX - 1);
            self.programs.push_front((program, manager));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANAGER: Program = Program { device: 1, inode: 7 };

    fn process(pid: u32, parent_pid: u32, executable: &str, inode: u64) -> Facts {
        Facts {
            pid,
            parent_pid,
            executable: executable.as_bytes().to_vec(),
            user_id: Some(ADMINISTRATOR),
            program: Some(Program { device: 1, inode }),
            ..Facts::default()
        }
    }

    fn lineage() -> Lineage {
        Lineage {
            programs: VecDeque::from([(MANAGER, Manager::Dpkg)]),
            ..Lineage::default()
        }
    }

    fn check(processes: &[Facts], pid: u32, expected: Option<Manager>) {
        let describe = |pid: u32| processes.iter().find(|process| process.pid == pid).cloned();
        let process = describe(pid).expect("it is there");
        assert_eq!(
            lineage().manager_of(&process, describe, Instant::now()),
            expected,
            "{pid}"
        );
    }

    #[test]
    fn what_a_manager_has_started_is_under_it() {
        let processes = [
            process(10, 1, "/usr/bin/bash", 1),
            process(20, 10, "/usr/bin/dpkg", 7),
            process(21, 20, "/usr/bin/dash", 2),
            process(22, 21, "/usr/bin/cp", 3),
            process(30, 10, "/usr/bin/cp", 3),
            process(40, 1, "/usr/bin/dpkg (deleted)", 7),
            process(41, 99, "/usr/bin/cp", 3),
        ];
        check(&processes, 20, Some(Manager::Dpkg));
        check(&processes, 21, Some(Manager::Dpkg));
        check(&processes, 22, Some(Manager::Dpkg));
        check(&processes, 40, Some(Manager::Dpkg));
        check(&processes, 10, None);
        check(&processes, 30, None);
        // Nobody knows who started it.
        check(&processes, 41, None);
    }

    #[test]
    fn a_name_is_not_enough() {
        let processes = [
            process(20, 1, "/usr/bin/dpkg", 8),
            process(21, 20, "/usr/bin/cp", 3),
            process(22, 1, "/tmp/dpkg", 7),
            process(23, 1, "/usr/bin/dpkg-evil", 7),
        ];
        for pid in [20, 21, 22, 23] {
            check(&processes, pid, None);
        }
    }

    #[test]
    fn a_manager_works_for_the_administrator_and_what_it_starts_for_anybody() {
        let of = |user_id: Option<u32>, process: Facts| Facts { user_id, ..process };
        let processes = [
            of(Some(1_000), process(20, 1, "/usr/bin/dpkg", 7)),
            of(Some(1_000), process(21, 20, "/usr/bin/cp", 3)),
            of(None, process(30, 1, "/usr/bin/dpkg", 7)),
            process(31, 30, "/usr/bin/cp", 3),
            process(40, 1, "/usr/bin/dpkg", 7),
            of(Some(105), process(41, 40, "/usr/bin/psql", 3)),
        ];
        for pid in [20, 21, 30, 31] {
            check(&processes, pid, None);
        }
        check(&processes, 41, Some(Manager::Dpkg));
    }

    #[test]
    fn processes_that_are_each_others_parents_end() {
        let processes = [process(5, 6, "/a", 1), process(6, 5, "/b", 2)];
        check(&processes, 5, None);
    }

    #[test]
    fn a_judgement_holds_for_a_moment() {
        let (mut lineage, begun) = (lineage(), Instant::now());
        let child = process(21, 20, "/usr/bin/cp", 3);
        let manager = |_| Some(process(20, 1, "/usr/bin/dpkg", 7));
        assert_eq!(lineage.manager_of(&child, manager, begun), Some(Manager::Dpkg));
        assert_eq!(lineage.manager_of(&child, |_| None, begun), Some(Manager::Dpkg));
        assert_eq!(lineage.manager_of(&child, |_| None, begun + JUDGED_FOR), None);
    }
}
