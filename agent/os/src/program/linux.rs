//! A program in a process group of its own, so that whatever it starts ends with it.

use std::io::{self, ErrorKind, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// So much is read at once.
const CHUNK: usize = 8 * 1024;

pub(super) fn answer(
    program: &Path,
    arguments: &[&str],
    deadline: Duration,
    bytes_max: usize,
) -> io::Result<Vec<u8>> {
    let until = Instant::now() + deadline;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let said = listen(&mut child, until, bytes_max);
    // The number of a child that nobody has waited for is given to nobody else, so its group is its own.
    if let Some(group) = pid_of(&child) {
        // One that is gone cannot be killed.
        let _ = kill_process_group(group, Signal::KILL);
    }
    child.wait()?;
    said
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Everything until the output is closed and the program has ended.
fn listen(child: &mut Child, until: Instant, bytes_max: usize) -> io::Result<Vec<u8>> {
    let pid = pid_of(child).ok_or(ErrorKind::NotFound)?;
    let ended = pidfd_open(pid, PidfdFlags::empty())?;
    let mut output = child.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
    let mut said = Vec::new();
    let mut chunk = [0; CHUNK];
    loop {
        wait_for(output.as_fd(), until)?;
        let length = output.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        said.extend_from_slice(&chunk[..length]);
        if said.len() > bytes_max {
            return Err(ErrorKind::FileTooLarge.into());
        }
    }
    wait_for(ended.as_fd(), until)?;
    Ok(said)
}

/// Waits until something can be read, or its other end is closed.
fn wait_for(descriptor: BorrowedFd<'_>, until: Instant) -> io::Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| ErrorKind::InvalidInput)?;
        let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
        match poll(&mut polled, Some(&left)) {
            Ok(0) => return Err(ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
