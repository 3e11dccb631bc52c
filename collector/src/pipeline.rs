//! The one file that knows every stage and joins them.
//!
//! ```text
//! intake ─▶ journal ─┬─▶ store                       (ClickHouse: embedded engine or any server)
//!                    └─▶ judge ─▶ alert ─▶ delivery   (all through the registry)
//!                                   api ◀── registry, store, journal
//! ```
//! Starting goes from the back to the front, so that nothing arrives before there is a place for it;
//! stopping goes from the front to the back, so that what has arrived is kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{error, info, warn};

use crate::clock::now_ms;
use crate::config::Config;
use crate::engine::secret::Secret;
use crate::engine::supervisor::{self, EngineConfig, EngineHandle};
use crate::entry::Fact;
use crate::fleet::{Authority, Fleet};
use crate::health::Stage;
use crate::intake::{self, EventRate, Intake};
use crate::journal::Journal;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::ready::{self, Ready, StoreAccess};
use crate::registry::{self, Registry};
use crate::stop;
use crate::store::{Store, StoreAddress};

mod cover;
mod error;
mod folder;
mod inherited;
mod judge;
mod keep;
mod show;
mod tell;

pub use error::PipelineError;
pub use folder::FolderError;
pub use inherited::Inherited;

/// Time passes for the rules this often; it is the grain of every "for so long".
const TICK: Duration = Duration::from_secs(15);

/// Changes of policies, units, commands and revocations are looked for this often.
const REVISION_INTERVAL: Duration = Duration::from_secs(1);

/// Stages get this long to end by themselves.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// Runs the collector until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start; once it runs, faults are logged, shown and survived.
pub async fn run(
    config: Config,
    inherited: Inherited,
    ready_file: Option<PathBuf>,
) -> Result<(), PipelineError> {
    let stop_signal = stop_signal().map_err(PipelineError::Signals)?;
    let _hold = folder::hold(&config.data)?;
    info!(folder = %config.data.display(), "data folder");
    let homes = Homes::open(&config).await?;
    let listeners = Listeners::of(&config, inherited).await?;
    let engine = start_engine(&config).await?;
    let address = store_address(&config, engine.as_ref())?;
    let ready = ready(&listeners, &address).map_err(PipelineError::Program)?;
    let store = Store::new(&address);
    let (stop, stopped) = watch::channel(false);
    let mut joints = Joints::new(stopped);
    joints.start(&config, &homes, &store, listeners)?;
    let ready_files = write_ready_files(&config, ready_file, &ready)?;
    info!(dashboard = %ready.web, intake = %ready.intake, store = %ready.store.url, "ready");
    stop_signal.await;
    info!("stopping");
    for file in ready_files {
        // It may have been removed by whoever asked for it.
        let _ = std::fs::remove_file(file);
    }
    // The receivers live in the stages; without any there is nobody to tell.
    let _ = stop.send(true);
    joints.finish().await;
    if let Some(engine) = engine {
        engine.stop().await;
    }
    homes.registry.close().await;
    info!("stopped");
    Ok(())
}

/// The homes of data that stages hold handles on.
struct Homes {
    journal: Journal,
    registry: Registry,
    authority: Arc<Authority>,
}

impl Homes {
    async fn open(config: &Config) -> Result<Homes, PipelineError> {
        let authority = Arc::new(Authority::open(&config.authority_folder())?);
        let url = config.registry_url();
        let registry = Registry::open(&url)
            .await
            .map_err(|source| PipelineError::Registry {
                url: without_password(&url),
                source,
            })?;
        forget_connections(&registry)
            .await
            .map_err(|source| PipelineError::Registry {
                url: without_password(&url),
                source,
            })?;
        let journal = Journal::open(
            &config.data.join("journal.db"),
            config.intake.journal_limit_mib << 20,
        )?;
        go_on_behind_the_rules(&journal, &registry, &url).await?;
        info!(registry = %without_password(&url), "journal and registry open");
        Ok(Homes {
            journal,
            registry,
            authority,
        })
    }
}

/// The sockets are taken before any stage starts: a busy port leaves no half state.
struct Listeners {
    intake: TcpListener,
    web: TcpListener,
}

impl Listeners {
    /// The inherited ones; what is not inherited is bound.
    async fn of(config: &Config, inherited: Inherited) -> Result<Listeners, PipelineError> {
        let listener = async |inherited, address, key| {
            let listener = match inherited {
                Some(inherited) => TcpListener::from_std(inherited),
                None => TcpListener::bind(address).await,
            };
            listener.map_err(|source| PipelineError::Listen { address, key, source })
        };
        let intake = listener(inherited.intake, config.intake.listen, "intake.listen").await?;
        let web = listener(inherited.web, config.web.listen, "web.listen").await?;
        Ok(Listeners { intake, web })
    }
}

/// A collector that was killed could not say that its sessions had ended.
async fn forget_connections(registry: &Registry) -> registry::Result<()> {
    let mut tx = registry.begin().await?;
    registry::host::reset_connections(&mut tx).await?;
    Ok(tx.commit().await?)
}

/// A journal that was restored from a backup has forgotten positions that the registry has judged. Used again, what
/// stands there would never be judged.
async fn go_on_behind_the_rules(
    journal: &Journal,
    registry: &Registry,
    url: &str,
) -> Result<(), PipelineError> {
    let judged = registry::rule_state::cursor(registry, judge::CURSOR)
        .await
        .map_err(|source| PipelineError::Registry {
            url: without_password(url),
            source,
        })?;
    let last = *journal.durable_position().borrow();
    if judged > last {
        error!(
            judged,
            last,
            "the journal is older than the registry: it was restored; it goes on behind what has been judged"
        );
        journal.go_on_above(judged).await?;
    }
    Ok(())
}

fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://…{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}

async fn start_engine(config: &Config) -> Result<Option<EngineHandle>, PipelineError> {
    if !config.store.url.is_empty() {
        return Ok(None);
    }
    let library = config.engine_library();
    let data = config.data.join("engine");
    info!(library = %library.display(), data = %data.display(), "starting the embedded engine");
    let program = std::env::current_exe().map_err(PipelineError::Program)?;
    let engine = supervisor::start(EngineConfig {
        program,
        library: library.clone(),
        data,
    })
    .await
    .map_err(|source| PipelineError::Engine { library, source })?;
    Ok(Some(engine))
}

fn store_address(config: &Config, engine: Option<&EngineHandle>) -> Result<StoreAddress, PipelineError> {
    if let Some(engine) = engine {
        let password = engine.secret().clone();
        return Ok(StoreAddress {
            url: engine.url(),
            user: engine.user().to_owned(),
            password,
        });
    }
    let password = secret_from(config.store.password_file.as_deref(), "store.password_file")?;
    let user = config.store.user.clone();
    Ok(StoreAddress {
        url: config.store.url.clone(),
        user,
        password: Secret::new(&password.unwrap_or_default()),
    })
}

/// A secret's file, without the line end that editors add.
fn secret_from(path: Option<&Path>, key: &'static str) -> Result<Option<String>, PipelineError> {
    let Some(path) = path else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|source| PipelineError::Secret {
        path: path.to_owned(),
        key,
        source,
    })?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn ready(listeners: &Listeners, store: &StoreAddress) -> std::io::Result<Ready> {
    Ok(Ready {
        web: format!("http://{}", listeners.web.local_addr()?),
        intake: listeners.intake.local_addr()?.to_string(),
        store: StoreAccess {
            url: store.url.clone(),
            user: store.user.clone(),
            password: store.password.expose().to_owned(),
        },
        pid: std::process::id(),
    })
}

fn write_ready_files(
    config: &Config,
    asked_for: Option<PathBuf>,
    ready: &Ready,
) -> Result<Vec<PathBuf>, PipelineError> {
    let files: Vec<_> = std::iter::once(ready::path_in(&config.data))
        .chain(asked_for)
        .collect();
    for path in &files {
        ready::write(path, ready).map_err(|source| PipelineError::Ready {
            path: path.clone(),
            source,
        })?;
    }
    Ok(files)
}

/// The running stages, and what they are joined by.
struct Joints {
    stages: JoinSet<()>,
    stop: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
    live: Live,
}

impl Joints {
    fn new(stop: watch::Receiver<bool>) -> Self {
        Self {
            stages: JoinSet::new(),
            stop,
            metrics: Arc::default(),
            live: Live::default(),
        }
    }

    /// Starts every stage, from the back to the front.
    fn start(
        &mut self,
        config: &Config,
        homes: &Homes,
        store: &Store,
        listeners: Listeners,
    ) -> Result<(), PipelineError> {
        let revision = self.start_revision(&homes.registry);
        self.start_store(store, &homes.journal);
        self.start_units(store, &homes.registry, revision.clone());
        self.start_clock(&homes.journal);
        self.start_covering(&homes.registry);
        self.start_face(config, homes, store, listeners.web);
        self.start_telling(config, homes)?;
        self.start_intake(config, homes, listeners.intake, revision)
    }

    /// Starts a stage whose end, by return or by panic, is noted.
    fn spawn(&mut self, stage: Stage, work: impl Future<Output = ()> + Send + 'static) {
        let ending = Ending {
            stage,
            stop: self.stop.clone(),
            metrics: Arc::clone(&self.metrics),
        };
        self.stages.spawn(async move {
            let _ending = ending;
            work.await;
        });
    }

    /// Waits for the stages to end by themselves, but not for ever.
    async fn finish(mut self) {
        let all = async { while self.stages.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_PATIENCE, all).await.is_err() {
            warn!("some stages did not end in time");
        }
    }

    /// Time passes for the rules, and the journal knows since when it was watched.
    fn start_clock(&mut self, journal: &Journal) {
        let (journal, mut stop) = (journal.clone(), self.stop.clone());
        let metrics = Arc::clone(&self.metrics);
        self.spawn(Stage::Clock, async move {
            let mut ticks = tokio::time::interval(TICK);
            let mut fact = Fact::Started;
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = stop::raised(&mut stop) => return,
                }
                match journal
                    .append_fact(std::mem::replace(&mut fact, Fact::Tick))
                    .await
                {
                    Ok(_) => metrics.health.well(Stage::Clock),
                    Err(error) => {
                        warn!(%error, "time cannot be journaled: rules that wait do not judge");
                        metrics.health.failing(Stage::Clock, &error);
                    }
                }
            }
        });
    }

    /// Watches the registry for changes; sessions and the store's table of units follow them.
    fn start_revision(&mut self, registry: &Registry) -> watch::Receiver<i64> {
        let (changed, revision) = watch::channel(0);
        let (registry, mut stop) = (registry.clone(), self.stop.clone());
        let metrics = Arc::clone(&self.metrics);
        self.spawn(Stage::Revision, async move {
            let mut looks = tokio::time::interval(REVISION_INTERVAL);
            loop {
                tokio::select! {
                    _ = looks.tick() => {}
                    () = stop::raised(&mut stop) => return,
                }
                match registry::policy::revision(&registry).await {
                    Ok(now) => {
                        changed.send_if_modified(|known| std::mem::replace(known, now) != now);
                        metrics.health.well(Stage::Revision);
                    }
                    Err(error) => {
                        let error: &dyn std::error::Error = &error;
                        warn!(error, "cannot look for changes");
                        metrics.health.failing(Stage::Revision, error);
                    }
                }
            }
        });
        revision
    }

    fn start_intake(
        &mut self,
        config: &Config,
        homes: &Homes,
        listener: TcpListener,
        revision: watch::Receiver<i64>,
    ) -> Result<(), PipelineError> {
        let tls = intake::server_config(&homes.authority, now_ms())?;
        let intake = Intake {
            fleet: Fleet::new(homes.registry.clone(), Arc::clone(&homes.authority)),
            registry: homes.registry.clone(),
            journal: homes.journal.clone(),
            metrics: Arc::clone(&self.metrics),
            event_rate: EventRate {
                per_s: f64::from(config.intake.events_per_s),
                burst: f64::from(config.intake.events_burst),
            },
            revision,
            stop: self.stop.clone(),
        };
        self.spawn(
            Stage::Intake,
            intake.serve(listener, TlsAcceptor::from(Arc::new(tls))),
        );
        Ok(())
    }
}

/// Lies in a stage's task, and is dropped with it.
struct Ending {
    stage: Stage,
    stop: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !*self.stop.borrow() {
            error!(
                stage = self.stage.name(),
                "a stage has ended while the collector runs; restart it"
            );
            self.metrics.health.ended(self.stage);
        }
    }
}

/// Resolves at the first SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
