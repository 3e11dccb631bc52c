//! Commands.

use super::pb;
use crate::session::{Command, CommandKind};

impl From<Command> for pb::Command {
    fn from(command: Command) -> Self {
        use pb::command::Command as Wire;

        let kind = match command.kind {
            CommandKind::Rescan { watch } => Some(Wire::Rescan(pb::Rescan { watch })),
            CommandKind::UpdateSignatures { limit_s } => {
                Some(Wire::UpdateSignatures(pb::UpdateSignatures { limit_s }))
            }
            CommandKind::QuickScan { limit_s } => Some(Wire::QuickScan(pb::QuickScan { limit_s })),
            CommandKind::Unknown => None,
        };
        Self {
            id: command.id,
            expires_ms: command.expires_ms,
            command: kind,
        }
    }
}

impl From<pb::Command> for Command {
    fn from(wire: pb::Command) -> Self {
        use pb::command::Command as Wire;

        let kind = match wire.command {
            Some(Wire::Rescan(rescan)) => CommandKind::Rescan { watch: rescan.watch },
            Some(Wire::UpdateSignatures(it)) => CommandKind::UpdateSignatures { limit_s: it.limit_s },
            Some(Wire::QuickScan(it)) => CommandKind::QuickScan { limit_s: it.limit_s },
            None => CommandKind::Unknown,
        };
        Self {
            id: wire.id,
            expires_ms: wire.expires_ms,
            kind,
        }
    }
}
