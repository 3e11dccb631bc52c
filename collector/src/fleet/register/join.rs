//! Which line of the register is which host: by asset number, hardware address, serial number, or name within the
//! unit, the surest first. What two lines or two hosts share tells neither, and nothing is joined twice.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::header;
use super::line::number_key;
use crate::entry::HostId;
use crate::registry::pc::JoinedBy;
use crate::registry::unit::{Unit, ancestry};

/// By what a line of the register can be known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssetKeys {
    /// Its number; of a line that is not written yet, any negative number.
    pub id: i64,
    /// Its unit.
    pub unit: i64,
    /// The inventory number.
    pub asset_number: String,
    /// The hardware address, in one spelling.
    pub mac: String,
    /// The serial number.
    pub serial: String,
    /// The name.
    pub name: String,
}

/// By what a host can be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKeys {
    /// The host.
    pub id: HostId,
    /// Its unit.
    pub unit: i64,
    /// The inventory number that somebody noted.
    pub asset_number: String,
    /// Its name.
    pub name: String,
    /// Its hardware addresses, in one spelling.
    pub macs: Vec<String>,
    /// What else its fingerprint says, such as its disk's serial number.
    pub serials: Vec<String>,
}

/// A line and the host that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joining {
    /// The line.
    pub asset: i64,
    /// The host.
    pub host: HostId,
    /// What they share.
    pub by: JoinedBy,
}

/// Joins lines that have no host with hosts that have no line.
pub fn join(assets: &[AssetKeys], hosts: &[HostKeys], units: &HashMap<i64, Unit>) -> Vec<Joining> {
    let mut state = State::default();
    state.pass(
        JoinedBy::AssetNumber,
        assets
            .iter()
            .map(|it| (it.id, vec![number_key(&it.asset_number)])),
        hosts.iter().map(|it| (it.id, vec![number_key(&it.asset_number)])),
    );
    state.pass(
        JoinedBy::Mac,
        assets.iter().map(|it| (it.id, vec![it.mac.clone()])),
        hosts.iter().map(|it| (it.id, it.macs.clone())),
    );
    let serial = |text: &String| text.trim().to_ascii_lowercase();
    state.pass(
        JoinedBy::Serial,
        assets.iter().map(|it| (it.id, vec![serial(&it.serial)])),
        hosts
            .iter()
            .map(|it| (it.id, it.serials.iter().map(serial).collect())),
    );
    // A host is found by its name from its own unit and from every unit above it.
    let none = String::new();
    let named = |unit: i64, name: &str| match header::key(name) {
        key if key.is_empty() => none.clone(),
        key => format!("{unit} {key}"),
    };
    state.pass(
        JoinedBy::Name,
        assets.iter().map(|it| (it.id, vec![named(it.unit, &it.name)])),
        hosts.iter().map(|it| {
            let above = ancestry(units, it.unit).map(|unit| named(unit.id, &it.name));
            (it.id, above.collect())
        }),
    );
    state.joined
}

#[derive(Default)]
struct State {
    joined: Vec<Joining>,
    assets: HashSet<i64>,
    hosts: HashSet<HostId>,
}

impl State {
    /// Joins what shares a key that only one of the lines and one of the hosts has.
    fn pass(
        &mut self,
        by: JoinedBy,
        assets: impl Iterator<Item = (i64, Vec<String>)>,
        hosts: impl Iterator<Item = (HostId, Vec<String>)>,
    ) {
        let hosts = single(hosts.filter(|(id, _)| !self.hosts.contains(id)));
        let assets = single(assets.filter(|(id, _)| !self.assets.contains(id)));
        let mut claims: HashMap<HostId, Vec<i64>> = HashMap::new();
        for (key, asset) in &assets {
            if let (Some(asset), Some(Some(host))) = (asset, hosts.get(key)) {
                claims.entry(*host).or_default().push(*asset);
            }
        }
        let mut claims: Vec<_> = claims.into_iter().collect();
        claims.sort_unstable();
        for (host, claimants) in claims {
            if let [asset] = claimants[..] {
                self.joined.push(Joining { asset, host, by });
                self.assets.insert(asset);
                self.hosts.insert(host);
            }
        }
    }
}

/// Who has each key; `None` when several have it. An empty key tells nothing.
fn single<T: Copy + Eq + Hash>(of: impl Iterator<Item = (T, Vec<String>)>) -> HashMap<String, Option<T>> {
    let mut owners: HashMap<String, Option<T>> = HashMap::new();
    for (id, keys) in of {
        let keys: HashSet<String> = keys.into_iter().filter(|key| !key.is_empty()).collect();
        for key in keys {
            owners
                .entry(key)
                .and_modify(|owner| *owner = None)
                .or_insert(Some(id));
        }
    }
    owners
}
