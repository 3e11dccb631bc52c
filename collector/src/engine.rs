//! The embedded ClickHouse engine, run as a supervised child process.
//!
//! The cast: [`supervisor`] (in the collector) starts `vong-collector engine`, hands it a secret and starts it
//! again when it dies. That child is [`run`]: it loads `libchdb.so` (`ffi`), opens its storage (`execute`) with
//! written-out settings (`config`) and serves ClickHouse's HTTP interface on loopback (`http`, `request`,
//! `frames`, `sql`). The rest of the collector only ever sees a URL, so a real ClickHouse server fits as well.
//!
//! A process of its own, because the library may crash, be killed for its memory or stop its whole process
//! group, and none of that may take the intake with it. It ends when its standard input does: the pipe from
//! the collector closes even if the collector is killed.

use std::fs::{self, File};
use std::io::{self, BufRead, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::serve::ListenerExt;
use rustix::fs::{FlockOperation, flock};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use execute::Storage;
use ffi::Api;
use http::{FrontEnd, MAX_CONCURRENT_REQUESTS};
use secret::Secret;

pub use ffi::LoadError;

mod config;
#[cfg(any(test, fuzzing))]
pub mod examine;
mod execute;
mod ffi;
mod frames;
mod heartbeat;
mod http;
mod request;
pub mod secret;
mod sql;
pub mod supervisor;

/// The only user of the engine.
pub const USER: &str = "vong";
/// Running requests get this long to end when the engine is told to stop; what is not done then is cancelled.
const STOP_PATIENCE: Duration = Duration::from_secs(8);
/// The engine of a collector that was killed needs up to twice [`STOP_PATIENCE`] until it lets go of its data. The
/// next one waits longer than that.
const LOCK_PATIENCE_S: u64 = 3 * STOP_PATIENCE.as_secs();
/// The lock is tried so often.
const LOCK_INTERVAL: Duration = Duration::from_millis(50);

/// What `vong-collector engine` is told on its command line; the secret is the first line of standard input.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineOptions {
    /// The engine library (libchdb.so)
    #[arg(long, env = "VONG_ENGINE_LIBRARY")]
    pub library: PathBuf,
    /// The folder that holds the engine's data; one engine at a time
    #[arg(long)]
    pub data: PathBuf,
    /// The loopback address to serve; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Seconds to wait for another engine to let go of the data
    #[arg(long, default_value_t = LOCK_PATIENCE_S)]
    pub wait_s: u64,
}

/// Why the engine did not start or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The library cannot be used.
    #[error(transparent)]
    Library(#[from] LoadError),
    /// It would be reachable from outside.
    #[error("the engine listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// Nobody gave it a secret.
    #[error(
        "the engine found no secret on its standard input; it is started by vong-collector run, not by hand"
    )]
    NoSecret,
    /// The data folder cannot be used.
    #[error("cannot use the engine's data folder {}", path.display())]
    DataFolder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Another engine has it.
    #[error("the engine's data folder {} is in use by another engine; stop that one or give this one another folder", .0.display())]
    Locked(PathBuf),
    /// The library refuses the data.
    #[error("the engine cannot open its data in {}: its reason stands above; restore the folder from a backup, or move it away to start empty", .0.display())]
    Open(PathBuf),
    /// The address cannot be served.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The runtime, a signal handler or the readiness line failed.
    #[error("the engine's process cannot be set up")]
    Process(#[source] io::Error),
}

/// Serves the engine until it is told to stop: by SIGTERM, or by the end of standard input. It blocks.
///
/// Once it can be used, it prints one line to standard output: the URL. Whoever has reported the outcome ends the
/// process with [`end_process`].
pub fn run(options: &EngineOptions) -> Result<(), EngineError> {
    if !options.listen.ip().is_loopback() {
        return Err(EngineError::NotLoopback(options.listen));
    }
    // Fails for a group leader, as under an interactive shell, and then the group is our own already.
    let _ = rustix::process::setsid();
    let (secret, collector_is_gone) = read_standard_input()?;
    let api = Api::load(&options.library)?;
    // Never let go of: the library has its files open until the process has ended.
    std::mem::forget(lock(&options.data, Duration::from_secs(options.wait_s))?);
    let storage = open_storage(api, &options.data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(MAX_CONCURRENT_REQUESTS)
        .enable_all()
        .build()
        .map_err(EngineError::Process)?;
    let outcome = runtime.block_on(serve(
        options.listen,
        FrontEnd::new(storage, USER, secret),
        collector_is_gone,
    ));
    runtime.shutdown_timeout(Duration::ZERO);
    outcome
}

/// Ends this process at once. Requests that were given up may still run inside the library, and would crash if its
/// global state were taken down under them, as an ordinary end of a process does; what they were doing stays undone.
pub fn end_process(is_well: bool) -> ! {
    ffi::end_process(if is_well { 0 } else { 1 })
}

/// Takes the secret from the first line, then watches for the end of the rest on a thread of its own.
fn read_standard_input() -> Result<(Secret, watch::Receiver<bool>), EngineError> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(1024)
        .read_line(&mut line)
        .map_err(EngineError::Process)?;
    let text = line.trim_end();
    if text.is_empty() {
        return Err(EngineError::NoSecret);
    }
    let (ended, has_ended) = watch::channel(false);
    std::thread::spawn(move || {
        // Only the end matters, and a broken pipe is one.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(true);
        // A library that does not come to its end must not outlive the collector.
        std::thread::sleep(2 * STOP_PATIENCE);
        std::process::exit(1);
    });
    Ok((Secret::new(text), has_ended))
}

/// Makes the data folder and takes its lock, which the system releases however this process ends. An engine that is
/// about to end is waited for.
fn lock(data: &Path, patience: Duration) -> Result<File, EngineError> {
    let folder_error = |source| EngineError::DataFolder {
        path: data.to_owned(),
        source,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(folder_error)?;
    let lock = File::create(data.join("engine.lock")).map_err(folder_error)?;
    let deadline = Instant::now() + patience;
    while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() >= deadline {
            return Err(EngineError::Locked(data.to_owned()));
        }
        std::thread::sleep(LOCK_INTERVAL);
    }
    Ok(lock)
}

fn open_storage(api: &'static Api, data: &Path) -> Result<Arc<Storage>, EngineError> {
    let config_path = data.join("engine.xml");
    fs::write(&config_path, config::render(&config_path)).map_err(|source| EngineError::DataFolder {
        path: config_path.clone(),
        source,
    })?;
    let storage = Storage::open(api, &data.join("data"), &config_path);
    storage
        .map(Arc::new)
        .ok_or_else(|| EngineError::Open(data.to_owned()))
}

async fn serve(
    address: SocketAddr,
    front_end: FrontEnd,
    collector_is_gone: watch::Receiver<bool>,
) -> Result<(), EngineError> {
    let listen_error = |source| EngineError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen_error)?;
    let bound = listener.local_addr().map_err(listen_error)?;
    // Without it, small answers wait for the delayed acknowledgement of the packet before: 57 ms, not 23.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let stop = stop_signal(collector_is_gone).map_err(EngineError::Process)?;
    let (stopping, mut has_to_stop) = watch::channel(false);
    let server = axum::serve(listener, front_end.router()).with_graceful_shutdown(async move {
        stop.await;
        let _ = stopping.send(true);
    });
    announce(bound).map_err(EngineError::Process)?;
    let patience = async {
        let _ = has_to_stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(STOP_PATIENCE).await;
    };
    tokio::select! {
        outcome = server => outcome.map_err(EngineError::Process),
        () = patience => Ok(()),
    }
}

fn stop_signal(mut collector_is_gone: watch::Receiver<bool>) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = collector_is_gone.wait_for(|gone| *gone) => {}
        }
    })
}

/// Tells the supervisor where to find us.
fn announce(address: SocketAddr) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "http://{address}")?;
    output.flush()
}
