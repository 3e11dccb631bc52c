//! `vong-collector host`: the PCs.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{ACTOR, AdminError, audited, find, open, print};
use crate::clock::now_ms;
use crate::config::Config;
use crate::registry::approval::{self, Decision};
use crate::registry::host::{self, HostEdit, HostKind, HostStatus};
use crate::registry::host_list::{self, HostFilter, HostSort, ListedHost};
use crate::registry::{Page, Registry, agent};
use crate::scope::Scope;

/// Hosts read at once while all are listed.
const PAGE: u32 = 500;
const KINDS: &[&str] = &["workstation", "server"];

/// The PCs.
#[derive(Debug, Args)]
pub struct Host {
    #[command(subcommand)]
    command: HostCommand,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum HostCommand {
    /// List all PCs but retired ones
    List,
    /// Change what people say about a PC; what is not named stays
    Set {
        /// Its number or name
        host: String,
        /// Whether its silence is worth a mail
        #[arg(long)]
        always_on: Option<bool>,
        /// The unit it belongs to (number or name)
        #[arg(long)]
        unit: Option<String>,
        /// The inventory number on its case
        #[arg(long)]
        asset_number: Option<String>,
        /// Where it stands
        #[arg(long)]
        place: Option<String>,
        /// What it is for
        #[arg(long, value_parser = find::word::<HostKind>(KINDS))]
        kind: Option<HostKind>,
    },
    /// Revoke the certificates of a PC: its connection ends, and it must be enrolled again
    Revoke {
        /// Its number or name
        host: String,
    },
    /// Let a PC in that waits for approval
    Approve {
        /// Its number or name
        host: String,
    },
    /// Turn a PC away that waits for approval: its certificates are revoked
    Reject {
        /// Its number or name
        host: String,
    },
    /// Manage a PC no more: its certificates are revoked, its events stay
    Retire {
        /// Its number or name
        host: String,
    },
}

impl Host {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        let registry = open(config).await?;
        let named = match self.command {
            HostCommand::List => return list(&registry, self.json).await,
            HostCommand::Set {
                host,
                always_on,
                unit,
                asset_number,
                place,
                kind,
            } => {
                let unit_id = match unit {
                    Some(unit) => Some(find::unit(&registry, &unit).await?.id),
                    None => None,
                };
                let edit = HostEdit {
                    unit_id,
                    asset_number,
                    place,
                    kind,
                    always_on,
                    status: None,
                };
                change(&registry, &host, "host.changed", edit, false).await?;
                host
            }
            HostCommand::Revoke { host } => {
                change(&registry, &host, "host.revoked", HostEdit::default(), true).await?;
                host
            }
            HostCommand::Approve { host } => {
                decide(&registry, &host, Decision::Approve).await?;
                host
            }
            HostCommand::Reject { host } => {
                decide(&registry, &host, Decision::Reject).await?;
                host
            }
            HostCommand::Retire { host } => {
                let edit = HostEdit {
                    status: Some(HostStatus::Retired),
                    ..HostEdit::default()
                };
                change(&registry, &host, "host.retired", edit, true).await?;
                host
            }
        };
        shown(&registry, &named, self.json).await
    }
}

/// Lets a PC that waits for approval in, or turns it away.
async fn decide(registry: &Registry, text: &str, decision: Decision) -> Result<(), AdminError> {
    let host = find::host(registry, text).await?;
    match approval::decide(registry, host.id, decision, ACTOR, now_ms()).await? {
        true => Ok(()),
        false => Err(AdminError::Refused(format!(
            "host {} does not wait for approval",
            host.id
        ))),
    }
}

async fn change(
    registry: &Registry,
    text: &str,
    action: &str,
    edit: HostEdit,
    revoke: bool,
) -> Result<(), AdminError> {
    let host = find::host(registry, text).await?;
    let mut tx = registry.begin().await?;
    if revoke {
        agent::revoke_all_of(&mut tx, host.id, now_ms()).await?;
    }
    host::edit(&mut tx, host.id, &edit).await?;
    let detail = json!({
        "unit": edit.unit_id, "asset_number": edit.asset_number, "place": edit.place,
        "kind": edit.kind, "always_on": edit.always_on,
    });
    audited(&mut tx, action, &format!("host/{}", host.id), &detail).await?;
    tx.commit().await?;
    Ok(())
}

async fn shown(registry: &Registry, text: &str, json: bool) -> Result<(), AdminError> {
    let host = find::host(registry, text).await?;
    let listed = host_list::by_id(registry, &Scope::ALL, host.id).await?;
    let hosts: Vec<ListedHost> = listed.into_iter().collect();
    match hosts.first() {
        Some(only) if json => print::json(&fields(only)),
        _ => table(&hosts),
    }
}

async fn list(registry: &Registry, json: bool) -> Result<(), AdminError> {
    let mut hosts = Vec::new();
    let mut page = Page {
        after: None,
        limit: PAGE,
    };
    loop {
        let filter = HostFilter::default();
        let read = host_list::list(registry, &Scope::ALL, &filter, HostSort::Name, &page).await?;
        hosts.extend(read.items);
        if read.next.is_none() {
            break;
        }
        page.after = read.next;
    }
    if json {
        let items: Vec<Value> = hosts.iter().map(fields).collect();
        return print::json(&json!({ "items": items }));
    }
    table(&hosts)
}

fn fields(listed: &ListedHost) -> Value {
    let host = &listed.host;
    json!({
        "id": host.id,
        "name": host.name,
        "unit_id": host.unit_id,
        "unit": listed.unit_name,
        "kind": host.kind,
        "status": host.status,
        "os": host.os,
        "asset_number": host.asset_number,
        "place": host.place,
        "always_on": host.always_on,
        "connected": host.connected,
        "cloned_ms": host.cloned_ms,
        "cloned_how": host.cloned_how,
        "last_seen_ms": host.last_seen_ms,
        "clock_offset_ms": host.clock_offset_ms,
        "agent_version": host.agent_version,
        "privileged": host.privileged,
        "protection": host.protection,
        "policy_state": host.policy_state,
        "policy_version": host.policy_version,
        "policy_refusal": host.policy_refusal,
        "alerts_open": listed.alerts_open,
    })
}

fn table(hosts: &[ListedHost]) -> Result<(), AdminError> {
    let rows: Vec<_> = hosts
        .iter()
        .map(|listed| {
            let host = &listed.host;
            [
                host.id.to_string(),
                host.name.clone(),
                listed.unit_name.clone(),
                print::word(host.status),
                print::yes(host.connected),
                print::moment(host.last_seen_ms),
                print::word(host.protection),
                print::word(host.policy_state),
                listed.alerts_open.to_string(),
            ]
        })
        .collect();
    let head = [
        "id",
        "name",
        "unit",
        "status",
        "connected",
        "last heard",
        "protection",
        "policy",
        "alerts",
    ];
    print::table(head, &rows)
}
