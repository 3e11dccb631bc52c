//! Keeping events in ClickHouse: its tables, the one writer, and its table of where hosts belong.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, warn};

use super::Joints;
use crate::health::Stage;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::registry::{self, Registry};
use crate::stop;
use crate::store::Store;

/// When the store cannot be brought up to date, it is tried again after this long.
const MIGRATE_PAUSE: Duration = Duration::from_secs(2);

/// When the store's writer cannot use the journal, as with a full disk, it begins anew after this long.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// When the store could not be told where hosts belong, it is told again after this long.
const UNITS_PAUSE: Duration = Duration::from_secs(1);

impl Joints {
    /// Writes the journal's events to the store.
    pub(super) fn start_store(&mut self, store: &Store, journal: &Journal) {
        let (store, journal, mut stop) = (store.clone(), journal.clone(), self.stop.clone());
        let metrics = Arc::clone(&self.metrics);
        self.spawn(Stage::Store, async move {
            tokio::select! {
                () = migrate(&store, &metrics) => {}
                () = stop::raised(&mut stop) => return,
            }
            while let Err(error) = store
                .run(journal.clone(), Arc::clone(&metrics), stop.clone())
                .await
            {
                error!(
                    error = &error as &dyn std::error::Error,
                    "the store's writer begins anew; events stay in the journal"
                );
                metrics.health.failing(Stage::Store, &error);
                tokio::select! {
                    () = tokio::time::sleep(STORE_PAUSE) => {}
                    () = stop::raised(&mut stop) => return,
                }
            }
        });
    }

    /// Tells the store where hosts belong, whenever that may have changed.
    pub(super) fn start_units(
        &mut self,
        store: &Store,
        registry: &Registry,
        mut revision: watch::Receiver<i64>,
    ) {
        let (store, registry, mut stop) = (store.clone(), registry.clone(), self.stop.clone());
        self.stages.spawn(async move {
            tokio::select! {
                () = show_units(&registry, &store, &mut revision) => {}
                () = stop::raised(&mut stop) => {}
            }
        });
    }
}

/// Brings the store's tables up to date; a store that is out of reach is waited for, while the journal keeps.
async fn migrate(store: &Store, metrics: &Metrics) {
    while let Err(error) = store.migrate().await {
        error!(
            error = &error as &dyn std::error::Error,
            "the store cannot be used yet; events wait in the journal"
        );
        metrics.health.failing(Stage::Store, &error);
        tokio::time::sleep(MIGRATE_PAUSE).await;
    }
}

/// Follows the registry's revision; a store that is out of reach holds up nobody else who follows it.
async fn show_units(registry: &Registry, store: &Store, revision: &mut watch::Receiver<i64>) {
    let mut shown = 0;
    loop {
        let Ok(now) = revision.wait_for(|now| *now != shown).await.map(|now| *now) else {
            return;
        };
        match registry::host::units(registry).await {
            // The store says of itself when it is out of reach.
            Ok(units) => match store
                .set_units(&units, u64::try_from(now).unwrap_or_default())
                .await
            {
                Ok(()) => shown = now,
                Err(_) => tokio::time::sleep(UNITS_PAUSE).await,
            },
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot read where hosts belong"
                );
                tokio::time::sleep(UNITS_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{StatusCode, Uri};
    use tokio::net::TcpListener;
    use vong_proto::event::{AgentId, Body, BootId, Event, Header, Lane, Presence, StopReason, StreamId};
    use vong_proto::wire;

    use super::*;
    use crate::engine::secret::Secret;
    use crate::entry::HostId;
    use crate::health::Condition;
    use crate::journal::{Incoming, LIMIT_BYTES_DEFAULT};
    use crate::store::StoreAddress;

    const FULL: &str =
        "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)";
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A ClickHouse that answers questions about itself, and whose disk is full.
    async fn full_store() -> Store {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answer = async |uri: Uri, body: axum::body::Bytes| {
            let asked = format!("{uri} {}", String::from_utf8_lossy(&body));
            match asked.contains("SELECT 1") || asked.contains("SELECT%201") || asked.contains("SELECT+1") {
                true => (StatusCode::OK, ""),
                false => (StatusCode::INTERNAL_SERVER_ERROR, FULL),
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        Store::new(&StoreAddress {
            url,
            user: "vong".to_owned(),
            password: Secret::new(""),
        })
    }

    async fn journal_with_an_event(folder: &std::path::Path) -> Journal {
        let journal = Journal::open(&folder.join("journal.db"), LIMIT_BYTES_DEFAULT).expect("a journal");
        let header = Header {
            lane: Lane::Urgent,
            seq: 1,
            wall_ms: 5,
            mono_ms: 1,
            boot: BootId([1; 16]),
        };
        let body = Body::Presence(Presence::Stopping(StopReason::Shutdown));
        let encoded = wire::encode_event(&Event { header, body });
        let last_hash = wire::event_hash(&encoded).to_vec();
        let (raw_bytes, packed) = wire::pack_events(vec![encoded]);
        let incoming = Incoming {
            host: HostId(7),
            agent: AgentId([2; 16]),
            stream: StreamId([9; 16]),
            offset_ms: 0,
            lane: Lane::Urgent,
            first: 1,
            last: 1,
            raw_bytes,
            packed,
            last_hash,
            opaque: Vec::new(),
            gaps: Vec::new(),
            cloned: false,
        };
        journal.append(incoming).await.expect("room");
        journal
    }

    /// Waits until the store's stage says that it fails, and why.
    async fn reason(metrics: &Metrics) -> String {
        let mut looks = tokio::time::interval(Duration::from_millis(10));
        let said = async {
            loop {
                looks.tick().await;
                for (stage, pulse) in metrics.health.stages() {
                    if let (Stage::Store, Condition::Failing { reason, .. }) = (stage, pulse.condition) {
                        return reason;
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, said).await.expect("it says so")
    }

    #[tokio::test]
    async fn a_store_that_answers_and_accepts_nothing_is_not_well() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let (store, journal) = (full_store().await, journal_with_an_event(folder.path()).await);
        store.ping().await.expect("it answers");
        let (stop, stopped) = watch::channel(false);
        let metrics = Arc::new(Metrics::default());
        let writer = {
            let metrics = Arc::clone(&metrics);
            tokio::spawn(async move { store.run(journal, metrics, stopped).await })
        };
        assert!(reason(&metrics).await.contains("not enough space"));
        stop.send(true).expect("it runs");
        writer.await.expect("no panic").expect("the journal is well");
    }

    #[tokio::test]
    async fn a_store_whose_tables_cannot_be_made_is_not_well() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let journal = journal_with_an_event(folder.path()).await;
        let (stop, stopped) = watch::channel(false);
        let mut joints = Joints::new(stopped);
        joints.start_store(&full_store().await, &journal);
        assert!(reason(&joints.metrics).await.contains("not enough space"));
        stop.send(true).expect("it runs");
        joints.finish().await;
    }
}
