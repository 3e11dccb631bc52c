//! SIGTERM from the service manager, SIGINT from the keyboard.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

pub(super) fn stop_asked() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
