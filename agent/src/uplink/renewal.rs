//! When to ask for the next certificate: pure, by the collector's clock.

/// A request that was not granted is not made again before this time: a collector that cannot sign at the moment
/// shall not lose a connection over it every minute. A certificate's last third is thirty such days.
const RETRY_MS: i64 = 24 * 3_600 * 1_000;

/// The present certificate's renewal; it outlives connections.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Renewal {
    due_ms: Option<i64>,
    /// When the collector wants it, if that is earlier.
    hastened_ms: Option<i64>,
    asked_ms: Option<i64>,
}

impl Renewal {
    /// This certificate is in use, valid from when until when, milliseconds since 1970; `None` if it does not say.
    pub(super) fn follow(&mut self, validity_ms: Option<(i64, i64)>) {
        let due_ms = validity_ms.map(|(begin, end)| begin + (end - begin) / 3 * 2);
        if due_ms != self.due_ms {
            *self = Self {
                due_ms,
                ..Self::default()
            };
        }
    }

    /// The collector wants the certificate to be renewed at this moment; an earlier wish stands.
    pub(super) fn hasten(&mut self, at_ms: i64) {
        self.hastened_ms = Some(self.hastened_ms.map_or(at_ms, |known| known.min(at_ms)));
    }

    /// Whether the collector wants the certificate to be renewed before its time.
    pub(super) fn is_hastened(&self) -> bool {
        self.hastened_ms.is_some()
    }

    /// Whether to ask now; the answer "yes" counts as having asked.
    pub(super) fn ask(&mut self, now_ms: i64) -> bool {
        let moments = [self.due_ms, self.hastened_ms];
        let is_due = moments.into_iter().flatten().any(|due_ms| now_ms >= due_ms)
            && self.asked_ms.is_none_or(|asked_ms| now_ms - asked_ms >= RETRY_MS);
        if is_due {
            self.asked_ms = Some(now_ms);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 3_600 * 1_000;

    #[test]
    fn two_thirds_of_a_life_pass_before_the_first_request_and_a_day_before_the_next() {
        let mut renewal = Renewal::default();
        renewal.follow(Some((10 * DAY_MS, 100 * DAY_MS)));
        assert!(!renewal.ask(70 * DAY_MS - 1));
        assert!(renewal.ask(70 * DAY_MS));
        assert!(!renewal.ask(71 * DAY_MS - 1));
        assert!(renewal.ask(71 * DAY_MS));
        // A new connection with the same certificate is no reason to ask again.
        renewal.follow(Some((10 * DAY_MS, 100 * DAY_MS)));
        assert!(!renewal.ask(71 * DAY_MS + 1));
    }

    #[test]
    fn a_new_certificate_has_a_life_of_its_own() {
        let mut renewal = Renewal::default();
        renewal.follow(Some((0, 90 * DAY_MS)));
        assert!(renewal.ask(60 * DAY_MS));
        renewal.follow(Some((60 * DAY_MS, 150 * DAY_MS)));
        assert!(!renewal.ask(120 * DAY_MS - 1));
        assert!(renewal.ask(120 * DAY_MS));
    }

    #[test]
    fn a_collector_that_changes_its_authority_is_not_kept_waiting() {
        let mut renewal = Renewal::default();
        renewal.follow(Some((0, 90 * DAY_MS)));
        renewal.hasten(2 * DAY_MS);
        // The next connection draws another moment; the first one stands.
        renewal.follow(Some((0, 90 * DAY_MS)));
        renewal.hasten(3 * DAY_MS);
        assert!(!renewal.ask(2 * DAY_MS - 1));
        assert!(renewal.ask(2 * DAY_MS));
        renewal.follow(Some((2 * DAY_MS, 92 * DAY_MS)));
        assert!(!renewal.is_hastened() && !renewal.ask(3 * DAY_MS));
    }

    #[test]
    fn a_certificate_that_says_nothing_is_left_alone() {
        let mut renewal = Renewal::default();
        renewal.follow(None);
        assert!(!renewal.ask(i64::MAX));
    }
}
