//! Room kept in reserve for the moment when the disk is full.
//!
//! SQLite cannot free space on a full disk: a DELETE needs room in the log too. So a file of known size is
//! kept beside the spool and given up in need, for the drop and its record to commit; once there is room
//! again it is made anew.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tracing::{debug, warn};

/// As long as the log usually grows: enough for one commit that drops and records.
const BALLAST_BYTES: u64 = 4 * 1024 * 1024;

/// The ballast is made anew only when so many times its size is free, so as not to fill the disk itself.
const FREE_TIMES: u64 = 8;

/// The file.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    present: bool,
}

impl Ballast {
    /// Finds the ballast beside the spool, or makes it if there is room.
    pub(super) fn beside(spool: &Path) -> Self {
        let path = spool.with_extension("ballast");
        let present = fs::metadata(&path).is_ok_and(|found| found.len() == BALLAST_BYTES);
        let mut ballast = Self { path, present };
        ballast.restore();
        ballast
    }

    /// Gives the room up; says whether there was any to give.
    pub(super) fn release(&mut self) -> bool {
        if !self.present {
            return false;
        }
        self.present = false;
        match fs::remove_file(&self.path) {
            Ok(()) => true,
            Err(error) => {
                warn!(%error, "cannot give up the ballast");
                false
            }
        }
    }

    /// Makes the file anew if it is gone and there is room to spare.
    pub(super) fn restore(&mut self) {
        if self.present || !self.has_room() {
            return;
        }
        match self.write() {
            Ok(()) => self.present = true,
            Err(error) => {
                debug!(%error, "cannot make the ballast");
                // Half a ballast helps nobody; if it cannot be removed it is overwritten the next time.
                let _ = fs::remove_file(&self.path);
            }
        }
    }

    fn has_room(&self) -> bool {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        vong_os::disk::free_bytes(folder).is_ok_and(|free| free >= FREE_TIMES * BALLAST_BYTES)
    }

    /// Real bytes, because a hole would reserve nothing; not all zero, because a file system may store that
    /// as a hole.
    fn write(&self) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        let block = [0x5a; 64 * 1024];
        for _ in 0..BALLAST_BYTES / block.len() as u64 {
            file.write_all(&block)?;
        }
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_until_it_is_needed_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool.db");
        let file = folder.path().join("spool.ballast");

        let mut ballast = Ballast::beside(&spool);
        assert_eq!(fs::metadata(&file).unwrap().len(), BALLAST_BYTES);
        assert!(ballast.release() && !file.exists());
        assert!(!ballast.release());
        ballast.restore();
        assert!(Ballast::beside(&spool).present);
    }
}
