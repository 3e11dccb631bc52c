//! `vong-collector policy`: what sensors are told to do.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{ACTOR, AdminError, audited, find, open, print};
use crate::api::draft;
use crate::clock::now_ms;
use crate::config::Config;
use crate::registry::Registry;
use crate::registry::policy;

/// What sensors are told to do.
#[derive(Debug, Args)]
pub struct Policy {
    #[command(subcommand)]
    command: PolicyCommand,
    /// Print JSON only
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Show what a unit says itself and what its PCs get, or what one PC gets
    Show {
        /// A unit (number or name)
        #[arg(long, required_unless_present = "host", conflicts_with = "host")]
        unit: Option<String>,
        /// A PC (number or name)
        #[arg(long)]
        host: Option<String>,
    },
    /// Replace what a unit says itself; connected PCs get it at once
    Set {
        /// The unit (number or name)
        #[arg(long)]
        unit: String,
        /// A partial policy, .toml or .json
        file: PathBuf,
    },
    /// Check a file, as the policy of a unit or as if it stood alone; nothing is changed
    Check {
        /// The unit (number or name)
        #[arg(long)]
        unit: Option<String>,
        /// A partial policy, .toml or .json
        file: PathBuf,
    },
}

impl Policy {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        match self.command {
            PolicyCommand::Show { unit: Some(unit), .. } => show_unit(&open(config).await?, &unit).await,
            PolicyCommand::Show { host, .. } => {
                show_host(&open(config).await?, &host.unwrap_or_default()).await
            }
            PolicyCommand::Set { unit, file } => set(&open(config).await?, &unit, &file, self.json).await,
            PolicyCommand::Check { unit, file } => {
                match unit {
                    Some(unit) => check(&open(config).await?, &unit, &file).await?,
                    None => alone(&file)?,
                }
                told(self.json, &json!({ "valid": true }), "the policy can be used")
            }
        }
    }
}

async fn show_unit(registry: &Registry, unit: &str) -> Result<(), AdminError> {
    let unit = find::unit(registry, unit).await?;
    let own = policy::of_unit(registry, unit.id).await?;
    let effective = policy::effective_of_unit(registry, unit.id).await?;
    print::json(&json!({
        "unit_id": unit.id,
        "unit": unit.name,
        "version": own.as_ref().map_or(0, |own| own.version),
        "own": own.map_or_else(|| json!({}), |own| own.document),
        "effective": document(&effective.document),
        "hash": effective.hash,
    }))
}

async fn show_host(registry: &Registry, host: &str) -> Result<(), AdminError> {
    let host = find::host(registry, host).await?;
    let effective = policy::effective(registry, host.id).await?;
    print::json(&json!({
        "host_id": host.id,
        "host": host.name,
        "state": host.policy_state,
        "refusal": host.policy_refusal,
        "effective": document(&effective.document),
        "hash": effective.hash,
    }))
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).expect("the registry makes effective policies as JSON")
}

async fn set(registry: &Registry, unit: &str, file: &Path, json: bool) -> Result<(), AdminError> {
    let unit = find::unit(registry, unit).await?;
    let document = read(file)?;
    let checked = draft::check(registry, unit.id, &document).await;
    checked.map_err(|error| AdminError::of_draft(file.to_owned(), error))?;
    let mut tx = registry.begin().await?;
    let version = policy::set(&mut tx, unit.id, &document, ACTOR, now_ms()).await?;
    let detail = json!({ "version": version, "document": document });
    audited(&mut tx, "policy.changed", &format!("unit/{}", unit.id), &detail).await?;
    tx.commit().await?;
    let name = print::plain(&unit.name);
    let text = format!("policy of {name}: version {version}; its PCs get it over their connections");
    told(json, &json!({ "unit_id": unit.id, "version": version }), &text)
}

async fn check(registry: &Registry, unit: &str, file: &Path) -> Result<(), AdminError> {
    let unit = find::unit(registry, unit).await?;
    let checked = draft::check(registry, unit.id, &read(file)?).await;
    checked.map_err(|error| AdminError::of_draft(file.to_owned(), error))
}

fn alone(file: &Path) -> Result<(), AdminError> {
    let checked = draft::check_alone(&read(file)?);
    checked.map_err(|error| AdminError::of_draft(file.to_owned(), error))
}

fn told(json: bool, value: &Value, text: &str) -> Result<(), AdminError> {
    if json {
        print::json(value)
    } else {
        print::line(text)
    }
}

/// A document from a file; the name's end says in which language it is.
fn read(file: &Path) -> Result<Value, AdminError> {
    let text = std::fs::read_to_string(file).map_err(|source| AdminError::Read {
        file: file.to_owned(),
        source,
    })?;
    let read = match file.extension().and_then(|end| end.to_str()) {
        Some("toml") => toml::from_str(&text).map_err(|error| error.to_string()),
        Some("json") => serde_json::from_str(&text).map_err(|error| error.to_string()),
        _ => Err("the name must end in .toml or .json".to_owned()),
    };
    read.map_err(|fault| AdminError::Policy {
        file: file.to_owned(),
        fault,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str, text: &str) -> String {
        let folder = tempfile::TempDir::new().expect("a folder");
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("written");
        match read(&file).and_then(|_| alone(&file)) {
            Ok(()) => String::new(),
            Err(error) => error
                .to_string()
                .replace(&folder.path().display().to_string(), ""),
        }
    }

    #[test]
    fn both_languages_say_the_same() {
        assert_eq!(
            fault("a.toml", "[[files.watches]]\nname = \"hồ sơ\"\npath = \"/srv\""),
            ""
        );
        assert_eq!(
            fault(
                "a.json",
                r#"{"files": {"watches": [{"name": "hồ sơ", "path": "/srv"}]}}"#
            ),
            ""
        );
    }

    #[test]
    fn faults_name_file_and_place() {
        assert_eq!(
            fault("a.toml", "[files]\nwatchs = []"),
            "/a.toml: files.watchs: unknown key; did you mean \"watches\"?"
        );
        assert!(fault("a.toml", "[files").contains("line 1"));
        assert!(fault("a.yaml", "").contains(".toml or .json"));
        assert_eq!(
            fault("a.json", r#"{"antivirus": {"interval_s": 0}}"#),
            "/a.json: antivirus.interval_s: 0 is outside 1 to 86400"
        );
    }
}
