//! Who may read a file or a folder that is made, and who may change one that is there.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
#[path = "rights/linux.rs"]
mod imp;

/// Lets a file that `options` will create be read by everybody, or by its owner only.
pub fn readable_by(options: &mut OpenOptions, everybody: bool) {
    imp::readable_by(options, everybody);
}

/// Makes a folder, with those above it, that only its owner may enter. One that is there already is closed to
/// others if it is empty or one of the `signs` is there that it is ours: closing `/tmp` or `/var/lib` would break
/// the PC.
///
/// # Errors
/// The system's own; `PermissionDenied` when the folder is open to others and belongs to somebody else;
/// `DirectoryNotEmpty`, with the remedy, when it is open to others and in use for something else.
pub fn make_private_folder(path: &Path, signs: &[PathBuf]) -> io::Result<()> {
    imp::make_private_folder(path, signs)
}

/// Whether what stands at a path can be changed or exchanged only by the system's administrator or the user that
/// this process runs as.
///
/// # Errors
/// The system's own.
pub fn is_out_of_reach(path: &Path) -> io::Result<bool> {
    imp::is_out_of_reach(path)
}

/// Whether this user is the system's administrator, or the one that this process runs as.
pub fn is_administrator_or_own(user_id: u32) -> bool {
    imp::is_administrator_or_own(user_id)
}

/// The ids of the system's administrator and of the user that this process runs as.
pub fn administrator_and_own() -> Vec<u32> {
    imp::administrator_and_own()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::slice;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("the owner may");
    }

    #[test]
    fn a_folder_that_others_may_enter_is_closed_to_them() {
        let above = tempfile::tempdir().expect("a folder");
        let path = above.path().join("data");
        let sign = path.join("kept");
        let mode = || fs::metadata(&path).expect("it is there").mode() & 0o777;
        make_private_folder(&path, &[]).expect("made");
        assert_eq!(mode(), 0o700);
        set_mode(&path, 0o755);
        make_private_folder(&path, &[]).expect("an empty one is closed");
        assert_eq!(mode(), 0o700);
        set_mode(&path, 0o755);
        fs::write(&sign, "x").expect("written");

        make_private_folder(&path, slice::from_ref(&sign)).expect("its own is closed");

        assert_eq!(mode(), 0o700);
        assert!(sign.exists());
    }

    #[test]
    fn a_folder_that_others_use_is_left_as_it_is() {
        let check = |mode: u32, entries: &[&str]| {
            let folder = tempfile::tempdir().expect("a folder");
            for name in entries {
                fs::write(folder.path().join(name), "x").expect("written");
            }
            set_mode(folder.path(), mode);
            let signs = [folder.path().join("spool.db")];
            let refused = make_private_folder(folder.path(), &signs).expect_err("not ours");
            assert_eq!(refused.kind(), io::ErrorKind::DirectoryNotEmpty);
            let left = fs::metadata(folder.path()).expect("it is there").mode();
            assert_eq!(left & 0o7777, mode);
        };
        check(0o755, &["dpkg"]);
        // A folder for everybody is one also when it is empty, or when somebody left our names in it.
        check(0o1777, &[]);
        check(0o1777, &["spool.db"]);
    }

    #[test]
    fn what_others_may_write_to_is_within_reach() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "x").expect("written");
        set_mode(&file, 0o644);
        assert!(is_out_of_reach(&file).expect("known"));
        set_mode(&file, 0o666);
        assert!(!is_out_of_reach(&file).expect("known"));
        set_mode(&file, 0o644);
        set_mode(folder.path(), 0o777);
        assert!(!is_out_of_reach(&file).expect("known"));
    }
}
