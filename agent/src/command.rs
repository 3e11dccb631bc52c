//! What the collector may tell a sensor to do: typed orders, never a shell.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// So many rescans may wait; the files sensor does one at a time, and more than these are refused.
pub const RESCANS_WAITING_MAX: usize = 8;

/// Look again at everything below one watch, or below all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescan {
    /// The watch's name in the policy; empty for all.
    pub watch: String,
}

/// A bounded queue of rescans: the uplink's end and the files sensor's.
pub fn rescans() -> (SyncSender<Rescan>, Receiver<Rescan>) {
    sync_channel(RESCANS_WAITING_MAX)
}
