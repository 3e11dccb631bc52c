//! What is mounted at and below the roots, and what of it is a disk of this PC.

use vong_os::mounts::{Beyond, Mounted, mounted};

use crate::sensor::files::watch::is_within;

/// Why nothing is heard of files that a server or somebody's program keeps.
const NETWORK: &str = "network_mount";
/// So many of these are named; users can mount as much as they like.
const NETWORK_MAX: usize = 32;

/// Where to listen, and where that is of no use.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) here: Vec<Vec<u8>>,
    /// With a code for why.
    pub(super) elsewhere: Vec<(Vec<u8>, String)>,
}

/// The roots, and what is mounted below them.
pub(super) fn places_of(roots: &[Vec<u8>]) -> Places {
    places_in(&mounted(), roots)
}

fn places_in(mounted: &[Mounted], roots: &[Vec<u8>]) -> Places {
    let below = mounted
        .iter()
        .map(|mount| &mount.point)
        .filter(|point| roots.iter().any(|root| is_within(root, point)));
    let mut all: Vec<&Vec<u8>> = roots.iter().chain(below).collect();
    all.sort();
    all.dedup();
    let mut places = Places::default();
    for place in all {
        match holder(mounted, place).and_then(Mounted::beyond) {
            None => places.here.push(place.clone()),
            Some(Beyond::Network) if places.elsewhere.len() < NETWORK_MAX => {
                places.elsewhere.push((place.clone(), NETWORK.to_owned()));
            }
            // Nobody keeps documents in the kernel.
            Some(Beyond::Network | Beyond::Kernel) => {}
        }
    }
    places
}

/// Whether files may be placed there.
pub(in super::super) fn is_local_and_writable(path: &[u8]) -> bool {
    holder(&mounted(), path).is_none_or(|holder| holder.beyond().is_none() && !holder.is_read_only)
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

#[cfg(test)]
mod tests {
    use vong_os::mounts::parse;

    use super::*;

    const TABLE: &[u8] = b"26 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
        30 26 0:31 / /home/lan ro,nosuid shared:1 - nfs4 server:/ rw\n\
        31 26 0:32 / /home/minh/usb rw - fuseblk /dev/sdb1 rw\n\
        32 26 0:33 / /home/minh/remote rw - fuse.sshfs host: rw\n\
        33 26 0:34 / /home/minh/root/proc rw - proc proc rw\n";

    #[test]
    fn what_lies_elsewhere_is_named_and_a_disk_behind_a_program_is_here() {
        let roots = ["/home/lan", "/home/minh"].map(|root| root.as_bytes().to_vec());
        let places = places_in(&parse(TABLE), &roots);
        assert_eq!(places.here, [&b"/home/minh"[..], b"/home/minh/usb"]);
        let network = |path: &[u8]| (path.to_vec(), NETWORK.to_owned());
        assert_eq!(
            places.elsewhere,
            [network(b"/home/lan"), network(b"/home/minh/remote")]
        );
    }

    #[test]
    fn the_nearest_mount_holds_a_path() {
        let mounted = parse(TABLE);
        let kind_of = |path: &str| holder(&mounted, path.as_bytes()).map(|mount| mount.kind.as_str());
        assert_eq!(kind_of("/home/lan/a"), Some("nfs4"));
        assert_eq!(kind_of("/home/lanh"), Some("ext4"));
    }
}
