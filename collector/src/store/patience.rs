//! When a refusal for want of memory or for size is believed. Pure: told the time by its caller.

use std::time::Duration;

use tokio::time::Instant;

/// So often rows are refused for their size before they go on in parts: memory may be free again in seconds.
const SIZE_ATTEMPTS: u32 = 3;
/// So often one row is, before it is set aside.
const LONE_ATTEMPTS: u32 = 30;
/// An attempt of which nobody knows how it ended may be stored this much later: longer than any patience of the
/// writer or the store. Until then nothing is split.
const UNKNOWN_FOR: Duration = Duration::from_secs(180);

/// What has become of the attempts to store the same rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience {
    unknown_until: Option<Instant>,
    refusals: u32,
}

impl Patience {
    /// An attempt was made now, or before now, of which nobody knows how it ended.
    pub(super) fn note_unknown(&mut self, now: Instant) {
        self.unknown_until = Some(now + UNKNOWN_FOR);
    }

    /// So many rows were refused for their size, or for a want of memory that passes; whether that is believed. A
    /// row is small, so that a want of memory is never its fault.
    pub(super) fn is_over(&mut self, rows: usize, passes: bool, now: Instant) -> bool {
        self.refusals += 1;
        let attempts = match (rows > 1, passes) {
            (true, _) => SIZE_ATTEMPTS,
            (false, false) => LONE_ATTEMPTS,
            (false, true) => return false,
        };
        let settled = self.unknown_until.is_none_or(|moment| now >= moment);
        settled && self.refusals >= attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many refusals they are believed.
    fn believed_after(rows: usize, passes: bool) -> Option<u32> {
        let (mut patience, now) = (Patience::default(), Instant::now());
        (1..1_000).find(|_| patience.is_over(rows, passes, now))
    }

    #[test]
    fn many_rows_are_split_soon_and_one_is_given_up_only_for_its_size() {
        assert_eq!(believed_after(2, true), Some(SIZE_ATTEMPTS));
        assert_eq!(believed_after(2, false), Some(SIZE_ATTEMPTS));
        assert_eq!(believed_after(1, false), Some(LONE_ATTEMPTS));
        assert_eq!(believed_after(1, true), None, "memory is never one row's fault");
    }

    #[test]
    fn nothing_is_split_while_an_attempt_may_still_be_stored() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        patience.note_unknown(now);
        let early = now + UNKNOWN_FOR - Duration::from_secs(1);
        assert!((1..100).all(|_| !patience.is_over(9, true, early)));
        assert!(patience.is_over(9, true, now + UNKNOWN_FOR));
    }
}
