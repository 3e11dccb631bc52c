//! What the intake has against an agent, noted on its host's page for whoever asks why the agent is slow or gone.

use vong_proto::session::RefusalCode;

use super::{Session, SessionError};
use crate::clock::now_ms;
use crate::registry::host_state::Trouble;

impl Session<'_> {
    /// Notes what the agent did.
    pub(super) fn note_trouble(&self, trouble: Trouble) {
        self.shared.troubles.note(self.identity.host, trouble, now_ms());
    }

    /// Notes that the agent is slowed, and tells it if it does not know.
    pub(super) async fn note_slowed(&mut self) -> Result<(), SessionError> {
        self.note_trouble(Trouble::Slowed);
        self.slowed = true;
        self.tell_allowance().await
    }
}

/// What is noted of an agent that was cut off with this code.
pub(super) fn trouble_of(code: RefusalCode) -> Trouble {
    match code {
        RefusalCode::Limit => Trouble::Oversized,
        _ => Trouble::Protocol,
    }
}
