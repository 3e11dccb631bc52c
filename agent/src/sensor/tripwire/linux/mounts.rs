//! What is mounted at and below the roots, and what of it is a disk of this PC.

use std::fs;

use crate::sensor::files::watch::is_within;

/// Kinds of file systems whose files lie on another machine, or are made up by a program that may hang.
const FOREIGN: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "gfs2",
    "ocfs2",
    "davfs",
    "coda",
    "ncpfs",
];

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mounted {
    point: Vec<u8>,
    kind: String,
    is_read_only: bool,
}

impl Mounted {
    fn is_foreign(&self) -> bool {
        FOREIGN.contains(&self.kind.as_str()) || self.kind.starts_with("fuse") || self.kind == "autofs"
    }
}

/// The roots, and what is mounted below them, but for what lies elsewhere.
pub(super) fn places_of(roots: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mounted = mounted();
    let is_here = |path: &[u8]| holder(&mounted, path).is_none_or(|holder| !holder.is_foreign());
    let mut places: Vec<Vec<u8>> = roots.iter().filter(|root| is_here(root)).cloned().collect();
    for mount in &mounted {
        if !mount.is_foreign() && roots.iter().any(|root| is_within(root, &mount.point)) {
            places.push(mount.point.clone());
        }
    }
    places.sort();
    places.dedup();
    places
}

/// Whether files may be placed there.
pub(in super::super) fn is_local_and_writable(path: &[u8]) -> bool {
    holder(&mounted(), path).is_none_or(|holder| !holder.is_foreign() && !holder.is_read_only)
}

/// Where the file system of a path is mounted.
pub(in super::super) fn volume_of(path: &[u8]) -> Vec<u8> {
    holder(&mounted(), path)
        .map(|holder| holder.point.clone())
        .unwrap_or_default()
}

fn holder<'a>(mounted: &'a [Mounted], path: &[u8]) -> Option<&'a Mounted> {
    // Of several at one point the last hides the others.
    let holding = mounted.iter().filter(|mount| is_within(&mount.point, path));
    holding.max_by_key(|mount| mount.point.len())
}

fn mounted() -> Vec<Mounted> {
    parse(&fs::read("/proc/self/mountinfo").unwrap_or_default())
}

/// `id parent device root point options … - kind source options`; spaces and the like are octal numbers.
fn parse(mountinfo: &[u8]) -> Vec<Mounted> {
    let line = |line: &[u8]| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let separator = fields.iter().position(|field| *field == b"-")?;
        let options = fields.get(5)?;
        Some(Mounted {
            point: unescape(fields.get(4)?),
            kind: String::from_utf8_lossy(fields.get(separator + 1)?).into_owned(),
            is_read_only: options.split(|byte| *byte == b',').any(|option| option == b"ro"),
        })
    };
    mountinfo.split(|byte| *byte == b'\n').filter_map(line).collect()
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let digits = text
            .get(at + 1..at + 4)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match value {
            Some(value) if text[at] == b'\\' => {
                plain.push(value);
                at += 4;
            }
            _ => {
                plain.push(text[at]);
                at += 1;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_elsewhere_is_known() {
        let table = "26 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
            30 26 0:31 / /home/h\u{1ed3}\\040s\u{1a1} ro,nosuid shared:1 - nfs4 server:/ rw\n";
        let mounted = parse(table.as_bytes());
        assert_eq!(mounted[1].point, "/home/hồ sơ".as_bytes());
        assert!(mounted[1].is_foreign() && mounted[1].is_read_only);
        let holder_of = |path: &str| holder(&mounted, path.as_bytes()).map(|mount| mount.kind.as_str());
        assert_eq!(holder_of("/home/hồ sơ/a"), Some("nfs4"));
        assert_eq!(holder_of("/home/lan"), Some("ext4"));
    }
}
