//! Processes: who touched a file, and which programs run.

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
    /// Its parent's id, 0 when unknown.
    pub parent_pid: u32,
    /// Path of its parent's executable, empty when unknown.
    pub parent_executable: Vec<u8>,
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

/// The names of the programs that run now, each once and sorted, of those asked for.
pub fn running<'a>(names: &[&'a str]) -> Vec<&'a str> {
    imp::running(names)
}

/// The arguments of the first running program of this name, its own name first.
pub fn arguments_of(name: &str) -> Option<Vec<Vec<u8>>> {
    imp::arguments_of(name)
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
        assert!(!facts.user.is_empty());
        assert_ne!(facts.parent_pid, 0);
        assert!(!facts.parent_executable.is_empty());
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
        assert_eq!(running(&[name, "no-such-program"]), [name]);
        assert!(arguments_of(name).is_some_and(|arguments| !arguments.is_empty()));
        assert_eq!(arguments_of("no-such-program"), None);
    }
}
