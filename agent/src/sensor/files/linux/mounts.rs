//! What is mounted where: a watched tree may reach into several file systems.

use std::collections::HashSet;

use vong_os::mounts::{self, Beyond};

use super::super::foreign::{Foreign, WhyForeign};
use super::super::watch::{WatchSet, is_within};

/// Something mounted: where, and by which number the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mounted {
    id: Vec<u8>,
    pub(super) point: Vec<u8>,
}

/// What is mounted at or below any of these roots.
pub(super) fn mounted_within(watches: &WatchSet) -> HashSet<Mounted> {
    let mut mounted = by_place(mounts::mounted());
    mounted.retain(|mounted| {
        let mut roots = watches.iter().map(|watched| &watched.root);
        roots.any(|root| is_within(root, &mounted.point))
    });
    mounted
}

/// What is mounted anywhere that nobody shall look into, and why.
pub(super) fn foreign() -> Vec<Foreign> {
    let foreign = |mounted: mounts::Mounted| {
        let why = match mounted.beyond()? {
            Beyond::Network => WhyForeign::Network,
            Beyond::Kernel => WhyForeign::Kernel,
        };
        Some(Foreign {
            point: mounted.point,
            why,
        })
    };
    let mut foreign: Vec<Foreign> = mounts::mounted().into_iter().filter_map(foreign).collect();
    foreign.sort();
    foreign.dedup();
    foreign
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

fn by_place(mounted: Vec<mounts::Mounted>) -> HashSet<Mounted> {
    let place = |mounted: mounts::Mounted| Mounted {
        id: mounted.id,
        point: mounted.point,
    };
    mounted.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::watch::Watched;
    use super::*;

    #[test]
    fn a_root_comes_before_what_is_mounted_below_it() {
        let text = b"1 1 0:1 / /srv/b rw\n2 1 0:1 / /srv rw\n3 1 0:1 / /srv/a rw\n4 1 0:1 / / rw\n";
        let table = by_place(mounts::parse(text));
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
