//! What the collector may tell a sensor to do: typed orders, never a shell.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// So many rescans may wait; the files sensor does one at a time, and more than these are refused.
pub const RESCANS_WAITING_MAX: usize = 8;

/// So many orders for the antivirus may wait; it does one at a time, and more than these are refused.
pub const ANTIVIRUS_ORDERS_WAITING_MAX: usize = 4;

/// Look again at everything below one watch, or below all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescan {
    /// The watch's name in the policy; empty for all.
    pub watch: String,
}

/// Something for the antivirus to do, which takes its time: its sensor answers when it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AntivirusOrder {
    /// The command's id; the answer names it.
    pub id: String,
    /// What to do.
    pub task: AntivirusTask,
    /// Given up after this time.
    pub limit: Duration,
    /// It must not begin later.
    pub begin_until: Instant,
}

/// What the antivirus can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AntivirusTask {
    /// Bring the definitions up to date.
    UpdateSignatures,
    /// Look at where malware usually lands.
    QuickScan,
}

/// Where the uplink leaves orders for sensors.
#[derive(Clone, Debug)]
pub struct Desks {
    /// For the files sensor.
    pub rescans: SyncSender<Rescan>,
    /// For the antivirus sensor.
    pub antivirus: SyncSender<AntivirusOrder>,
}

/// Where sensors find their orders.
#[derive(Debug)]
pub struct Inboxes {
    /// The files sensor's.
    pub rescans: Receiver<Rescan>,
    /// The antivirus sensor's.
    pub antivirus: Receiver<AntivirusOrder>,
}

/// Bounded queues of orders: the uplink's ends and the sensors'.
pub fn orders() -> (Desks, Inboxes) {
    let (rescans, rescans_waiting) = rescans();
    let (antivirus, antivirus_waiting) = sync_channel(ANTIVIRUS_ORDERS_WAITING_MAX);
    let desks = Desks { rescans, antivirus };
    let inboxes = Inboxes {
        rescans: rescans_waiting,
        antivirus: antivirus_waiting,
    };
    (desks, inboxes)
}

/// A bounded queue of rescans: the uplink's end and the files sensor's.
pub fn rescans() -> (SyncSender<Rescan>, Receiver<Rescan>) {
    sync_channel(RESCANS_WAITING_MAX)
}
