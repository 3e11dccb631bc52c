//! Planned windows: times that somebody announced, in which changes are expected.
//!
//! What the system tells of has a time. What a comparison finds has none: it happened at some moment since the last
//! one when everything was known. So it is explained only by a window that was open all that time, and if something
//! is still there, its own time of change must lie in the window too.

use vong_proto::event::{Cause, FileEvent, Origin};
use vong_proto::policy::PlannedWindow;

/// All windows of the policy.
#[derive(Debug, Default)]
pub(super) struct Planned {
    windows: Vec<Window>,
}

#[derive(Debug)]
struct Window {
    cause: Cause,
    from_ms: i64,
    until_ms: i64,
    /// Empty stands for all.
    watches: Vec<String>,
}

/// When a change can have happened, by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Not before.
    pub(super) from_ms: i64,
    /// Not after.
    pub(super) until_ms: i64,
}

impl Span {
    /// When what an event tells can have happened. `complete_ms` is the last moment when everything was known, and
    /// `changed_ns` the time that the system keeps of the file's last change, if it is there.
    pub(super) fn of(event: &FileEvent, wall_ms: i64, complete_ms: i64, changed_ns: Option<i64>) -> Self {
        let from_ms = match event.origin {
            Origin::RealTime => event.first_ms.unwrap_or(wall_ms).min(wall_ms),
            Origin::CatchUp => {
                changed_ns.map_or(complete_ms, |changed_ns| complete_ms.min(changed_ns / 1_000_000))
            }
        };
        Self {
            from_ms,
            until_ms: wall_ms,
        }
    }
}

impl Planned {
    /// The windows of a policy.
    pub(super) fn new(windows: &[PlannedWindow]) -> Self {
        let window = |window: &PlannedWindow| {
            let (from_ms, until_ms) = window.span_ms()?;
            Some(Window {
                cause: Cause::Planned {
                    name: window.name.clone(),
                    author: window.author.clone(),
                },
                from_ms,
                until_ms,
                watches: window.watches.clone(),
            })
        };
        Self {
            windows: windows.iter().filter_map(window).collect(),
        }
    }

    /// The window that explains a change under a watch, the first in the policy of several.
    pub(super) fn cause(&self, watch: &str, span: Span) -> Option<Cause> {
        let explains = |window: &&Window| {
            window.from_ms <= span.from_ms
                && span.until_ms < window.until_ms
                && (window.watches.is_empty() || window.watches.iter().any(|name| name == watch))
        };
        self.windows
            .iter()
            .find(explains)
            .map(|window| window.cause.clone())
    }
}

#[cfg(test)]
mod tests {
    use vong_proto::event::{FileAction, Who};

    use super::*;

    const FROM_MS: i64 = 1_796_137_200_000;
    const UNTIL_MS: i64 = 1_796_151_600_000;

    fn planned(watches: &[&str]) -> Planned {
        Planned::new(&[PlannedWindow {
            name: "Nâng cấp".to_owned(),
            author: "lan".to_owned(),
            from: "2026-12-01T22:00:00+07:00".to_owned(),
            until: "2026-12-02T02:00:00+07:00".to_owned(),
            watches: watches.iter().map(|&name| name.to_owned()).collect(),
            reason: String::new(),
        }])
    }

    fn event(origin: Origin) -> FileEvent {
        FileEvent::new(
            FileAction::Modified,
            b"/a".to_vec(),
            origin,
            Who::Unavailable("catch_up".to_owned()),
        )
    }

    #[test]
    fn a_change_in_a_window_of_its_watch_is_planned() {
        let check = |watches: &[&str], wall_ms: i64, expected: bool| {
            let span = Span::of(&event(Origin::RealTime), wall_ms, 0, None);
            let cause = planned(watches).cause("standard:boot", span);
            assert_eq!(cause.is_some(), expected, "{watches:?} {wall_ms}");
        };
        check(&[], FROM_MS, true);
        check(&[], UNTIL_MS - 1, true);
        check(&[], FROM_MS - 1, false);
        check(&[], UNTIL_MS, false);
        check(&["standard:boot"], FROM_MS, true);
        check(&["hồ sơ"], FROM_MS, false);
    }

    #[test]
    fn many_reports_that_became_one_are_planned_only_together() {
        let mut event = event(Origin::RealTime);
        event.first_ms = Some(FROM_MS - 1);
        let span = Span::of(&event, FROM_MS + 1, 0, None);
        assert_eq!(planned(&[]).cause("any", span), None);
    }

    #[test]
    fn what_was_found_later_is_planned_only_if_it_cannot_have_been_before_the_window() {
        let check = |complete_ms: i64, changed_ms: Option<i64>, expected: bool| {
            let changed_ns = changed_ms.map(|changed_ms| changed_ms * 1_000_000);
            let span = Span::of(&event(Origin::CatchUp), FROM_MS + 60_000, complete_ms, changed_ns);
            let cause = planned(&[]).cause("any", span);
            assert_eq!(cause.is_some(), expected, "{complete_ms} {changed_ms:?}");
        };
        check(FROM_MS, None, true);
        check(FROM_MS - 1, None, false);
        check(i64::MIN, Some(FROM_MS + 1), false);
        check(FROM_MS, Some(FROM_MS + 1), true);
        check(FROM_MS, Some(FROM_MS - 1), false);
    }
}
