//! What the noun files share: statements put together at run time, pages, and cells of rows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row};
use vong_proto::event::Severity;

use super::{Error, Result};

/// No page is larger than this, whatever is asked for.
const PAGE_MAX: u32 = 500;

/// Which page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The `next` of the page before; `None` for the first.
    pub after: Option<String>,
    /// At most so many items.
    pub limit: u32,
}

impl Page {
    pub(super) fn limit(&self) -> i64 {
        i64::from(self.limit.clamp(1, PAGE_MAX))
    }

    /// The sort key and id of the last item of the page before.
    pub(super) fn position<K: DeserializeOwned>(&self) -> Result<Option<(K, i64)>> {
        let Some(after) = &self.after else {
            return Ok(None);
        };
        let json = URL_SAFE_NO_PAD.decode(after).map_err(|_| Error::Cursor)?;
        serde_json::from_slice(&json).map(Some).map_err(|_| Error::Cursor)
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Paged<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<String>,
}

impl<T> Paged<T> {
    /// Makes a page of one item more than was asked for: the surplus says that there is a next page.
    pub(super) fn of<K: Serialize>(mut items: Vec<T>, limit: i64, key: impl Fn(&T) -> (K, i64)) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| {
            let json = serde_json::to_vec(&key(last)).expect("a key is a string or a number");
            URL_SAFE_NO_PAD.encode(json)
        });
        Paged { items, next }
    }

    /// The same page in other words.
    pub(super) fn map<U>(self, convert: impl FnMut(T) -> U) -> Paged<U> {
        Paged {
            items: self.items.into_iter().map(convert).collect(),
            next: self.next,
        }
    }
}

/// A statement that grows with the filters it is given. Text of the caller is always bound.
#[derive(Default)]
pub(super) struct Statement {
    sql: String,
    values: Vec<Bound>,
}

enum Bound {
    Integer(i64),
    Text(String),
}

impl From<i64> for Bound {
    fn from(value: i64) -> Self {
        Bound::Integer(value)
    }
}

impl From<String> for Bound {
    fn from(value: String) -> Self {
        Bound::Text(value)
    }
}

impl Statement {
    pub(super) fn new(sql: &str) -> Self {
        Self {
            sql: sql.to_owned(),
            values: Vec::new(),
        }
    }

    /// Appends SQL of our own.
    pub(super) fn sql(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Appends a placeholder for a value.
    #[expect(private_bounds, reason = "what can be bound is this file's business")]
    pub(super) fn bind(&mut self, value: impl Into<Bound>) -> &mut Self {
        self.values.push(value.into());
        self.sql.push_str(&format!("${}", self.values.len()));
        self
    }

    /// Appends `column IN (…)`; nothing is in an empty list. The numbers are written out, because a
    /// subtree may hold more of them than a statement may have parameters.
    pub(super) fn among(&mut self, column: &str, ids: &[i64]) -> &mut Self {
        if ids.is_empty() {
            return self.sql("1 = 0");
        }
        let list: Vec<String> = ids.iter().map(i64::to_string).collect();
        self.sql(&format!("{column} IN ({})", list.join(", ")))
    }

    pub(super) fn query(self) -> Query<'static, Any, AnyArguments> {
        let query = sqlx::query(AssertSqlSafe(self.sql));
        self.values.into_iter().fold(query, |query, value| match value {
            Bound::Integer(value) => query.bind(value),
            Bound::Text(value) => query.bind(value),
        })
    }
}

/// A LIKE pattern that finds a folded text anywhere; use with `ESCAPE '!'`.
pub(super) fn containing(folded: &str) -> String {
    let escaped = folded.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%{escaped}%")
}

/// A truth value, kept as 0 or 1.
pub(super) fn flag(row: &AnyRow, column: &'static str) -> Result<bool> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}

/// The word under which an enum's variant is kept: the same as in JSON.
pub(super) fn word<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => unreachable!("only enums without content are kept as words"),
    }
}

/// Reads what [`word`] wrote.
pub(super) fn parsed<T: DeserializeOwned>(row: &AnyRow, column: &'static str) -> Result<T> {
    parse_word(column, row.try_get(column)?)
}

/// Reads what [`word`] wrote, where there may be nothing.
pub(super) fn parsed_option<T: DeserializeOwned>(row: &AnyRow, column: &'static str) -> Result<Option<T>> {
    row.try_get::<Option<String>, _>(column)?
        .map(|value| parse_word(column, value))
        .transpose()
}

fn parse_word<T: DeserializeOwned>(column: &'static str, value: String) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(value.clone()))
        .map_err(|_| Error::Value { column, value })
}

/// Reads JSON text.
pub(super) fn json<T: DeserializeOwned>(row: &AnyRow, column: &'static str) -> Result<T> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|source| Error::Json { column, source })
}

/// Reads JSON text, where there may be nothing.
pub(super) fn json_option<T: DeserializeOwned>(row: &AnyRow, column: &'static str) -> Result<Option<T>> {
    row.try_get::<Option<String>, _>(column)?
        .map(|text| serde_json::from_str(&text).map_err(|source| Error::Json { column, source }))
        .transpose()
}

/// A severity as a number that databases can compare.
pub(super) fn rank(severity: Severity) -> i64 {
    severity as i64
}

/// Reads what [`rank`] wrote.
pub(super) fn severity(row: &AnyRow, column: &'static str) -> Result<Severity> {
    ranked(column, row.try_get(column)?)
}

/// Reads what [`rank`] wrote, where there may be nothing.
pub(super) fn severity_option(row: &AnyRow, column: &'static str) -> Result<Option<Severity>> {
    row.try_get::<Option<i64>, _>(column)?
        .map(|rank| ranked(column, rank))
        .transpose()
}

fn ranked(column: &'static str, rank: i64) -> Result<Severity> {
    [
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ]
    .into_iter()
    .find(|severity| *severity as i64 == rank)
    .ok_or(Error::Value {
        column,
        value: rank.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_a_search_are_letters() {
        assert_eq!(containing("50%_a!"), "%50!%!_a!!%");
    }

    #[test]
    fn severities_keep_their_order_as_numbers() {
        assert!(rank(Severity::Low) < rank(Severity::Medium));
        assert!(rank(Severity::High) < rank(Severity::Critical));
    }

    #[test]
    fn a_cursor_of_somebody_else_is_refused() {
        let page = |after: &str| Page {
            after: Some(after.to_owned()),
            limit: 10,
        };
        assert!(matches!(page("%%%").position::<String>(), Err(Error::Cursor)));
        assert!(matches!(page("e30").position::<String>(), Err(Error::Cursor)));
    }
}
