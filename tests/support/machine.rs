//! Another machine than this one, as far as an agent can tell: another name, another installation, no firmware.
//!
//! A program runs there in namespaces of its own, where other files lie over those that tell machines apart.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;

/// What tells installations apart.
const INSTALLATION: &str = "/etc/machine-id";

/// Lays the file in `$1` over the installation's, hides firmware and disks, takes the name in `$2`, and becomes the
/// program that follows.
const BECOME: &str = "mount --bind \"$1\" /etc/machine-id && for hardware in /sys/class/dmi /sys/dev/block; do \
                      if [ -d \"$hardware\" ]; then mount -t tmpfs vong-story \"$hardware\" || exit 1; fi; done && \
                      echo \"$2\" > /proc/sys/kernel/hostname && shift 2 && exec \"$@\"";

/// A machine.
pub struct Machine {
    name: String,
    installation: PathBuf,
}

impl Machine {
    /// Another machine with another installation, kept in `folder`.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn other(folder: &Path, name: &str) -> anyhow::Result<Self> {
        Self::with(folder, name, "0c4b1d7e2f9a4c53b86e5d1a7f3e9c20\n")
    }

    /// This machine under another name.
    ///
    /// # Errors
    /// The folder cannot be written to, or this machine has no name of its installation.
    pub fn renamed(folder: &Path, name: &str) -> anyhow::Result<Self> {
        Self::with(folder, name, &fs::read_to_string(INSTALLATION)?)
    }

    fn with(folder: &Path, name: &str, installation: &str) -> anyhow::Result<Self> {
        ensure!(
            Path::new(INSTALLATION).exists(),
            "a story about two machines lays another file over {INSTALLATION}, which is not here"
        );
        let file = folder.join(format!("{name}.machine-id"));
        fs::write(&file, installation)?;
        Ok(Self {
            name: name.to_owned(),
            installation: file,
        })
    }

    /// The same command, on this machine. It needs the rights to make namespaces and to mount, as root has them.
    pub fn runs(&self, command: &Command) -> Command {
        let mut there = Command::new("unshare");
        there.args(["--mount", "--uts", "sh", "-c", BECOME, "sh"]);
        there.arg(&self.installation).arg(&self.name);
        there.arg(command.get_program()).args(command.get_args());
        let set =
            |(name, value): (&OsStr, Option<&OsStr>)| value.map(|value| (name.to_owned(), value.to_owned()));
        there.envs(command.get_envs().filter_map(set));
        there
    }
}
