//! The table of what is mounted where, and word of its changes.

use std::fs::{self, File};
use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Where the kernel keeps it.
const TABLE: &str = "/proc/self/mountinfo";
/// What these are asked, a server answers, or somebody's program: when it does not, nothing here would ever go on.
const NETWORK: [&str; 17] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ncpfs",
    "9p",
    "afs",
    "ceph",
    "lustre",
    "beegfs",
    "glusterfs",
    "gpfs",
    "coda",
    "fuse",
    "autofs",
    "davfs",
];
/// Their files are the kernel talking, and never hold still.
const KERNEL: [&str; 19] = [
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "debugfs",
    "tracefs",
    "securityfs",
    "devpts",
    "bpf",
    "configfs",
    "fusectl",
    "mqueue",
    "pstore",
    "efivarfs",
    "binfmt_misc",
    "rpc_pipefs",
    "nsfs",
    "hugetlbfs",
    "selinuxfs",
];

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

/// Something that is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mounted {
    /// By which number the kernel knows it.
    pub id: Vec<u8>,
    /// Where.
    pub point: Vec<u8>,
    /// The type of its file system.
    pub kind: String,
    /// Nothing can be written there.
    pub is_read_only: bool,
}

/// Who is behind files that are not on a disk of this PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// A server, or a program.
    Network,
    /// The kernel.
    Kernel,
}

impl Mounted {
    /// Who is behind it, if that is no disk or memory of this PC.
    pub fn beyond(&self) -> Option<Beyond> {
        // A disk behind a program, such as one of NTFS, has the type `fuseblk`.
        if NETWORK.contains(&self.kind.as_str()) || self.kind.starts_with("fuse.") {
            Some(Beyond::Network)
        } else if KERNEL.contains(&self.kind.as_str()) {
            Some(Beyond::Kernel)
        } else {
            None
        }
    }
}

/// All that is mounted, as it is now; of several at one place the last hides the others.
pub fn mounted() -> Vec<Mounted> {
    parse(&fs::read(TABLE).unwrap_or_default())
}

/// What such a table says: `id parent device root point options … - type source options`; in a point spaces and the like
/// are written as octal numbers.
pub fn parse(mountinfo: &[u8]) -> Vec<Mounted> {
    let parse = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ');
        let id = fields.next()?.to_vec();
        let point = unescape(fields.nth(3)?);
        let options = fields.next()?;
        // Behind the optional fields stands a dash, and then the type.
        let kind = fields.skip_while(|field| *field != b"-").nth(1);
        Some(Mounted {
            id,
            point,
            kind: String::from_utf8_lossy(kind.unwrap_or_default()).into_owned(),
            is_read_only: options.split(|byte| *byte == b',').any(|option| option == b"ro"),
        })
    };
    mountinfo.split(|byte| *byte == b'\n').filter_map(parse).collect()
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                plain.push(byte);
                rest = &behind[3..];
            }
            _ => {
                plain.push(*first);
                rest = behind;
            }
        }
    }
    plain
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

    #[test]
    fn mounts_are_read_as_they_are_spelt() {
        let table = "26 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n\
            30 26 0:31 / /srv/h\u{1ed3}\\040s\u{1a1} ro,nosuid shared:2 master:3 - nfs4 server:/x rw\n\
            31 26 0:32 / /srv/back\\134slash rw - fuse.sshfs host: rw\n\
            32 26 0:33 / /srv/ntfs rw - fuseblk /dev/vdb rw\n\
            33 26 0:34 / /proc rw - proc proc rw\n\
            broken\n";
        let mounted = parse(table.as_bytes());
        let seen: Vec<_> = mounted
            .iter()
            .map(|mounted| {
                let point = std::str::from_utf8(&mounted.point).expect("text");
                (point, mounted.beyond(), mounted.is_read_only)
            })
            .collect();
        let expected = [
            ("/", None, false),
            ("/srv/hồ sơ", Some(Beyond::Network), true),
            ("/srv/back\\slash", Some(Beyond::Network), false),
            ("/srv/ntfs", None, false),
            ("/proc", Some(Beyond::Kernel), false),
        ];
        assert_eq!(seen, expected);
        assert_eq!(mounted[0].id, b"26");
    }
}
