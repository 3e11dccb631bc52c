//! `vong-collector coverage`: how far each unit's PCs are covered, as the dashboard counts it.

use clap::Args;
use serde_json::{Value, json};

use super::{AdminError, find, open, print};
use crate::clock::now_ms;
use crate::config::Config;
use crate::registry::pc::{self, Moment, PcNumbers};
use crate::registry::unit::{self, Unit};
use crate::scope::Scope;

/// Of all PCs of each unit, how many report and are protected
#[derive(Debug, Args)]
pub struct Coverage {
    /// Only this unit and those below it (number or name)
    #[arg(long)]
    unit: Option<String>,
    /// A PC counts as seen when it was heard of within so many days
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=90))]
    days: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Coverage {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        let registry = open(config).await?;
        let units = unit::all(&registry).await?;
        let asked: Vec<i64> = match self.unit {
            Some(name) => unit::subtree_of(&units, find::unit(&registry, &name).await?.id),
            None => units.iter().map(|unit| unit.id).collect(),
        };
        let own = pc::numbers(&registry, &Scope::ALL, Moment::of(now_ms(), self.days)).await?;
        let total = unit::rolled_up(&units, &own);
        let shown = units.iter().filter(|unit| asked.contains(&unit.id));
        let shown = shown.map(|unit| (unit, total.get(&unit.id).copied().unwrap_or_default()));
        if self.json {
            return print::json(&json!({ "items": shown.map(item).collect::<Vec<_>>() }));
        }
        let rows: Vec<_> = shown.map(row).collect();
        print::table(
            [
                "unit",
                "name",
                "registered",
                "seen",
                "protected",
                "%",
                "exceptions",
                "% without",
                "not enrolled",
                "not in register",
            ],
            &rows,
        )
    }
}

fn item((unit, numbers): (&Unit, PcNumbers)) -> Value {
    json!({
        "unit": unit.id, "name": unit.name, "registered": numbers.registered, "seen": numbers.seen,
        "protected": numbers.protected, "excepted": numbers.excepted,
        "protected_not_excepted": numbers.protected_not_excepted, "outdated": numbers.outdated,
        "not_enrolled": numbers.not_enrolled, "not_in_register": numbers.not_in_register,
        "mismatch": numbers.mismatch,
    })
}

fn row((unit, numbers): (&Unit, PcNumbers)) -> [String; 10] {
    [
        unit.id.to_string(),
        unit.name.clone(),
        numbers.registered.to_string(),
        numbers.seen.to_string(),
        numbers.protected.to_string(),
        percent(numbers.protected, numbers.registered),
        numbers.excepted.to_string(),
        percent(
            numbers.protected_not_excepted,
            numbers.registered - numbers.excepted,
        ),
        numbers.not_enrolled.to_string(),
        numbers.not_in_register.to_string(),
    ]
}

/// Rounded down, so that what is not all never looks like all.
fn percent(part: i64, whole: i64) -> String {
    if whole == 0 {
        return String::new();
    }
    let tenths = part * 1_000 / whole;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_all_never_looks_like_all() {
        for (part, whole, expected) in [
            (0, 0, ""),
            (1, 3, "33.3"),
            (9_999, 10_000, "99.9"),
            (2, 2, "100.0"),
        ] {
            assert_eq!(percent(part, whole), expected);
        }
    }
}
