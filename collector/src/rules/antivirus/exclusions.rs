//! Something is no longer looked at: who wants to hide malware tells the antivirus to pass over its folder.
//!
//! What a product passes over when it is first heard of is taken for granted; later additions are told, at most every
//! ten minutes for a PC. Such a finding is a single moment, and only people can close it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use vong_proto::event::{AntivirusProduct, AntivirusState, Severity};

use super::super::{Judgement, Moment, Verdict};
use crate::entry::HostId;
use crate::finding::{Category, EXCLUSIONS_ADDED, FindingChange};

/// What was added meanwhile is told with the next.
const PAUSE_MS: i64 = 10 * 60_000;
/// More products than this have none that protects; theirs are not remembered.
const PRODUCTS_MAX: usize = 16;
/// So many are named; the others are counted.
const NAMED_MAX: usize = 10;

/// What a PC's products pass over, as short hashes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Exclusions {
    known: BTreeMap<String, BTreeSet<String>>,
    /// When additions were last told, by the collector's clock.
    told_ms: Option<i64>,
}

impl Exclusions {
    /// A PC has said what its products pass over.
    pub(super) fn seen(
        &mut self,
        host: HostId,
        state: &AntivirusState,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let pauses = self
            .told_ms
            .is_some_and(|told_ms| moment.received_ms - told_ms < PAUSE_MS);
        for product in state.products.iter().take(PRODUCTS_MAX) {
            let now: BTreeSet<String> = product.exclusions.iter().map(|text| short_hash(text)).collect();
            let Some(known) = self.known.get_mut(&product.product) else {
                self.known.insert(product.product.clone(), now);
                continue;
            };
            let is_new = |text: &&String| !known.contains(&short_hash(text));
            let added: Vec<&String> = product.exclusions.iter().filter(is_new).collect();
            if added.is_empty() {
                *known = now;
            } else if !pauses {
                judgement.findings.push(told(host, product, &added, moment));
                *known = now;
                self.told_ms = Some(moment.received_ms);
            }
        }
        let is_there = |name: &String| state.products.iter().any(|product| product.product == *name);
        self.known.retain(|name, _| is_there(name));
    }
}

fn told(host: HostId, product: &AntivirusProduct, added: &[&String], moment: Moment) -> FindingChange {
    let verdict = Verdict {
        rule: EXCLUSIONS_ADDED,
        category: Category::Protection,
        host,
        key: &product.product,
        severity: Severity::Medium,
        evidence: json!({
            "product": product.product,
            "added": added.iter().take(NAMED_MAX).collect::<Vec<_>>(),
            "count": added.len(),
            "total": product.exclusions.len(),
            "event_key": moment.event_key(),
        }),
    };
    FindingChange::Opened(verdict.at(moment))
}

fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..8])
}
