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

#[cfg(test)]
mod tests {
    use vong_proto::event::{
        AgentId, Body, BootId, Digest, Event, FileAction, FileEvent, FileMeta, Header, Lane, Origin,
        Severity, StreamId, Who,
    };

    use super::*;
    use crate::entry::file_state::FileState;
    use crate::entry::{Events, Fact};
    use crate::registry::file_hash::HashVerdict;
    use crate::registry::file_review::{NewReview, Place};
    use crate::registry::harness::{a_host, a_unit, sqlite};

    const HASH: Sha256 = [7; 32];

    fn a_change() -> FileEvent {
        let meta = FileMeta::plain(1, 2, 0o644, "0", Digest::Sha256(HASH));
        FileEvent {
            meta: Some(meta),
            severity: Some(Severity::High),
            ..FileEvent::new(
                FileAction::Modified,
                b"/etc/hosts".to_vec(),
                Origin::RealTime,
                Who::Exited { pid: 1 },
            )
        }
    }

    fn entry(host: HostId) -> Entry {
        let header = Header {
            lane: Lane::Events,
            seq: 1,
            wall_ms: 1,
            mono_ms: 1,
            boot: BootId([0; 16]),
        };
        Entry {
            pos: 1,
            received_ms: 1,
            fact: Fact::Events(Events {
                host,
                agent: AgentId([0; 16]),
                stream: StreamId([0; 16]),
                offset_ms: 0,
                events: vec![Event {
                    header,
                    body: Body::File(a_change()),
                }],
                gaps: Vec::new(),
                cloned: false,
            }),
        }
    }

    #[tokio::test]
    async fn what_was_looked_up_before_a_list_changed_is_looked_up_again() {
        let sqlite = sqlite().await;
        let (registry, entries) = (&sqlite.registry, [entry(HostId(1))]);
        let mut known = Known::default();
        let nothing = known.look_up(registry, &entries).await.expect("looked up");
        assert_eq!(nothing, Lists::default());
        for (verdict, source) in [(HashVerdict::Good, "A"), (HashVerdict::Bad, "B")] {
            let listing = Listing {
                verdict,
                source: source.to_owned(),
                note: String::new(),
                author: "lan".to_owned(),
            };
            let mut tx = registry.begin().await.expect("begin");
            file_hash::bring(&mut tx, &[HASH].into(), &listing, 1)
                .await
                .expect("listed");
            tx.commit().await.expect("commit");
            for _ in 0..2 {
                let lists = known.look_up(registry, &entries).await.expect("looked up");
                assert_eq!(lists.hashes[&HASH], listing);
            }
        }
    }

    #[tokio::test]
    async fn a_state_is_accepted_where_its_unit_is_until_somebody_flags_it() {
        let sqlite = sqlite().await;
        let registry = &sqlite.registry;
        let top = a_unit(registry, None, "Tỉnh", "").await;
        let unit = a_unit(registry, Some(top), "Xã", "").await;
        let (inside, outside) = (
            a_host(registry, unit, "PC-1").await,
            a_host(registry, top, "PC-2").await,
        );
        let state_key = FileState::of(&a_change()).key();
        let entries = [entry(inside), entry(outside)];
        for (verdict, place, accepted) in [
            (ReviewVerdict::Accepted, Place::Unit(unit), true),
            (ReviewVerdict::Flagged, Place::Host(inside), false),
        ] {
            let new = NewReview {
                place,
                state_key: state_key.clone(),
                path: b"/etc/hosts".to_vec(),
                action: String::new(),
                sha256: String::new(),
                verdict,
                reason: "đã kiểm tra".to_owned(),
                author: "lan".to_owned(),
            };
            let mut tx = registry.begin().await.expect("begin");
            file_review::say(&mut tx, &new, 1).await.expect("said");
            tx.commit().await.expect("commit");
            let lists = Known::default()
                .look_up(registry, &entries)
                .await
                .expect("looked up");
            assert_eq!(lists.accepted.contains(&(inside, state_key.clone())), accepted);
            assert!(!lists.accepted.contains(&(outside, state_key.clone())));
        }
    }
}
