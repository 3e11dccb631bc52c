//! The ClickHouse that the store is tried on: an engine of the test's own, or the server that `CLICKHOUSE_URL` names
//! (with `CLICKHOUSE_USER` and `CLICKHOUSE_PASSWORD`). There each test makes a database `vong_test_…` and leaves it.

use std::path::Path;

use clickhouse::Client;
use tempfile::TempDir;
use vong_collector::engine::secret::Secret;
use vong_collector::store::StoreAddress;

use super::engine::RunningEngine;

/// A ClickHouse with nothing in it.
pub(crate) enum Server {
    /// Started for this test.
    Own(RunningEngine),
    /// Somebody else's.
    Given { address: StoreAddress, folder: TempDir },
}

impl Server {
    pub(crate) async fn start() -> Self {
        match std::env::var("CLICKHOUSE_URL") {
            Ok(url) => Self::begin_at(&url).await,
            Err(_) => Self::Own(RunningEngine::start().await),
        }
    }

    async fn begin_at(url: &str) -> Self {
        let variable = |name: &str, otherwise: &str| std::env::var(name).unwrap_or(otherwise.to_owned());
        let folder = tempfile::Builder::new()
            .prefix("vong_test_")
            .rand_bytes(12)
            .tempdir()
            .unwrap();
        let database = folder.path().file_name().unwrap().to_string_lossy();
        let mut address = StoreAddress {
            url: url.to_owned(),
            user: variable("CLICKHOUSE_USER", "default"),
            password: Secret::new(&variable("CLICKHOUSE_PASSWORD", "")),
        };
        let make = format!("CREATE DATABASE {database}");
        let made = client_of(&address).query(&make).execute().await;
        made.expect("a database");
        address.url = format!("{}/?database={database}", url.trim_end_matches('/'));
        Self::Given { address, folder }
    }

    pub(crate) fn address(&self) -> StoreAddress {
        match self {
            Self::Own(engine) => StoreAddress {
                url: engine.handle.url(),
                user: engine.handle.user().to_owned(),
                password: engine.handle.secret().clone(),
            },
            Self::Given { address, .. } => address.clone(),
        }
    }

    pub(crate) fn client(&self) -> Client {
        match self {
            Self::Own(engine) => engine.client(),
            Self::Given { address, .. } => client_of(address),
        }
    }

    /// A folder that is gone with the test.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Own(engine) => engine.folder.path(),
            Self::Given { folder, .. } => folder.path(),
        }
    }

    /// Kills the engine without a word of warning; a server that is not ours lives on.
    pub(crate) fn kill(&self) {
        if let Self::Own(engine) = self {
            engine.kill();
        }
    }

    /// Waits until an engine was started again this often.
    pub(crate) async fn wait_for_restart(&self, times: u64) {
        if let Self::Own(engine) = self {
            engine.wait_for_restart(times).await;
        }
    }
}

fn client_of(address: &StoreAddress) -> Client {
    Client::default()
        .with_url(&address.url)
        .with_user(&address.user)
        .with_password(address.password.expose())
}
