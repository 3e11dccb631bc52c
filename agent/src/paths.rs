//! Where the agent's files lie, and how one of them is replaced so that a power cut leaves the old or the
//! new content, never half of either.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The agent's data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it, so that only the agent may enter.
    ///
    /// # Errors
    /// The system's own; also when the folder is in use for something else.
    pub fn make(&self) -> io::Result<()> {
        let signs = [self.key(), self.identity(), self.spool()];
        vong_os::rights::make_private_folder(&self.0, &signs)
    }

    /// The private key; readable by the agent only, and never leaves the PC.
    pub fn key(&self) -> PathBuf {
        self.0.join("agent.key")
    }

    /// The agent's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.0.join("agent.crt")
    }

    /// The bundle of authorities that may sign for a collector.
    pub fn authorities(&self) -> PathBuf {
        self.0.join("ca.crt")
    }

    /// Who this agent is and where its collector is.
    pub fn identity(&self) -> PathBuf {
        self.0.join("identity.json")
    }

    /// A folder like this one, for the identity of an enrolment that is not complete.
    pub fn draft(&self) -> DataFolder {
        Self(self.0.join("enrolling"))
    }

    /// What becomes of a draft that is complete, until its files have replaced those of a former identity.
    pub fn successor(&self) -> DataFolder {
        Self(self.0.join("enrolled"))
    }

    /// The spool, with what the sensors remember.
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool.db")
    }

    /// The applied policy.
    pub fn policy(&self) -> PathBuf {
        self.0.join("policy.json")
    }

    /// What the running agent says about itself.
    pub fn status(&self) -> PathBuf {
        self.0.join("status.json")
    }

    /// Held by the one agent that runs on this folder.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// The agent's own user.
    Owner,
    /// Every user of the PC.
    Everybody,
}

/// Replaces a file durably: written beside it, synced, renamed over it, the folder synced.
///
/// # Errors
/// The system's own; the old content is then still there.
pub fn replace(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = write_synced(&beside, content, readers).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What is left beside would only take up space; it is no loss if that fails too.
        let _ = fs::remove_file(&beside);
    }
    written?;
    sync_folder(path)
}

fn write_synced(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    // A file left by a crash may have other rights; it is made anew.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    vong_os::rights::readable_by(&mut options, readers == Readers::Everybody);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Makes durable that something was made in, renamed into or removed from the folder above `path`.
///
/// # Errors
/// The system's own.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.json");
        replace(&path, b"old", Readers::Everybody).unwrap();
        fs::write(folder.path().join("policy.json.new"), b"half").unwrap();

        replace(&path, b"new", Readers::Owner).unwrap();

        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_keeps_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.json");
        replace(&path, b"old", Readers::Owner).unwrap();
        // A folder stands where the new content would be written.
        fs::create_dir(folder.path().join("policy.json.new")).unwrap();

        assert!(replace(&path, b"new", Readers::Owner).is_err());

        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
