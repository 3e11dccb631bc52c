//! The one file that knows every stage and joins them.
//!
//! ```text
//! intake ─▶ journal ─┬─▶ store                       (ClickHouse: embedded engine or any server)
//!                    └─▶ judge ─▶ alert ─▶ delivery   (all through the registry)
//!                                   api ◀── registry, store, journal
//! ```
//! Starting goes from the back to the front, so that nothing arrives before there is a place for it;
//! stopping goes from the front to the back, so that what has arrived is kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use crate::clock::now_ms;
use crate::config::Config;
use crate::engine::supervisor::{self, EngineConfig, EngineHandle};
use crate::entry::Fact;
use crate::fleet::{Authority, AuthorityError, Fleet};
use crate::intake::{EventRate, Intake, TlsError};
use crate::journal::{Journal, JournalError};
use crate::metrics::Metrics;
use crate::registry::{self, Registry};
use crate::store::{Store, StoreAddress};

mod folder;
mod judge;
mod ready;

pub use folder::FolderError;

/// Time passes for the rules this often; it is the grain of every "for so long".
const TICK: Duration = Duration::from_secs(15);

/// Changes of policies, units, commands and revocations are looked for this often.
const REVISION_INTERVAL: Duration = Duration::from_secs(1);

/// When the store cannot be brought up to date, it is tried again after this long.
const MIGRATE_PAUSE: Duration = Duration::from_secs(2);

/// Stages get this long to end by themselves.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// Why the collector did not start.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The registry cannot be opened.
    #[error("cannot open the registry at {url}")]
    Registry {
        /// Its URL, without a password.
        url: String,
        /// What went wrong.
        #[source]
        source: registry::Error,
    },
    /// The authority cannot be used.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The embedded engine does not start.
    #[error("cannot start the embedded engine with {}; fetch it with packaging/dev/fetch-engine, or set store.url", .library.display())]
    Engine {
        /// The library.
        library: PathBuf,
        /// What went wrong.
        #[source]
        source: supervisor::StartError,
    },
    /// An address is taken or not ours.
    #[error("cannot listen on {address} ({key}); choose another address or stop the program that uses it")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The configuration's key.
        key: &'static str,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A secret's file cannot be read.
    #[error("cannot read {}, named by {key}", .path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// The configuration's key.
        key: &'static str,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// The ready file cannot be written.
    #[error("cannot write {}", .path.display())]
    Ready {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// Signals cannot be listened for.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
}

/// Runs the collector until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start; once it runs, faults are logged, shown and survived.
pub async fn run(config: Config, ready_file: Option<PathBuf>) -> Result<(), PipelineError> {
    let stop_signal = stop_signal().map_err(PipelineError::Signals)?;
    let _hold = folder::hold(&config.data)?;
    info!(folder = %config.data.display(), "data folder");
    let homes = Homes::open(&config).await?;
    let engine = start_engine(&config).await?;
    let address = store_address(&config, engine.as_ref())?;
    let listeners = Listeners::bind(&config).await?;
    let store = Store::new(&address);
    let (stop, stopped) = watch::channel(false);
    let mut stages = JoinSet::new();
    start_stages(&mut stages, &config, &homes, &store, listeners, &stopped).await?;
    info!("ready");
    stop_signal.await;
    info!("stopping");
    // The receivers live in the stages; without any there is nobody to tell.
    let _ = stop.send(true);
    if tokio::time::timeout(STOP_PATIENCE, async { while stages.join_next().await.is_some() {} }).await.is_err() {
        warn!("some stages did not end in time");
    }
    if let Some(engine) = engine {
        engine.stop().await;
    }
    homes.registry.close().await;
    info!("stopped");
    Ok(())
}
