//! Processes: who touched a file, and which programs run.

use std::io;
use std::path::Path;
use std::process::{Child, Command};

#[cfg(target_os = "linux")]
#[path = "process/linux.rs"]
mod imp;

pub use imp::Handle;

/// Command lines are cut here: enough to see what was run, too little to fill a disk.
pub const COMMAND_LINE_MAX: usize = 1_024;

/// A process as it is while it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Process id.
    pub pid: u32,
    /// Path of its executable.
    pub executable: Vec<u8>,
    /// Its arguments, joined by spaces and cut at [`COMMAND_LINE_MAX`].
    pub command_line: Vec<u8>,
    /// The user it runs as: the name that the PC's own list gives, else the number.
    pub user: String,
    /// The same as a number; `None` when unknown.
    pub user_id: Option<u32>,
    /// Its parent's id, 0 when unknown.
    pub parent_pid: u32,
    /// Path of its parent's executable, empty when unknown.
    pub parent_executable: Vec<u8>,
    /// Which file its executable is, when that can be told: a path is what the process's own view of the file
    /// system makes of it.
    pub program: Option<Program>,
}

/// A file with a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Program {
    /// The file system that it stands on.
    pub device: u64,
    /// Its number in that file system.
    pub inode: u64,
}

impl Program {
    /// The program at a path, if there is one.
    pub fn at(path: &Path) -> Option<Program> {
        imp::program_at(path)
    }
}

/// Asks for processes; remembers the list of users between questions.
#[derive(Debug, Default)]
pub struct Processes(imp::Processes);

impl Processes {
    /// What is known of a process that still runs. With a `handle` the answer is certainly about the
    /// process that the handle was made for, not about a later one with the same id.
    pub fn describe(&mut self, pid: u32, handle: Option<&Handle>) -> Option<Facts> {
        self.0.describe(pid, handle)
    }
}

/// A program that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running<'a> {
    /// Its name, one of those asked for.
    pub name: &'a str,
    /// Process id.
    pub pid: u32,
    /// The user whose rights it has.
    pub user_id: u32,
    /// Where its program came from.
    pub origin: Origin,
}

/// Where a program came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file that only the system's administrator, or the user that asks, can write to.
    Administrator,
    /// A file that others can write to: it may be anything.
    Anybody,
    /// The system does not let this user look; the name is what the process calls itself.
    Hidden,
}

/// The programs that run now, of those asked for by name.
pub fn running<'a>(names: &[&'a str]) -> Vec<Running<'a>> {
    imp::running(names)
}

/// Whether processes of other users are shown to this one at all.
pub fn sees_others() -> bool {
    imp::sees_others()
}

/// The arguments of a running program, its own name first.
pub fn arguments_of(pid: u32) -> Option<Vec<Vec<u8>>> {
    imp::arguments_of(pid)
}

/// A process's parent and the moment of its start, in the system's own unit: two processes of one number differ in it.
pub fn parent_and_start(pid: u32) -> Option<(u32, u64)> {
    imp::parent_and_start(pid)
}

/// The id of a user in the PC's own list.
pub fn user_id_of(name: &str) -> Option<u32> {
    imp::user_id_of(name)
}

/// Starts a program as the first of a group of its own, so that all it starts can be ended with it.
///
/// # Errors
/// The system's.
pub fn spawn_group(command: &mut Command) -> io::Result<Child> {
    imp::spawn_group(command)
}

/// Ends a program that [`spawn_group`] has started and nobody has waited for yet, with all that it has started.
///
/// # Errors
/// The system's.
pub fn kill_group(first: &Child) -> io::Result<()> {
    imp::kill_group(first)
}

/// Gives this thread, and those that it starts, more right to a processor than usual programs have: that of real time
/// where the system gives it. Programs of another session are otherwise asked to share by half, whatever their rank.
///
/// # Errors
/// The system's; `PermissionDenied` without privilege.
pub fn hurry() -> io::Result<()> {
    imp::hurry()
}

/// Whether this thread is to have a processor the moment it has something to do, or its turn like others.
///
/// # Errors
/// The system's; `PermissionDenied` without privilege.
pub fn real_time(is_wanted: bool) -> io::Result<()> {
    imp::real_time(is_wanted)
}

/// How many programs wait to run or run, averaged over a minute, for each processor; `None` when nobody knows.
pub fn load() -> Option<f64> {
    imp::load()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_is_known() {
        let facts = Processes::default()
            .describe(std::process::id(), None)
            .expect("it runs");
        let executable = std::env::current_exe().expect("a path");
        assert_eq!(facts.executable, executable.as_os_str().as_encoded_bytes());
        assert!(facts.program.is_some());
        assert_eq!(facts.program, Program::at(&executable));
        assert!(!facts.user.is_empty());
        assert_ne!(facts.parent_pid, 0);
        assert!(!facts.parent_executable.is_empty());
    }

    #[test]
    fn a_process_has_a_parent_and_a_start() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("a child");
        let (parent, start) = parent_and_start(child.id()).expect("it runs");
        let (_, own_start) = parent_and_start(std::process::id()).expect("it runs");
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        assert_eq!(parent, std::process::id());
        assert!(start >= own_start);
        assert_eq!(parent_and_start(child.id()), None);
    }

    #[test]
    fn a_long_command_line_is_cut() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "read line", &"x".repeat(2 * COMMAND_LINE_MAX)])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        let facts = Processes::default().describe(child.id(), None);
        drop(child.stdin.take());
        child.wait().expect("it ends");
        assert!(facts.expect("it ran").command_line.len() <= COMMAND_LINE_MAX);
    }

    #[test]
    fn a_program_is_found_by_its_name() {
        let own = std::env::current_exe().expect("a path");
        let name = own
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a plain name");
        let found = running(&[name, "no-such-program"]);
        let us = found.iter().find(|found| found.pid == std::process::id());
        assert_eq!(us.expect("we run").name, name);
        assert!(found.iter().all(|found| found.name == name));
        assert!(arguments_of(std::process::id()).is_some_and(|arguments| !arguments.is_empty()));
    }

    #[test]
    fn a_program_that_anybody_can_write_to_may_be_anything() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let check = |name: &str, mode: u32, expected: Origin| {
            let program = folder.path().join(name);
            std::fs::copy("/bin/cat", &program).expect("copied");
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(mode)).expect("set");
            let mut child = std::process::Command::new(&program)
                .stdin(std::process::Stdio::piped())
                .spawn()
                .expect("it starts");
            let found = running(&[name]);
            drop(child.stdin.take());
            child.wait().expect("it ends");
            let origins: Vec<Origin> = found.iter().map(|found| found.origin).collect();
            assert_eq!(origins, [expected], "{name}");
        };
        check("vong-test-closed", 0o755, Origin::Administrator);
        check("vong-test-open", 0o777, Origin::Anybody);
    }

    #[test]
    fn a_group_is_ended_with_all_that_it_has_started() {
        let mut shell = Command::new("sh");
        // The cat has the pipe's end too, so reading ends only when both have.
        let shell = shell.args(["-c", "cat & echo started; wait"]);
        let shell = shell
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped());
        let mut shell = spawn_group(shell).expect("a shell");
        let mut said = [0; 8];
        let mut output = shell.stdout.take().expect("piped");
        io::Read::read_exact(&mut output, &mut said).expect("started");

        kill_group(&shell).expect("it is ours");

        assert!(!shell.wait().expect("it ends").success());
        assert_eq!(io::Read::read(&mut output, &mut said).expect("readable"), 0);
        assert!(load().is_some_and(|load| load >= 0.0));
    }
}
