//! How everything learns that the collector stops: one flag that is raised once.

use tokio::sync::watch;

/// Resolves once the flag is raised, or once nobody is left to raise it.
pub async fn raised(stop: &mut watch::Receiver<bool>) {
    // The guard that `wait_for` returns must not live on: it would block the next raiser.
    let _ = stop.wait_for(|stop| *stop).await;
}
