//! `vong-collector command`: tell a PC to do something.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{ACTOR, AdminError, audited, find, open, print};
use crate::clock::now_ms;
use crate::config::Config;
use crate::registry::Registry;
use crate::registry::command::{self, Order};
use crate::registry::unit;

/// Commands of a host that are listed.
const SHOWN_MAX: i64 = 200;
/// Hosts that one order may be for, as in the dashboard.
const HOSTS_MAX: i64 = 5_000;

/// Tell a PC to do something.
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    command: CommandCommand,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum CommandCommand {
    /// Look again at every watched file
    Rescan {
        /// The PC (number or name)
        #[arg(long)]
        host: String,
        /// Only this watch of its policy
        #[arg(long, default_value = "")]
        watch: String,
    },
    /// Let the antivirus bring its definitions up to date
    UpdateSignatures {
        #[command(flatten)]
        whom: Whom,
        /// Given up after so many seconds
        #[arg(long, default_value_t = Order::UPDATE_LIMIT_S, value_parser = clap::value_parser!(u32).range(60..=86_400))]
        limit_s: u32,
    },
    /// Let the antivirus look at where malware usually lands
    QuickScan {
        #[command(flatten)]
        whom: Whom,
        /// Given up after so many seconds
        #[arg(long, default_value_t = Order::SCAN_LIMIT_S, value_parser = clap::value_parser!(u32).range(60..=86_400))]
        limit_s: u32,
    },
    /// List the latest commands of a PC and what became of them
    List {
        /// The PC (number or name)
        #[arg(long)]
        host: String,
    },
}

/// Who is told.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whom {
    /// The PC (number or name)
    #[arg(long)]
    host: Option<String>,
    /// All PCs of this unit and those below it (number or name)
    #[arg(long)]
    unit: Option<String>,
}

impl Command {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        let registry = open(config).await?;
        match self.command {
            CommandCommand::Rescan { host, watch } => {
                order(&registry, &host, &Order::Rescan { watch }, self.json).await
            }
            CommandCommand::UpdateSignatures { whom, limit_s } => {
                tell(&registry, whom, &Order::UpdateSignatures { limit_s }, self.json).await
            }
            CommandCommand::QuickScan { whom, limit_s } => {
                tell(&registry, whom, &Order::QuickScan { limit_s }, self.json).await
            }
            CommandCommand::List { host } => list(&registry, &host, self.json).await,
        }
    }
}

async fn tell(registry: &Registry, whom: Whom, what: &Order, json: bool) -> Result<(), AdminError> {
    match (whom.host, whom.unit) {
        (Some(host), _) => order(registry, &host, what, json).await,
        (None, Some(unit)) => order_unit(registry, &unit, what, json).await,
        (None, None) => Err(AdminError::Usage("say whom: --host or --unit".to_owned())),
    }
}

async fn order_unit(registry: &Registry, name: &str, what: &Order, json: bool) -> Result<(), AdminError> {
    let named = find::unit(registry, name).await?;
    let units = unit::subtree(registry, named.id).await?;
    let mut tx = registry.begin().await?;
    let hosts = command::insert_for_units(&mut tx, &units, what, ACTOR, now_ms(), HOSTS_MAX).await?;
    if hosts > HOSTS_MAX {
        return Err(AdminError::Refused(format!(
            "{} has {hosts} PCs, more than {HOSTS_MAX}; order for the units below it",
            named.name
        )));
    }
    let detail = json!({ "hosts": hosts, "kind": what.kind(), "parameters": what.parameters() });
    audited(&mut tx, "command.ordered", &format!("unit/{}", named.id), &detail).await?;
    tx.commit().await?;
    if json {
        return print::json(&json!({ "hosts": hosts, "unit_id": named.id }));
    }
    print::line(&format!("{hosts} PCs of {} are told", print::plain(&named.name)))
}

async fn order(registry: &Registry, host: &str, what: &Order, json: bool) -> Result<(), AdminError> {
    let host = find::host(registry, host).await?;
    let now_ms = now_ms();
    let mut tx = registry.begin().await?;
    let id = command::insert(&mut tx, &what.to(host.id, ACTOR, now_ms), now_ms).await?;
    let detail = json!({ "command": id, "kind": what.kind(), "parameters": what.parameters() });
    audited(&mut tx, "command.ordered", &format!("host/{}", host.id), &detail).await?;
    tx.commit().await?;
    if json {
        return print::json(&json!({ "id": id.to_string(), "host_id": host.id }));
    }
    let when = if host.connected { "now" } else { "when it connects" };
    print::line(&format!(
        "command {id}: {} is told {when}",
        print::plain(&host.name)
    ))
}

async fn list(registry: &Registry, host: &str, json: bool) -> Result<(), AdminError> {
    let host = find::host(registry, host).await?;
    let commands = command::of_host(registry, host.id, SHOWN_MAX).await?;
    if json {
        let items: Vec<_> = commands
            .iter()
            .map(|command| {
                json!({
                    "id": command.id.to_string(), "kind": command.kind, "parameters": command.parameters,
                    "created_ms": command.created_ms, "created_by": command.created_by,
                    "expires_ms": command.expires_ms, "sent_ms": command.sent_ms,
                    "finished_ms": command.finished_ms, "done": command.done, "detail": command.detail,
                    "counts": command.counts,
                })
            })
            .collect();
        return print::json(&json!({ "items": items }));
    }
    let rows: Vec<_> = commands
        .into_iter()
        .map(|command| {
            let became = match command.done {
                Some(true) => "done".to_owned(),
                Some(false) => "refused".to_owned(),
                None => "unanswered".to_owned(),
            };
            [
                command.id.to_string(),
                command.kind,
                print::moment(Some(command.created_ms)),
                command.created_by,
                print::moment(command.sent_ms),
                became,
                command.detail,
            ]
        })
        .collect();
    print::table(["id", "kind", "ordered", "by", "sent", "became", "detail"], &rows)
}
