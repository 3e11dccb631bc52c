//! The face of the collector: the API with the dashboard, and the news of events that it tells.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tracing::debug;

use super::{Homes, Joints};
use crate::api::{Api, Sources};
use crate::config::Config;
use crate::live::{Live, Topic};
use crate::stop;
use crate::store::Store;

/// New events are told this often at most: pages ask again for each news, and each question costs.
const NEWS_INTERVAL: Duration = Duration::from_secs(1);

impl Joints {
    /// Serves the dashboard and the API, and tells them of events as they become visible.
    pub(super) fn start_face(&mut self, config: &Config, homes: &Homes, store: &Store, web: TcpListener) {
        let sources = Sources {
            registry: homes.registry.clone(),
            journal: homes.journal.clone(),
            store: store.clone(),
            live: self.live.clone(),
            metrics: Arc::clone(&self.metrics),
        };
        let api = Api::new(sources, config, self.stop.clone());
        self.stages.spawn(api.serve(web));
        let (store, live, mut stop) = (store.clone(), self.live.clone(), self.stop.clone());
        self.stages.spawn(async move {
            tokio::select! {
                () = tell_events(&store, &live) => {}
                () = stop::raised(&mut stop) => {}
            }
        });
    }
}

/// Tells whose events have become visible; whoever is not listening misses nothing that asking would not show.
async fn tell_events(store: &Store, live: &Live) {
    let mut visible = store.visible();
    let mut told = *visible.borrow_and_update();
    while visible.changed().await.is_ok() {
        let through = *visible.borrow_and_update();
        // The first value is where a restart continues, not what has just happened.
        if live.is_heard() && told != 0 {
            match store.hosts_between(told, through).await {
                Ok(hosts) => hosts
                    .into_iter()
                    .for_each(|host| live.publish(Topic::Event(host))),
                Err(error) => debug!(%error, "news of events are late"),
            }
        }
        told = through;
        tokio::time::sleep(NEWS_INTERVAL).await;
    }
}
