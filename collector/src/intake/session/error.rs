//! Why a session ends before its time.

use vong_proto::frame::FrameError;

use crate::journal::JournalError;
use crate::registry;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(in crate::intake) enum SessionError {
    /// The connection broke, or the peer does not keep to the protocol.
    #[error("the conversation broke off")]
    Frame(#[from] FrameError),
    /// The socket refuses.
    #[error("the socket failed")]
    Io(#[from] std::io::Error),
    /// Nothing was heard, or nothing could be sent, for too long.
    #[error("the peer is silent")]
    Silent,
    /// The registry cannot be asked.
    #[error("the registry cannot be asked")]
    Registry(#[from] registry::Error),
    /// The journal cannot keep.
    #[error("the journal cannot keep anything")]
    Journal(#[from] JournalError),
}
