//! The table of what is mounted where, and word of its changes.

use std::fs::File;
use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Where the kernel keeps it.
const TABLE: &str = "/proc/self/mountinfo";

/// The table, opened once: each question is about what has changed since the one before.
#[derive(Debug)]
pub struct MountTable(File);

impl MountTable {
    /// Opens it.
    ///
    /// # Errors
    /// The system's.
    pub fn open() -> io::Result<Self> {
        File::open(TABLE).map(Self)
    }

    /// Whether something has been mounted, unmounted or moved since the last question.
    ///
    /// # Errors
    /// The system's.
    pub fn has_changed(&self) -> io::Result<bool> {
        let mut polled = [PollFd::new(&self.0, PollFlags::PRI)];
        match poll(&mut polled, Some(&Timespec::default())) {
            Ok(_) => Ok(polled[0].revents().contains(PollFlags::PRI)),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_stays_as_it_is_has_not_changed() {
        let table = MountTable::open().expect("there is one");
        // Another program may mount something meanwhile, but not again and again.
        assert!((0..100).any(|_| !table.has_changed().expect("known")));
    }
}
