//! A real engine for a test: its own process, its own folder, gone with the test.

use std::path::PathBuf;
use std::time::Duration;

use clickhouse::{Client, Compression};
use tempfile::TempDir;
use vong_collector::engine::supervisor::{self, EngineConfig, EngineHandle, EngineStatus};

/// Longer than any wait that ends well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// An engine that runs.
pub(crate) struct RunningEngine {
    pub(crate) handle: EngineHandle,
    pub(crate) folder: TempDir,
}

impl RunningEngine {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let handle = supervisor::start(config(&folder))
            .await
            .expect("the engine starts");
        Self { handle, folder }
    }

    pub(crate) fn client(&self) -> Client {
        Client::default()
            .with_url(self.handle.url())
            .with_user(self.handle.user())
            .with_password(self.handle.secret().expose())
            .with_compression(Compression::Lz4)
    }

    pub(crate) fn process_id(&self) -> u32 {
        match *self.handle.status().borrow() {
            EngineStatus::Running { process_id, .. } => process_id,
            ref other => panic!("the engine is {other:?}"),
        }
    }

    /// Kills the process without a word of warning.
    pub(crate) fn kill(&self) {
        let process = rustix::process::Pid::from_raw(self.process_id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    }

    /// Waits until it was started again this often.
    pub(crate) async fn wait_for_restart(&self, times: u64) {
        let mut status = self.handle.status();
        let is_back = |status: &EngineStatus| matches!(status, EngineStatus::Running { restarts, .. } if *restarts >= times);
        tokio::time::timeout(DEADLINE, status.wait_for(is_back))
            .await
            .expect("in time")
            .unwrap();
    }
}

pub(crate) fn config(folder: &TempDir) -> EngineConfig {
    EngineConfig {
        program: env!("CARGO_BIN_EXE_vong-collector").into(),
        library: library(),
        data: folder.path().join("engine"),
    }
}

/// Where `packaging/dev/fetch-engine` puts it.
pub(crate) fn library() -> PathBuf {
    let cache = || {
        let home = std::env::home_dir().expect("a home folder");
        let root = std::env::var_os("VONG_ENGINE_CACHE")
            .map_or_else(|| home.join(".cache/vong/engine"), PathBuf::from);
        root.join("26.7.3-stable.1/libchdb.so")
    };
    let path = std::env::var_os("VONG_ENGINE_LIBRARY").map_or_else(cache, PathBuf::from);
    assert!(
        path.exists(),
        "{} is missing: run packaging/dev/fetch-engine once",
        path.display()
    );
    path
}
