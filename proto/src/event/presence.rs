//! Words for presence: the life of the PC and of the agent on it.

use serde::{Deserialize, Serialize};

/// The agent, or its PC, starts or stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The agent has started.
    Started(Start),
    /// The agent is about to stop, and says why.
    Stopping(StopReason),
}

/// What the agent found when it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The agent's version.
    pub agent_version: String,
    /// The operating system's name and version.
    pub os: String,
    /// The PC's name.
    pub hostname: String,
    /// Whether the previous run ended without a goodbye (kill, crash, power loss).
    pub after_crash: bool,
    /// Whether the PC was started anew since the previous run.
    pub new_boot: bool,
    /// Whether the agent may see everything (root, SYSTEM).
    pub privileged: bool,
}

/// Why the agent stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The PC shuts down or restarts.
    Shutdown,
    /// Somebody stopped the service.
    ServiceStop,
    /// The agent is being replaced by another version.
    Upgrade,
    /// The agent is being removed.
    Uninstall,
    /// It was told to stop, and not why.
    Unknown,
}
