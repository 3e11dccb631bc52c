//! How long somebody has to wait before the next attempt to sign in.
//!
//! Three counts, each over what the registry remembers: this name from this address (a person, or a script
//! that guesses), this name from anywhere (many machines that guess one password), this address with any name
//! (one machine that tries one password on everybody). The first grows fast. The other two are generous and
//! stay short, because they hit bystanders: whoever hammers a name must not lock its owner out for long.

use crate::registry::session::LoginAttempt;

/// Attempts are remembered for this long.
pub(super) const MEMORY_MS: i64 = 24 * 3_600_000;

/// A count of failures, and what follows from it.
struct Limit {
    /// Failures without any delay.
    free: u32,
    /// The longest delay.
    delay_max_s: u32,
}

const PAIR: Limit = Limit {
    free: 5,
    delay_max_s: 900,
};
const NAME: Limit = Limit {
    free: 50,
    delay_max_s: 30,
};
const ADDRESS: Limit = Limit {
    free: 50,
    delay_max_s: 30,
};

/// Seconds until the next attempt is looked at; 0 is now. `attempts` stand newest first.
pub(super) fn wait_s(attempts: &[LoginAttempt], now_ms: i64) -> u32 {
    let both = |attempt: &LoginAttempt| attempt.same_name && attempt.same_address;
    let waits = [
        PAIR.wait_s(attempts.iter().filter(|attempt| both(attempt)), now_ms),
        NAME.wait_s(attempts.iter().filter(|attempt| attempt.same_name), now_ms),
        ADDRESS.wait_s(attempts.iter().filter(|attempt| attempt.same_address), now_ms),
    ];
    waits.into_iter().max().unwrap_or(0)
}

impl Limit {
    /// The delay doubles with each failure beyond the free ones; a success forgets what was before it.
    fn wait_s<'a>(&self, attempts: impl Iterator<Item = &'a LoginAttempt>, now_ms: i64) -> u32 {
        let mut failures = attempts.take_while(|attempt| !attempt.success);
        let Some(last) = failures.next() else { return 0 };
        let beyond = u32::try_from(failures.count() + 1)
            .unwrap_or(u32::MAX)
            .saturating_sub(self.free);
        if beyond == 0 {
            return 0;
        }
        let delay_s = 1_u32
            .checked_shl(beyond.min(31))
            .unwrap_or(u32::MAX)
            .min(self.delay_max_s);
        let left_ms = last.at_ms + i64::from(delay_s) * 1_000 - now_ms;
        // A clock that was set back must not lock anybody out for longer than the delay.
        u32::try_from(left_ms.div_euclid(1_000) + i64::from(left_ms % 1_000 > 0))
            .unwrap_or(0)
            .min(delay_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn attempt(seconds_ago: i64, success: bool, same_name: bool, same_address: bool) -> LoginAttempt {
        LoginAttempt {
            at_ms: NOW_MS - seconds_ago * 1_000,
            success,
            same_name,
            same_address,
        }
    }

    fn failures(count: usize, seconds_ago: i64) -> Vec<LoginAttempt> {
        vec![attempt(seconds_ago, false, true, true); count]
    }

    #[test]
    fn delays_grow_with_each_failure_and_have_an_end() {
        let wait = |count| wait_s(&failures(count, 0), NOW_MS);
        assert_eq!([wait(0), wait(5), wait(6), wait(7), wait(8)], [0, 0, 2, 4, 8]);
        assert_eq!([wait(20), wait(500)], [900, 900]);
    }

    #[test]
    fn waiting_helps() {
        assert_eq!(wait_s(&failures(8, 7), NOW_MS), 1);
        assert_eq!(wait_s(&failures(8, 8), NOW_MS), 0);
    }

    #[test]
    fn a_success_forgets_the_failures_before_it() {
        let mut attempts = vec![attempt(1, true, true, true)];
        attempts.extend(failures(20, 2));
        assert_eq!(wait_s(&attempts, NOW_MS), 0);
    }

    #[test]
    fn whoever_hammers_a_name_elsewhere_costs_its_owner_seconds_at_most() {
        let elsewhere = vec![attempt(0, false, true, false); 1_000];
        assert_eq!(wait_s(&elsewhere, NOW_MS), 30);
        assert_eq!(wait_s(&elsewhere[..50], NOW_MS), 0);
    }

    #[test]
    fn one_password_on_every_name_is_seen_too() {
        let spraying = vec![attempt(0, false, false, true); 60];
        assert_eq!(wait_s(&spraying, NOW_MS), 30);
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        assert_eq!(wait_s(&failures(6, -86_400), NOW_MS), 2);
    }
}
