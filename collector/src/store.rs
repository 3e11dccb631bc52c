//! Stage 6, store: from the journal into ClickHouse, each event exactly once; and every question about them.
//!
//! [`Store::run`] is the one writer. It takes the next entries of the journal (`batch` decides how many), has
//! their range recorded durably, turns them into rows (`row`), and sends them with a token until they are
//! accepted (`writer`), or refused, and then in parts (`part`). Whatever happens in between, the same range is sent again as the same rows with the
//! same token, and ClickHouse drops what it already has. `query` reads; every question takes a
//! [`Scope`](crate::scope::Scope). This is the only code that speaks ClickHouse, and it does not know whether
//! a server or our own engine answers.

use std::time::Duration;

use clickhouse::Client;
use clickhouse::error::Error;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::watch;

pub use crate::engine::secret::Secret;
pub use explained::Run;
pub use query::{Cursor, HourCount, Tail, Timeline};
pub use row::{EventRow, RawBytes, SampleRow};
pub use sighting::Sighting;

mod batch;
mod explained;
mod migrate;
mod part;
mod patience;
mod query;
mod row;
mod sighting;
mod tempo;
mod writer;

/// ClickHouse's servers close idle connections after 3 s.
const IDLE_CONNECTION_LIFE: Duration = Duration::from_secs(2);

/// What went wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A question could not be answered.
    #[error("the store cannot answer")]
    Query(#[source] Box<Error>),
    /// The tables could not be brought up to date.
    #[error("cannot bring the store's tables up to date (step {step})")]
    Migrate {
        /// The step that failed.
        step: u32,
        /// ClickHouse's reason.
        #[source]
        source: Box<Error>,
    },
    /// The tables are those of a newer program.
    #[error("the store's tables are at step {found}, but this program knows {known}; use the newer program")]
    Newer {
        /// The step the tables are at.
        found: u32,
        /// The last step that this program knows.
        known: u32,
    },
    /// The journal failed.
    #[error("the store's writer cannot use the journal")]
    Journal(#[source] crate::journal::JournalError),
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Self::Query(Box::new(error))
    }
}

/// Where ClickHouse is.
#[derive(Clone, Debug)]
pub struct StoreAddress {
    /// Its HTTP interface, such as `http://127.0.0.1:8123`; may name a database by `?database=`.
    pub url: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// The events and samples in ClickHouse.
#[derive(Clone)]
pub struct Store {
    client: Client,
    visible: watch::Sender<u64>,
}

impl Store {
    /// A store at this address; nothing is sent yet.
    pub fn new(address: &StoreAddress) -> Self {
        let client = http_client(&address.url)
            .with_url(&address.url)
            .with_user(&address.user)
            .with_password(address.password.expose())
            // Servers default to 1, and would then acknowledge what is only in their memory.
            .with_setting("async_insert", "0");
        Self {
            client,
            visible: watch::Sender::new(0),
        }
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.client.query("SELECT 1").execute().await?)
    }

    /// The journal position up to which everything is visible to queries, now and from now on.
    pub fn visible(&self) -> watch::Receiver<u64> {
        self.visible.subscribe()
    }
}

/// The crate's own connection to a plain address waits for delayed acknowledgements: 57 ms for an insert that
/// takes 23. Over TLS its connection is used as it is.
fn http_client(url: &str) -> Client {
    if url.starts_with("https:") {
        return Client::default();
    }
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = HttpClient::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_CONNECTION_LIFE)
        .build(connector);
    Client::with_http_client(client)
}
