//! Programs that start whatever a user starts: not to blame for any of it.
//!
//! A name alone is anybody's to take. A host is a file of the system: root's, in folders of root, that nobody else may
//! write to, and the very file that runs. A user's own view of the file system may show him any program in that place,
//! but it does not change which file stands there for all others.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use vong_os::file::path_of;
use vong_os::process::{Facts, Program};

const HOSTS: &[&str] = &[
    "systemd",
    "init",
    "sshd",
    "sshd-session",
    "login",
    "su",
    "sudo",
    "cron",
    "crond",
    "atd",
    "gdm",
    "gdm3",
    "gdm-session-worker",
    "lightdm",
    "sddm",
    "gnome-shell",
    "gnome-session-binary",
    "gnome-terminal-server",
    "plasmashell",
    "kwin_wayland",
    "kwin_x11",
    "ksmserver",
    "xfce4-session",
    "xfce4-panel",
    "cinnamon",
    "mate-session",
    "dbus-daemon",
    "dbus-broker",
    "Xorg",
    "tmux",
    "tmux: server",
    "screen",
    "containerd-shim",
    "containerd-shim-runc-v2",
    "dockerd",
    "runc",
    "kubelet",
    "supervisord",
    "polkitd",
];
/// The kernel says so when the file was replaced, as by an upgrade, while the program runs on.
const REPLACED: &[u8] = b" (deleted)";
/// Group and others may write.
const WRITABLE: u32 = 0o022;

/// Whether this process is a host.
pub(super) fn is_host(facts: &Facts) -> bool {
    let (path, is_replaced) = match facts.executable.strip_suffix(REPLACED) {
        Some(path) => (path, true),
        None => (facts.executable.as_slice(), false),
    };
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    HOSTS.iter().any(|host| host.as_bytes() == name) && is_systems(&path_of(path), is_replaced, facts)
}

fn is_systems(path: &Path, is_replaced: bool, facts: &Facts) -> bool {
    let are_closed = path
        .ancestors()
        .skip(1)
        .all(|folder| fs::metadata(folder).is_ok_and(|folder| is_closed(&folder)));
    if !are_closed || !path.is_absolute() {
        return false;
    }
    // The link leads to the very file that runs, also when there is another in its place by now.
    let file = match is_replaced {
        true => fs::metadata(format!("/proc/{}/exe", facts.pid)),
        false => fs::metadata(path),
    };
    file.is_ok_and(|file| {
        let program = Program {
            device: file.dev(),
            inode: file.ino(),
        };
        is_closed(&file) && facts.program == Some(program)
    })
}

/// Root's, and nobody else may write to it.
fn is_closed(metadata: &Metadata) -> bool {
    metadata.uid() == 0 && metadata.mode() & WRITABLE == 0
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use vong_os::file::bytes_of;
    use vong_os::process::Processes;

    use super::*;

    fn facts(path: &Path) -> Facts {
        Facts {
            executable: bytes_of(path).to_vec(),
            program: Program::at(path),
            ..Facts::default()
        }
    }

    #[test]
    fn the_systems_own_is_a_host_and_a_name_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let copy = folder.path().join("screen");
        fs::copy("/bin/sleep", &copy).expect("copied");
        assert!(!is_host(&facts(&copy)), "in a folder of anybody");
        let system = HOSTS
            .iter()
            .flat_map(|name| ["/usr/bin/", "/usr/sbin/"].map(|folder| format!("{folder}{name}")))
            .filter_map(|path| fs::canonicalize(path).ok())
            .find(|path| {
                path.file_name()
                    .is_some_and(|name| HOSTS.iter().any(|host| name == *host))
            });
        let Some(system) = system else { return };
        assert!(is_host(&facts(&system)), "{}", system.display());
        // Somebody's own view of the file system shows another program there.
        let disguised = Facts {
            program: Program::at(Path::new("/bin/sleep")),
            ..facts(&system)
        };
        assert!(!is_host(&disguised));
    }

    #[test]
    fn a_program_of_anybody_stays_one_when_its_file_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let copy = folder.path().join("tmux");
        fs::copy("/bin/sleep", &copy).expect("copied");
        let mut child = Command::new(&copy).arg("60").spawn().expect("a child");
        fs::remove_file(&copy).expect("removed");
        let facts = Processes::default().describe(child.id(), None).expect("it runs");
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        assert!(!is_host(&facts), "{facts:?}");
    }
}
