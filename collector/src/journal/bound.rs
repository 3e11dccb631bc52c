//! How much the ledger may remember of one host: entries are erased in time, but gaps, marks and what was set aside
//! stay, and an agent could fill the journal with them. Beyond the limits the oldest details are forgotten, and
//! only their sums stay: "so many missing" remains exact, up to [`SUM_MAX`].

use rusqlite::{Connection, Transaction, params};
use vong_proto::event::StreamId;

use super::HostTotals;
use super::reader::number;
use crate::entry::HostId;

/// Gaps that are named one by one, of one host: years of an honest one's.
pub(super) const GAPS_MAX: i64 = 1_000;

/// Events set aside that are named one by one, of one host.
const SET_ASIDE_MAX: i64 = 1_000;

/// Streams of one host: each re-installation and each restored snapshot begins one.
pub(super) const STREAMS_MAX: i64 = 64;

/// No sum of a host grows beyond this; it stays there. Real ones never come near it, but an agent may claim any
/// number: beyond 2^63 SQLite fails over the sums of every host. Whoever shows them as JSON keeps them exact.
pub(super) const SUM_MAX: i64 = 1 << 53;

/// So many are forgotten at once, so that not every further one has to look.
const STEP: i64 = 100;

/// Forgets the oldest gaps of a host that has too many.
pub(super) fn gaps(transaction: &Transaction<'_>, host: HostId) -> rusqlite::Result<()> {
    if count(transaction, "SELECT count(*) FROM gaps WHERE host = ?1", host)? <= GAPS_MAX {
        return Ok(());
    }
    let missing: i64 = transaction.query_row(
        "SELECT sum(last + 1 - first) FROM (SELECT first, last FROM gaps WHERE host = ?1
         ORDER BY at_ms, stream, lane, first LIMIT ?2)",
        params![host.0, STEP],
        |row| row.get(0),
    )?;
    transaction.execute(
        "DELETE FROM gaps WHERE (stream, lane, first) IN (SELECT stream, lane, first FROM gaps WHERE host = ?1
         ORDER BY at_ms, stream, lane, first LIMIT ?2)",
        params![host.0, STEP],
    )?;
    remember(transaction, host, missing, 0, 0)
}

/// Forgets the oldest events set aside of a host that has too many.
pub(super) fn set_aside(transaction: &Transaction<'_>, host: HostId) -> rusqlite::Result<()> {
    let rows = count(
        transaction,
        "SELECT count(*) FROM set_aside WHERE host = ?1",
        host,
    )?;
    if rows <= SET_ASIDE_MAX {
        return Ok(());
    }
    let forgotten = transaction.execute(
        "DELETE FROM set_aside WHERE (stream, lane, seq) IN (SELECT stream, lane, seq FROM set_aside WHERE host = ?1
         ORDER BY pos, stream, lane, seq LIMIT ?2)",
        params![host.0, STEP],
    )?;
    remember(
        transaction,
        host,
        0,
        0,
        i64::try_from(forgotten).unwrap_or(i64::MAX),
    )
}

/// Forgets the streams of a host that are longest at rest, when it has too many.
pub(super) fn streams(transaction: &Transaction<'_>, host: HostId) -> rusqlite::Result<()> {
    let at_rest: Vec<[u8; 16]> = transaction
        .prepare_cached(
            "SELECT stream FROM marks WHERE host = ?1 GROUP BY stream ORDER BY max(at_ms) DESC, stream
             LIMIT -1 OFFSET ?2",
        )?
        .query_map(params![host.0, STREAMS_MAX], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for stream in at_rest {
        forget_stream(transaction, host, StreamId(stream))?;
    }
    Ok(())
}

fn forget_stream(transaction: &Transaction<'_>, host: HostId, stream: StreamId) -> rusqlite::Result<()> {
    let (missing, opaque, aside) = transaction.query_row(
        "SELECT (SELECT coalesce(sum(last + 1 - first), 0) FROM gaps WHERE stream = ?1),
                (SELECT coalesce(sum(opaque), 0) FROM marks WHERE stream = ?1),
                (SELECT count(*) FROM set_aside WHERE stream = ?1)",
        [stream.0],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    for statement in [
        "DELETE FROM gaps WHERE stream = ?1",
        "DELETE FROM marks WHERE stream = ?1",
        "DELETE FROM set_aside WHERE stream = ?1",
        "DELETE FROM streams WHERE stream = ?1",
    ] {
        transaction.execute(statement, [stream.0])?;
    }
    remember(transaction, host, missing, opaque, aside)
}

/// Adds to what is known of a host in numbers only.
pub(super) fn remember(
    transaction: &Transaction<'_>,
    host: HostId,
    missing: i64,
    opaque: i64,
    set_aside: i64,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO forgotten (host, missing, opaque, set_aside)
         VALUES (?1, min(?2, ?5), min(?3, ?5), min(?4, ?5))
         ON CONFLICT (host) DO UPDATE SET missing = min(missing + excluded.missing, ?5),
             opaque = min(opaque + excluded.opaque, ?5), set_aside = min(set_aside + excluded.set_aside, ?5)",
        params![host.0, missing, opaque, set_aside, SUM_MAX],
    )?;
    Ok(())
}

fn count(transaction: &Transaction<'_>, statement: &str, host: HostId) -> rusqlite::Result<i64> {
    transaction
        .prepare_cached(statement)?
        .query_row([host.0], |row| row.get(0))
}

/// What is known of a host in numbers only.
pub(super) fn forgotten(connection: &Connection, host: HostId) -> rusqlite::Result<HostTotals> {
    let mut statement = connection.prepare_cached(
        "SELECT min(missing, ?2), min(opaque, ?2), min(set_aside, ?2) FROM forgotten WHERE host = ?1",
    )?;
    let mut rows = statement.query([host.0, SUM_MAX])?;
    let mut totals = HostTotals {
        host,
        missing: 0,
        opaque: 0,
        set_aside: 0,
    };
    if let Some(row) = rows.next()? {
        totals.missing = number(row, 0)?;
        totals.opaque = number(row, 1)?;
        totals.set_aside = number(row, 2)?;
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use super::super::ledger;
    use super::*;

    const HOST: HostId = HostId(7);

    fn a_ledger() -> Connection {
        let connection = Connection::open_in_memory().expect("a database");
        for migration in [
            include_str!("migrations/0001.sql"),
            include_str!("migrations/0002.sql"),
        ] {
            connection.execute_batch(migration).expect("migrated");
        }
        connection
    }

    fn missing_of_all(connection: &Connection) -> Vec<(HostId, u64)> {
        let totals = ledger::totals(connection).expect("totals");
        totals.iter().map(|of| (of.host, of.missing)).collect()
    }

    #[test]
    fn whatever_one_agent_claims_the_sums_of_all_hosts_can_be_read() {
        let mut connection = a_ledger();
        let transaction = connection.transaction().expect("begun");
        for _ in 0..3 {
            remember(&transaction, HOST, 1 << 62, 0, 0).expect("remembered");
        }
        remember(&transaction, HostId(8), 5, 0, 0).expect("remembered");
        transaction.commit().expect("committed");
        assert_eq!(missing_of_all(&connection), [(HOST, 1 << 53), (HostId(8), 5)]);
        assert_eq!(forgotten(&connection, HOST).expect("read").missing, 1 << 53);
    }

    #[test]
    fn a_sum_that_has_overflown_already_can_be_read_again() {
        let connection = a_ledger();
        let overflown = "INSERT INTO forgotten (host, missing) VALUES (7, 9223372036854775807 + 1)";
        connection.execute_batch(overflown).expect("written");
        assert_eq!(missing_of_all(&connection), [(HOST, 1 << 53)]);
        assert_eq!(forgotten(&connection, HOST).expect("read").missing, 1 << 53);
    }
}
