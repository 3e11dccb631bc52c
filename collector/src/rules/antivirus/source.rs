//! One product's definitions are old on many PCs at once: then not the PCs are at fault but whoever brings the
//! definitions, a mirror of the province or the vendor's server. That is one finding about the source, and while it is
//! open no PC of that product is told of for its definitions.
//!
//! It must last, for the same reason as on a single PC, but less long, so that it comes first.

use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use vong_proto::event::Severity;

use super::super::memory::{Memory, MemoryError};
use super::super::{Judgement, Moment, Remembered, Verdict, some_of};
use crate::entry::HostId;
use crate::finding::{Category, FindingChange};
use crate::registry::rule_state::RuleState;

pub(in crate::rules) const FAMILY: &str = "sources";
const RULE: &str = "updates.source_stale";

/// Fewer PCs than this are PCs, not a source.
const PCS_MIN: usize = 10;
/// So many of a hundred PCs of the product make it the source's fault …
const OPEN_PERCENT: usize = 30;
/// … and fewer than so many end it.
const CLOSE_PERCENT: usize = 15;
/// It must last this long.
const PATIENCE_MS: i64 = 90 * 60_000;
/// With too few PCs to tell (at night, over a holiday) for this long, the product is given up.
const FEW_PATIENCE_MS: i64 = 10 * 24 * 3_600_000;
/// So many PCs are named in the evidence: enough to find the unit that they have in common.
const NAMED_MAX: usize = 200;

/// The family's memory, by product.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::rules) struct Sources {
    products: Memory<State, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// Since when too many PCs are stale.
    since_ms: Option<i64>,
    /// The finding that is open, and since when.
    open: Option<(String, i64)>,
    /// Since when so few of its PCs are there that nobody can tell.
    few_since_ms: Option<i64>,
}

/// The connected PCs of one product.
#[derive(Default)]
struct Count {
    all: usize,
    stale: Vec<HostId>,
}

impl Sources {
    pub(in crate::rules) fn restore(&mut self, state: &RuleState) -> Result<(), MemoryError> {
        self.products.restore(state)
    }

    pub(in crate::rules) fn remember(&mut self, into: &mut Vec<Remembered>) {
        self.products.remember(FAMILY, into);
    }

    /// Whether a product's source is known to stand still, or may be found to within the next hour or so.
    pub(super) fn stands_still(&self, product: &str) -> bool {
        let state = self.products.get(&product.to_owned());
        state.is_some_and(|state| state.open.is_some() || state.since_ms.is_some())
    }

    /// Looks at all connected PCs: each with its product, and whether its definitions are old.
    pub(super) fn tick(
        &mut self,
        pcs: impl Iterator<Item = (HostId, String, bool)>,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let mut counts: BTreeMap<String, Count> = BTreeMap::new();
        for (host, product, is_stale) in pcs {
            let count = counts.entry(product).or_default();
            count.all += 1;
            if is_stale {
                count.stale.push(host);
            }
        }
        for product in self.products.keys(|_| true) {
            counts.entry(product).or_default();
        }
        for (product, count) in counts {
            self.judge(product, &count, moment, judgement);
        }
    }

    fn judge(&mut self, product: String, count: &Count, moment: Moment, judgement: &mut Judgement) {
        let (now_ms, stale) = (moment.received_ms, count.stale.len());
        let is_source = stale >= PCS_MIN && stale * 100 >= count.all * OPEN_PERCENT;
        let known = self.products.get(&product).cloned().unwrap_or_default();
        let mut next = known.clone();
        if let Some((id, opened_ms)) = &known.open {
            let is_few = count.all < PCS_MIN;
            next.few_since_ms = is_few.then(|| known.few_since_ms.unwrap_or(now_ms));
            let is_over = match next.few_since_ms {
                Some(since_ms) => now_ms - since_ms >= FEW_PATIENCE_MS,
                None => stale * 100 < count.all * CLOSE_PERCENT,
            };
            if is_over {
                judgement.findings.push(FindingChange::Closed {
                    id: id.clone(),
                    closed_ms: moment.at_ms.max(*opened_ms),
                });
                next = State::default();
            }
        } else if !is_source {
            next.since_ms = None;
        } else if known
            .since_ms
            .is_some_and(|since_ms| now_ms - since_ms >= PATIENCE_MS)
        {
            let finding = verdict(&product, count).at(moment);
            next.open = Some((finding.id.clone(), finding.opened_ms));
            judgement.findings.push(FindingChange::Opened(finding));
        } else {
            next.since_ms = known.since_ms.or(Some(now_ms));
        }
        if next != known {
            *self.products.change(product) = next;
        }
    }
}

fn verdict<'a>(product: &'a str, count: &Count) -> Verdict<'a> {
    let named = some_of(count.stale.iter().copied(), NAMED_MAX);
    Verdict {
        rule: RULE,
        category: Category::Updates,
        host: count.stale[0],
        key: product,
        severity: Severity::High,
        evidence: json!({
            "product": product,
            "pcs": count.stale.len(),
            "of": count.all,
            "hosts": named,
        }),
    }
}
