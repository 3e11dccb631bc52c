//! What the intake has against an agent, noted on its host's page for whoever asks why the agent is slow or gone.

use std::time::Duration;

use tokio::time::Instant;
use vong_proto::session::RefusalCode;

use super::{Session, SessionError};
use crate::intake::register;
use crate::registry::host_state::Trouble;

/// That an agent is slowed is noted once in this time, not with each of its frames.
const SLOWED_INTERVAL: Duration = Duration::from_secs(600);

impl Session<'_> {
    /// Notes what the agent did.
    pub(super) async fn note_trouble(&self, trouble: Trouble) {
        register::note_trouble(&self.shared.intake.registry, self.identity.host, trouble).await;
    }

    /// Notes that the agent is slowed and tells it, if that was not done lately.
    pub(super) async fn note_slowed(&mut self) -> Result<(), SessionError> {
        if self
            .slowed_noted
            .is_none_or(|noted| noted.elapsed() >= SLOWED_INTERVAL)
        {
            self.slowed_noted = Some(Instant::now());
            self.note_trouble(Trouble::Slowed).await;
            self.slowed = true;
            self.tell_allowance().await?;
        }
        Ok(())
    }
}

/// What is noted of an agent that was cut off with this code.
pub(super) fn trouble_of(code: RefusalCode) -> Trouble {
    match code {
        RefusalCode::Limit => Trouble::Oversized,
        _ => Trouble::Protocol,
    }
}
