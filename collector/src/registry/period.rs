//! The numbers of a period that is over, or nearly: what the month's report says.
//!
//! PCs are those known at the period's end, at the units where they stand now. What a host was on a day stands in
//! `host_months`, one bit a day; "on the last day on which it was seen" is a comparison of numbers there, because among
//! the seen days the last is the highest bit.

use std::collections::HashMap;
use std::ops::AddAssign;

use sqlx::Row;

use super::day::Day;
use super::query::Statement;
use super::{Registry, Result};
use crate::scope::Scope;

/// From the beginning of the first day to the end of the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
}

/// The numbers of some PCs in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeriodNumbers {
    /// PCs known at the period's end.
    pub registered: i64,
    /// Of these, those whose host was seen on any day.
    pub seen: i64,
    /// Of the seen, those protected on the last day on which they were seen.
    pub protected: i64,
    /// Of the seen, those with old definitions on that day.
    pub outdated: i64,
    /// Active hosts on which malware was found.
    pub infected: i64,
    /// Malware found on them.
    pub files_found: i64,
    /// Of that, what was made harmless.
    pub files_handled: i64,
}

impl AddAssign for PeriodNumbers {
    fn add_assign(&mut self, other: Self) {
        self.registered += other.registered;
        self.seen += other.seen;
        self.protected += other.protected;
        self.outdated += other.outdated;
        self.infected += other.infected;
        self.files_found += other.files_found;
        self.files_handled += other.files_handled;
    }
}

/// The numbers of each unit's own PCs; a unit without PCs and malware is absent.
///
/// # Errors
/// When the database fails.
pub async fn numbers(
    registry: &Registry,
    scope: &Scope,
    period: Period,
) -> Result<HashMap<i64, PeriodNumbers>> {
    let mut numbers: HashMap<i64, PeriodNumbers> = HashMap::new();
    let mut statement = Statement::new(
        "SELECT p.unit_id AS unit_id, COUNT(*) AS registered, COUNT(d.host_id) AS seen, \
         CAST(COALESCE(SUM(d.protected), 0) AS BIGINT) AS protected, \
         CAST(COALESCE(SUM(d.outdated), 0) AS BIGINT) AS outdated FROM (",
    );
    pcs(&mut statement, period.to.end_ms());
    statement.sql(") p LEFT JOIN (");
    last_days(&mut statement, period);
    statement.sql(") d ON d.host_id = p.host_id WHERE 1 = 1");
    if let Some(units) = &scope.units {
        statement.sql(" AND ").among("p.unit_id", units);
    }
    statement.sql(" GROUP BY p.unit_id");
    for row in &statement.query().fetch_all(registry.readers()).await? {
        let own = numbers.entry(row.try_get("unit_id")?).or_default();
        own.registered = row.try_get("registered")?;
        own.seen = row.try_get("seen")?;
        own.protected = row.try_get("protected")?;
        own.outdated = row.try_get("outdated")?;
    }
    malware(registry, scope, period, &mut numbers).await?;
    Ok(numbers)
}

/// Appends the PCs that were known at a moment: `unit_id` and `host_id`.
fn pcs(statement: &mut Statement, end_ms: i64) {
    statement.sql(
        "SELECT COALESCE(h.unit_id, a.unit_id) AS unit_id, h.id AS host_id FROM assets a \
         LEFT JOIN hosts h ON h.id = a.host_id AND h.status = 'active' WHERE ",
    );
    stood(statement, end_ms);
    statement
        .sql(" UNION ALL SELECT h.unit_id, h.id FROM hosts h WHERE h.status = 'active' AND h.created_ms < ");
    statement.bind(end_ms);
    statement.sql(" AND NOT EXISTS (SELECT 1 FROM assets a WHERE a.host_id = h.id AND ");
    stood(statement, end_ms);
    statement.sql(")");
}

/// Appends that line `a` stood in the register at a moment.
fn stood(statement: &mut Statement, end_ms: i64) {
    statement.sql("a.created_ms < ").bind(end_ms);
    statement
        .sql(" AND (a.removed_ms IS NULL OR a.removed_ms >= ")
        .bind(end_ms)
        .sql(")");
}

/// Appends, for each host that was seen in the period, what it was on the last such day.
fn last_days(statement: &mut Statement, period: Period) {
    statement.sql("SELECT m.host_id AS host_id");
    for column in ["protected", "outdated"] {
        statement.sql(&format!(
            ", CASE WHEN (m.days & m.{column}) > (m.days & ~m.{column}) THEN 1 ELSE 0 END AS {column}"
        ));
    }
    statement.sql(" FROM (");
    days(statement, period);
    statement.sql(") m JOIN (SELECT s.host_id AS host_id, MAX(s.month) AS month FROM (");
    days(statement, period);
    statement
        .sql(") s WHERE s.days <> 0 GROUP BY s.host_id) l ON l.host_id = m.host_id AND l.month = m.month");
}

/// Appends every month of the period with only the period's seen days.
fn days(statement: &mut Statement, period: Period) {
    let from_first = !(period.from.bit() - 1);
    let to_last = period.to.bit() | (period.to.bit() - 1);
    statement.sql("SELECT host_id, month, protected, outdated, (seen & CASE WHEN month = ");
    statement.bind(period.from.month()).sql(" THEN ").bind(from_first);
    statement
        .sql(" ELSE -1 END & CASE WHEN month = ")
        .bind(period.to.month());
    statement.sql(" THEN ").bind(to_last);
    statement.sql(" ELSE -1 END) AS days FROM host_months WHERE month >= ");
    statement
        .bind(period.from.month())
        .sql(" AND month <= ")
        .bind(period.to.month());
}

async fn malware(
    registry: &Registry,
    scope: &Scope,
    period: Period,
    numbers: &mut HashMap<i64, PeriodNumbers>,
) -> Result<()> {
    let mut statement = Statement::new(
        "SELECT h.unit_id AS unit_id, COUNT(DISTINCT d.host_id) AS infected, COUNT(*) AS found, \
         CAST(SUM(CASE WHEN d.outcome = 'succeeded' THEN 1 ELSE 0 END) AS BIGINT) AS handled \
         FROM detections d JOIN hosts h ON h.id = d.host_id WHERE h.status = 'active' AND d.found_ms >= ",
    );
    statement.bind(period.from.begin_ms());
    statement.sql(" AND d.found_ms < ").bind(period.to.end_ms());
    if let Some(units) = &scope.units {
        statement.sql(" AND ").among("h.unit_id", units);
    }
    statement.sql(" GROUP BY h.unit_id");
    for row in &statement.query().fetch_all(registry.readers()).await? {
        let own = numbers.entry(row.try_get("unit_id")?).or_default();
        own.infected = row.try_get("infected")?;
        own.files_found = row.try_get("found")?;
        own.files_handled = row.try_get("handled")?;
    }
    Ok(())
}
