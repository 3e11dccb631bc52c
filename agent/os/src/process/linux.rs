//! Processes through /proc.
//!
//! A process id may be given to another process between an event and a question. A folder of /proc that
//! is opened once belongs to one process for good, so it is opened first, then the pidfd of the event is
//! asked whether its process still lives: if so, the folder is that process's.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::SystemTime;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use super::{COMMAND_LINE_MAX, Facts, Origin, Program, Running};
use crate::rights;

/// `/proc/…/status` is about 1.5 KiB.
const STATUS_MAX: u64 = 8 * 1024;
/// Services are started with a few paths.
const ARGUMENTS_MAX: u64 = 8 * 1024;
/// What a process calls itself: 15 bytes and the end of the line.
const COMM_MAX: u64 = 16;
/// As far above usual programs as the system's own are that must not wait.
const HURRIED: i32 = -10;
/// Group and others may write.
const WRITABLE: u32 = 0o022;

/// A pidfd: names one process for as long as it is held, whatever happens to its number.
#[derive(Debug)]
pub struct Handle(OwnedFd);

impl Handle {
    pub(crate) fn new(pidfd: OwnedFd) -> Self {
        Self(pidfd)
    }

    fn is_alive(&self) -> bool {
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        matches!(poll(&mut polled, Some(&Timespec::default())), Ok(0))
    }
}

#[derive(Debug, Default)]
pub(super) struct Processes {
    users: Users,
}

impl Processes {
    pub(super) fn describe(&mut self, pid: u32, handle: Option<&Handle>) -> Option<Facts> {
        let folder = File::open(format!("/proc/{pid}")).ok()?;
        if handle.is_some_and(|handle| !handle.is_alive()) {
            return None;
        }
        let executable = link(&folder, "exe")?;
        let status = text(&folder, "status", STATUS_MAX)?;
        let status = String::from_utf8_lossy(&status);
        let user_id = effective_user(&status)?;
        let parent_pid = field(&status, "PPid:").unwrap_or(0);
        let mut command_line = text(&folder, "cmdline", COMMAND_LINE_MAX as u64).unwrap_or_default();
        spaces_for_ends(&mut command_line);
        Some(Facts {
            pid,
            executable,
            command_line,
            user: self.users.name(user_id),
            user_id: Some(user_id),
            parent_pid,
            parent_executable: executable_of(parent_pid),
            program: program_of(&folder),
        })
    }
}

pub(super) fn running<'a>(names: &[&'a str]) -> Vec<Running<'a>> {
    pids().filter_map(|pid| running_as(pid, names)).collect()
}

/// The process as one of the programs asked for, if it is one.
fn running_as<'a>(pid: u32, names: &[&'a str]) -> Option<Running<'a>> {
    let folder = File::open(format!("/proc/{pid}")).ok()?;
    let (own_name, is_hidden) = match readlinkat(&folder, "exe", Vec::new()) {
        Ok(path) => (base_name(path.as_bytes())?, false),
        Err(Errno::ACCESS | Errno::PERM) => (text(&folder, "comm", COMM_MAX)?, true),
        // A thread of the kernel, or a process that has just ended.
        Err(_) => return None,
    };
    let name = names
        .iter()
        .find(|name| name.as_bytes() == own_name.trim_ascii_end())?;
    let status = text(&folder, "status", STATUS_MAX)?;
    Some(Running {
        name,
        pid,
        user_id: effective_user(&String::from_utf8_lossy(&status))?,
        origin: if is_hidden { Origin::Hidden } else { origin(pid)? },
    })
}

/// The link leads to the very file that runs, also when that has been replaced since.
fn origin(pid: u32) -> Option<Origin> {
    let file = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    let is_closed = rights::is_administrator_or_own(file.uid()) && file.mode() & WRITABLE == 0;
    Some(if is_closed {
        Origin::Administrator
    } else {
        Origin::Anybody
    })
}

/// The first process is everybody's mother, and root's.
pub(super) fn sees_others() -> bool {
    fs::read("/proc/1/status").is_ok()
}

pub(super) fn arguments_of(pid: u32) -> Option<Vec<Vec<u8>>> {
    let mut arguments = Vec::new();
    File::open(format!("/proc/{pid}/cmdline"))
        .ok()?
        .take(ARGUMENTS_MAX)
        .read_to_end(&mut arguments)
        .ok()?;
    let arguments = arguments.strip_suffix(&[0]).unwrap_or(&arguments);
    Some(arguments.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
}

/// `id (name) state parent …`, the start as the twenty-second; the name may hold anything, brackets too.
pub(super) fn parent_and_start(pid: u32) -> Option<(u32, u64)> {
    let mut stat = [0; 1_024];
    let mut file = File::open(format!("/proc/{pid}/stat")).ok()?;
    let length = file.read(&mut stat).ok()?;
    let behind = stat[..length].iter().rposition(|byte| *byte == b')')? + 1;
    let mut fields = std::str::from_utf8(&stat[behind..length])
        .ok()?
        .split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    Some((parent, fields.nth(17)?.parse().ok()?))
}

pub(super) fn user_id_of(name: &str) -> Option<u32> {
    let passwd = fs::read("/etc/passwd").ok()?;
    let users = parse_passwd(&String::from_utf8_lossy(&passwd));
    let mut ids = users.iter().filter(|(_, user)| user.as_str() == name);
    ids.next().map(|(id, _)| *id)
}

pub(super) fn spawn_group(command: &mut Command) -> io::Result<Child> {
    command.process_group(0).spawn()
}

pub(super) fn kill_group(first: &Child) -> io::Result<()> {
    Ok(kill_process_group(Pid::from_child(first), Signal::KILL)?)
}

pub(super) fn hurry() -> io::Result<()> {
    if real_time(true).is_ok() {
        return Ok(());
    }
    // Of the system's -20 to 19; what the kernel calls a process here is the calling thread.
    Ok(rustix::process::setpriority_process(None, HURRIED)?)
}

pub(super) fn real_time(is_wanted: bool) -> io::Result<()> {
    // SAFETY: zeros are a priority, and nothing else.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    // The least of real time is before all that is none, and behind what the system itself runs so.
    let policy = if is_wanted {
        libc::SCHED_RR
    } else {
        libc::SCHED_OTHER
    };
    parameters.sched_priority = i32::from(is_wanted);
    // SAFETY: the parameters live during the call; number 0 is the calling thread.
    match unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

pub(super) fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    let running: f64 = text.split_whitespace().next()?.parse().ok()?;
    let processors = thread::available_parallelism().map_or(1, usize::from);
    Some(running / processors as f64)
}

fn pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn executable_of(pid: u32) -> Vec<u8> {
    rustix::fs::readlink(format!("/proc/{pid}/exe"), Vec::new())
        .map(|path| path.into_bytes())
        .unwrap_or_default()
}

/// Through the link of an open folder of /proc: the very file that runs, also when it has been replaced since.
fn program_of(folder: impl AsFd) -> Option<Program> {
    let file = statat(folder, "exe", AtFlags::empty()).ok()?;
    Some(Program {
        device: file.st_dev,
        inode: file.st_ino,
    })
}

pub(super) fn program_at(path: &Path) -> Option<Program> {
    let file = fs::metadata(path).ok()?;
    Some(Program {
        device: file.dev(),
        inode: file.ino(),
    })
}

fn base_name(path: &[u8]) -> Option<Vec<u8>> {
    // The kernel says so when the file was replaced, as by an upgrade, while the program runs on.
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    path.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec)
}

fn link(folder: impl AsFd, name: &str) -> Option<Vec<u8>> {
    readlinkat(folder, name, Vec::new())
        .ok()
        .map(|path| path.into_bytes())
}

fn text(folder: impl AsFd, name: &str, bytes_max: u64) -> Option<Vec<u8>> {
    let fd = openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = Vec::new();
    File::from(fd).take(bytes_max).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Arguments end in NUL; people read spaces.
fn spaces_for_ends(command_line: &mut Vec<u8>) {
    while command_line.last() == Some(&0) {
        command_line.pop();
    }
    for byte in command_line.iter_mut().filter(|byte| **byte == 0) {
        *byte = b' ';
    }
}

fn field(status: &str, name: &str) -> Option<u32> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// Of the four ids (real, effective, saved, file system) the one that rights are given by.
fn effective_user(status: &str) -> Option<u32> {
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_whitespace().nth(1)?.parse().ok()
}

/// The names in /etc/passwd, read anew when the file changes. Not `getpwuid`: that asks directory
/// services over the network, and a sensor that waits for the network misses events.
#[derive(Debug, Default)]
struct Users {
    read_from: Option<(SystemTime, u64)>,
    names: HashMap<u32, String>,
}

impl Users {
    fn name(&mut self, id: u32) -> String {
        let stamp = fs::metadata("/etc/passwd")
            .and_then(|metadata| Ok((metadata.modified()?, metadata.len())))
            .ok();
        if stamp != self.read_from {
            self.names = fs::read("/etc/passwd")
                .map(|bytes| parse_passwd(&String::from_utf8_lossy(&bytes)))
                .unwrap_or_default();
            self.read_from = stamp;
        }
        self.names.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }
}

fn parse_passwd(passwd: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in passwd.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, id, ..] = fields[..]
            && let Ok(id) = id.parse()
        {
            // The first name of an id is the one that `ls` and `ps` show.
            names.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_process_is_not_described_even_while_its_number_is_taken() {
        let mut child = std::process::Command::new("true").spawn().expect("a child");
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("a pidfd");
        let handle = Handle::new(pidfd);
        child.wait().expect("it ends");
        let mut processes = Processes::default();
        assert!(!handle.is_alive());
        assert_eq!(processes.describe(std::process::id(), Some(&handle)), None);
    }

    #[test]
    fn the_first_name_of_a_user_counts() {
        let names =
            parse_passwd("root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nbroken\nlan:x:1000:1000::/:\n");
        assert_eq!(names[&0], "root");
        assert_eq!(names[&1000], "lan");
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn ids_are_read_from_the_status() {
        let status = "Name:\tsh\nPPid:\t17\nUid:\t1000\t0\t0\t0\n";
        assert_eq!(effective_user(status), Some(0));
        assert_eq!(field(status, "PPid:"), Some(17));
        assert_eq!(effective_user("Uid:\t1000\n"), None);
    }

    #[test]
    fn a_replaced_program_keeps_its_name() {
        assert_eq!(
            base_name(b"/usr/sbin/clamd (deleted)").as_deref(),
            Some(&b"clamd"[..])
        );
    }
}
