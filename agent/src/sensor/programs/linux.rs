//! Linux: the kernel's process connector tells of each process that is split off and of each program that begins.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::{debug, warn};
use vong_os::bell::Bell;
use vong_os::process::Processes;
use vong_os::starts::{Start, Starts};

use super::lives::Lives;
use super::lock;

/// It reads small files.
const STACK_BYTES: usize = 256 * 1024;
/// The listener is woken when it shall end; what would wake it is not waited for longer than this.
const LOOK_UP: Duration = Duration::from_secs(60);

/// The thread that listens.
#[derive(Debug)]
pub(super) struct Listener {
    closing: Arc<Closing>,
    thread: Option<JoinHandle<()>>,
}

/// The request to end.
#[derive(Debug)]
struct Closing {
    asked: AtomicBool,
    bell: Bell,
}

impl Listener {
    /// Begins to listen.
    ///
    /// # Errors
    /// `PermissionDenied` without privilege; others on a kernel that does not tell.
    pub(super) fn open(lives: &Arc<Mutex<Lives>>) -> io::Result<Listener> {
        let starts = Starts::open()?;
        let closing = Arc::new(Closing {
            asked: AtomicBool::new(false),
            bell: Bell::new()?,
        });
        let (lives, asked) = (Arc::clone(lives), Arc::clone(&closing));
        let thread = thread::Builder::new()
            .name("starts".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || listen(&starts, &lives, &asked))?;
        Ok(Listener {
            closing,
            thread: Some(thread),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closing.asked.store(true, Ordering::Relaxed);
        self.closing.bell.ring();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the listener for starting programs has panicked");
        }
    }
}

fn listen(starts: &Starts, lives: &Mutex<Lives>, closing: &Closing) {
    // A copy is gone in a millisecond; whoever shall still see it must not wait for a processor.
    if let Err(error) = vong_os::process::hurry() {
        debug!(%error, "the listener has no more right to a processor than others");
    }
    let mut processes = Processes::default();
    while !closing.asked.load(Ordering::Relaxed) {
        match starts.next_beside(&closing.bell, LOOK_UP) {
            Ok(Some(Start::Forked { pid, parent })) => lock(lives).forked(pid, parent),
            Ok(Some(Start::Executed { pid })) => {
                let facts = processes.describe(pid, None);
                lock(lives).executed(pid, facts);
            }
            Ok(None) => {}
            // What was dropped leaves entries behind whose numbers may be taken by others now.
            Err(_) => lock(lives).forget_all(),
        }
    }
}
