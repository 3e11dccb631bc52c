//! The ransomware tripwire.

use super::bound::{CODE_BYTES_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX, check, cut};
use super::{Malformed, pb, word};
use crate::event::{Tripwire, TripwireFile, TripwireLevel, TripwireReason, TripwireScore};

impl From<&Tripwire> for pb::Tripwire {
    fn from(tripwire: &Tripwire) -> Self {
        let level = match tripwire.level {
            TripwireLevel::Warning => pb::tripwire::Level::Warning,
            TripwireLevel::Alarm => pb::tripwire::Level::Alarm,
        };
        Self {
            key: tripwire.key.clone(),
            level: level.into(),
            score_milli: tripwire.score_milli,
            slow_score_milli: tripwire.slow_score_milli,
            reasons: tripwire.reasons.iter().map(Into::into).collect(),
            files: tripwire.files.iter().map(Into::into).collect(),
            curve: tripwire.curve.iter().map(Into::into).collect(),
            processes: tripwire.processes.iter().map(Into::into).collect(),
            user: tripwire.user.clone(),
            volume: tripwire.volume.clone(),
            files_touched: tripwire.files_touched,
            files_lost: tripwire.files_lost,
            canaries_touched: tripwire.canaries_touched,
            first_ms: tripwire.first_ms,
            last_ms: tripwire.last_ms,
            over: tripwire.over,
        }
    }
}

impl TryFrom<pb::Tripwire> for Tripwire {
    type Error = Malformed;

    fn try_from(wire: pb::Tripwire) -> Result<Self, Malformed> {
        if wire.key.is_empty() {
            return Err(Malformed::new("tripwire.key", "absent"));
        }
        check("tripwire.key", wire.key.len(), CODE_BYTES_MAX)?;
        check("tripwire.reasons", wire.reasons.len(), Tripwire::REASONS_MAX)?;
        check("tripwire.files", wire.files.len(), Tripwire::FILES_MAX)?;
        check("tripwire.curve", wire.curve.len(), Tripwire::CURVE_MAX)?;
        check(
            "tripwire.processes",
            wire.processes.len(),
            Tripwire::PROCESSES_MAX,
        )?;
        check("tripwire.volume", wire.volume.len(), PATH_BYTES_MAX)?;
        let level = match word("tripwire.level", wire.level)? {
            pb::tripwire::Level::Unspecified => return Err(Malformed::new("tripwire.level", "absent")),
            pb::tripwire::Level::Warning => TripwireLevel::Warning,
            pb::tripwire::Level::Alarm => TripwireLevel::Alarm,
        };
        let files = wire.files.into_iter().map(TryInto::try_into);
        Ok(Self {
            key: wire.key,
            level,
            score_milli: wire.score_milli,
            slow_score_milli: wire.slow_score_milli,
            reasons: wire.reasons.into_iter().map(Into::into).collect(),
            files: files.collect::<Result<_, _>>()?,
            curve: wire.curve.into_iter().map(Into::into).collect(),
            processes: wire.processes.into_iter().map(Into::into).collect(),
            user: cut(wire.user, NAME_BYTES_MAX),
            volume: wire.volume,
            files_touched: wire.files_touched,
            files_lost: wire.files_lost,
            canaries_touched: wire.canaries_touched,
            first_ms: wire.first_ms,
            last_ms: wire.last_ms,
            over: wire.over,
        })
    }
}

impl From<&TripwireReason> for pb::TripwireReason {
    fn from(reason: &TripwireReason) -> Self {
        Self {
            code: reason.code.clone(),
            count: reason.count,
            score_milli: reason.score_milli,
        }
    }
}

impl From<pb::TripwireReason> for TripwireReason {
    fn from(wire: pb::TripwireReason) -> Self {
        Self {
            code: cut(wire.code, CODE_BYTES_MAX),
            count: wire.count,
            score_milli: wire.score_milli,
        }
    }
}

impl From<&TripwireFile> for pb::TripwireFile {
    fn from(file: &TripwireFile) -> Self {
        Self {
            path: file.path.clone(),
            old_path: file.old_path.clone(),
            reason: file.reason.clone(),
            score_milli: file.score_milli,
            at_ms: file.at_ms,
        }
    }
}

impl TryFrom<pb::TripwireFile> for TripwireFile {
    type Error = Malformed;

    fn try_from(wire: pb::TripwireFile) -> Result<Self, Malformed> {
        let longest = wire.path.len().max(wire.old_path.as_ref().map_or(0, Vec::len));
        check("tripwire.files.path", longest, PATH_BYTES_MAX)?;
        Ok(Self {
            path: wire.path,
            old_path: wire.old_path,
            reason: cut(wire.reason, CODE_BYTES_MAX),
            score_milli: wire.score_milli,
            at_ms: wire.at_ms,
        })
    }
}

impl From<&TripwireScore> for pb::TripwireScore {
    fn from(score: &TripwireScore) -> Self {
        Self {
            at_ms: score.at_ms,
            score_milli: score.score_milli,
        }
    }
}

impl From<pb::TripwireScore> for TripwireScore {
    fn from(wire: pb::TripwireScore) -> Self {
        Self {
            at_ms: wire.at_ms,
            score_milli: wire.score_milli,
        }
    }
}
