//! A power cut: whatever a program had not synced is gone.
//!
//! `power.c`, loaded into the program, writes down what each sync makes durable; it says there exactly what is
//! modelled. [`Power::cut`] rebuilds the folder of a killed program from that alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use anyhow::{Context, ensure};

/// Rights of what is rebuilt: both programs' files are their owner's alone.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The disk under one program's folder.
pub struct Power {
    library: PathBuf,
    folder: PathBuf,
    aside: PathBuf,
    keep: Option<&'static str>,
}

impl Power {
    /// A disk under `folder`, which is empty; what stands at once in its part `keep` is on another disk.
    ///
    /// # Errors
    /// There is no C compiler, or the folders cannot be made.
    pub fn under(folder: &Path, keep: Option<&'static str>) -> anyhow::Result<Self> {
        let aside = folder.with_extension("power");
        for part in ["content", "names"] {
            fs::create_dir_all(aside.join(part))?;
        }
        let library = aside.join("power.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("support/power.c");
        let said = Command::new("cc")
            .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(source)
            .output()
            .context("a C compiler is needed")?;
        ensure!(
            said.status.success(),
            "power.c: {}",
            String::from_utf8_lossy(&said.stderr)
        );
        Ok(Self {
            library,
            folder: fs::canonicalize(folder)?,
            aside,
            keep,
        })
    }

    /// The environment in which a program runs on this disk.
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("LD_PRELOAD", self.library.clone()),
            ("POWER_FOLDER", self.folder.clone()),
            ("POWER_ASIDE", self.aside.clone()),
        ]
    }

    /// From now on the disk forgets what it says it has synced.
    ///
    /// # Errors
    /// The sign for it cannot be set.
    pub fn lie(&self) -> anyhow::Result<()> {
        Ok(fs::write(self.aside.join("DISK_LIES"), "")?)
    }

    /// Cuts the power; the program has been killed. Its folder then holds what had been synced.
    ///
    /// # Errors
    /// The folder cannot be rebuilt.
    pub fn cut(&self) -> anyhow::Result<()> {
        let rebuilt = self.aside.join("rebuilt");
        let root = fs::metadata(&self.folder)?;
        let birth = root.created()?.duration_since(UNIX_EPOCH)?;
        let id = format!("{}-{}.{:09}", root.ino(), birth.as_secs(), birth.subsec_nanos());
        self.rebuild(&id, &rebuilt)?;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let kept = self.keep.is_some_and(|keep| entry.file_name() == *keep);
            match (kept, entry.file_type()?.is_dir()) {
                (true, _) => {}
                (false, true) => fs::remove_dir_all(entry.path())?,
                (false, false) => fs::remove_file(entry.path())?,
            }
        }
        self.put_back(&rebuilt)
    }

    /// Builds a folder from its last synced list of names.
    fn rebuild(&self, id: &str, into: &Path) -> anyhow::Result<()> {
        fs::create_dir(into)?;
        fs::set_permissions(into, fs::Permissions::from_mode(FOLDER_MODE))?;
        // A folder that was never synced holds nothing.
        let names = fs::read_to_string(self.aside.join("names").join(id)).unwrap_or_default();
        for line in names.lines() {
            let mut parts = line.splitn(3, ' ');
            let (kind, id, name) = (parts.next(), parts.next(), parts.next());
            let (id, name) = id.zip(name).context("a line names an entry")?;
            if kind == Some("d") {
                self.rebuild(id, &into.join(name))?;
                continue;
            }
            let content = fs::read(self.aside.join("content").join(id)).unwrap_or_default();
            fs::write(into.join(name), content)?;
            fs::set_permissions(into.join(name), fs::Permissions::from_mode(FILE_MODE))?;
        }
        Ok(())
    }

    /// Moves what was rebuilt into place, and writes it down as what the disk now holds.
    fn put_back(&self, rebuilt: &Path) -> anyhow::Result<()> {
        for entry in fs::read_dir(rebuilt)? {
            let entry = entry?;
            let to = self.folder.join(entry.file_name());
            // What is on another disk is there already.
            if !to.exists() {
                fs::rename(entry.path(), to)?;
            }
        }
        fs::remove_dir_all(rebuilt)?;
        for part in ["content", "names"] {
            fs::remove_dir_all(self.aside.join(part))?;
            fs::create_dir(self.aside.join(part))?;
        }
        let mut sync = Command::new("python3");
        sync.args(["-c", SYNC_EVERYTHING])
            .arg(&self.folder)
            .arg(self.keep.unwrap_or("."))
            .envs(self.environment());
        ensure!(sync.status()?.success(), "what is on the disk can be synced");
        Ok(())
    }
}

/// Syncs every file and folder below the first argument, but for its part named by the second.
const SYNC_EVERYTHING: &str = "
import os, sys
top, keep = sys.argv[1:]
for folder, folders, files in os.walk(top):
    if folder == top and keep in folders:
        folders.remove(keep)
    for name in [*files, '.']:
        descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
";
