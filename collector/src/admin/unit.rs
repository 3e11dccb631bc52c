//! `vong-collector unit`: the tree of offices.

use std::collections::HashMap;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use super::{AdminError, audited, find, open, print};
use crate::clock::now_ms;
use crate::config::Config;
use crate::registry::Registry;
use crate::registry::unit::{self, UnitDraft, UnitKind};

const KINDS: &[&str] = &[
    "province",
    "department",
    "commune",
    "ward",
    "special_zone",
    "office",
];

/// The tree of offices.
#[derive(Debug, Args)]
pub struct Unit {
    #[command(subcommand)]
    command: UnitCommand,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum UnitCommand {
    /// Add a unit
    Add {
        /// Its name
        #[arg(long)]
        name: String,
        /// What it is
        #[arg(long, value_parser = find::word::<UnitKind>(KINDS))]
        kind: UnitKind,
        #[command(flatten)]
        rest: Rest,
    },
    /// List all units
    List,
    /// Change a unit; what is not named stays
    Set {
        /// Its number or name
        unit: String,
        /// Its new name
        #[arg(long)]
        name: Option<String>,
        /// What it is
        #[arg(long, value_parser = find::word::<UnitKind>(KINDS))]
        kind: Option<UnitKind>,
        #[command(flatten)]
        rest: Rest,
    },
}

/// What a unit may have.
#[derive(Debug, Args)]
struct Rest {
    /// The unit above it, by number or name
    #[arg(long)]
    parent: Option<String>,
    /// Who answers for its PCs
    #[arg(long)]
    contact: Option<String>,
    /// Where its alerts are mailed
    #[arg(long)]
    email: Option<String>,
    /// The telephone that mails name
    #[arg(long)]
    phone: Option<String>,
}

impl Unit {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        let registry = open(config).await?;
        match self.command {
            UnitCommand::Add { name, kind, rest } => {
                let id = add(&registry, name, kind, rest).await?;
                shown(&registry, id, self.json).await
            }
            UnitCommand::List => list(&registry, self.json).await,
            UnitCommand::Set {
                unit,
                name,
                kind,
                rest,
            } => {
                let id = set(&registry, &unit, name, kind, rest).await?;
                shown(&registry, id, self.json).await
            }
        }
    }
}

async fn add(registry: &Registry, name: String, kind: UnitKind, rest: Rest) -> Result<i64, AdminError> {
    let parent_id = parent_of(registry, rest.parent.as_deref()).await?;
    let namesakes = unit::by_name(registry, &name).await?;
    if let Some(there) = namesakes.iter().find(|unit| unit.parent_id == parent_id) {
        let id = there.id;
        return Err(AdminError::Refused(format!(
            "there is already a unit {name:?} at this place: number {id}"
        )));
    }
    let draft = UnitDraft {
        parent_id,
        name: named(name)?,
        kind,
        contact_name: rest.contact.unwrap_or_default(),
        contact_email: mailed(rest.email)?.unwrap_or_default(),
        phone: rest.phone.unwrap_or_default(),
    };
    let mut tx = registry.begin().await?;
    let id = unit::insert(&mut tx, &draft, now_ms()).await?;
    audited(
        &mut tx,
        "unit.added",
        &format!("unit/{id}"),
        &json!({ "name": draft.name }),
    )
    .await?;
    tx.commit().await?;
    Ok(id)
}

async fn set(
    registry: &Registry,
    text: &str,
    name: Option<String>,
    kind: Option<UnitKind>,
    rest: Rest,
) -> Result<i64, AdminError> {
    let unit = find::unit(registry, text).await?;
    let parent_id = match rest.parent {
        Some(parent) => Some(find::unit(registry, &parent).await?.id),
        None => unit.parent_id,
    };
    let draft = UnitDraft {
        parent_id,
        name: named(name.unwrap_or(unit.name))?,
        kind: kind.unwrap_or(unit.kind),
        contact_name: rest.contact.unwrap_or(unit.contact_name),
        contact_email: mailed(rest.email)?.unwrap_or(unit.contact_email),
        phone: rest.phone.unwrap_or(unit.phone),
    };
    let mut tx = registry.begin().await?;
    unit::update(&mut tx, unit.id, &draft).await?;
    audited(
        &mut tx,
        "unit.changed",
        &format!("unit/{}", unit.id),
        &json!({ "name": draft.name }),
    )
    .await?;
    tx.commit().await?;
    Ok(unit.id)
}

async fn parent_of(registry: &Registry, parent: Option<&str>) -> Result<Option<i64>, AdminError> {
    Ok(match parent {
        Some(parent) => Some(find::unit(registry, parent).await?.id),
        None => None,
    })
}

fn named(name: String) -> Result<String, AdminError> {
    if name.trim().is_empty() {
        return Err(AdminError::Usage("--name must not be empty".to_owned()));
    }
    Ok(name)
}

/// An address, or nothing to take one away.
fn mailed(email: Option<String>) -> Result<Option<String>, AdminError> {
    match email {
        Some(email) if !email.is_empty() && email.parse::<lettre::Address>().is_err() => Err(
            AdminError::Usage(format!("--email: {email:?} is no mail address")),
        ),
        email => Ok(email),
    }
}

/// A unit as a program reads it.
#[derive(Serialize)]
struct Shown {
    id: i64,
    parent_id: Option<i64>,
    name: String,
    kind: UnitKind,
    contact_name: String,
    contact_email: String,
    phone: String,
}

impl From<unit::Unit> for Shown {
    fn from(unit: unit::Unit) -> Self {
        Self {
            id: unit.id,
            parent_id: unit.parent_id,
            name: unit.name,
            kind: unit.kind,
            contact_name: unit.contact_name,
            contact_email: unit.contact_email,
            phone: unit.phone,
        }
    }
}

async fn shown(registry: &Registry, id: i64, json: bool) -> Result<(), AdminError> {
    let Some(unit) = unit::by_id(registry, id).await? else {
        return Ok(());
    };
    if json {
        return print::json(&Shown::from(unit));
    }
    table(&[unit], &HashMap::new())
}

async fn list(registry: &Registry, json: bool) -> Result<(), AdminError> {
    let units = unit::all(registry).await?;
    if json {
        let items: Vec<Shown> = units.into_iter().map(Shown::from).collect();
        return print::json(&json!({ "items": items }));
    }
    let names = units.iter().map(|unit| (unit.id, unit.name.clone())).collect();
    table(&units, &names)
}

fn table(units: &[unit::Unit], names: &HashMap<i64, String>) -> Result<(), AdminError> {
    let above = |id: i64| names.get(&id).cloned().unwrap_or_else(|| id.to_string());
    let rows: Vec<_> = units
        .iter()
        .map(|unit| {
            [
                unit.id.to_string(),
                unit.name.clone(),
                print::word(unit.kind),
                unit.parent_id.map(above).unwrap_or_default(),
                unit.contact_email.clone(),
                unit.phone.clone(),
            ]
        })
        .collect();
    print::table(["id", "name", "kind", "above", "email", "phone"], &rows)
}
