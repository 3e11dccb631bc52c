//! Programs that started lately: who it was, when a process is gone before its event can be read.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::{debug, warn};
use vong_os::bell::Bell;
use vong_os::process::{Facts, Processes};
use vong_os::starts::{Start, Starts};

/// So many programs are remembered, about 300 bytes each. An event is read milliseconds after it happened.
const REMEMBERED_MAX: usize = 1_024;
/// It reads small files.
const STACK_BYTES: usize = 256 * 1024;
/// The listener is woken when it shall end; what would wake it is not waited for longer than this.
const LOOK_UP: Duration = Duration::from_secs(60);

/// The memory and the thread that fills it.
#[derive(Debug)]
pub(super) struct Recent {
    remembered: Arc<Mutex<Remembered>>,
    listener: Option<Listener>,
}

/// The thread that listens.
#[derive(Debug)]
struct Listener {
    closing: Arc<Closing>,
    thread: JoinHandle<()>,
}

/// The request to end.
#[derive(Debug)]
struct Closing {
    asked: AtomicBool,
    bell: Bell,
}

#[derive(Debug, Default)]
struct Remembered {
    facts: HashMap<u32, Facts>,
    /// Ids in the order in which they came; some may have been forgotten since.
    order: VecDeque<u32>,
}

impl Recent {
    /// Begins to listen. Where that is not possible nobody is remembered, and short-lived processes are
    /// reported by their id alone.
    pub(super) fn open() -> Recent {
        let remembered = Arc::<Mutex<Remembered>>::default();
        let listener = Self::listen_to_all(&remembered);
        if let Err(error) = &listener {
            debug!(%error, "the system does not tell which programs start");
        }
        Recent {
            remembered,
            listener: listener.ok(),
        }
    }

    fn listen_to_all(remembered: &Arc<Mutex<Remembered>>) -> io::Result<Listener> {
        let starts = Starts::open()?;
        let closing = Arc::new(Closing {
            asked: AtomicBool::new(false),
            bell: Bell::new()?,
        });
        let (remembered, asked) = (Arc::clone(remembered), Arc::clone(&closing));
        let thread = thread::Builder::new()
            .name("starts".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || listen(&starts, &remembered, &asked))?;
        Ok(Listener { closing, thread })
    }

    /// What was known of a process when it started.
    pub(super) fn facts(&self, pid: u32) -> Option<Facts> {
        lock(&self.remembered).facts.get(&pid).cloned()
    }
}

impl Drop for Recent {
    fn drop(&mut self) {
        if let Some(Listener { closing, thread }) = self.listener.take() {
            closing.asked.store(true, Ordering::Relaxed);
            closing.bell.ring();
            if thread.join().is_err() {
                warn!("the listener for starting programs has panicked");
            }
        }
    }
}

impl Remembered {
    fn take(&mut self, start: Start, describe: impl FnOnce(u32) -> Option<Facts>) {
        let (Start::Forked { pid, .. } | Start::Executed { pid }) = start;
        // Whoever had this number before, it is another process or another program now.
        self.facts.remove(&pid);
        if let Start::Executed { pid } = start
            && let Some(facts) = describe(pid)
        {
            self.facts.insert(pid, facts);
            self.order.push_back(pid);
        }
        while self.order.len() > REMEMBERED_MAX {
            if let Some(oldest) = self.order.pop_front()
                && !self.order.contains(&oldest)
            {
                self.facts.remove(&oldest);
            }
        }
    }
}

fn listen(starts: &Starts, remembered: &Mutex<Remembered>, closing: &Closing) {
    let mut processes = Processes::default();
    while !closing.asked.load(Ordering::Relaxed) {
        match starts.next_beside(&closing.bell, LOOK_UP) {
            Ok(Some(start)) => lock(remembered).take(start, |pid| processes.describe(pid, None)),
            Ok(None) => {}
            // What was dropped leaves old entries behind whose numbers may be taken by others now.
            Err(_) => *lock(remembered) = Remembered::default(),
        }
    }
}

fn lock(remembered: &Mutex<Remembered>) -> std::sync::MutexGuard<'_, Remembered> {
    remembered.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pid: u32) -> Option<Facts> {
        Some(Facts {
            pid,
            ..Facts::default()
        })
    }

    #[test]
    fn a_number_that_is_taken_again_is_nobody_known() {
        let mut remembered = Remembered::default();
        remembered.take(Start::Executed { pid: 7 }, facts);
        assert!(remembered.facts.contains_key(&7));
        remembered.take(Start::Forked { pid: 7, parent: 1 }, facts);
        assert!(!remembered.facts.contains_key(&7));
    }

    #[test]
    fn memory_is_bounded() {
        let mut remembered = Remembered::default();
        for pid in 0..2 * REMEMBERED_MAX as u32 {
            remembered.take(Start::Executed { pid }, facts);
        }
        assert_eq!(remembered.facts.len(), REMEMBERED_MAX);
        assert_eq!(remembered.order.len(), REMEMBERED_MAX);
    }
}
