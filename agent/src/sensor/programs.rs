//! Programs as they start: who it was, when a process is gone before anybody can ask about it.
//!
//! One thread listens for all sensors, as long as one of them wants to know. To describe a program costs some reads
//! of /proc, and a build starts thousands: it is done once for everybody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tracing::debug;
use vong_os::process::Facts;

mod lives;

#[cfg(target_os = "linux")]
#[path = "programs/linux.rs"]
mod imp;

use lives::Lives;

/// Where sensors ask to hear of programs that start.
#[derive(Clone, Debug, Default)]
pub struct Programs(Arc<Mutex<Weak<Starting>>>);

impl Programs {
    /// What starts from now on, as long as somebody holds the answer.
    pub fn listen(&self) -> Arc<Starting> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(starting) = open.upgrade() {
            return starting;
        }
        let starting = Arc::new(Starting::open());
        *open = Arc::downgrade(&starting);
        starting
    }
}

/// The beginning of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    /// Grows with every birth: two lives of one number differ in it. 0 when nobody heard of the beginning.
    pub number: u64,
    /// Who split it off.
    pub parent: u32,
}

/// Who has started lately, and the thread that listens.
#[derive(Debug)]
pub struct Starting {
    lives: Arc<Mutex<Lives>>,
    listener: Option<imp::Listener>,
}

impl Starting {
    /// Where the system does not tell, nobody is remembered.
    fn open() -> Starting {
        let lives = Arc::<Mutex<Lives>>::default();
        let listener = imp::Listener::open(&lives);
        if let Err(error) = &listener {
            debug!(%error, "the system does not tell which programs start");
        }
        Starting {
            lives,
            listener: listener.ok(),
        }
    }

    /// Whether anything is heard at all.
    pub fn hears(&self) -> bool {
        self.listener.is_some()
    }

    /// How a process began.
    pub fn birth_of(&self, pid: u32) -> Option<Birth> {
        lock(&self.lives).birth_of(pid)
    }

    /// What was known of a process when its program began.
    pub fn facts_of(&self, pid: u32) -> Option<Facts> {
        lock(&self.lives).facts_of(pid)
    }
}

fn lock(lives: &Mutex<Lives>) -> MutexGuard<'_, Lives> {
    lives.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn whoever_asks_shares_one_listener_that_ends_with_the_last() {
        let programs = Programs::default();
        let (one, other) = (programs.listen(), programs.listen());
        assert!(Arc::ptr_eq(&one, &other));
        drop((one, other));
        assert!(programs.0.lock().expect("no panic").upgrade().is_none());
    }

    #[test]
    fn a_program_that_is_gone_is_still_known() {
        let starting = Programs::default().listen();
        if !starting.hears() {
            assert!(!vong_os::host::is_privileged(), "root may listen");
            return;
        }
        let mut child = Command::new("true").spawn().expect("a child");
        let pid = child.id();
        child.wait().expect("it ends");
        let begun = Instant::now();
        while starting.facts_of(pid).is_none() && begun.elapsed() < Duration::from_secs(2) {
            // The listener may have come too late to see it; what is certain is that it was born.
            std::thread::yield_now();
        }
        let birth = starting.birth_of(pid).expect("it was heard of");
        assert_eq!(birth.parent, std::process::id());
    }
}
