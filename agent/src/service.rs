//! How the system asks the agent to stop.

use std::io;

use vong_proto::event::StopReason;

#[cfg(target_os = "linux")]
#[path = "service/linux.rs"]
mod imp;

/// Ends when the system, or somebody at the keyboard, asks the agent to stop. To be called within a runtime;
/// a request counts from this call on, not only from the first wait. The answer is why, as far as that can be found
/// out.
///
/// # Errors
/// The system's own.
pub fn stop_asked() -> io::Result<impl Future<Output = StopReason>> {
    imp::stop_asked()
}
