//! Watches antivirus: which products are there, whether they are on and up to date.
//!
//! The full state is reported at start, whenever something of it changes, and daily, so that the collector
//! never has to add up differences. A change to the worse takes the urgent lane.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vong_proto::event::{AntivirusState, Body, Lane, Sensor, Switch};

use super::{Context, event_now};
use crate::clock;
use crate::report::{Report, SpoolStopped, StateChange};
use crate::state::{StateError, StateReader};

mod cell;
mod clamav;
mod combine;
pub mod defender;
mod eset;
pub mod installed;
mod kaspersky;
mod mdatp;
pub mod rows;
mod security_center;
mod vendor;

#[cfg(target_os = "linux")]
#[path = "antivirus/linux.rs"]
mod imp;

pub use imp::Places;
use rows::Rows;

/// The state is said again after this time, though nothing has changed.
const REPEAT: Duration = Duration::from_secs(24 * 3_600);
/// Where the last state is remembered, in short.
const KEY: &[u8] = b"last";

/// Why the sensor ended.
#[derive(Debug, thiserror::Error)]
pub enum AntivirusError {
    /// Its memory cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The agent stops.
    #[error(transparent)]
    Spool(#[from] SpoolStopped),
}

/// Looks once at everything that tells of a product.
pub fn look(places: &Places) -> Rows {
    Rows::new(clock::wall_ms(), imp::sources(places))
}

/// Watches until the agent stops.
///
/// # Errors
/// When memory cannot be read or the spool has stopped.
pub fn run(context: &Context, places: &Places) -> Result<(), AntivirusError> {
    let mut remembered = StateReader::open(&context.state)?
        .get(Sensor::Antivirus, KEY)?
        .and_then(|value| serde_json::from_slice::<Summary>(&value).ok());
    let mut said: Option<(AntivirusState, Instant)> = None;
    while !context.stop.requested() {
        let (policy, generation) = context.policy.with_generation();
        let state = AntivirusState {
            products: rows::decode(&look(places)).products,
            expectations: policy.antivirus.expectations(false),
        };
        let is_due = said
            .as_ref()
            .is_none_or(|(before, at)| *before != state || at.elapsed() >= REPEAT);
        if is_due {
            let summary = Summary::of(&state);
            let worse = remembered
                .as_ref()
                .is_some_and(|before| summary.is_worse_than(before));
            context.reports.send(report(&state, &summary, worse))?;
            remembered = Some(summary);
            said = Some((state, Instant::now()));
        }
        let interval = Duration::from_secs(policy.antivirus.interval_s.into());
        context.policy.wait_change(generation, interval);
    }
    Ok(())
}

fn report(state: &AntivirusState, summary: &Summary, worse: bool) -> Report {
    let lane = if worse { Lane::Urgent } else { Lane::State };
    Report {
        events: vec![event_now(lane, Body::Antivirus(state.clone()))],
        state: vec![StateChange {
            sensor: Sensor::Antivirus,
            key: KEY.to_vec(),
            value: Some(serde_json::to_vec(summary).expect("names and words can be written as JSON")),
        }],
        committed: None,
    }
}

/// What of a state can become worse; remembered, so that a change while the agent was away counts too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Summary {
    products: Vec<ProductSummary>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ProductSummary {
    product: String,
    engine: Switch,
    real_time: Switch,
    updater: Switch,
}

impl Summary {
    fn of(state: &AntivirusState) -> Self {
        let products = state
            .products
            .iter()
            .map(|product| ProductSummary {
                product: product.product.clone(),
                engine: product.engine,
                real_time: product.real_time,
                updater: product.updater,
            })
            .collect();
        Self { products }
    }

    /// Whether anything that was on is not on any more.
    fn is_worse_than(&self, before: &Summary) -> bool {
        let lost = |before: Switch, now: Switch| before == Switch::On && now != Switch::On;
        before.products.iter().any(|before| {
            match self.products.iter().find(|now| now.product == before.product) {
                None => true,
                Some(now) => {
                    lost(before.engine, now.engine)
                        || lost(before.real_time, now.real_time)
                        || lost(before.updater, now.updater)
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(switches: &[[Switch; 3]]) -> Summary {
        let products = switches
            .iter()
            .map(|[engine, real_time, updater]| ProductSummary {
                product: "ClamAV".to_owned(),
                engine: *engine,
                real_time: *real_time,
                updater: *updater,
            })
            .collect();
        Summary { products }
    }

    #[test]
    fn only_what_was_on_can_become_worse() {
        use Switch::{Off, On, Unknown};
        let check = |before: &[[Switch; 3]], now: &[[Switch; 3]], worse: bool| {
            let (before, now) = (summary(before), summary(now));
            assert_eq!(now.is_worse_than(&before), worse, "{before:?} -> {now:?}");
        };
        check(&[], &[[On, Off, On]], false);
        check(&[[On, Off, On]], &[[On, On, On]], false);
        check(&[[On, Off, On]], &[[Off, Off, On]], true);
        check(&[[On, Off, On]], &[[Unknown, Off, On]], true);
        check(&[[Off, Off, On]], &[[Off, Off, Off]], true);
        check(&[[Off, Off, Unknown]], &[[Off, Off, Off]], false);
        check(&[[Off, Off, Off]], &[], true);
    }
}
