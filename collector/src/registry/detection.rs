//! Malware that was found: a row for each occurrence, to which what became of it is joined.
//!
//! A follow-up seldom repeats everything that the first word said, so what it leaves empty stays as it is.

use sqlx::Row;
use vong_proto::event::{Detection, Severity};

use super::finding::FindingRow;
use super::fold::storable;
use super::query::{rank, word};
use super::{Registry, Result, Transaction, next_id};
use crate::entry::HostId;

/// What an agent said of an occurrence.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting<'a> {
    /// On which host.
    pub host: HostId,
    /// What it said.
    pub detection: &'a Detection,
    /// When the malware was found, milliseconds since 1970; only the first word about it counts.
    pub found_ms: i64,
    /// When that was said.
    pub at_ms: i64,
    /// The event's name.
    pub event_key: &'a str,
}

/// Keeps an occurrence, or joins what is said to it. A host that this registry does not know has nobody to tell.
///
/// # Errors
/// When the database fails.
pub async fn keep(tx: &mut Transaction, seen: &Sighting<'_>) -> Result<()> {
    let id = next_id(tx, "detections").await?;
    let detection = seen.detection;
    let path = String::from_utf8_lossy(&detection.path);
    let process = String::from_utf8_lossy(&detection.process);
    sqlx::query(KEEP)
        .bind(id)
        .bind(seen.host.0)
        .bind(storable(&detection.key))
        .bind(storable(&detection.product))
        .bind(storable(&detection.vendor))
        .bind(storable(&detection.threat))
        .bind(storable(&detection.category))
        .bind(detection.severity.map(|severity: Severity| rank(severity)))
        .bind(storable(&path))
        .bind(hex::encode(&detection.path))
        .bind(storable(&process))
        .bind(storable(&detection.user))
        .bind(detection.sha256.map(hex::encode).unwrap_or_default())
        .bind(word(detection.action))
        .bind(word(detection.outcome))
        .bind(storable(&detection.code))
        .bind(storable(&detection.source))
        .bind(seen.found_ms)
        .bind(seen.at_ms)
        .bind(seen.event_key.to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Lets findings about malware say what has become of it since: somebody who reads them now must not be told that it is
/// still there when it is not.
///
/// # Errors
/// When the database fails.
pub async fn bring_up_to_date(registry: &Registry, findings: &mut [FindingRow]) -> Result<()> {
    for row in findings {
        let finding = &mut row.finding;
        let Some(key) = finding.evidence["detection_key"].as_str() else {
            continue;
        };
        let known =
            sqlx::query("SELECT action, outcome, code FROM detections WHERE host_id = $1 AND key = $2")
                .bind(finding.host.0)
                .bind(storable(key))
                .fetch_optional(registry.readers())
                .await?;
        if let Some(known) = known {
            for column in ["action", "outcome", "code"] {
                finding.evidence[column] = known.try_get::<String, _>(column)?.into();
            }
        }
    }
    Ok(())
}

const KEEP: &str = "INSERT INTO detections (id, host_id, key, product, vendor, threat, category, severity, path, \
    path_hex, process, user_name, sha256, action, outcome, code, source, found_ms, updated_ms, handled_ms, event_key) \
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
    CASE WHEN $15 = 'succeeded' THEN $19 END, $20 WHERE EXISTS (SELECT 1 FROM hosts WHERE id = $2) \
    ON CONFLICT (host_id, key) DO UPDATE SET \
    threat = CASE WHEN excluded.threat = '' THEN detections.threat ELSE excluded.threat END, \
    category = CASE WHEN excluded.category = '' THEN detections.category ELSE excluded.category END, \
    severity = COALESCE(excluded.severity, detections.severity), \
    path = CASE WHEN excluded.path = '' THEN detections.path ELSE excluded.path END, \
    path_hex = CASE WHEN excluded.path_hex = '' THEN detections.path_hex ELSE excluded.path_hex END, \
    process = CASE WHEN excluded.process = '' THEN detections.process ELSE excluded.process END, \
    user_name = CASE WHEN excluded.user_name = '' THEN detections.user_name ELSE excluded.user_name END, \
    sha256 = CASE WHEN excluded.sha256 = '' THEN detections.sha256 ELSE excluded.sha256 END, \
    action = CASE WHEN excluded.action = 'unknown' THEN detections.action ELSE excluded.action END, \
    outcome = CASE WHEN excluded.outcome = 'unknown' AND (excluded.code <> 'file_gone' \
        OR detections.outcome = 'succeeded') THEN detections.outcome ELSE excluded.outcome END, \
    code = CASE WHEN excluded.code = '' THEN detections.code ELSE excluded.code END, \
    updated_ms = excluded.updated_ms, \
    handled_ms = CASE WHEN excluded.outcome = 'succeeded' \
        THEN COALESCE(detections.handled_ms, excluded.updated_ms) ELSE detections.handled_ms END \
    WHERE detections.updated_ms <= excluded.updated_ms";

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};
    use vong_proto::event::{Outcome, Remedy};

    use super::*;
    use crate::finding::{Category, Finding};
    use crate::registry::harness::{a_host, a_unit};

    fn a_finding(host: HostId, evidence: Value) -> FindingRow {
        FindingRow {
            finding: Finding {
                id: "f".to_owned(),
                rule: "malware.detected".to_owned(),
                category: Category::Malware,
                host,
                key: String::new(),
                severity: Severity::Medium,
                opened_pos: 1,
                opened_ms: 1,
                evidence,
            },
            judged_ms: 1,
            closed_ms: None,
            alert_id: None,
        }
    }

    /// The first word, and what is said later.
    fn said(action: Remedy, outcome: Outcome) -> Detection {
        Detection {
            key: "k".to_owned(),
            product: "ClamAV".to_owned(),
            action,
            outcome,
            ..Detection::default()
        }
    }

    pub(in crate::registry) async fn what_became_of_malware_is_joined_to_the_first_word_about_it(
        registry: Registry,
    ) {
        let registry = &registry;
        let unit = a_unit(registry, None, "Xã", "").await;
        let host = a_host(registry, unit, "KT-01").await;
        let first = Detection {
            threat: "Eicar\0-Test".to_owned(),
            path: "/home/hạnh/\u{1ebf}.com\0".as_bytes().to_vec(),
            user: "hạnh".to_owned(),
            severity: Some(Severity::High),
            ..said(Remedy::None, Outcome::Pending)
        };
        let words = [
            (first, 10),
            (said(Remedy::Quarantined, Outcome::Succeeded), 20),
            (said(Remedy::Unknown, Outcome::Unknown), 30),
            (said(Remedy::None, Outcome::Failed), 15),
        ];
        let mut tx = registry.begin().await.expect("begin");
        for (detection, at_ms) in &words {
            for host in [host, HostId(99)] {
                let seen = Sighting {
                    host,
                    detection,
                    found_ms: *at_ms,
                    at_ms: *at_ms,
                    event_key: "1-0",
                };
                keep(&mut tx, &seen).await.expect("kept");
            }
        }
        tx.commit().await.expect("commit");
        let rows = sqlx::query(
            "SELECT threat, path, user_name, severity, action, outcome, found_ms, updated_ms, handled_ms \
             FROM detections",
        )
        .fetch_all(registry.readers())
        .await
        .expect("rows");
        assert_eq!(
            rows.len(),
            1,
            "one occurrence, and none of a host that nobody knows"
        );
        let text = |column: &str| rows[0].get::<String, _>(column);
        let number = |column: &str| rows[0].get::<i64, _>(column);
        assert_eq!(text("user_name"), "hạnh");
        assert!(
            text("path").starts_with("/home/hạnh/\u{1ebf}.com"),
            "{}",
            text("path")
        );
        assert!(text("threat").starts_with("Eicar"), "{}", text("threat"));
        assert_eq!(
            (text("action").as_str(), text("outcome").as_str()),
            ("quarantined", "succeeded")
        );
        assert_eq!(
            (number("found_ms"), number("updated_ms"), number("handled_ms")),
            (10, 30, 20)
        );

        let said_first = json!({ "detection_key": "k", "action": "none", "outcome": "pending" });
        let mut findings = [
            a_finding(host, said_first),
            a_finding(host, json!({ "path": "/a" })),
        ];
        bring_up_to_date(registry, &mut findings).await.expect("read");
        let [of_malware, other] = findings.map(|row| row.finding.evidence);
        assert_eq!(
            of_malware,
            json!({ "detection_key": "k", "action": "quarantined", "outcome": "succeeded", "code": "" })
        );
        assert_eq!(other, json!({ "path": "/a" }));
    }
}
