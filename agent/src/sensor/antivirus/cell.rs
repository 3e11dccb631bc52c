//! One value of a raw row, whatever form it took on its way: sources hand over rows as JSON, and what should be a
//! number arrives as a number, as text, or wrapped.
//!
//! A value that cannot be read is the same as one that is missing. What it said stays visible in the raw values.

use serde_json::Value;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::{datetime, format_description};
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};
use vong_proto::event::Switch;

/// Longer texts are cut: names and versions are short, and a row may hold anything.
const TEXT_BYTES_MAX: usize = 255;
/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 24 * 3_600 * 1_000;
/// Windows writes "never" as 1601; a clock that was never set says 1970. No antivirus of today is older than this.
const EARLIEST: OffsetDateTime = datetime!(2000-01-01 0:00 UTC);
/// Later dates are mistakes.
const LATEST: OffsetDateTime = datetime!(2100-01-01 0:00 UTC);
/// What Windows writes as an age in days, or as seconds since 1970, when there is none.
const NEVER: i64 = u32::MAX as i64;
/// A longer age is a mistake.
const AGE_DAYS_MAX: i64 = 36_500;
/// `20261123043100`, the beginning of a date in WMI's form.
const CIM: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day][hour][minute][second]");
/// Where minutes behind UTC's begin in WMI's form, after the fraction: `20261123043100.000000+420`.
const CIM_OFFSET_AT: usize = 21;

/// The value under a name, unwrapped; `None` also for null.
fn plain<'a>(row: &'a Value, name: &str) -> Option<&'a Value> {
    let value = row.get(name)?;
    let inner = ["value", "#text", "$type"]
        .into_iter()
        .find_map(|wrapped| value.get(wrapped));
    let value = inner.unwrap_or(value);
    (!value.is_null()).then_some(value)
}

/// A text that says something.
pub(super) fn text(row: &Value, name: &str) -> Option<String> {
    let text = match plain(row, name)? {
        Value::String(text) => cut(text.trim()),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A whole number, also as text, decimal or hexadecimal with `0x`.
pub(super) fn number(row: &Value, name: &str) -> Option<i64> {
    match plain(row, name)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => parse_number(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn parse_number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // `from_str_radix` would take a second sign.
        Some(digits) if digits.starts_with(['+', '-']) => None,
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A yes or no.
pub(super) fn flag(row: &Value, name: &str) -> Option<bool> {
    match plain(row, name)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Null | Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A yes or no as a switch.
pub(super) fn switch(row: &Value, name: &str) -> Switch {
    match flag(row, name) {
        Some(true) => Switch::On,
        Some(false) => Switch::Off,
        None => Switch::Unknown,
    }
}

/// A moment in milliseconds since 1970: WMI's form, ISO 8601 with a zone, or milliseconds since 1970, which
/// PowerShell writes as `/Date(1795383060000)/`. Without a zone nobody knows when it was.
pub(super) fn moment_ms(row: &Value, name: &str) -> Option<i64> {
    let text = text(row, name)?;
    let moment = OffsetDateTime::parse(&text, &Rfc3339)
        .ok()
        .or_else(|| parse_cim(&text))
        .or_else(|| parse_epoch(&text))?;
    ms_of(moment)
}

/// A moment that stands there as seconds since 1970, in milliseconds.
pub(super) fn seconds_ms(row: &Value, name: &str) -> Option<i64> {
    let seconds = number(row, name).filter(|seconds| *seconds != NEVER)?;
    ms_of(OffsetDateTime::from_unix_timestamp(seconds).ok()?)
}

/// A plausible moment in milliseconds since 1970.
pub(super) fn ms_of(moment: OffsetDateTime) -> Option<i64> {
    let is_plausible = (EARLIEST..LATEST).contains(&moment);
    let ms = i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()?;
    is_plausible.then_some(ms)
}

fn parse_cim(text: &str) -> Option<OffsetDateTime> {
    let local = PrimitiveDateTime::parse(text.get(..14)?, CIM).ok()?;
    let offset = text.get(CIM_OFFSET_AT..)?;
    let minutes: i32 = offset.parse().ok()?;
    let is_signed = offset.starts_with(['+', '-']);
    let offset = UtcOffset::from_whole_seconds(minutes.checked_mul(60)?).ok()?;
    (is_signed && text.as_bytes()[14] == b'.').then(|| local.assume_offset(offset))
}

fn parse_epoch(text: &str) -> Option<OffsetDateTime> {
    let bare = text
        .strip_prefix("/Date(")
        .and_then(|text| text.strip_suffix(")/"));
    let ms: i64 = bare.unwrap_or(text).parse().ok()?;
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()
}

/// How old something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// Nobody says.
    Unknown,
    /// It never was.
    Never,
    /// Days.
    Days(i64),
}

/// An age in days.
pub(super) fn age(row: &Value, name: &str) -> Age {
    match number(row, name) {
        Some(NEVER) => Age::Never,
        Some(days @ 0..=AGE_DAYS_MAX) => Age::Days(days),
        Some(_) | None => Age::Unknown,
    }
}

impl Age {
    /// The day of it, when it was read at this time: its beginning, so that it is the same at each look of a day.
    pub(super) fn day_ms(self, read_ms: i64) -> Option<i64> {
        match self {
            Age::Days(days) if read_ms > 0 => Some((read_ms.div_euclid(DAY_MS) - days) * DAY_MS),
            Age::Days(_) | Age::Never | Age::Unknown => None,
        }
    }
}

/// The values that a row has of these, as `source.name=value`.
pub(super) fn raw(source: &str, row: &Value, names: &[&str]) -> Vec<String> {
    let say = |name: &&str| {
        let value = plain(row, name)?;
        let text = match value {
            Value::String(text) => cut(text),
            other => cut(&other.to_string()),
        };
        Some(format!("{source}.{name}={text}"))
    };
    names.iter().filter_map(say).collect()
}

/// At most [`TEXT_BYTES_MAX`] bytes of a text.
pub(super) fn cut(text: &str) -> String {
    let end = (0..=TEXT_BYTES_MAX.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_come_in_every_form_and_nonsense_is_missing() {
        let check = |value: Value, expected: Option<i64>| {
            assert_eq!(number(&json!({ "n": value }), "n"), expected, "{value}");
        };
        check(json!(397_568), Some(397_568));
        check(json!("397568"), Some(397_568));
        check(json!(" 0x61100 "), Some(0x61100));
        check(json!({ "#text": "1116" }), Some(1_116));
        check(json!(-1), Some(-1));
        for nonsense in [
            json!(null),
            json!(1.5),
            json!("on"),
            json!("0x"),
            json!("0x-1"),
            json!([1]),
            json!(true),
            json!(u64::MAX),
        ] {
            check(nonsense, None);
        }
        assert_eq!(number(&json!("no row"), "n"), None);
    }

    #[test]
    fn moments_come_in_every_form_and_need_a_zone() {
        let check = |value: Value, expected: Option<i64>| {
            assert_eq!(moment_ms(&json!({ "at": value }), "at"), expected, "{value}");
        };
        // `date -u -d @1795383060`: Sun Nov 22 21:31:00 2026.
        let expected = Some(1_795_383_060_000);
        check(json!("20261123043100.000000+420"), expected);
        check(json!("20261122213100.000000+000"), expected);
        check(json!("20261122163100.000000-300"), expected);
        check(json!("2026-11-23T04:31:00+07:00"), expected);
        check(json!("2026-11-22T21:31:00.0000000Z"), expected);
        check(json!("1795383060000"), expected);
        check(json!("/Date(1795383060000)/"), expected);
        check(json!(1_795_383_060_000_i64), expected);
        for nonsense in [
            json!("20261123043100.000000+***"),
            json!("20261123043100.000000"),
            json!("20261399043100.000000+420"),
            json!("20261123043100.000000+99999999999"),
            json!("2026-11-23T04:31:00"),
            json!("16010101000000.000000+000"),
            json!("9999-12-31T23:59:59Z"),
            json!("hôm qua"),
            json!(0),
            json!(i64::MAX),
            json!(null),
        ] {
            check(nonsense, None);
        }
    }

    #[test]
    fn an_age_of_all_ones_is_never() {
        let check = |value: Value, expected: Age| assert_eq!(age(&json!({ "a": value }), "a"), expected);
        check(json!(0), Age::Days(0));
        check(json!(3), Age::Days(3));
        check(json!(4_294_967_295_u32), Age::Never);
        check(json!(-1), Age::Unknown);
        check(json!(65_535_000), Age::Unknown);
        check(json!(null), Age::Unknown);
        assert_eq!(Age::Days(1).day_ms(3 * DAY_MS + 7), Some(2 * DAY_MS));
        assert_eq!(Age::Never.day_ms(3 * DAY_MS), None);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "ồ".repeat(TEXT_BYTES_MAX);
        assert_eq!(cut(&long).len(), 255);
        assert_eq!(cut(&format!("x{long}")).len(), 253);
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_cell_nothing_panics(value in ".*") {
            let row = json!({ "cell": value });
            let _ = (moment_ms(&row, "cell"), number(&row, "cell"), flag(&row, "cell"));
            let _ = (age(&row, "cell").day_ms(1), raw("x", &row, &["cell"]));
        }
    }
}
