//! What is mounted where: a watched tree may reach into several file systems.

use std::collections::HashSet;
use std::fs;

use super::super::foreign::{Foreign, WhyForeign};
use super::super::watch::{WatchSet, is_within};

/// What these are asked, a server answers, or somebody's program: when it does not, nothing here would ever go on.
const NETWORK: [&str; 16] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ncpfs",
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

/// Something mounted: where, and by which number the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mounted {
    id: Vec<u8>,
    pub(super) point: Vec<u8>,
}

/// What is mounted at or below any of these roots.
pub(super) fn mounted_within(watches: &WatchSet) -> HashSet<Mounted> {
    let mut mounted = mounted(&fs::read("/proc/self/mountinfo").unwrap_or_default());
    mounted.retain(|mounted| {
        let mut roots = watches.iter().map(|watched| &watched.root);
        roots.any(|root| is_within(root, &mounted.point))
    });
    mounted
}

/// What is mounted anywhere that nobody shall look into, and why.
pub(super) fn foreign() -> Vec<Foreign> {
    foreign_in(&fs::read("/proc/self/mountinfo").unwrap_or_default())
}

fn foreign_in(mountinfo: &[u8]) -> Vec<Foreign> {
    let parse = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ');
        let point = unescape(fields.nth(4)?);
        // Behind the optional fields stands a dash, and then the type.
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        let why = why_foreign(std::str::from_utf8(kind).unwrap_or_default())?;
        Some(Foreign { point, why })
    };
    let mut foreign: Vec<Foreign> = mountinfo.split(|byte| *byte == b'\n').filter_map(parse).collect();
    foreign.sort();
    foreign.dedup();
    foreign
}

fn why_foreign(kind: &str) -> Option<WhyForeign> {
    // A disk behind a program, such as one of NTFS, has the type `fuseblk`.
    if NETWORK.contains(&kind) || kind.starts_with("fuse.") {
        Some(WhyForeign::Network)
    } else if KERNEL.contains(&kind) {
        Some(WhyForeign::Kernel)
    } else {
        None
    }
}

/// The root itself and every mount point below it that is not passed over.
pub(super) fn places_within(watches: &WatchSet, root: &[u8], mounted: &HashSet<Mounted>) -> Vec<Vec<u8>> {
    let mut places: Vec<Vec<u8>> = mounted
        .iter()
        .map(|mounted| &mounted.point)
        .filter(|point| *point != root && is_within(root, point) && watches.find(point).is_some())
        .cloned()
        .collect();
    places.push(root.to_vec());
    places.sort();
    places.dedup();
    places
}

/// The first and the fifth field of each line; in the latter spaces and the like are written as octal numbers.
fn mounted(mountinfo: &[u8]) -> HashSet<Mounted> {
    let parse = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ');
        Some(Mounted {
            id: fields.next()?.to_vec(),
            point: unescape(fields.nth(3)?),
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
    use super::super::super::watch::Watched;
    use super::*;

    #[test]
    fn mount_points_are_read_as_they_are_spelt() {
        let table = "26 1 254:0 / / rw - ext4 /dev/vda rw\n\
            30 26 0:31 / /srv/h\u{1ed3}\\040s\u{1a1} rw - tmpfs tmpfs rw\n\
            31 26 0:32 / /srv/back\\134slash rw - tmpfs tmpfs rw\n";
        let expected =
            [("26", "/"), ("30", "/srv/hồ sơ"), ("31", "/srv/back\\slash")].map(|(id, point)| Mounted {
                id: id.into(),
                point: point.into(),
            });
        assert_eq!(mounted(table.as_bytes()), HashSet::from(expected));
    }

    #[test]
    fn what_may_never_answer_is_foreign_and_a_disk_is_not() {
        let table = "26 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n\
            30 26 0:31 / /srv/share rw shared:2 master:3 - nfs4 server:/x rw\n\
            31 26 0:32 / /srv/s\\040sh rw - fuse.sshfs host: rw\n\
            32 26 0:33 / /srv/ntfs rw - fuseblk /dev/vdb rw\n\
            33 26 0:34 / /proc rw - proc proc rw\n\
            broken\n";
        let foreign = |point: &str, why| Foreign {
            point: point.into(),
            why,
        };
        let expected = [
            foreign("/proc", WhyForeign::Kernel),
            foreign("/srv/s sh", WhyForeign::Network),
            foreign("/srv/share", WhyForeign::Network),
        ];
        assert_eq!(foreign_in(table.as_bytes()), expected);
    }

    #[test]
    fn a_root_comes_before_what_is_mounted_below_it() {
        let table = mounted(b"1 1 0:1 / /srv/b rw\n2 1 0:1 / /srv rw\n3 1 0:1 / /srv/a rw\n4 1 0:1 / / rw\n");
        let watch = vong_proto::policy::Watch {
            name: "watch".to_owned(),
            path: "/srv".to_owned(),
            severity: None,
            exclude: Vec::new(),
        };
        let watches = WatchSet::new(vec![Watched::new(&watch, b"/srv".to_vec())], Vec::new());
        let places = places_within(&watches, b"/srv", &table);
        assert_eq!(places, [&b"/srv"[..], b"/srv/a", b"/srv/b"]);
    }
}
