//! When a mail is tried again, and when it is given up. Pure.

use crate::registry::delivery::{Delivery, DeliveryState, Outcome};

/// The pause after the first failure; each further one doubles it. Longer than a sending may take, so that
/// no mail is tried again while it is still on its way.
const FIRST_PAUSE_MS: i64 = 60_000;
/// The longest pause: a relay that comes back is found within the hour.
const PAUSE_MAX_MS: i64 = 3_600_000;
/// A mail older than this tells nobody anything: the dashboard has said it for two days.
const GIVE_UP_AFTER_MS: i64 = 48 * 3_600_000;

/// What becomes of a delivery after an attempt, given how often it was tried before, and when it is due
/// next. An attempt with an unknown outcome is repeated like one that failed: twice is better than never.
pub(super) fn next(row: &Delivery, outcome: Outcome, at_ms: i64) -> (DeliveryState, i64) {
    match outcome {
        Outcome::Accepted => (DeliveryState::Sent, row.due_ms),
        Outcome::Bounced => (DeliveryState::Failed, row.due_ms),
        Outcome::Deferred | Outcome::Error | Outcome::Unknown => {
            let due_ms = at_ms + pause_ms(row.attempts);
            if due_ms - row.created_ms > GIVE_UP_AFTER_MS {
                (DeliveryState::Failed, row.due_ms)
            } else {
                (DeliveryState::Due, due_ms)
            }
        }
    }
}

fn pause_ms(attempts_before: i64) -> i64 {
    let doublings = u32::try_from(attempts_before.clamp(0, 16)).unwrap_or(0);
    (FIRST_PAUSE_MS << doublings).min(PAUSE_MAX_MS)
}
