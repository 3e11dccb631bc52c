//! What administrators do with a terminal: the same rows as the dashboard's, without a session.
//!
//! These commands open the registry (and the store) themselves, beside a running collector or without one;
//! whoever may read the data folder is an administrator. Each change is audited as done by [`ACTOR`]. Output is
//! a table for people, or JSON with `--json`; what came from a PC is shown with its control characters
//! escaped, because a terminal obeys them.

use std::io;
use std::path::PathBuf;

use clap::Subcommand;

use crate::api::draft::DraftError;
use crate::clock::now_ms;
use crate::config::Config;
use crate::fleet::AuthorityError;
use crate::registry::{self, Registry, Transaction, audit};
use crate::store::StoreError;

mod asset;
mod ca;
mod command;
mod coverage;
mod events;
mod find;
mod hashes;
mod host;
mod policy;
mod print;
mod token;
mod unit;
mod user;

/// Who the audit trail names for what is done here.
const ACTOR: &str = "command line";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The tree of offices
    Unit(unit::Unit),
    /// The people who may sign in
    User(user::User),
    /// Tokens that admit PCs to a unit
    Token(token::Token),
    /// The authority behind every certificate, and its replacement
    Ca(ca::Ca),
    /// The PCs
    Host(host::Host),
    /// The asset register: what PCs there should be
    Asset(asset::Asset),
    /// Of all PCs of each unit, how many report and are protected
    Coverage(coverage::Coverage),
    /// What sensors are told to do
    Policy(policy::Policy),
    /// Tell a PC to do something
    Command(command::Command),
    /// Contents that are known to be bad or good, by SHA-256
    Hashes(hashes::Hashes),
    /// Print events as the store shows them
    Events(events::Events),
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The registry cannot be opened.
    #[error("cannot open the registry; is data = {} the collector's folder, and may you read it?", .data.display())]
    Open {
        /// The configured data folder.
        data: PathBuf,
        /// What went wrong.
        #[source]
        source: registry::Error,
    },
    /// The registry failed.
    #[error("the registry failed")]
    Registry(#[from] registry::Error),
    /// Nothing has this name or number.
    #[error("there is no {what} {name:?}{hint}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// What it was called.
        name: String,
        /// What it may be instead, and how to see what there is.
        hint: String,
    },
    /// Several things have this name.
    #[error("{name:?} names {} {what}s; give the number instead: {}", .ids.len(), list(.ids))]
    Ambiguous {
        /// What was looked for.
        what: &'static str,
        /// What it was called.
        name: String,
        /// Their numbers.
        ids: Vec<i64>,
    },
    /// The arguments do not go together.
    #[error("{0}")]
    Usage(String),
    /// It cannot be done to this thing as it is.
    #[error("{0}")]
    Refused(String),
    /// A policy cannot be accepted.
    #[error("{}: {fault}", .file.display())]
    Policy {
        /// The file.
        file: PathBuf,
        /// The fault, with its place.
        fault: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// The authority cannot be used.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// No collector runs here whose store could be asked.
    #[error("no collector is running on {} whose store could be asked; start it, or set store.url", .data.display())]
    NoStore {
        /// The configured data folder.
        data: PathBuf,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output cannot be written.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
}

fn list(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

impl From<sqlx::Error> for AdminError {
    fn from(error: sqlx::Error) -> Self {
        Self::Registry(error.into())
    }
}

impl AdminError {
    /// Whether the arguments are at fault, and not the world.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Usage(_))
    }

    fn of_draft(file: PathBuf, error: DraftError) -> Self {
        match error {
            DraftError::Registry(error) => Self::Registry(error),
            fault @ DraftError::Fault { .. } => Self::Policy {
                file,
                fault: fault.to_string(),
            },
        }
    }
}

/// Carries a command out.
///
/// # Errors
/// Names the thing, the place and the remedy.
pub async fn run(command: Command, config: &Config) -> Result<(), AdminError> {
    let done = match command {
        Command::Unit(unit) => unit.run(config).await,
        Command::User(user) => user.run(config).await,
        Command::Token(token) => token.run(config).await,
        Command::Ca(ca) => ca.run(config).await,
        Command::Host(host) => host.run(config).await,
        Command::Asset(asset) => asset.run(config).await,
        Command::Coverage(coverage) => coverage.run(config).await,
        Command::Policy(policy) => policy.run(config).await,
        Command::Command(command) => command.run(config).await,
        Command::Hashes(hashes) => hashes.run(config).await,
        Command::Events(events) => events.run(config).await,
    };
    match done {
        // The reader (`head`, a pager) has seen enough.
        Err(AdminError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

async fn open(config: &Config) -> Result<Registry, AdminError> {
    Registry::open(&config.registry_url())
        .await
        .map_err(|source| AdminError::Open {
            data: config.data.clone(),
            source,
        })
}

/// Writes down what was done, in the transaction that does it.
async fn audited(
    tx: &mut Transaction,
    action: &str,
    object: &str,
    detail: &serde_json::Value,
) -> Result<(), AdminError> {
    Ok(audit::record(tx, now_ms(), ACTOR, action, object, detail).await?)
}
