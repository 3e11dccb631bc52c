//! `vong-collector ca`: the authority behind every certificate, and its replacement.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{AdminError, audited, open, print};
use crate::config::Config;
use crate::fleet::Authority;
use crate::registry::agent::{self, Behind};
use crate::registry::{Registry, token};

/// Agents that are named when a retirement is refused; the rest is counted.
const NAMED_MAX: usize = 5;

/// The authority behind every certificate.
#[derive(Debug, Args)]
pub struct Ca {
    #[command(subcommand)]
    command: CaCommand,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum CaCommand {
    /// Show the authorities, and which PCs have not come over to the next one
    Show,
    /// Make the next authority: once the collector is restarted, it signs agents' certificates, and agents learn to
    /// trust it; the old one is trusted until it is retired
    Rotate {
        /// PCs renew their certificates within so many minutes, at random moments
        #[arg(long, default_value_t = 24 * 60)]
        renew_within_minutes: u32,
    },
    /// Trust the old authority no more, once every PC has come over; takes effect when the collector is restarted
    Retire {
        /// Leave PCs behind that have not come over: each must be enrolled again
        #[arg(long)]
        leave_behind: bool,
    },
}

impl Ca {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        let registry = open(config).await?;
        let folder = config.authority_folder();
        match self.command {
            CaCommand::Show => {
                let authority = Authority::open(&folder)?;
                let behind = behind(&registry, &authority).await?;
                self.show(&authority, &behind, "")
            }
            CaCommand::Rotate { renew_within_minutes } => {
                let authority = Authority::rotate(&folder, renew_within_minutes.saturating_mul(60))?;
                note(&registry, "ca.rotated", &authority, 0).await?;
                let behind = behind(&registry, &authority).await?;
                let next = "make a backup of the data folder now: a collector that is restored from an older one lacks \
                            the next authority; then restart the collector; when `vong-collector ca show` counts no \
                            PC any more: vong-collector ca retire";
                self.show(&authority, &behind, next)
            }
            CaCommand::Retire { leave_behind } => {
                let behind = behind(&registry, &Authority::open(&folder)?).await?;
                if !behind.is_empty() && !leave_behind {
                    return Err(AdminError::Refused(refusal(&behind)));
                }
                let authority = Authority::retire(&folder)?;
                note(&registry, "ca.retired", &authority, behind.len()).await?;
                let tokens = token::all(&registry).await?.len();
                let next = format!(
                    "make a backup of the data folder now: agents that have come over do not believe a collector that \
                     is restored from an older one; then restart the collector; tokens made before (there are \
                     {tokens}) name the old authority: revoke them and make new ones"
                );
                self.show(&authority, &[], &next)
            }
        }
    }

    fn show(&self, authority: &Authority, behind: &[Behind], next: &str) -> Result<(), AdminError> {
        if self.json {
            let names: Vec<_> = behind.iter().map(|one| &one.name).collect();
            return print::json(&json!({
                "serving": authority.fingerprint(), "signing": authority.signing_fingerprint(),
                "rotating": authority.is_rotating(), "behind": behind.len(), "names": names,
            }));
        }
        print::line(&format!("vouches for the collector  {}", authority.fingerprint()))?;
        print::line(&format!(
            "signs agents' certificates {}",
            authority.signing_fingerprint()
        ))?;
        if authority.is_rotating() {
            print::line(&format!("PCs that have not come over: {}", counted(behind)))?;
        }
        match next.is_empty() {
            true => Ok(()),
            false => print::line(next),
        }
    }
}

/// The agents that have not come over; none when there is nothing to come over to.
async fn behind(registry: &Registry, authority: &Authority) -> Result<Vec<Behind>, AdminError> {
    if !authority.is_rotating() {
        return Ok(Vec::new());
    }
    let bundle = hex::encode(authority.bundle_hash());
    Ok(agent::behind(registry, &authority.signing_fingerprint(), &bundle).await?)
}

fn refusal(behind: &[Behind]) -> String {
    format!(
        "PCs still depend on the old authority: {}; wait until they have been connected and have renewed, or give \
         them up with --leave-behind (each must then be enrolled again)",
        counted(behind)
    )
}

/// So many, and the first few by name and when they were last heard.
fn counted(behind: &[Behind]) -> String {
    let name = |one: &Behind| {
        let heard = print::moment(one.last_seen_ms);
        format!(
            "{} (host {}, last heard {heard})",
            one.name.escape_debug(),
            one.host
        )
    };
    let named: Vec<_> = behind.iter().take(NAMED_MAX).map(name).collect();
    match behind.len() {
        0 => "0".to_owned(),
        count if count > NAMED_MAX => format!("{count}: {}, …", named.join(", ")),
        count => format!("{count}: {}", named.join(", ")),
    }
}

async fn note(
    registry: &Registry,
    action: &str,
    authority: &Authority,
    left_behind: usize,
) -> Result<(), AdminError> {
    let detail = json!({ "signing": authority.signing_fingerprint(), "left_behind": left_behind });
    let mut tx = registry.begin().await?;
    audited(&mut tx, action, "authority", &detail).await?;
    Ok(tx.commit().await?)
}
