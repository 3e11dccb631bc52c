//! The answer to a hello: what the collector owns of the stream, and whether the agent may go on with it.

use tracing::{info, warn};
use vong_proto::session::{CollectorFrame, Hello, RefusalCode, Welcome};

use super::goodbye::End;
use super::hello::{Standing, standing};
use super::{CREDIT_BYTES, HEARTBEAT_S, Session, SessionError, send};
use crate::clock::now_ms;
use crate::entry::HostId;
use crate::fleet::refusal;
use crate::journal::{JournalError, Mark};
use crate::registry::host_state::Trouble;

impl Session<'_> {
    /// Answers the hello; an end when the agent must come back, with a new stream or later.
    pub(super) async fn welcome(
        &mut self,
        hello: &Hello,
        version: u32,
        is_second: bool,
    ) -> Result<Option<End>, SessionError> {
        let journal = &self.shared.intake.journal;
        let marks = journal.marks(hello.stream).await?;
        let unknown = marks.iter().all(|mark| mark.high_water == 0);
        if unknown && !self.shared.live.begins(self.identity.host, hello.stream) {
            let message =
                "this PC has begun too many streams within an hour; it may begin the next one later";
            return Ok(Some(End::Refused(refusal(RefusalCode::Limit, message))));
        }
        let owner = journal.owner(hello.stream).await?;
        let standing = standing(hello, &self.identity, owner, &marks);
        self.note_standing(hello, standing);
        let marks = shown(marks, standing);
        let new_stream = is_second || standing != Standing::Usual;
        let authority = self.shared.intake.fleet.authority();
        // An agent that does not say whom it trusts is of a version that would not listen.
        let is_up_to_date = hello.authorities.is_empty() || hello.authorities == authority.bundle_hash();
        self.told = self.allowance();
        let welcome = Welcome {
            version,
            high_water: marks.each_ref().map(|mark| mark.high_water),
            last_hash: marks.map(|mark| mark.last_hash),
            credit_bytes: CREDIT_BYTES,
            wall_ms: now_ms(),
            heartbeat_s: HEARTBEAT_S,
            new_stream,
            allowance: self.told,
            host: u64::try_from(self.identity.host.0).unwrap_or_default(),
            ca_der: if is_up_to_date {
                Vec::new()
            } else {
                authority.bundle()
            },
            renew_within_s: authority.renew_within_s(&self.identity.authority),
        };
        send(&mut self.writer, CollectorFrame::Welcome(welcome)).await?;
        Ok(new_stream.then_some(End::NewStream))
    }

    fn note_standing(&self, hello: &Hello, standing: Standing) {
        let metrics = &self.shared.intake.metrics;
        let (host, agent, stream) = (self.identity.host, self.identity.agent, hello.stream);
        match standing {
            Standing::Usual => {}
            Standing::Behind => {
                metrics.streams_forked.inc();
                warn!(%host, %stream, "the agent is behind this collector: a restored snapshot or a clone; it begins a new stream");
            }
            Standing::Former => {
                metrics.streams_forked.inc();
                info!(%host, %agent, %stream, "enrolled again: the agent begins a new stream");
            }
            Standing::Foreign(owner) => self.note_foreign(owner),
        }
    }

    /// Between hello and batch, another PC may have been the first to bring the stream.
    pub(super) fn note_claim(&self, error: &JournalError) {
        if let JournalError::Foreign { owner } = error {
            self.note_foreign(*owner);
        }
    }

    fn note_foreign(&self, owner: HostId) {
        self.shared.intake.metrics.streams_claimed.inc();
        warn!(host = %self.identity.host, agent = %self.identity.agent, stream = %self.stream, %owner,
              "the agent brings the stream of another PC: its disk is a copy, or it lies; it begins a new stream");
        self.note_trouble(Trouble::StreamClaimed);
    }
}

/// The marks, as far as they are this agent's business. An agent that was enrolled again learns from them what of its
/// former stream needs no second sending.
fn shown(marks: [Mark; 4], standing: Standing) -> [Mark; 4] {
    match standing {
        Standing::Usual | Standing::Behind | Standing::Former => marks,
        Standing::Foreign(_) => Default::default(),
    }
}
