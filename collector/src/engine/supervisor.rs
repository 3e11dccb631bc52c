//! Keeps the engine's process running, under one address and one secret for the life of the collector.
//!
//! The first start must succeed, or the collector does not start: a wrong library or a broken folder needs a
//! person. After that the engine is started again whenever it ends, with growing pauses; meanwhile its
//! clients see an unreachable URL, and retry. One that lives but no longer answers is killed first.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use super::heartbeat::Heartbeat;
use super::secret::Secret;
use super::{STOP_PATIENCE, USER};

/// A cold start takes 2 s; checking many parts after a crash may take long. Then the child is killed.
const START_PATIENCE: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An engine that lived this long was well: its next end starts with the shortest pause again.
const WELL_AFTER: Duration = Duration::from_secs(60);
/// The last words of a child that are kept to explain its end; older ones are only logged.
const KEPT_LINES: usize = 6;

/// What to run.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The program with the `engine` command: this one's own path.
    pub program: PathBuf,
    /// The engine library.
    pub library: PathBuf,
    /// The folder for the engine's data.
    pub data: PathBuf,
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The process could not be made.
    #[error("cannot start {} as the engine", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It ended at once.
    #[error("the engine ended while it started ({status}): {last_words}")]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// What it wrote last.
        last_words: String,
    },
    /// It did not become ready.
    #[error("the engine was not ready within {} s: {last_words}", START_PATIENCE.as_secs())]
    TooSlow {
        /// What it wrote last.
        last_words: String,
    },
    /// What it printed is not its address.
    #[error("the engine announced {0:?} instead of its address")]
    Announcement(String),
}

/// How the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineStatus {
    /// It answers.
    Running {
        /// Its process.
        process_id: u32,
        /// How often it was started again.
        restarts: u64,
    },
    /// It ended, and is being started again.
    Down {
        /// How often it was started again before.
        restarts: u64,
        /// Why it ended or did not start.
        reason: String,
    },
    /// It was told to stop.
    Stopped,
}

/// A running engine. Dropped without [`EngineHandle::stop`], its process is killed.
#[derive(Debug)]
pub struct EngineHandle {
    address: SocketAddr,
    secret: Secret,
    status: watch::Receiver<EngineStatus>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl EngineHandle {
    /// Where it answers; the same after a restart.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The user to authenticate as.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// The password; the same after a restart.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// How it is, now and from now on.
    pub fn status(&self) -> watch::Receiver<EngineStatus> {
        self.status.clone()
    }

    /// Lets running requests end, then the process.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the engine and waits until it answers.
pub async fn start(config: EngineConfig) -> Result<EngineHandle, StartError> {
    start_with(config, Heartbeat::OF_ENGINE).await
}

async fn start_with(config: EngineConfig, heartbeat: Heartbeat) -> Result<EngineHandle, StartError> {
    let secret = Secret::random();
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let process = Process::start(&config, any_port, &secret).await?;
    let address = process.address;
    let (status_sender, status) = watch::channel(process.status(0));
    let (stop, has_to_stop) = watch::channel(false);
    let keeper = Keeper {
        config,
        heartbeat,
        address,
        secret: secret.clone(),
        status: status_sender,
        has_to_stop,
    };
    Ok(EngineHandle {
        address,
        secret,
        status,
        stop,
        task: tokio::spawn(keeper.keep(process)),
    })
}

/// The task that starts the engine again.
struct Keeper {
    config: EngineConfig,
    heartbeat: Heartbeat,
    address: SocketAddr,
    secret: Secret,
    status: watch::Sender<EngineStatus>,
    has_to_stop: watch::Receiver<bool>,
}

impl Keeper {
    async fn keep(mut self, mut process: Process) {
        let mut restarts = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            let Some(reason) = self.watch(&mut process).await else {
                process.stop().await;
                self.status.send_replace(EngineStatus::Stopped);
                return;
            };
            error!(restarts, reason, "the engine ended");
            if started.elapsed() > WELL_AFTER {
                pause = FIRST_PAUSE;
            }
            self.status.send_replace(EngineStatus::Down { restarts, reason });
            let Some(next) = self.start_again(restarts, &mut pause).await else {
                self.status.send_replace(EngineStatus::Stopped);
                return;
            };
            process = next;
            restarts += 1;
            info!(restarts, "the engine runs again");
            self.status.send_replace(process.status(restarts));
        }
    }

    /// Waits until the process ends, or hangs and is killed, and says why; `None` when it has to stop.
    async fn watch(&mut self, process: &mut Process) -> Option<String> {
        let ending = tokio::select! {
            ending = process.child.wait() => Some(ending),
            () = self.heartbeat.lost(self.address) => None,
            _ = self.has_to_stop.wait_for(|stop| *stop) => return None,
        };
        let how = match ending {
            Some(Ok(status)) => status.to_string(),
            Some(Err(error)) => error.to_string(),
            None => {
                if let Err(error) = process.child.kill().await {
                    warn!(%error, "the hanging engine cannot be killed");
                }
                let patience_s = self.heartbeat.patience.as_secs();
                format!("it lived but had not answered for {patience_s} s, and was killed")
            }
        };
        Some(format!("{how}: {}", process.last_words.complete().await))
    }

    /// Tries until it runs; `None` when it has to stop.
    async fn start_again(&mut self, restarts: u64, pause: &mut Duration) -> Option<Process> {
        loop {
            tokio::select! {
                () = sleep(*pause) => {}
                _ = self.has_to_stop.wait_for(|stop| *stop) => return None,
            }
            *pause = (*pause * 2).min(LONGEST_PAUSE);
            let attempt = tokio::select! {
                attempt = Process::start(&self.config, self.address, &self.secret) => attempt,
                _ = self.has_to_stop.wait_for(|stop| *stop) => return None,
            };
            match attempt {
                Ok(process) => return Some(process),
                Err(reason) => {
                    error!(%reason, pause_ms = pause.as_millis(), "the engine does not start");
                    self.status.send_replace(EngineStatus::Down {
                        restarts,
                        reason: reason.to_string(),
                    });
                }
            }
        }
    }
}

/// A child that answers. Its standard input stays open as the sign that we are alive.
struct Process {
    child: Child,
    address: SocketAddr,
    last_words: LastWords,
    _alive: ChildStdin,
}

impl Process {
    async fn start(config: &EngineConfig, listen: SocketAddr, secret: &Secret) -> Result<Self, StartError> {
        let spawn_error = |source| StartError::Spawn {
            program: config.program.clone(),
            source,
        };
        let mut child = Command::new(&config.program)
            .arg("engine")
            .arg("--library")
            .arg(&config.library)
            .arg("--data")
            .arg(&config.data)
            .arg("--listen")
            .arg(listen.to_string())
            // The collector's environment may hold passwords, and local time has no place in stored data.
            .env_clear()
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(spawn_error)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (mut alive, stdout, stderr) = stdin
            .zip(stdout)
            .zip(stderr)
            .map(|((stdin, stdout), stderr)| (stdin, stdout, stderr))
            .expect("all three were asked for as pipes");
        let mut last_words = LastWords::listen(stderr);
        // A child that has ended already says why below.
        let _ = alive.write_all(format!("{}\n", secret.expose()).as_bytes()).await;
        let mut lines = BufReader::new(stdout).lines();
        let announcement = timeout(START_PATIENCE, lines.next_line()).await;
        match announcement {
            Err(_) => Err(StartError::TooSlow {
                last_words: last_words.text(),
            }),
            Ok(Ok(Some(line))) => match line
                .strip_prefix("http://")
                .and_then(|address| address.parse().ok())
            {
                Some(address) => Ok(Self {
                    child,
                    address,
                    last_words,
                    _alive: alive,
                }),
                None => Err(StartError::Announcement(line)),
            },
            Ok(_) => {
                let status = child.wait().await.map_err(spawn_error)?;
                Err(StartError::Ended {
                    status,
                    last_words: last_words.complete().await,
                })
            }
        }
    }

    fn status(&self, restarts: u64) -> EngineStatus {
        EngineStatus::Running {
            process_id: self.child.id().unwrap_or_default(),
            restarts,
        }
    }

    /// Asks it to end; kills it if it does not.
    async fn stop(&mut self) {
        let process_id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(process_id) = process_id
            && let Err(error) = kill_process(process_id, Signal::TERM)
        {
            warn!(%error, "cannot tell the engine to stop");
        }
        if timeout(STOP_PATIENCE + Duration::from_secs(2), self.child.wait())
            .await
            .is_err()
        {
            warn!("the engine does not stop, killing it");
            let _ = self.child.kill().await;
        }
    }
}

/// What the child writes to standard error: logged, and its end kept.
struct LastWords {
    lines: Arc<Mutex<VecDeque<String>>>,
    listener: JoinHandle<()>,
}

impl LastWords {
    fn listen(stderr: ChildStderr) -> Self {
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&lines);
        let listener = tokio::spawn(async move {
            let mut incoming = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = incoming.next_line().await {
                warn!(line, "the engine says");
                let mut kept = kept.lock().expect("no holder of this lock can panic");
                if kept.len() == KEPT_LINES {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
        });
        Self { lines, listener }
    }

    fn text(&self) -> String {
        let lines = self.lines.lock().expect("no holder of this lock can panic");
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("; ")
    }

    /// The words of a child that has ended, once all of them have been read.
    async fn complete(&mut self) -> String {
        let _ = timeout(Duration::from_secs(1), &mut self.listener).await;
        self.text()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that announces itself like an engine and then answers nobody.
    fn hanging(folder: &std::path::Path) -> EngineConfig {
        let program = folder.join("hangs");
        // Nothing listens on this port; the process itself goes on living.
        let script = "#!/bin/sh\necho 'http://127.0.0.1:9'\necho 'about to hang' >&2\nexec sleep 600\n";
        std::fs::write(&program, script).expect("a script");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("executable");
        EngineConfig {
            program,
            library: "libchdb.so".into(),
            data: folder.to_owned(),
        }
    }

    #[tokio::test]
    async fn an_engine_that_hangs_is_killed_and_started_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let heartbeat = Heartbeat {
            interval: Duration::from_millis(20),
            patience: Duration::from_millis(200),
        };
        let engine = start_with(hanging(folder.path()), heartbeat)
            .await
            .expect("started");
        let mut status = engine.status();
        let enough = Duration::from_secs(20);
        let down = status.wait_for(|status| matches!(status, EngineStatus::Down { .. }));
        let down = timeout(enough, down)
            .await
            .expect("in time")
            .expect("kept")
            .clone();
        let EngineStatus::Down { reason, .. } = down else {
            unreachable!("waited for")
        };
        assert!(
            reason.contains("had not answered") && reason.contains("about to hang"),
            "{reason}"
        );
        let again = status
            .wait_for(|status| matches!(status, EngineStatus::Running { restarts, .. } if *restarts >= 1));
        timeout(enough, again).await.expect("in time").expect("kept");
        engine.stop().await;
    }
}
