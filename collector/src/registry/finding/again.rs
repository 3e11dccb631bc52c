//! What is heard of a finding after it was opened.
//!
//! People may have closed it meanwhile. Most of what then follows is none of their business any more. Files that go on
//! getting lost are: whoever closed the alarm has not seen those, so it opens anew, as a finding of its own that whoever
//! follows the first one leads to.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{COLUMNS, FindingRow, alert_of, from_row, open, set_evidence};
use crate::finding::{Finding, RANSOMWARE};
use crate::registry::{Result, Transaction};

/// News of a finding.
#[derive(Clone, Copy, Debug)]
pub struct News<'a> {
    /// The finding.
    pub id: &'a str,
    /// Its facts from now on.
    pub evidence: &'a Value,
    /// Where in the journal they stand.
    pub pos: u64,
    /// When that was, milliseconds since 1970.
    pub at_ms: i64,
}

/// More is known of a finding; the alert that it belongs to. See the module on one that is closed.
///
/// # Errors
/// When the database fails.
pub async fn follow_up(tx: &mut Transaction, news: News<'_>, judged_ms: i64) -> Result<Option<i64>> {
    if set_evidence(tx, news.id, news.evidence).await? {
        return alert_of(tx, news.id).await;
    }
    let latest = match latest_like(tx, news.id).await {
        Ok(Some(latest)) => latest,
        Ok(None) => return Ok(None),
        // It stays closed, and stops nobody else's.
        Err(error) if error.is_about_a_row() => return Ok(None),
        Err(error) => return Err(error),
    };
    if latest.closed_ms.is_none() {
        set_evidence(tx, &latest.finding.id, news.evidence).await?;
        return Ok(latest.alert_id);
    }
    if latest.finding.rule == RANSOMWARE && has_grown(&latest.finding.evidence, news.evidence) {
        let anew = Finding {
            id: id_after(&latest.finding.id),
            opened_pos: news.pos,
            opened_ms: news.at_ms,
            evidence: news.evidence.clone(),
            ..latest.finding
        };
        open(tx, &anew, judged_ms).await?;
    }
    Ok(None)
}

/// The latest finding of the same occurrence.
async fn latest_like(tx: &mut Transaction, id: &str) -> Result<Option<FindingRow>> {
    let statement = format!(
        "SELECT {COLUMNS} FROM findings WHERE (host_id, rule, key) = \
         (SELECT host_id, rule, key FROM findings WHERE id = $1) ORDER BY opened_pos DESC, judged_ms DESC LIMIT 1"
    );
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(id.to_owned())
        .fetch_optional(&mut **tx)
        .await?
        .map(|row| from_row(&row))
        .transpose()
}

fn has_grown(before: &Value, now: &Value) -> bool {
    ["files_lost", "more"]
        .into_iter()
        .any(|figure| now[figure].as_u64() > before[figure].as_u64())
}

/// The same journal names the same findings, so the next one has its name from the one before.
fn id_after(id: &str) -> String {
    hex::encode(&Sha256::digest([id, "again"].join("\0"))[..16])
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vong_proto::event::Severity;

    use super::*;
    use crate::entry::HostId;
    use crate::finding::Category;
    use crate::registry::finding::{close, open_of};
    use crate::registry::harness::{a_host, a_unit, sqlite};

    fn news(evidence: &Value, pos: u64) -> News<'_> {
        News {
            id: "first",
            evidence,
            pos,
            at_ms: 2,
        }
    }

    async fn alarm(tx: &mut Transaction, host: HostId) {
        let finding = Finding {
            id: "first".to_owned(),
            rule: RANSOMWARE.to_owned(),
            category: Category::Ransomware,
            host,
            key: "k".to_owned(),
            severity: Severity::Critical,
            opened_pos: 1,
            opened_ms: 1,
            evidence: json!({ "files_lost": 5 }),
        };
        open(tx, &finding, 1).await.expect("a finding");
    }

    #[tokio::test]
    async fn an_alarm_that_people_closed_opens_anew_when_more_is_lost_and_only_then() {
        let sqlite = sqlite().await;
        let unit = a_unit(&sqlite.registry, None, "Xã", "").await;
        let host = a_host(&sqlite.registry, unit, "KT-01").await;
        let mut tx = sqlite.registry.begin().await.expect("begin");
        alarm(&mut tx, host).await;
        close(&mut tx, "first", 2).await.expect("closed");
        let mut opened = Vec::new();
        for (pos, files_lost) in [(2, 5), (3, 60), (4, 70), (5, 80)] {
            let evidence = json!({ "files_lost": files_lost });
            follow_up(&mut tx, news(&evidence, pos), 1).await.expect("kept");
            let open = open_of(&mut tx, host, "tripwire.").await.expect("findings");
            opened.push(open.len());
            if pos == 4 {
                close(&mut tx, &open[0], 3).await.expect("closed again");
            }
        }
        assert_eq!(opened, [0, 1, 1, 1]);
        let latest = latest_like(&mut tx, "first").await.expect("read").expect("one");
        assert_eq!((latest.finding.opened_pos, latest.closed_ms), (5, None));
        assert_eq!(latest.finding.evidence["files_lost"], 80);
    }
}
