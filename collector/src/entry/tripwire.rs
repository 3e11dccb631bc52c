//! An occurrence that the tripwire tells of as JSON, in the one shape that store and evidence have.

use serde_json::{Value, json};
use vong_proto::event::{Process, Tripwire, TripwireFile, TripwireReason};

/// The object for one event. Paths stand there as text and as bytes.
pub fn json(tripwire: &Tripwire) -> Value {
    let process = |it: &Process| {
        json!({
            "pid": it.pid,
            "executable": String::from_utf8_lossy(&it.executable),
            "command_line": String::from_utf8_lossy(&it.command_line),
            "user": it.user,
            "parent_pid": it.parent_pid,
            "parent_executable": String::from_utf8_lossy(&it.parent_executable),
        })
    };
    let file = |it: &TripwireFile| {
        json!({
            "path": String::from_utf8_lossy(&it.path),
            "path_hex": hex::encode(&it.path),
            "old_path": it.old_path.as_deref().map(String::from_utf8_lossy),
            "reason": it.reason,
            "score_milli": it.score_milli,
            "at_ms": it.at_ms,
        })
    };
    let reason =
        |it: &TripwireReason| json!({ "code": it.code, "count": it.count, "score_milli": it.score_milli });
    json!({
        "key": tripwire.key,
        "level": tripwire.level,
        "score_milli": tripwire.score_milli,
        "slow_score_milli": tripwire.slow_score_milli,
        "reasons": tripwire.reasons.iter().map(reason).collect::<Vec<_>>(),
        "files": tripwire.files.iter().map(file).collect::<Vec<_>>(),
        "curve": tripwire.curve.iter().map(|it| json!([it.at_ms, it.score_milli])).collect::<Vec<_>>(),
        "processes": tripwire.processes.iter().map(process).collect::<Vec<_>>(),
        "user": tripwire.user,
        "volume": String::from_utf8_lossy(&tripwire.volume),
        "files_touched": tripwire.files_touched,
        "files_lost": tripwire.files_lost,
        "canaries_touched": tripwire.canaries_touched,
        "first_ms": tripwire.first_ms,
        "last_ms": tripwire.last_ms,
        "over": tripwire.over,
    })
}
