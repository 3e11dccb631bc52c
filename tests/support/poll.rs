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
    ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    until_every(INTERVAL, what, patience, ask)
}

/// As [`until`], for a question that is dear.
///
/// # Errors
/// The deadline passed, or the question itself failed.
pub fn until_every<T>(
    interval: Duration,
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
        std::thread::sleep(interval);
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

/// Lets the time of a fault pass, in which something must stay true.
///
/// # Errors
/// It did not.
pub fn while_true(time: Duration, mut holds: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        holds()?;
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}
