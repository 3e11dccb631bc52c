//! `vong-collector asset`: the asset register.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{ACTOR, AdminError, find, open, print};
use crate::clock::now_ms;
use crate::config::Config;
use crate::fleet::register::{self, ImportError, LineFault, Mapping, Options, Report};
use crate::registry::Registry;

/// The asset register
#[derive(Debug, Args)]
pub struct Asset {
    #[command(subcommand)]
    command: AssetCommand,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum AssetCommand {
    /// Bring in a register saved as CSV; doing it again changes nothing
    Import {
        /// The file: UTF-8, UTF-16 or Windows-1258, with a header
        file: PathBuf,
        /// One unit for all lines (number or name)
        #[arg(long)]
        unit: Option<String>,
        /// Which column is what, where headers do not say so: `asset_number=Số thẻ;name=Tên`
        #[arg(long, default_value = "")]
        map: String,
        /// Take out of the register what the file does not name: of --unit and those below it, or of the units named
        #[arg(long)]
        remove_missing: bool,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
}

impl Asset {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        let AssetCommand::Import {
            file,
            unit,
            map,
            remove_missing,
            dry_run,
        } = self.command;
        let mapping = Mapping::parse(&map).map_err(|fault| AdminError::Usage(format!("--map: {fault}")))?;
        let registry = open(config).await?;
        let unit = match unit {
            Some(unit) => Some(find::unit(&registry, &unit).await?.id),
            None => None,
        };
        let options = Options {
            dry_run,
            unit,
            remove_missing,
            mapping,
        };
        let report = import(&registry, &file, options).await?;
        show(&report, self.json)
    }
}

async fn import(registry: &Registry, file: &Path, options: Options) -> Result<Report, AdminError> {
    let bytes = std::fs::read(file).map_err(|source| AdminError::Read {
        file: file.to_owned(),
        source,
    })?;
    register::import(registry, bytes, options, ACTOR, now_ms())
        .await
        .map_err(|error| match error {
            ImportError::Registry(error) => AdminError::Registry(error),
            error @ (ImportError::File(_) | ImportError::NoUnit | ImportError::Overtaken) => {
                AdminError::Refused(format!("{}: {error}", file.display()))
            }
        })
}

fn show(report: &Report, json: bool) -> Result<(), AdminError> {
    let plan = &report.plan;
    if json {
        return print::json(&json!({
            "dry_run": report.dry_run, "encoding": report.encoding, "separator": report.separator.to_string(),
            "lines": report.lines, "added": plan.added.len(), "changed": plan.changed.len(),
            "unchanged": plan.unchanged, "removed": plan.removed.len(), "joined": report.joined,
            "bad_lines": report.bad_lines, "faults_count": report.faults_count,
            "faults": report.faults.iter().map(fault_json).collect::<Vec<_>>(),
        }));
    }
    let rows: Vec<_> = report
        .faults
        .iter()
        .map(|fault| {
            [
                fault.line.to_string(),
                fault
                    .field
                    .map_or_else(String::new, |field| field.name().to_owned()),
                print::word(fault.code),
                fault.value.clone(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        print::table(["line", "column", "fault", "value"], &rows)?;
    }
    let unread: Vec<String> = report
        .columns
        .iter()
        .filter(|column| column.field.is_none() && !column.header.is_empty())
        .map(|column| print::plain(&column.header))
        .collect();
    if !unread.is_empty() {
        print::line(&format!("columns that are not read: {}", unread.join(", ")))?;
    }
    let will = if report.dry_run { "would be" } else { "were" };
    print::line(&format!(
        "of {} lines {} {will} added, {} changed, {} are as they were, {} are bad; {} {will} taken out, {} joined to PCs",
        report.lines,
        plan.added.len(),
        plan.changed.len(),
        plan.unchanged,
        report.bad_lines,
        plan.removed.len(),
        report.joined,
    ))
}

fn fault_json(fault: &LineFault) -> serde_json::Value {
    json!({
        "line": fault.line, "field": fault.field, "code": fault.code, "value": fault.value,
        "first_line": fault.first_line,
    })
}
