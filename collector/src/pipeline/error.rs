//! Why a collector does not start: each fault names the thing, the place and the remedy.

use std::path::PathBuf;

use super::FolderError;
use crate::delivery::{RelayError, SenderError};
use crate::engine::supervisor;
use crate::fleet::AuthorityError;
use crate::intake::TlsError;
use crate::journal::JournalError;
use crate::registry;

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
    #[error("cannot start the embedded engine with {}; its reason follows, and store.url can name a ClickHouse server instead", .library.display())]
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
    /// The service manager has handed over something that cannot be used.
    #[error(
        "cannot use the socket {name:?} that the service manager hands over; FileDescriptorName must be intake or web, and each a listening TCP socket"
    )]
    Inherited {
        /// Its name.
        name: String,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The mail relay cannot be used as configured.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The sender's address is none.
    #[error(transparent)]
    Sender(#[from] SenderError),
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
    /// The process cannot find itself or its sockets.
    #[error("the process cannot be set up")]
    Program(#[source] std::io::Error),
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
