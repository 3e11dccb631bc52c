//! Placing files in folders of somebody who may wish us ill.
//!
//! An agent that runs as administrator and writes where a user may write can be led anywhere by a link. So a folder
//! is opened first, never through a link anywhere in its path, files are made in what was opened, only where nothing
//! is, and all of it with the rights of the folder's owner.

use std::io;
use std::path::Path;

#[cfg(target_os = "linux")]
#[path = "placing/linux.rs"]
mod imp;

/// A folder that was opened.
#[derive(Debug)]
pub struct Folder(imp::Folder);

impl Folder {
    /// Opens the folder of this name inside `above`, and makes it if nothing is there. What is made belongs to
    /// whoever `above` belongs to, and whoever may write in `above` may write in it.
    ///
    /// # Errors
    /// The system's; also when a link or a file stands there, or a folder of somebody else.
    pub fn make(above: &Path, name: &str) -> io::Result<Folder> {
        imp::Folder::open(above, name, true).map(Folder)
    }

    /// Opens the folder of this name inside `above`.
    ///
    /// # Errors
    /// As those of [`Folder::make`]; `NotFound` when nothing is there.
    pub fn open(above: &Path, name: &str) -> io::Result<Folder> {
        imp::Folder::open(above, name, false).map(Folder)
    }

    /// The content of a file, at most `bytes_max` bytes of it.
    ///
    /// # Errors
    /// The system's; also when it is no regular file.
    pub fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        self.0.read(name, bytes_max)
    }

    /// Makes a file where nothing is, for the folder's owner: the whole of it, or nothing, even when the power fails.
    ///
    /// # Errors
    /// The system's.
    pub fn put(&self, name: &str, content: &[u8]) -> io::Result<()> {
        self.0.put(name, content)
    }

    /// Gives a file another name, in the place of what has that name.
    ///
    /// # Errors
    /// The system's.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    /// Removes what is left of a file of this name whose making was cut short.
    ///
    /// # Errors
    /// The system's.
    pub fn sweep(&self, name: &str) -> io::Result<()> {
        self.0.sweep(name)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    /// Removes an empty folder of this name inside `above`.
    ///
    /// # Errors
    /// The system's.
    pub fn remove_empty(above: &Path, name: &str) -> io::Result<()> {
        imp::remove_empty(above, name)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_are_placed_read_and_removed() {
        let above = tempfile::tempdir().expect("a folder");
        let folder = Folder::make(above.path(), "gác").expect("made");
        folder.put("tệp.txt", b"content").expect("placed");
        let path = above.path().join("gác/tệp.txt");
        assert_eq!(fs::read(&path).expect("there"), b"content");
        assert!(folder.put("tệp.txt", b"other").is_err());
        let again = Folder::open(above.path(), "gác").expect("there");
        assert_eq!(again.read("tệp.txt", 4).expect("there"), b"cont");
        again.rename("tệp.txt", "khác.txt").expect("renamed");
        again.remove("khác.txt").expect("removed");
        Folder::remove_empty(above.path(), "gác").expect("removed");
        assert!(Folder::open(above.path(), "gác").is_err());
    }

    #[test]
    fn a_link_leads_nowhere() {
        let above = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink(elsewhere.path(), above.path().join("gác")).expect("linked");
        assert!(Folder::make(above.path(), "gác").is_err());
        let folder = Folder::make(above.path(), "other").expect("made");
        std::os::unix::fs::symlink("/etc/passwd", above.path().join("other/link")).expect("linked");
        assert!(folder.put("link", b"x").is_err());
        assert!(folder.read("link", 10).is_err());
        assert_eq!(fs::read_dir(elsewhere.path()).expect("there").count(), 0);
    }

    #[test]
    fn a_link_on_the_way_leads_nowhere() {
        let above = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        fs::create_dir(elsewhere.path().join("home")).expect("made");
        std::os::unix::fs::symlink(elsewhere.path(), above.path().join("way")).expect("linked");
        let home = above.path().join("way/home");
        assert!(Folder::make(&home, "gác").is_err());
        assert!(Folder::remove_empty(&home, "gác").is_err());
        assert_eq!(
            fs::read_dir(elsewhere.path().join("home"))
                .expect("there")
                .count(),
            0
        );
    }
}
