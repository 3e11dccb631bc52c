//! The machines that PCs see on their own networks, each by its hardware address, with the PC that saw it last.

use vong_proto::event::Neighbour;

use super::fold::storable;
use super::query::Statement;
use super::{Result, Transaction};
use crate::entry::HostId;

/// The same machine is seen by all PCs of an office, each as often as it likes; a row is written again after this time.
const AGAIN_MS: i64 = 3_600_000;
/// At most so many of those that one PC saw last are kept, the newest: a hostile agent invents as many as it likes.
pub const OF_A_HOST_MAX: i64 = 1_024;
/// So many in one statement.
const ROWS_MAX: usize = 100;

/// Keeps whom a PC sees. A host that this registry does not know has nobody to tell.
///
/// # Errors
/// When the database fails.
pub async fn keep(tx: &mut Transaction, host: HostId, seen: &[Neighbour], at_ms: i64) -> Result<()> {
    let is_known: Option<i64> = sqlx::query_scalar("SELECT id FROM hosts WHERE id = $1")
        .bind(host.0)
        .fetch_optional(&mut **tx)
        .await?;
    if is_known.is_none() {
        return Ok(());
    }
    let mut seen: Vec<&Neighbour> = seen
        .iter()
        .filter(|neighbour| !neighbour.mac.is_empty())
        .collect();
    // One statement may not touch one row twice; a machine may have several addresses.
    seen.sort_by(|one, other| one.mac.cmp(&other.mac));
    seen.dedup_by(|one, other| one.mac == other.mac);
    for rows in seen.chunks(ROWS_MAX) {
        let mut statement = Statement::new(
            "INSERT INTO neighbours (mac, host_id, address, adapter, first_ms, last_ms) VALUES ",
        );
        for (i, neighbour) in rows.iter().enumerate() {
            statement.sql(if i == 0 { "(" } else { ", (" });
            statement.bind(storable(&neighbour.mac)).sql(", ").bind(host.0);
            statement.sql(", ").bind(storable(&neighbour.address));
            statement.sql(", ").bind(storable(&neighbour.adapter));
            statement.sql(", ").bind(at_ms).sql(", ").bind(at_ms).sql(")");
        }
        statement.sql(
            " ON CONFLICT (mac) DO UPDATE SET host_id = excluded.host_id, address = excluded.address, \
             adapter = excluded.adapter, last_ms = excluded.last_ms WHERE excluded.last_ms - neighbours.last_ms > ",
        );
        statement.bind(AGAIN_MS);
        statement.query().execute(&mut **tx).await?;
    }
    bound(tx, host).await
}

async fn bound(tx: &mut Transaction, host: HostId) -> Result<()> {
    sqlx::query(
        "DELETE FROM neighbours WHERE host_id = $1 AND mac NOT IN ( \
         SELECT mac FROM neighbours WHERE host_id = $1 ORDER BY last_ms DESC, mac LIMIT $2)",
    )
    .bind(host.0)
    .bind(OF_A_HOST_MAX)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::registry::Registry;
    use crate::registry::harness::{a_host, a_unit};

    fn machines(from: usize, count: usize) -> Vec<Neighbour> {
        let machine = |number: usize| Neighbour {
            mac: format!("02:00:00:00:{:02x}:{:02x}", number / 256, number % 256),
            address: format!("10.0.{}.{}", number / 256, number % 256),
            adapter: "eth0".to_owned(),
        };
        (from..from + count).map(machine).collect()
    }

    pub(in crate::registry) async fn a_machine_is_kept_once_and_invented_ones_leave_room(registry: Registry) {
        let registry = &registry;
        let unit = a_unit(registry, None, "Xã", "").await;
        let (one, other) = (
            a_host(registry, unit, "KT-01").await,
            a_host(registry, unit, "KT-02").await,
        );
        let mut tx = registry.begin().await.expect("begin");
        keep(&mut tx, one, &machines(0, 3), 1_000).await.expect("kept");
        keep(&mut tx, other, &machines(0, 3), 2_000).await.expect("kept");
        keep(&mut tx, HostId(99), &machines(7, 3), 2_000)
            .await
            .expect("nobody");
        for batch in 0..12 {
            let at_ms = 10_000 + batch as i64;
            keep(&mut tx, other, &machines(1_000 + batch * 100, 100), at_ms)
                .await
                .expect("kept");
        }
        tx.commit().await.expect("commit");
        let count = async |host: HostId| -> i64 {
            let statement = "SELECT COUNT(*) FROM neighbours WHERE host_id = $1";
            let query = sqlx::query_scalar(statement).bind(host.0);
            query.fetch_one(registry.readers()).await.expect("a number")
        };
        assert_eq!((count(one).await, count(other).await), (3, OF_A_HOST_MAX));
    }
}
