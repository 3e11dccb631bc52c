//! What hosts and units were on each day, for reports of times that are over. Days are Vietnam's.

use std::collections::HashMap;

use sqlx::Row;
use time::{Date, Month, OffsetDateTime, UtcOffset};

use super::pc::{Moment, OUTDATED_DAYS, PcNumbers};
use super::query::Statement;
use super::{Registry, Result, Transaction, pc};
use crate::scope::Scope;

/// What counts as seen in the history: heard of within so many days.
pub const SEEN_DAYS: u32 = 7;

/// Units written by one statement and transaction.
const UNITS_AT_ONCE: usize = 100;
const DAY_MS: i64 = 24 * 3_600_000;
/// Vietnam's time zone; it knows no summer time.
const OFFSET_MS: i64 = 7 * 3_600_000;

/// A day in Vietnam.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    /// The day of a moment.
    pub fn of(at_ms: i64) -> Self {
        let seconds = at_ms.div_euclid(1_000);
        let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let offset = UtcOffset::from_hms(7, 0, 0).unwrap_or(UtcOffset::UTC);
        Self(moment.to_offset(offset).date())
    }

    /// Reads a day such as `2026-11-30`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let is_plain = |part: &str, digits| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        if !is_plain(year, 4) || !is_plain(month, 2) || !is_plain(day, 2) {
            return None;
        }
        let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
        let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
        (date.year() >= 1970).then_some(Self(date))
    }

    /// Its first millisecond.
    pub fn begin_ms(self) -> i64 {
        self.0.midnight().assume_utc().unix_timestamp() * 1_000 - OFFSET_MS
    }

    /// The first millisecond of the next day.
    pub fn end_ms(self) -> i64 {
        self.begin_ms() + DAY_MS
    }

    /// How many days after another it is.
    pub fn days_after(self, other: Self) -> i64 {
        (self.0 - other.0).whole_days()
    }

    fn number(self) -> i64 {
        self.month() * 100 + i64::from(self.0.day())
    }

    fn from_number(number: i64) -> Option<Self> {
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        Self::parse(&format!("{year:04}-{month:02}-{day:02}"))
    }

    /// Its month as yyyymm.
    pub(super) fn month(self) -> i64 {
        i64::from(self.0.year()) * 100 + i64::from(u8::from(self.0.month()))
    }

    /// Its bit in its month.
    pub(super) fn bit(self) -> i64 {
        1 << (self.0.day() - 1)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.0.to_calendar_date();
        write!(out, "{year:04}-{:02}-{day:02}", u8::from(month))
    }
}

/// Notes what hosts and units are today, and which hosts were seen yesterday after the last look at that day. Only
/// what changes is written.
///
/// # Errors
/// When the database fails.
pub async fn note(registry: &Registry, now_ms: i64) -> Result<()> {
    let today = Day::of(now_ms);
    let mut tx = registry.begin().await?;
    note_late(&mut tx, today, now_ms).await?;
    note_hosts(&mut tx, today, now_ms).await?;
    tx.commit().await?;
    note_units(registry, today, now_ms).await
}

/// Today's bits: seen stays, what the antivirus is replaces what it was.
async fn note_hosts(tx: &mut Transaction, today: Day, now_ms: i64) -> Result<()> {
    let mut statement = Statement::new("");
    select_hosts(&mut statement, today, now_ms);
    statement
        .sql("(h.connected = 1 OR h.last_seen_ms >= ")
        .bind(today.begin_ms());
    statement.sql(") ON CONFLICT (month, host_id) DO UPDATE SET seen = host_months.seen | excluded.seen");
    for column in ["protected", "outdated"] {
        statement.sql(&format!(", {column} = (host_months.{column} & ~"));
        statement.bind(today.bit()).sql(&format!(") | excluded.{column}"));
    }
    statement
        .sql(" WHERE (host_months.seen & ")
        .bind(today.bit())
        .sql(") = 0");
    for column in ["protected", "outdated"] {
        statement.sql(&format!(" OR (host_months.{column} & "));
        statement
            .bind(today.bit())
            .sql(&format!(") <> excluded.{column}"));
    }
    statement.query().execute(&mut **tx).await?;
    Ok(())
}

/// Hosts that were heard of for the last time between yesterday's last look and midnight. What their antivirus is now,
/// it was then.
async fn note_late(tx: &mut Transaction, today: Day, now_ms: i64) -> Result<()> {
    let yesterday = Day::of(today.begin_ms() - 1);
    let mut statement = Statement::new("");
    select_hosts(&mut statement, yesterday, now_ms);
    statement.sql("h.last_seen_ms >= ").bind(yesterday.begin_ms());
    statement.sql(" AND h.last_seen_ms < ").bind(today.begin_ms());
    statement.sql(
        " ON CONFLICT (month, host_id) DO UPDATE SET seen = host_months.seen | excluded.seen, \
         protected = host_months.protected | excluded.protected, \
         outdated = host_months.outdated | excluded.outdated WHERE (host_months.seen & ",
    );
    statement.bind(yesterday.bit()).sql(") = 0");
    statement.query().execute(&mut **tx).await?;
    Ok(())
}

fn select_hosts(statement: &mut Statement, day: Day, now_ms: i64) {
    statement.sql("INSERT INTO host_months (month, host_id, seen, protected, outdated) SELECT ");
    statement.bind(day.month()).sql(", h.id, ").bind(day.bit());
    statement
        .sql(", CASE WHEN h.protection = 'protected' THEN ")
        .bind(day.bit());
    statement.sql(" ELSE 0 END, CASE WHEN h.definitions_ms < ");
    statement.bind(now_ms - OUTDATED_DAYS * DAY_MS);
    statement.sql(" THEN ").bind(day.bit());
    statement.sql(" ELSE 0 END FROM hosts h WHERE h.status = 'active' AND ");
}

async fn note_units(registry: &Registry, today: Day, now_ms: i64) -> Result<()> {
    let numbers = pc::numbers(registry, &Scope::ALL, Moment::of(now_ms, SEEN_DAYS)).await?;
    let known = of_day(registry, today).await?;
    let mut changed: Vec<(i64, PcNumbers)> = Vec::new();
    for (unit, now) in &numbers {
        let now = noted(*now);
        if known.get(unit) != Some(&now) {
            changed.push((*unit, now));
        }
    }
    // A unit that has lost its last PC today.
    let lost = known.keys().filter(|unit| !numbers.contains_key(unit));
    changed.extend(lost.map(|unit| (*unit, PcNumbers::default())));
    for some in changed.chunks(UNITS_AT_ONCE) {
        let mut tx = registry.begin().await?;
        write(&mut tx, today, some).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The numbers without those that no day keeps.
fn noted(numbers: PcNumbers) -> PcNumbers {
    PcNumbers {
        not_enrolled: 0,
        not_in_register: 0,
        mismatch: 0,
        ..numbers
    }
}

async fn of_day(registry: &Registry, day: Day) -> Result<HashMap<i64, PcNumbers>> {
    let rows = sqlx::query("SELECT * FROM coverage_days WHERE day = $1")
        .bind(day.number())
        .fetch_all(registry.readers())
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("unit_id")?, from_row(row)?)))
        .collect()
}

fn from_row(row: &sqlx::any::AnyRow) -> Result<PcNumbers> {
    Ok(PcNumbers {
        registered: row.try_get("registered")?,
        seen: row.try_get("seen")?,
        protected: row.try_get("protected")?,
        excepted: row.try_get("excepted")?,
        protected_not_excepted: row.try_get("protected_not_excepted")?,
        outdated: row.try_get("outdated")?,
        ..PcNumbers::default()
    })
}

async fn write(tx: &mut Transaction, day: Day, units: &[(i64, PcNumbers)]) -> Result<()> {
    let mut statement = Statement::new(
        "INSERT INTO coverage_days (day, unit_id, registered, seen, protected, excepted, protected_not_excepted, \
         outdated) VALUES ",
    );
    for (at, (unit, numbers)) in units.iter().enumerate() {
        statement.sql(if at == 0 { "(" } else { ", (" });
        statement.bind(day.number()).sql(", ").bind(*unit);
        for number in [
            numbers.registered,
            numbers.seen,
            numbers.protected,
            numbers.excepted,
            numbers.protected_not_excepted,
            numbers.outdated,
        ] {
            statement.sql(", ").bind(number);
        }
        statement.sql(")");
    }
    statement.sql(
        " ON CONFLICT (day, unit_id) DO UPDATE SET registered = excluded.registered, seen = excluded.seen, \
         protected = excluded.protected, excepted = excluded.excepted, \
         protected_not_excepted = excluded.protected_not_excepted, outdated = excluded.outdated",
    );
    statement.query().execute(&mut **tx).await?;
    Ok(())
}

/// The numbers of each noted day in a range, over some units together, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn history(
    registry: &Registry,
    scope: &Scope,
    units: Option<&[i64]>,
    from: Day,
    to: Day,
) -> Result<Vec<(Day, PcNumbers)>> {
    let mut statement = Statement::new("SELECT d.day AS day");
    for column in [
        "registered",
        "seen",
        "protected",
        "excepted",
        "protected_not_excepted",
        "outdated",
    ] {
        statement.sql(&format!(", CAST(SUM(d.{column}) AS BIGINT) AS {column}"));
    }
    statement
        .sql(" FROM coverage_days d WHERE d.day >= ")
        .bind(from.number());
    statement.sql(" AND d.day <= ").bind(to.number());
    for units in [scope.units.as_deref(), units].into_iter().flatten() {
        statement.sql(" AND ").among("d.unit_id", units);
    }
    statement.sql(" GROUP BY d.day ORDER BY d.day");
    let rows = statement.query().fetch_all(registry.readers()).await?;
    let mut days = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(day) = Day::from_number(row.try_get("day")?) {
            days.push((day, from_row(row)?));
        }
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_vietnam() {
        let day = Day::parse("2026-11-30").expect("a day");
        assert_eq!(day.begin_ms(), 1_795_971_600_000);
        assert_eq!(Day::of(day.begin_ms()), day);
        assert_eq!(Day::of(day.begin_ms() - 1).to_string(), "2026-11-29");
        assert_eq!(Day::of(day.end_ms() - 1), day);
        assert_eq!(
            (day.number(), day.month(), day.bit()),
            (20_261_130, 202_611, 1 << 29)
        );
        assert_eq!(Day::from_number(20_261_130), Some(day));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026-02-30",
            "2026-1-1",
            "1969-12-31",
            "2026-11-30-1",
            "+026-11-30",
            "2026/11/30",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }
}
