//! Checks a unit's own policy before it is kept: every host below must get a policy that agents accept.
//!
//! Agents pass over keys that they do not know, so that newer collectors can add sections. Here, where people
//! write, an unknown key is refused with a suggestion: a misspelt watch that is silently ignored watches
//! nothing.

use serde_json::{Value, json};
use vong_proto::policy::{Policy, PolicyFault};

use crate::registry::{self, Registry, policy, unit};

/// A suggestion must be at least this alike (Jaro–Winkler).
const LIKENESS_MIN: f64 = 0.75;

/// Why a draft cannot be accepted.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// Somebody has to mend it.
    #[error("{place}: {problem}")]
    Fault {
        /// Where in the document.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// The registry cannot be asked.
    #[error("the registry cannot be asked")]
    Registry(#[source] registry::Error),
}

impl From<registry::Error> for DraftError {
    fn from(error: registry::Error) -> Self {
        Self::Registry(error)
    }
}

/// Checks what the hosts of `unit` and of every unit below it would get.
///
/// # Errors
/// The first fault, with its place.
pub async fn check(registry: &Registry, unit: i64, draft: &Value) -> Result<(), DraftError> {
    known(&pattern(), draft, "")?;
    for below in unit::subtree(registry, unit).await? {
        match policy::effective_with(registry, below, unit, draft).await {
            Ok(_) => {}
            Err(registry::Error::Policy(found)) => return Err(fault(found)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Checks a document as if it stood alone, without what units above would add.
///
/// # Errors
/// The first fault, with its place.
pub fn check_alone(draft: &Value) -> Result<(), DraftError> {
    known(&pattern(), draft, "")?;
    Policy::from_json(&draft.to_string()).map(|_| ()).map_err(fault)
}

fn fault(fault: PolicyFault) -> DraftError {
    let (place, problem) = match fault {
        PolicyFault::Unreadable(problem) => ("document".to_owned(), problem),
        PolicyFault::DuplicateName { list, ref name } => (list.to_owned(), format!("{name:?} stands twice")),
        PolicyFault::Value { place, problem } => (place, problem),
    };
    DraftError::Fault { place, problem }
}

/// Every key that a document may have; lists show one element.
fn pattern() -> Value {
    json!({
        "files": {
            "hash_max_mib": 0,
            "watches": [{ "name": "", "path": "", "severity": "", "exclude": [] }],
            "standard": {
                "system_binaries": "", "boot": "", "services": "", "scheduled": "", "hosts": "", "accounts": "",
                "ssh_keys": "", "web_roots": "",
            },
            "planned": [{ "name": "", "author": "", "from": "", "until": "", "watches": [], "reason": "" }],
            "recheck_hours": 0, "rehash_days": 0,
        },
        "tripwire": { "enabled": true, "paths": [], "exclude": [], "canaries": true },
        "budget": {
            "cpu_percent": 0, "memory_mib": 0, "disk_mib_s": 0, "background_cpu_percent": 0,
            "background_disk_mib_s": 0, "background_on_battery": false,
        },
        "antivirus": {
            "interval_s": 0, "definitions_warn_days": 0, "definitions_high_days": 0, "scan_days": 0, "real_time": "",
            "hold_s": 0, "stale_hold_s": 0, "quick_scan_paths": [],
        },
        "network": {
            "aggregate_s": 0,
            "probes": [{
                "name": "", "kind": "", "target": "", "interval_s": 0, "timeout_ms": 0, "threshold": 0,
                "severity": "",
            }],
        },
        "uplink": { "agent_kbit_s": 0, "unit_kbit_s": 0 },
    })
}

/// Refuses the first key that the pattern does not have.
fn known(pattern: &Value, draft: &Value, place: &str) -> Result<(), DraftError> {
    match (pattern, draft) {
        (Value::Object(allowed), Value::Object(members)) => {
            for (key, value) in members {
                let place = if place.is_empty() {
                    key.clone()
                } else {
                    format!("{place}.{key}")
                };
                let Some(allowed) = allowed.get(key) else {
                    return Err(unknown(key, allowed.keys(), place));
                };
                known(allowed, value, &place)?;
            }
            Ok(())
        }
        (Value::Array(allowed), Value::Array(elements)) => {
            let Some(allowed) = allowed.first() else {
                return Ok(());
            };
            let mut numbered = elements.iter().enumerate();
            numbered.try_for_each(|(number, element)| known(allowed, element, &format!("{place}[{number}]")))
        }
        (Value::Object(_) | Value::Array(_), _) => {
            let problem = if pattern.is_object() {
                "must be a table"
            } else {
                "must be a list"
            };
            let place = if place.is_empty() { "document" } else { place };
            Err(DraftError::Fault {
                place: place.to_owned(),
                problem: problem.to_owned(),
            })
        }
        _ => Ok(()),
    }
}

fn unknown<'a>(key: &str, allowed: impl Iterator<Item = &'a String>, place: String) -> DraftError {
    let alike = allowed.map(|name| (strsim::jaro_winkler(key, name), name));
    let best = alike
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let suggestion = best.map_or_else(String::new, |(_, name)| format!("; did you mean {name:?}?"));
    DraftError::Fault {
        place,
        problem: format!("unknown key{suggestion}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::harness;

    async fn fault_of(draft: Value) -> String {
        let harness = harness::sqlite().await;
        let top = harness::a_unit(&harness.registry, None, "Tỉnh", "").await;
        check(&harness.registry, top, &draft)
            .await
            .expect_err("a fault")
            .to_string()
    }

    #[tokio::test]
    async fn every_key_of_a_full_policy_is_known() {
        let watch = json!({ "name": "a", "path": "/a", "severity": "critical", "exclude": ["*.tmp"] });
        let probe = json!({
            "name": "p", "kind": "tcp", "target": "h:1", "interval_s": 1, "timeout_ms": 50, "threshold": 1,
            "severity": "low",
        });
        let full = json!({ "files": { "watches": [watch] }, "network": { "probes": [probe] },
            "antivirus": { "quick_scan_paths": ["/srv"] } });
        let policy = vong_proto::policy::Policy::from_json(&full.to_string()).expect("valid");
        let full: Value = serde_json::from_str(&policy.to_json()).expect("JSON");
        known(&pattern(), &full, "").expect("the pattern knows everything that policies can say");
    }

    #[tokio::test]
    async fn a_misspelt_key_is_refused_with_a_suggestion() {
        assert_eq!(
            fault_of(json!({ "files": { "watchs": [] } })).await,
            "files.watchs: unknown key; did you mean \"watches\"?"
        );
        assert_eq!(
            fault_of(json!({ "network": { "probes": [{ "name": "a", "tagret": "b" }] } })).await,
            "network.probes[0].tagret: unknown key; did you mean \"target\"?"
        );
        assert_eq!(fault_of(json!([])).await, "document: must be a table");
    }

    #[tokio::test]
    async fn what_units_below_would_get_is_checked_too() {
        let harness = harness::sqlite().await;
        let registry = &harness.registry;
        let top = harness::a_unit(registry, None, "Tỉnh", "").await;
        let below = harness::a_unit(registry, Some(top), "Xã", "").await;
        let watch = json!({ "files": { "watches": [{ "name": "a", "severity": "high" }] } });
        assert!(
            check(registry, below, &watch).await.is_err(),
            "a watch needs a path from somewhere"
        );
        let above = json!({ "files": { "watches": [{ "name": "a", "path": "/a" }] } });
        let mut tx = registry.begin().await.expect("begin");
        policy::set(&mut tx, top, &above, "test", 1).await.expect("set");
        tx.commit().await.expect("commit");
        check(registry, below, &watch)
            .await
            .expect("the path is inherited");
        let mut tx = registry.begin().await.expect("begin");
        policy::set(&mut tx, below, &watch, "test", 1).await.expect("set");
        tx.commit().await.expect("commit");
        assert!(
            check(registry, top, &json!({})).await.is_err(),
            "the unit below would lose its path"
        );
    }
}
