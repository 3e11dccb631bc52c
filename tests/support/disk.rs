//! A disk so small that a story can fill it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, ensure};

/// `CAP_SYS_ADMIN`, as a bit of `CapEff`: without it nothing can be mounted.
const MAY_MOUNT: u64 = 1 << 21;
const BLOCK_BYTES: usize = 64 * 1024;

/// A file system of its own in memory, gone with the story.
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one over a folder.
    ///
    /// # Errors
    /// This process has not the right to mount, and says so: a story about a full disk needs it.
    pub fn over(folder: &Path, mib: u32) -> anyhow::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let rights = rights.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
        ensure!(
            rights.is_some_and(|rights| rights & MAY_MOUNT != 0),
            "a story about a full disk mounts a small one: run it with CAP_SYS_ADMIN, as root has it"
        );
        let size = format!("size={mib}m,mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "vong-story"])
            .arg(folder)
            .status()?;
        ensure!(
            mounted.success(),
            "cannot mount a small disk over {}",
            folder.display()
        );
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    /// Leaves no byte free.
    ///
    /// # Errors
    /// It fails for another reason than that the disk is full.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut filler = File::options().create(true).append(true).open(self.filler())?;
        loop {
            match filler.write(&[0x5a; BLOCK_BYTES]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => bail!("cannot fill {}: {error}", self.folder.display()),
            }
        }
    }

    /// Gives all room back.
    ///
    /// # Errors
    /// The file that took it cannot be removed.
    pub fn clear(&self) -> anyhow::Result<()> {
        match fs::remove_file(self.filler()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because a log may still be open there; what is left then is memory until the next boot.
        let _ended = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}
