//! Whose stream it is: the agent's that first brought it.
//!
//! Whoever has a copy of a spool knows its stream's id, and an acknowledgement of what the copy sent would erase
//! what the original has not. So knowing a stream gives no right to advance its marks.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use vong_proto::event::{AgentId, StreamId};

use super::{Incoming, JournalError};
use crate::entry::HostId;

/// Who first brought a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The host.
    pub host: HostId,
    /// Its agent; unknown of a stream that came before owners were written down, until it comes again.
    pub agent: Option<AgentId>,
}

impl Owner {
    /// Whether the stream is this agent's.
    pub fn is(&self, host: HostId, agent: AgentId) -> bool {
        match self.agent {
            Some(owner) => owner == agent,
            None => self.host == host,
        }
    }
}

/// The owner of a stream, if anybody ever brought it.
pub(super) fn of(connection: &Connection, stream: StreamId) -> Result<Option<Owner>, JournalError> {
    let owner = connection
        .prepare_cached("SELECT host, agent FROM streams WHERE stream = ?1")?
        .query_row([stream.0], |row| {
            Ok(Owner {
                host: HostId(row.get(0)?),
                agent: row.get::<_, Option<_>>(1)?.map(AgentId),
            })
        })
        .optional()?;
    Ok(owner)
}

/// Refuses a batch of a stream that another agent brought.
pub(super) fn check(connection: &Connection, incoming: &Incoming) -> Result<(), JournalError> {
    match of(connection, incoming.stream)? {
        Some(owner) if !owner.is(incoming.host, incoming.agent) => {
            Err(JournalError::Foreign { owner: owner.host })
        }
        _ => Ok(()),
    }
}

/// From now on the stream is the agent's, if it is nobody's yet.
pub(super) fn bind(transaction: &Transaction<'_>, incoming: &Incoming) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO streams (stream, host, agent) VALUES (?1, ?2, ?3)
             ON CONFLICT (stream) DO UPDATE SET agent = excluded.agent WHERE agent IS NULL",
        )?
        .execute(params![incoming.stream.0, incoming.host.0, incoming.agent.0])?;
    Ok(())
}
