//! Keeping the proof of coverage: joining the register to hosts as they appear, and noting every day.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tracing::{info, warn};

use super::Joints;
use crate::clock::now_ms;
use crate::fleet::register;
use crate::health::Stage;
use crate::registry::asset::Joinable;
use crate::registry::{self, Registry, day, machine};
use crate::stop;

/// A host that appears finds its line in the register after this time at most.
const JOIN_INTERVAL: Duration = Duration::from_secs(60);
/// Every so many of these turns everything is joined and the day is noted: ten minutes.
const TURNS_PER_NOTE: u64 = 10;
/// Hosts whose adapters are read by one transaction.
const HOSTS_AT_ONCE: i64 = 250;
/// Adapters of one host that are looked at; no PC has more that matter.
const ADAPTERS_MAX: usize = 32;

impl Joints {
    /// Keeps register, adapters and days up to date until the collector stops.
    pub(super) fn start_covering(&mut self, registry: &Registry) {
        let (registry, mut stop) = (registry.clone(), self.stop.clone());
        let metrics = Arc::clone(&self.metrics);
        self.spawn(Stage::Coverage, async move {
            let mut turns = tokio::time::interval(JOIN_INTERVAL);
            turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut seen = None;
            for turn in 0_u64.. {
                tokio::select! {
                    _ = turns.tick() => {}
                    () = stop::raised(&mut stop) => return,
                }
                match cover(&registry, &mut seen, turn.is_multiple_of(TURNS_PER_NOTE)).await {
                    Ok(()) => metrics.health.well(Stage::Coverage),
                    Err(error) => {
                        let error: &dyn std::error::Error = &error;
                        warn!(error, "coverage is not up to date; it is tried again in a minute");
                        metrics.health.failing(Stage::Coverage, error);
                    }
                }
            }
        });
    }
}

/// Joins what may have changed since it was `seen`, and, now and then, everything: a host's new name is no such change.
async fn cover(
    registry: &Registry,
    seen: &mut Option<Joinable>,
    is_time_to_note: bool,
) -> registry::Result<()> {
    read_adapters(registry).await?;
    let joinable = Joinable::read(registry).await?;
    let has_changed = seen.take() != Some(joinable);
    if has_changed || is_time_to_note {
        let joined = register::join_all(registry, now_ms()).await?;
        if joined > 0 {
            info!(joined, "lines of the asset register were joined to hosts");
        }
    }
    *seen = Some(joinable);
    if is_time_to_note {
        day::note(registry, now_ms()).await?;
    }
    Ok(())
}

/// Takes the hardware addresses out of networks that have changed.
async fn read_adapters(registry: &Registry) -> registry::Result<()> {
    loop {
        let networks = machine::unread_networks(registry, HOSTS_AT_ONCE).await?;
        if networks.is_empty() {
            return Ok(());
        }
        let mut tx = registry.begin().await?;
        for (host, network_ms, detail) in &networks {
            machine::set_adapters(&mut tx, *host, *network_ms, &macs(detail)).await?;
        }
        tx.commit().await?;
    }
}

/// The hardware addresses in a network state, as a host reported it.
fn macs(detail: &Value) -> Vec<String> {
    let adapters = detail["adapters"].as_array().map_or(&[][..], Vec::as_slice);
    let macs = adapters.iter().filter_map(|adapter| adapter["mac"].as_str());
    let mut macs: Vec<String> = macs
        .take(ADAPTERS_MAX)
        .filter_map(register::mac)
        .filter(|mac| !mac.is_empty())
        .collect();
    macs.sort_unstable();
    macs.dedup();
    macs
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::asset::{self, Asset};
    use crate::registry::harness;

    #[tokio::test]
    async fn what_has_changed_is_joined_at_once_and_everything_now_and_then() {
        let sqlite = harness::sqlite().await;
        let registry = &sqlite.registry;
        let unit = harness::a_unit(registry, None, "Xã", "").await;
        harness::a_host(registry, unit, "PC-01").await;
        let mut seen = None;
        cover(registry, &mut seen, false).await.unwrap();
        let joined = async || {
            asset::all(registry)
                .await
                .unwrap()
                .pop()
                .and_then(|it| it.host_id)
        };
        let line = Asset {
            unit_id: unit,
            name: "PC-01".to_owned(),
            ..Asset::default()
        };
        let mut tx = registry.begin().await.unwrap();
        asset::write(&mut tx, &[line], 7).await.unwrap();
        tx.commit().await.unwrap();
        cover(registry, &mut seen, false).await.unwrap();
        assert!(joined().await.is_some());
        // What nothing tells of is found by looking at everything.
        cover(registry, &mut seen, false).await.unwrap();
        let before = seen;
        let mut tx = registry.begin().await.unwrap();
        sqlx::query("UPDATE hosts SET name = 'PC-02'")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        cover(registry, &mut seen, false).await.unwrap();
        assert_eq!(seen, before);
    }

    #[test]
    fn only_real_hardware_addresses_are_taken() {
        let adapters = [
            "AA-BB-CC-00-11-22",
            "",
            "aa:bb:cc:00:11:22",
            "lo",
            "00:00:00:00:00:00",
        ];
        let adapters = adapters.map(|mac| json!({ "name": "x", "mac": mac }));
        assert_eq!(macs(&json!({ "adapters": adapters })), ["aa:bb:cc:00:11:22"]);
        assert_eq!(macs(&json!({ "adapters": 7 })), Vec::<String>::new());
        assert_eq!(macs(&Value::Null), Vec::<String>::new());
    }
}
