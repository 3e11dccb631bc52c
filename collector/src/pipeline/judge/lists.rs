//! What people have said, looked up for the rules: only of what occurs in the entries that are about to be judged.
//!
//! Contents occur again and again, so what was found out about one is kept until the lists change. Whoever has no lists
//! pays one small question per reading of the journal.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::entry::{Entry, HostId};
use crate::registry::file_hash::{Listing, Sha256};
use crate::registry::file_review::{self, Review, ReviewVerdict};
use crate::registry::{self, Registry, file_hash, host, unit};
use crate::rules::{Lists, Wanted};

/// Contents that are on no list are remembered up to this number, some megabytes; beyond it they are asked for again.
const UNLISTED_MAX: usize = 100_000;
/// The same of those that are on a list.
const LISTED_MAX: usize = 10_000;

/// What was found out so far.
#[derive(Debug, Default)]
pub(super) struct Known {
    revision: i64,
    listed: HashMap<Sha256, Listing>,
    unlisted: HashSet<Sha256>,
}

impl Known {
    /// What is said of the contents and states in these entries.
    pub(super) async fn look_up(
        &mut self,
        registry: &Registry,
        entries: &[Entry],
    ) -> registry::Result<Lists> {
        let wanted = Wanted::of(entries);
        let mut lists = Lists::default();
        if !wanted.hashes.is_empty() {
            lists.hashes = self.listings(registry, &wanted.hashes).await?;
        }
        if !wanted.states.is_empty() && file_review::revision(registry).await? > 0 {
            lists.accepted = accepted(registry, &wanted).await?;
        }
        Ok(lists)
    }

    async fn listings(
        &mut self,
        registry: &Registry,
        wanted: &BTreeSet<Sha256>,
    ) -> registry::Result<HashMap<Sha256, Listing>> {
        let revision = file_hash::revision(registry).await?;
        if revision == 0 {
            return Ok(HashMap::new());
        }
        if revision != self.revision {
            *self = Self {
                revision,
                ..Self::default()
            };
        }
        let is_new = |hash: &&Sha256| !self.listed.contains_key(*hash) && !self.unlisted.contains(*hash);
        let new: BTreeSet<Sha256> = wanted.iter().filter(is_new).copied().collect();
        let found = file_hash::of(registry, &new).await?;
        let known = wanted.iter().filter_map(|hash| {
            let listing = found.get(hash).or_else(|| self.listed.get(hash))?;
            Some((*hash, listing.clone()))
        });
        let known = known.collect();
        self.keep(new, found);
        Ok(known)
    }

    fn keep(&mut self, asked: BTreeSet<Sha256>, found: HashMap<Sha256, Listing>) {
        if self.unlisted.len() + asked.len() > UNLISTED_MAX {
            self.unlisted.clear();
        }
        if self.listed.len() + found.len() > LISTED_MAX {
            self.listed.clear();
        }
        self.unlisted
            .extend(asked.into_iter().filter(|hash| !found.contains_key(hash)));
        self.listed.extend(found);
    }
}

/// The states that the latest word about them accepts.
async fn accepted(registry: &Registry, wanted: &Wanted) -> registry::Result<HashSet<(HostId, String)>> {
    let states = wanted.states.values().flatten().cloned().collect();
    let said = file_review::of_states(registry, &states).await?;
    let mut accepted = HashSet::new();
    if said.is_empty() {
        return Ok(accepted);
    }
    let is_accepted = |(_, review): &(String, Review)| review.said.verdict == ReviewVerdict::Accepted;
    for (host, states) in &wanted.states {
        if !said.iter().any(|review| states.contains(&review.said.state_key)) {
            continue;
        }
        let units = units_above(registry, *host).await?;
        let latest = file_review::concerning(&said, *host, &units).into_iter();
        let of_host = latest
            .filter(|(state, _)| states.contains(state))
            .filter(is_accepted);
        accepted.extend(of_host.map(|(state, _)| (*host, state)));
    }
    Ok(accepted)
}

/// The unit of a host and those above it.
async fn units_above(registry: &Registry, host: HostId) -> registry::Result<Vec<i64>> {
    let Some(host) = host::by_id(registry, host).await? else {
        return Ok(Vec::new());
    };
    let chain = unit::chain(registry, host.unit_id).await?;
    Ok(chain.into_iter().map(|unit| unit.id).collect())
}
