//! `vong-collector token`: what admits PCs to a unit.

use std::net::SocketAddr;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{ACTOR, AdminError, audited, find, open, print};
use crate::clock::now_ms;
use crate::config::Config;
use crate::fleet::{Authority, token as enrolment};
use crate::ready;
use crate::registry::Registry;
use crate::registry::token::{self, NewToken};
use crate::registry::unit;

const DAY_MS: i64 = 24 * 3_600_000;

/// Tokens that admit PCs to a unit.
#[derive(Debug, Args)]
pub struct Token {
    #[command(subcommand)]
    command: TokenCommand,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it: the only time that it is shown
    Create {
        /// The unit of the PCs (number or name)
        #[arg(long)]
        unit: String,
        /// So many PCs may use it
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=100_000))]
        uses: i64,
        /// For so many days
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(i64).range(1..=3_650))]
        days: i64,
        /// `host:port` under which PCs reach the collector, if not intake.address
        #[arg(long)]
        address: Option<String>,
        /// What it is for
        #[arg(long, default_value = "")]
        note: String,
    },
    /// List all tokens, without their secrets
    List,
    /// Make a token useless
    Revoke {
        /// Its number
        id: i64,
    },
}

impl Token {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        let registry = open(config).await?;
        match self.command {
            TokenCommand::Create {
                unit,
                uses,
                days,
                address,
                note,
            } => {
                let unit = find::unit(&registry, &unit).await?;
                let address = match address {
                    Some(address) => address,
                    None => reachable(config)?,
                };
                let authority = Authority::open(&config.authority_folder())?;
                let made = enrolment::create(&address, &authority.fingerprint());
                let now_ms = now_ms();
                let new = NewToken {
                    secret_hash: made.secret_hash,
                    unit_id: unit.id,
                    uses,
                    expires_ms: now_ms + days * DAY_MS,
                    created_by: ACTOR.to_owned(),
                    note,
                };
                let id = keep(&registry, &new, now_ms).await?;
                tell(id, &made.text, &new, &unit.name, self.json)
            }
            TokenCommand::List => list(&registry, self.json).await,
            TokenCommand::Revoke { id } => revoke(&registry, id, self.json).await,
        }
    }
}

/// The address that PCs can use: as configured, or as a collector with a port of the system's choice says.
fn reachable(config: &Config) -> Result<String, AdminError> {
    let address = config.intake_address();
    let Ok(socket) = address.parse::<SocketAddr>() else {
        return Ok(address);
    };
    if socket.ip().is_unspecified() {
        return Err(AdminError::Usage(format!(
            "PCs cannot connect to {address}: set intake.address to the collector's own name and port, or give --address"
        )));
    }
    if socket.port() == 0 {
        let running = ready::read(&ready::path_in(&config.data));
        return Ok(running.map_or(address, |ready| ready.intake));
    }
    Ok(address)
}

async fn keep(registry: &Registry, new: &NewToken, now_ms: i64) -> Result<i64, AdminError> {
    let mut tx = registry.begin().await?;
    let id = token::insert(&mut tx, new, now_ms).await?;
    let detail = json!({ "unit": new.unit_id, "uses": new.uses, "expires_ms": new.expires_ms });
    audited(&mut tx, "token.created", &format!("token/{id}"), &detail).await?;
    tx.commit().await?;
    Ok(id)
}

fn tell(id: i64, text: &str, new: &NewToken, unit: &str, json: bool) -> Result<(), AdminError> {
    if json {
        return print::json(&json!({
            "id": id, "token": text, "unit_id": new.unit_id, "unit": unit, "uses": new.uses, "expires_ms": new.expires_ms,
        }));
    }
    print::line(text)?;
    let until = print::moment(Some(new.expires_ms));
    // The unit is named because a name is found without its accents, too. On the PC the token goes by the
    // environment: arguments can be read by every user there.
    print::line(&format!(
        "token {id}: {} uses until {until}, for {unit}",
        new.uses
    ))?;
    print::line("on each PC: VONG_AGENT_TOKEN=… vong-agent enrol")
}

async fn list(registry: &Registry, json: bool) -> Result<(), AdminError> {
    let tokens = token::all(registry).await?;
    let units = unit::all(registry).await?;
    let unit_of = |token: &token::Token| {
        units
            .iter()
            .find(|unit| unit.id == token.unit_id)
            .map_or("", |unit| &unit.name)
    };
    if json {
        let items: Vec<_> = tokens
            .iter()
            .map(|token| {
                json!({
                    "id": token.id, "unit_id": token.unit_id, "unit": unit_of(token), "uses_left": token.uses_left,
                    "expires_ms": token.expires_ms, "created_ms": token.created_ms,
                    "created_by": token.created_by, "note": token.note,
                })
            })
            .collect();
        return print::json(&json!({ "items": items }));
    }
    let rows: Vec<_> = tokens
        .into_iter()
        .map(|token| {
            [
                token.id.to_string(),
                unit_of(&token).to_owned(),
                token.uses_left.to_string(),
                print::moment(Some(token.expires_ms)),
                token.created_by,
                token.note,
            ]
        })
        .collect();
    print::table(["id", "unit", "uses left", "until", "made by", "note"], &rows)
}

async fn revoke(registry: &Registry, id: i64, json: bool) -> Result<(), AdminError> {
    let mut tx = registry.begin().await?;
    if !token::revoke(&mut tx, id).await? {
        return Err(AdminError::NotFound {
            what: "usable token",
            name: id.to_string(),
            hint: "; see: vong-collector token list".to_owned(),
        });
    }
    audited(&mut tx, "token.revoked", &format!("token/{id}"), &json!({})).await?;
    tx.commit().await?;
    if json {
        return print::json(&json!({ "id": id, "uses_left": 0 }));
    }
    print::line(&format!("token {id} admits nobody any more"))
}
