//! The registry: everything that must be transactional, in SQLite or PostgreSQL through one set of SQL.
//!
//! One file per noun, each with its row and the functions over it. Functions that read take the
//! [`Registry`]; functions that write take a [`Transaction`], so that what belongs together commits
//! together. Statements use what both databases accept: BIGINT and TEXT, `$n`, ON CONFLICT, RETURNING,
//! numbers for new rows from the `sequences` table. Migrations are numbered files that never change.
//!
//! SQLite has one writer at a time. Instead of letting writers poll for its lock, all of them queue for
//! the one connection of a pool of their own; readers have another pool and, thanks to WAL, never wait.

pub mod agent;
pub mod alert;
pub mod alert_list;
pub mod approval;
pub mod asset;
pub mod audit;
pub mod command;
pub mod day;
pub mod delivery;
pub mod detection;
pub mod detection_list;
pub mod exception;
pub mod file_hash;
pub mod file_review;
pub mod finding;
pub mod fingerprint;
pub mod fold;
pub mod host;
pub mod host_list;
pub mod host_state;
pub mod machine;
mod migration;
pub mod neighbour;
pub mod pc;
pub mod period;
pub mod policy;
pub mod protection;
mod query;
pub mod rule_state;
pub mod session;
pub mod token;
pub mod unit;
pub mod unreadable;
pub mod user;

#[cfg(test)]
pub(crate) mod harness;

use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, AnyPool};

pub use query::{Page, Paged};

/// A transaction; dropping it undoes it.
pub type Transaction = sqlx::Transaction<'static, Any>;

/// What can go wrong with the registry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or is out of reach.
    #[error("the registry's database failed")]
    Database(#[from] sqlx::Error),
    /// The URL names neither of the two databases.
    #[error("the registry's URL must begin with sqlite: or postgres:")]
    Url,
    /// A migration that was applied is not the one in this build.
    #[error("registry migration {0} was applied in another form, or by a newer version of this program")]
    Migration(i64),
    /// A stored value is none that this build knows.
    #[error("the registry holds {value:?} in {column}, which this version does not know")]
    Value {
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// Stored JSON cannot be read.
    #[error("the registry holds unreadable JSON in {column}")]
    Json {
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A page was asked for with a cursor that this build did not make.
    #[error("the page cursor is not valid")]
    Cursor,
    /// A merged policy is not valid.
    #[error("the merged policy is not valid")]
    Policy(#[from] vong_proto::policy::PolicyFault),
    /// The unit tree would no longer be a tree.
    #[error("a unit cannot stand below itself")]
    UnitLoop,
}

impl Error {
    /// Whether one row is at fault, and not the database.
    pub fn is_about_a_row(&self) -> bool {
        match self {
            Error::Value { .. } | Error::Json { .. } => true,
            Error::Database(error) => {
                matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
            }
            _ => false,
        }
    }
}

/// The result of asking the registry.
pub type Result<T> = std::result::Result<T, Error>;

/// Readers share this many connections: enough for the API's parallel views, few for a small server.
const READERS_MAX: u32 = 8;
/// PostgreSQL lets this many writers in at once; SQLite only one.
const POSTGRES_WRITERS_MAX: u32 = 8;
/// Whoever waits longer than this for a connection is told so instead of hanging.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Which database is behind the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

/// The open registry. Cloning shares its connections.
#[derive(Clone, Debug)]
pub struct Registry {
    engine: Engine,
    readers: AnyPool,
    writers: AnyPool,
}

impl Registry {
    /// Opens the registry at a URL (`sqlite:///path?mode=rwc` or `postgres://…`) and brings its tables up
    /// to this build.
    ///
    /// # Errors
    /// When the database is out of reach, or its tables are of a newer version.
    pub async fn open(url: &str) -> Result<Registry> {
        sqlx::any::install_default_drivers();
        let engine = match url {
            _ if url.starts_with("sqlite:") => Engine::Sqlite,
            _ if url.starts_with("postgres:") || url.starts_with("postgresql:") => Engine::Postgres,
            _ => return Err(Error::Url),
        };
        let writers_max = match engine {
            Engine::Sqlite => 1,
            Engine::Postgres => POSTGRES_WRITERS_MAX,
        };
        let writers = pool(engine, writers_max).connect(url).await?;
        let readers = pool(engine, READERS_MAX).connect(url).await?;
        let registry = Registry {
            engine,
            readers,
            writers,
        };
        migration::apply(&registry).await?;
        Ok(registry)
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// When the database is out of reach or too busy.
    pub async fn begin(&self) -> Result<Transaction> {
        // A SQLite transaction that begins by reading could not become a writing one safely.
        let statement = match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        };
        match self.writers.begin_with(statement).await {
            // A disk that was full ended a transaction behind the back of its connection, which still counts it and
            // would refuse every further one.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.writers.acquire().await?.close().await?;
                Ok(self.writers.begin_with(statement).await?)
            }
            begun => Ok(begun?),
        }
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").fetch_one(&self.readers).await?;
        Ok(())
    }

    /// Closes all connections; what is committed is safe without it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }

    fn readers(&self) -> &AnyPool {
        &self.readers
    }
}

fn pool(engine: Engine, connections_max: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if engine == Engine::Sqlite {
                    prepare_sqlite(connection).await?;
                }
                Ok(())
            })
        })
}

/// Durable before fast: a commit that was reported survives the loss of power.
async fn prepare_sqlite(connection: &mut AnyConnection) -> std::result::Result<(), sqlx::Error> {
    let pragmas = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                   PRAGMA foreign_keys = ON;";
    sqlx::raw_sql(pragmas).execute(connection).await?;
    Ok(())
}

/// The next number of a sequence.
async fn next_id(tx: &mut Transaction, sequence: &'static str) -> Result<i64> {
    Ok(next_ids(tx, sequence, 1).await? + 1)
}

/// Takes so many numbers of a sequence; the first of them is the answer plus one.
async fn next_ids(tx: &mut Transaction, sequence: &'static str, count: i64) -> Result<i64> {
    let statement = "UPDATE sequences SET value = value + $2 WHERE name = $1 RETURNING value";
    let last: i64 = sqlx::query_scalar(statement)
        .bind(sequence)
        .bind(count)
        .fetch_one(&mut **tx)
        .await?;
    Ok(last - count)
}

#[cfg(test)]
mod tests;
