//! The one fault that can be asked for: acknowledging before the fsync, so that the power-loss test can show
//! that it would notice. Only debug builds have it; in a release build the question is not even asked.

/// What asks for the fault: `VONG_FAULT=ack_before_fsync`.
#[cfg(debug_assertions)]
const VARIABLE: &str = "VONG_FAULT";
#[cfg(debug_assertions)]
const ACK_BEFORE_FSYNC: &str = "ack_before_fsync";

/// SQLite's `synchronous` for the journal: a commit returns, and is acknowledged, after its fsync.
#[cfg(not(debug_assertions))]
pub(super) const fn synchronous() -> &'static str {
    "FULL"
}

/// SQLite's `synchronous` for the journal: a commit returns, and is acknowledged, after its fsync, unless the
/// fault was asked for.
#[cfg(debug_assertions)]
pub(super) fn synchronous() -> &'static str {
    if std::env::var_os(VARIABLE).is_some_and(|fault| fault == ACK_BEFORE_FSYNC) {
        tracing::error!(
            "a fault was asked for: the journal acknowledges before it syncs, and may lose events"
        );
        return "OFF";
    }
    "FULL"
}
