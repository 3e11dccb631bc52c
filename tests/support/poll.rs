//! Waiting for a condition, with a deadline: the only place where a story may let time pass.

use std::time::{Duration, Instant};

use anyhow::bail;

/// A condition is looked at this often: short beside every delay that is measured.
const INTERVAL: Duration = Duration::from_millis(5);

/// What ordinary steps get on a busy machine with two cores. It bounds a failure, not a success.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer, and fails naming what was waited for.
///
/// # Errors
/// The deadline passed, or the question itself failed.
pub fn until<T>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            bail!("waited {} s in vain for {what}", patience.as_secs());
        }
        std::thread::sleep(INTERVAL);
    }
}

/// Waits until the condition holds.
///
/// # Errors
/// The deadline passed, or the condition could not be looked at.
pub fn until_true(
    what: &str,
    patience: Duration,
    mut holds: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    until(what, patience, || Ok(holds()?.then_some(())))
}
