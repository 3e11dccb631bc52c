//! What is mounted where: a watched tree may reach into several file systems.

use std::collections::HashSet;
use std::fs;

use super::super::watch::{WatchSet, is_within};

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

/// The root itself and every mount point below it.
pub(super) fn places_within(root: &[u8], mounted: &HashSet<Mounted>) -> Vec<Vec<u8>> {
    let mut places: Vec<Vec<u8>> = mounted
        .iter()
        .map(|mounted| &mounted.point)
        .filter(|point| *point != root && is_within(root, point))
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
    fn a_root_comes_before_what_is_mounted_below_it() {
        let table = mounted(b"1 1 0:1 / /srv/b rw\n2 1 0:1 / /srv rw\n3 1 0:1 / /srv/a rw\n4 1 0:1 / / rw\n");
        let places = places_within(b"/srv", &table);
        assert_eq!(places, [&b"/srv"[..], b"/srv/a", b"/srv/b"]);
    }
}
