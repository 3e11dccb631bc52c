//! `vong-collector command`: tell a PC to do something.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{ACTOR, AdminError, audited, find, open, print};
use crate::api::rescan;
use crate::clock::now_ms;
use crate::config::Config;
use crate::registry::Registry;
use crate::registry::command;

/// Commands of a host that are listed.
const SHOWN_MAX: i64 = 200;

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
    /// List the latest commands of a PC and what became of them
    List {
        /// The PC (number or name)
        #[arg(long)]
        host: String,
    },
}

impl Command {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        let registry = open(config).await?;
        match self.command {
            CommandCommand::Rescan { host, watch } => order(&registry, &host, &watch, self.json).await,
            CommandCommand::List { host } => list(&registry, &host, self.json).await,
        }
    }
}

async fn order(registry: &Registry, host: &str, watch: &str, json: bool) -> Result<(), AdminError> {
    let host = find::host(registry, host).await?;
    let now_ms = now_ms();
    let mut tx = registry.begin().await?;
    let id = command::insert(&mut tx, &rescan(host.id, watch, ACTOR, now_ms), now_ms).await?;
    let detail = json!({ "command": id, "kind": "rescan", "watch": watch });
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
