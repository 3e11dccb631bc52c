//! SIGTERM from the service manager, SIGINT from the keyboard.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use vong_proto::event::StopReason;

pub(super) fn stop_asked() -> io::Result<impl Future<Output = StopReason>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => reason(vong_os::host::shuts_down()),
            _ = interrupt.recv() => StopReason::ServiceStop,
        }
    })
}

/// Why a service is told to stop, by whether the PC shuts down.
fn reason(shuts_down: Option<bool>) -> StopReason {
    match shuts_down {
        Some(true) => StopReason::Shutdown,
        Some(false) => StopReason::ServiceStop,
        None => StopReason::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_nobody_gave_is_not_made_up() {
        assert_eq!(reason(Some(true)), StopReason::Shutdown);
        assert_eq!(reason(Some(false)), StopReason::ServiceStop);
        assert_eq!(reason(None), StopReason::Unknown);
    }
}
