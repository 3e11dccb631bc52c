//! What is mounted where: a watched tree may reach into several file systems.

use std::fs;

use super::super::watch::is_within;

/// The root itself and every mount point below it.
pub(super) fn mounts_within(root: &[u8]) -> Vec<Vec<u8>> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mut within = vec![root.to_vec()];
    within.extend(
        mount_points(&table)
            .into_iter()
            .filter(|point| point != root && is_within(root, point)),
    );
    within
}

/// The fifth field of each line, in which spaces and the like are written as octal numbers.
fn mount_points(mountinfo: &[u8]) -> Vec<Vec<u8>> {
    mountinfo
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(unescape)
        .collect()
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
        let expected: Vec<Vec<u8>> = ["/", "/srv/hồ sơ", "/srv/back\\slash"]
            .iter()
            .map(|path| path.as_bytes().to_vec())
            .collect();
        assert_eq!(mount_points(table.as_bytes()), expected);
    }

    #[test]
    fn a_root_without_mounts_below_is_alone() {
        assert_eq!(mounts_within(b"/no/such/folder"), [b"/no/such/folder".to_vec()]);
    }
}
