//! What the centre knows of a page of events besides the events: what its lists say of their contents, and what people
//! said of the states that files were left in.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use super::file::{HashVerdict, ReviewReport, ReviewVerdict};
use super::row::state;
use super::{EventKind, EventRow};
use crate::api::Api;
use crate::api::error::ApiError;
use crate::entry::HostId;
use crate::registry::file_review::{self, Place, Review};
use crate::registry::{file_hash, host, unit};
use crate::store;

/// Rows of the store as the API shows them, with what is known of them; what this build cannot read is left out.
pub(in crate::api) async fn shown(api: &Api, rows: Vec<store::EventRow>) -> Result<Vec<EventRow>, ApiError> {
    let mut readable = Vec::new();
    let mut events = Vec::new();
    for row in rows {
        if let Some(event) = EventRow::of(row.clone()) {
            readable.push(row);
            events.push(event);
        }
    }
    add(api, &readable, &mut events).await?;
    Ok(events)
}

/// Adds what is known to events that were made of these rows.
pub(in crate::api) async fn add(
    api: &Api,
    rows: &[store::EventRow],
    events: &mut [EventRow],
) -> Result<(), ApiError> {
    add_verdicts(api, rows, events).await?;
    let is_file = |event: &EventRow| event.kind == EventKind::File;
    if file_review::revision(&api.registry).await? == 0 || !events.iter().any(is_file) {
        return Ok(());
    }
    let keys: Vec<String> = rows.iter().map(|row| state(row).key()).collect();
    let said = file_review::of_states(&api.registry, &keys.iter().cloned().collect()).await?;
    if said.is_empty() {
        return Ok(());
    }
    let mut by_host: HashMap<i64, HashMap<String, Review>> = HashMap::new();
    for (key, event) in keys.iter().zip(events).filter(|(_, event)| is_file(event)) {
        let of_host = match by_host.entry(event.host) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let host = HostId(event.host);
                let units = units_above(api, host).await?;
                unknown.insert(file_review::concerning(&said, host, &units))
            }
        };
        event.review = of_host.get(key).map(ReviewReport::of);
    }
    Ok(())
}

async fn add_verdicts(api: &Api, rows: &[store::EventRow], events: &mut [EventRow]) -> Result<(), ApiError> {
    let hash = |row: &store::EventRow| <[u8; 32]>::try_from(row.file_sha256.0.as_slice()).ok();
    let hashes: BTreeSet<[u8; 32]> = rows.iter().filter_map(hash).collect();
    if hashes.is_empty() || file_hash::revision(&api.registry).await? == 0 {
        return Ok(());
    }
    let listed = file_hash::of(&api.registry, &hashes).await?;
    for (row, event) in rows.iter().zip(events) {
        if let (Some(file), Some(hash)) = (&mut event.file, hash(row)) {
            file.known = listed.get(&hash).map(|listing| listing.verdict.into());
        }
    }
    Ok(())
}

/// The unit of a host and those above it.
pub(in crate::api) async fn units_above(api: &Api, host: HostId) -> Result<Vec<i64>, ApiError> {
    let Some(host) = host::by_id(&api.registry, host).await? else {
        return Ok(Vec::new());
    };
    let chain = unit::chain(&api.registry, host.unit_id).await?;
    Ok(chain.into_iter().map(|unit| unit.id).collect())
}

impl ReviewReport {
    pub(in crate::api) fn of(review: &Review) -> Self {
        Self {
            id: review.id,
            verdict: review.said.verdict.into(),
            reason: review.said.reason.clone(),
            author: review.said.author.clone(),
            at_ms: review.at_ms,
            for_unit: matches!(review.said.place, Place::Unit(_)),
        }
    }
}

impl From<file_hash::HashVerdict> for HashVerdict {
    fn from(verdict: file_hash::HashVerdict) -> Self {
        match verdict {
            file_hash::HashVerdict::Bad => Self::Bad,
            file_hash::HashVerdict::Good => Self::Good,
        }
    }
}

impl From<HashVerdict> for file_hash::HashVerdict {
    fn from(verdict: HashVerdict) -> Self {
        match verdict {
            HashVerdict::Bad => Self::Bad,
            HashVerdict::Good => Self::Good,
        }
    }
}

impl From<file_review::ReviewVerdict> for ReviewVerdict {
    fn from(verdict: file_review::ReviewVerdict) -> Self {
        match verdict {
            file_review::ReviewVerdict::Accepted => Self::Accepted,
            file_review::ReviewVerdict::Flagged => Self::Flagged,
        }
    }
}

impl From<ReviewVerdict> for file_review::ReviewVerdict {
    fn from(verdict: ReviewVerdict) -> Self {
        match verdict {
            ReviewVerdict::Accepted => Self::Accepted,
            ReviewVerdict::Flagged => Self::Flagged,
        }
    }
}
