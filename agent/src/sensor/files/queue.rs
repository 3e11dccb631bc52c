//! Changes that wait to be looked at, in order, each path once where that says the same.
//!
//! A program that writes a file makes the system say "created", "attributes", "closed after writing" within
//! a millisecond; hashing once after the last is enough. What must not be merged is order: a removal
//! between two creations, or a rename, ends what was known of a name.
//!
//! A path that was told a moment ago *rests*: what follows is gathered, and told as one change when the rest is over.
//! A removal or a rename ends the rest at once, and nothing rests longer than once: the last change of a path is
//! always looked at.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use vong_proto::event::Who;

use super::explain::Manager;
use crate::clock;

#[path = "queue/deeds.rs"]
mod deeds;
#[path = "queue/rest.rs"]
mod rest;

pub(super) use deeds::Deed;
use rest::Rest;

/// What has been created is expected to be closed soon; looked at before, it would be reported empty, and
/// again when it is complete. Also the two halves of a rename find each other in this time.
pub(super) const GRACE: Duration = Duration::from_millis(30);
/// So many changes may wait: half of what the inbox holds, so that what rests never keeps out what is new.
const WAITING_MAX: usize = 4_096;

/// Something that the system said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Where.
    pub(super) path: Vec<u8>,
    /// What.
    pub(super) what: What,
    /// Whether it is about a folder.
    pub(super) folder: bool,
    /// Who did it.
    pub(super) who: Who,
    /// The package manager that whoever did it is, or was started by.
    pub(super) under: Option<Manager>,
    /// When, by the wall clock.
    pub(super) wall_ms: i64,
    /// When, since boot.
    pub(super) mono_ms: u64,
    /// So many reports of the system this is. What the system has merged itself counts once.
    pub(super) count: u32,
    /// When the first of them came, by the wall clock.
    pub(super) first_ms: i64,
    /// What other processes did to it meanwhile.
    pub(super) others: Vec<Deed>,
}

impl Change {
    /// What the system has just said.
    pub(super) fn now(path: Vec<u8>, what: What, folder: bool, who: Who) -> Self {
        let wall_ms = clock::wall_ms();
        Self {
            path,
            what,
            folder,
            who,
            under: None,
            wall_ms,
            mono_ms: clock::mono_ms(),
            count: 1,
            first_ms: wall_ms,
            others: Vec::new(),
        }
    }

    /// Names another one first, with what it did; what the one did who was named until now.
    fn take_lead(&mut self, later: &Change, written: bool) -> Deed {
        let before = self.deed(written);
        self.who = later.who.clone();
        (self.wall_ms, self.mono_ms) = (later.wall_ms, later.mono_ms);
        (self.count, self.first_ms) = (later.count, later.first_ms);
        if let Some(own) = deeds::take(&mut self.others, &self.who) {
            self.count = self.count.saturating_add(own.count);
            self.first_ms = own.first_ms;
        }
        before
    }

    /// What the one did who is named first.
    fn deed(&self, written: bool) -> Deed {
        Deed {
            who: self.who.clone(),
            written,
            wall_ms: self.wall_ms,
            mono_ms: self.mono_ms,
            count: self.count,
            first_ms: self.first_ms,
        }
    }
}

/// What the system can say of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Something happened to it: look.
    Touched(Touch),
    /// The name was removed.
    Gone,
    /// It had another name before.
    Renamed {
        /// The other name.
        from: Vec<u8>,
    },
}

/// What may be expected at a touched path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Touch {
    /// The name was made.
    pub(super) created: bool,
    /// It was closed after writing.
    pub(super) written: bool,
    /// When nothing is there, nothing else will say so.
    pub(super) may_be_gone: bool,
    /// Nothing will be said of what already lies inside this folder.
    pub(super) look_inside: bool,
}

impl Touch {
    fn merge(&mut self, later: Touch) {
        self.created |= later.created;
        self.written |= later.written;
        self.may_be_gone |= later.may_be_gone;
        self.look_inside |= later.look_inside;
    }

    /// Whether more is likely to be said within [`GRACE`].
    fn expects_more(self, folder: bool) -> bool {
        !self.written && ((self.created && !folder) || self.may_be_gone)
    }
}

/// Changes in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    changes: BTreeMap<u64, Held>,
    /// The last change of each path, the only one that may be merged with.
    latest: HashMap<Vec<u8>, u64>,
    ready: BTreeSet<u64>,
    waiting: BTreeSet<(Instant, u64)>,
    next: u64,
    rest: Rest,
    /// Changes before this one stand before the removal or renaming of a folder that may hold their paths.
    folder_ended: u64,
}

/// A change, and until when it waits for more.
#[derive(Debug)]
struct Held {
    change: Change,
    due: Option<Instant>,
}

impl Queue {
    /// How many changes wait.
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether a change of this path waits.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        self.latest.contains_key(path)
    }

    /// Takes a change in, merged with the one before it where that says the same.
    pub(super) fn push(&mut self, change: Change, now: Instant) {
        match &change.what {
            What::Touched(touch) => {
                let touch = *touch;
                if !self.merge(&change, touch, now) {
                    let due = match touch.expects_more(change.folder) {
                        true => Some(now + GRACE),
                        false => self.rests_until(&change.path, touch, now),
                    };
                    self.append(change, due);
                }
            }
            What::Gone => {
                self.rest.end(&change.path);
                self.make_ready(&change);
                self.append(change, None);
            }
            What::Renamed { from } => {
                let from = from.clone();
                self.rest.end(&from);
                self.rest.end(&change.path);
                self.cancel_guess(&from);
                self.cancel_guess(&change.path);
                self.make_ready(&change);
                let number = self.append(change, None);
                self.latest.insert(from, number);
            }
        }
    }

    /// The oldest change that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Change> {
        while let Some((due, number)) = self.waiting.first().copied() {
            if due > now {
                break;
            }
            self.waiting.pop_first();
            self.ready.insert(number);
        }
        let number = self.ready.pop_first()?;
        let Held { change, .. } = self.changes.remove(&number)?;
        self.forget_latest(&change.path, number);
        if let What::Renamed { from } = &change.what {
            self.forget_latest(from, number);
        }
        Some(change)
    }

    /// What was popped last of this path has been told: what follows, or waits already, is gathered for so long.
    pub(super) fn told(&mut self, path: &[u8], hold: Duration, now: Instant) {
        let until = now + hold;
        self.rest.begin(path, until, now);
        let Some(number) = self.latest.get(path).copied() else {
            return;
        };
        let Some(What::Touched(touch)) = self.changes.get(&number).map(|held| &held.change.what) else {
            return;
        };
        let may_rest = number >= self.folder_ended && self.rests_until(path, *touch, now).is_some();
        if may_rest && self.ready.remove(&number) {
            self.waiting.insert((until, number));
            if let Some(held) = self.changes.get_mut(&number) {
                held.due = Some(until);
            }
        }
    }

    /// Lets nothing wait any longer.
    pub(super) fn hurry_all(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.ready.extend(waiting.into_iter().map(|(_, number)| number));
    }

    /// How long until a change is due; `None` when none waits.
    pub(super) fn due_in(&self, now: Instant) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let (due, _) = self.waiting.first()?;
        Some(due.saturating_duration_since(now))
    }

    fn append(&mut self, change: Change, due: Option<Instant>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.latest.insert(change.path.clone(), number);
        self.changes.insert(number, Held { change, due });
        match due {
            Some(due) => self.waiting.insert((due, number)),
            None => self.ready.insert(number),
        };
        number
    }

    /// Until when a touch of this path rests, if it does. One after which nothing may be there does not.
    fn rests_until(&self, path: &[u8], touch: Touch, now: Instant) -> Option<Instant> {
        let may_rest = !touch.created && !touch.may_be_gone && self.waiting.len() < WAITING_MAX;
        self.rest.until(path, now).filter(|_| may_rest)
    }

    /// Merges a touch with the touch before it; whether it could.
    fn merge(&mut self, change: &Change, later: Touch, now: Instant) -> bool {
        let Some(number) = self.latest.get(&change.path).copied() else {
            return false;
        };
        let Some(Held { change: before, .. }) = self.changes.get_mut(&number) else {
            return false;
        };
        let What::Touched(touch) = &mut before.what else {
            return false;
        };
        let before_this = *touch;
        touch.merge(later);
        let (touch, leads) = (*touch, deeds::leads(later, before_this));
        if deeds::are_two(&before.who, &change.who) {
            let other = match leads {
                true => before.take_lead(change, before_this.written),
                false => change.deed(later.written),
            };
            deeds::note(&mut before.others, other);
        } else {
            if leads {
                before.who = change.who.clone();
            }
            before.wall_ms = change.wall_ms;
            before.mono_ms = change.mono_ms;
            before.count = before.count.saturating_add(change.count);
        }
        // Of what several did together, a package manager explains nothing.
        if before.under != change.under {
            before.under = None;
        }
        before.folder |= change.folder;
        let folder = before.folder;
        if !touch.expects_more(folder) && self.rests_until(&change.path, touch, now).is_none() {
            self.hurry(number);
        }
        true
    }

    fn hurry(&mut self, number: u64) {
        let due = self.changes.get_mut(&number).and_then(|held| held.due.take());
        if let Some(due) = due {
            self.waiting.remove(&(due, number));
            self.ready.insert(number);
        }
    }

    /// What was said before a removal or a rename is looked at before it: of a folder, everything.
    fn make_ready(&mut self, change: &Change) {
        if change.folder {
            self.hurry_all();
            self.folder_ended = self.next;
            return;
        }
        let before = match &change.what {
            What::Renamed { from } => self.latest.get(from).copied(),
            What::Touched(_) | What::Gone => None,
        };
        let own = self.latest.get(&change.path).copied();
        for number in [before, own].into_iter().flatten() {
            self.hurry(number);
        }
    }

    /// Half of a rename was taken for a touch; the whole says it better.
    fn cancel_guess(&mut self, path: &[u8]) {
        let Some(number) = self.latest.get(path).copied() else {
            return;
        };
        let is_guess = matches!(
            self.changes.get(&number).map(|held| &held.change.what),
            Some(What::Touched(touch)) if touch.may_be_gone && !touch.created && !touch.written
        );
        if is_guess {
            self.hurry(number);
            self.ready.remove(&number);
            self.changes.remove(&number);
            self.latest.remove(path);
        }
    }

    fn forget_latest(&mut self, path: &[u8], number: u64) {
        if self.latest.get(path) == Some(&number) {
            self.latest.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(path: &str, what: What) -> Change {
        Change {
            path: path.as_bytes().to_vec(),
            what,
            folder: false,
            who: Who::Unavailable("test".to_owned()),
            under: None,
            wall_ms: 0,
            mono_ms: 0,
            count: 1,
            first_ms: 0,
            others: Vec::new(),
        }
    }

    fn created() -> What {
        What::Touched(Touch {
            created: true,
            ..Touch::default()
        })
    }

    fn written() -> What {
        What::Touched(Touch {
            written: true,
            ..Touch::default()
        })
    }

    fn guess() -> What {
        What::Touched(Touch {
            may_be_gone: true,
            ..Touch::default()
        })
    }

    fn drain(queue: &mut Queue, now: Instant) -> Vec<Change> {
        std::iter::from_fn(|| queue.pop(now)).collect()
    }

    #[test]
    fn a_new_file_is_looked_at_once_as_soon_as_it_is_closed() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(change("a", created()), now);
        assert_eq!(queue.pop(now), None);
        queue.push(change("a", written()), now);
        let seen = drain(&mut queue, now);
        assert_eq!(seen.len(), 1);
        assert!(matches!(seen[0].what, What::Touched(touch) if touch.created && touch.written));
        assert_eq!(queue.due_in(now), None);
    }

    #[test]
    fn a_new_file_that_stays_open_is_looked_at_after_the_grace() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(change("a", created()), now);
        assert_eq!(queue.due_in(now), Some(GRACE));
        assert_eq!(drain(&mut queue, now + GRACE).len(), 1);
    }

    #[test]
    fn a_removal_between_two_writings_stays_between_them() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(change("a", created()), now);
        queue.push(change("a", What::Gone), now);
        queue.push(change("a", written()), now);
        let seen: Vec<_> = drain(&mut queue, now)
            .into_iter()
            .map(|change| change.what)
            .collect();
        assert_eq!(seen, [created(), What::Gone, written()]);
    }

    #[test]
    fn the_halves_of_a_rename_give_way_to_the_whole() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(change("a", guess()), now);
        queue.push(change("b", guess()), now);
        let whole = change("b", What::Renamed { from: b"a".to_vec() });
        queue.push(whole.clone(), now);
        assert_eq!(drain(&mut queue, now + GRACE), [whole]);
    }

    #[test]
    fn the_writer_is_named_rather_than_who_set_rights_afterwards() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let by = |pid, what| Change {
            who: Who::Exited { pid },
            ..change("a", what)
        };
        // Something due earlier keeps the queue from handing "a" out in between.
        queue.push(by(1, written()), now);
        queue.push(by(2, What::Touched(Touch::default())), now);
        assert_eq!(drain(&mut queue, now)[0].who, Who::Exited { pid: 1 });
    }

    #[test]
    fn what_others_did_too_is_not_a_package_managers_doing() {
        let check = |first: Option<Manager>, second: Option<Manager>, expected: Option<Manager>| {
            let (mut queue, now) = (Queue::default(), Instant::now());
            let by = |under, what| Change {
                under,
                ..change("a", what)
            };
            queue.push(by(first, written()), now);
            queue.push(by(second, What::Touched(Touch::default())), now);
            let seen = drain(&mut queue, now);
            assert_eq!(seen[0].under, expected, "{first:?} {second:?}");
        };
        let dpkg = Some(Manager::Dpkg);
        check(dpkg, dpkg, dpkg);
        check(None, dpkg, None);
        check(dpkg, None, None);
        check(None, None, None);
    }

    #[test]
    fn what_follows_soon_is_gathered_with_its_number_and_its_times() {
        let (mut queue, begun) = (Queue::default(), Instant::now());
        let hold = Duration::from_secs(1);
        queue.push(change("log", written()), begun);
        assert_eq!(drain(&mut queue, begun).len(), 1, "the first is told at once");
        queue.push(change("log", written()), begun);
        queue.told(b"log", hold, begun);
        for number in 1..1_000 {
            let at = |change: Change| Change {
                wall_ms: number,
                first_ms: number,
                ..change
            };
            queue.push(at(change("log", written())), begun + hold / 2);
        }
        queue.push(change("other", written()), begun);
        assert_eq!(drain(&mut queue, begun + hold / 2).len(), 1, "only the other one");
        let gathered = drain(&mut queue, begun + hold);
        assert_eq!(gathered.len(), 1);
        assert_eq!(gathered[0].count, 1_000);
        assert_eq!((gathered[0].first_ms, gathered[0].wall_ms), (0, 999));
    }

    #[test]
    fn each_process_answers_for_what_it_did_and_few_are_held() {
        let (mut queue, begun) = (Queue::default(), Instant::now());
        queue.told(b"log", Duration::from_secs(1), begun);
        let by = |pid: u32, wall_ms: i64| Change {
            who: Who::Exited { pid },
            wall_ms,
            first_ms: wall_ms,
            ..change("log", written())
        };
        for (pid, wall_ms) in [(1, 10), (1, 11), (2, 12), (1, 13), (3, 14)] {
            queue.push(by(pid, wall_ms), begun);
        }
        let seen = drain(&mut queue, begun + Duration::from_secs(1));
        assert_eq!(seen.len(), 1);
        assert_eq!((&seen[0].who, seen[0].count), (&Who::Exited { pid: 3 }, 1));
        let others = |change: &Change| -> Vec<(Who, u32, i64, i64)> {
            let others = change.others.iter();
            others
                .map(|deed| (deed.who.clone(), deed.count, deed.first_ms, deed.wall_ms))
                .collect()
        };
        let expected = [
            (Who::Exited { pid: 2 }, 1, 12, 12),
            (Who::Exited { pid: 1 }, 3, 10, 13),
        ];
        assert_eq!(others(&seen[0]), expected);

        queue.told(b"log", Duration::from_secs(1), begun);
        for pid in 1..=1_000 {
            queue.push(by(pid, 0), begun);
        }
        let seen = drain(&mut queue, begun + Duration::from_secs(1));
        let counts =
            |change: &Change| change.count + change.others.iter().map(|deed| deed.count).sum::<u32>();
        assert_eq!(counts(&seen[0]), 1_000);
        assert!(seen[0].others.len() < 20);
        let last = seen[0].others.last().expect("others");
        assert_eq!(last.who, Who::Unavailable("several".to_owned()));
    }

    #[test]
    fn a_removal_or_a_rename_ends_the_rest() {
        let begun = Instant::now();
        let check = |what: What, folder: bool| {
            let mut queue = Queue::default();
            queue.told(b"a", Duration::from_secs(1), begun);
            queue.push(change("a", written()), begun);
            assert_eq!(drain(&mut queue, begun), []);
            let ending = Change {
                folder,
                ..change("a", what)
            };
            queue.push(ending.clone(), begun);
            assert_eq!(drain(&mut queue, begun), [change("a", written()), ending]);
            queue.push(change("a", written()), begun);
            assert_eq!(drain(&mut queue, begun).len(), 1);
        };
        check(What::Gone, false);
        check(What::Renamed { from: b"b".to_vec() }, false);
        check(What::Renamed { from: b"b".to_vec() }, true);
    }

    #[test]
    fn what_stands_before_the_end_of_its_folder_does_not_rest() {
        let (mut queue, begun) = (Queue::default(), Instant::now());
        queue.push(change("folder/a", written()), begun);
        let gone = Change {
            folder: true,
            ..change("folder", What::Gone)
        };
        queue.push(gone.clone(), begun);
        queue.told(b"folder/a", Duration::from_secs(1), begun);
        assert_eq!(drain(&mut queue, begun), [change("folder/a", written()), gone]);
    }

    #[test]
    fn what_rests_never_fills_the_queue() {
        let (mut queue, begun) = (Queue::default(), Instant::now());
        for number in 0..2 * WAITING_MAX {
            let path = number.to_string();
            queue.told(path.as_bytes(), Duration::from_secs(1), begun);
            queue.push(change(&path, written()), begun);
        }
        assert_eq!(drain(&mut queue, begun).len(), WAITING_MAX);
    }

    fn any_change() -> impl Strategy<Value = Change> {
        let path = prop_oneof![Just("a"), Just("b"), Just("c")];
        let what = prop_oneof![
            Just(created()),
            Just(written()),
            Just(What::Gone),
            prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(|from| What::Renamed {
                from: from.as_bytes().to_vec()
            }),
        ];
        (path, what).prop_map(|(path, what)| change(path, what))
    }

    /// What a busy program and a looker do with one name.
    #[derive(Clone, Copy, Debug)]
    enum Busy {
        Write,
        Remove,
        Look { told: bool },
        Wait { ms: u64 },
    }

    fn any_busy() -> impl Strategy<Value = Busy> {
        prop_oneof![
            8 => Just(Busy::Write),
            1 => Just(Busy::Remove),
            4 => any::<bool>().prop_map(|told| Busy::Look { told }),
            4 => (0_u64..400).prop_map(|ms| Busy::Wait { ms }),
        ]
    }

    proptest! {
        /// However long a path rests: each report is counted once, none is looked at later than a rest after somebody
        /// could have looked, and the last is looked at.
        #[test]
        fn what_rests_is_counted_and_its_last_state_is_looked_at(busy in prop::collection::vec(any_busy(), 0..200)) {
            const HOLD: Duration = Duration::from_secs(1);
            let (mut queue, mut now) = (Queue::default(), Instant::now());
            let (mut pushed, mut counted) = (0, 0);
            // What was said at a look and not shown, and until when it must have been.
            let mut unseen: Option<(u32, Instant)> = None;
            let end = [Busy::Wait { ms: 1_000 }, Busy::Look { told: false }];
            for action in busy.into_iter().chain(end) {
                let what = match action {
                    Busy::Write => written(),
                    Busy::Remove => What::Gone,
                    Busy::Wait { ms } => {
                        now += Duration::from_millis(ms);
                        continue;
                    }
                    Busy::Look { told } => {
                        while let Some(change) = queue.pop(now) {
                            counted += change.count;
                            if told && matches!(change.what, What::Touched(_)) {
                                queue.told(b"a", HOLD, now);
                            }
                        }
                        unseen = unseen.filter(|(said, _)| counted < *said);
                        if let Some((_, until)) = unseen {
                            prop_assert!(now < until);
                        } else if counted < pushed {
                            unseen = Some((pushed, now + HOLD));
                        }
                        continue;
                    }
                };
                pushed += 1;
                queue.push(change("a", what), now);
            }
            prop_assert_eq!(counted, pushed);
            prop_assert_eq!(queue.len(), 0);
        }

        /// Removals and renames come out as they went in, and after the last of them each path that was
        /// touched again is looked at.
        #[test]
        fn order_is_kept_and_nothing_is_forgotten(pushed in prop::collection::vec(any_change(), 0..40)) {
            let (mut queue, now) = (Queue::default(), Instant::now());
            for change in &pushed {
                queue.push(change.clone(), now);
            }
            let popped = drain(&mut queue, now + GRACE);
            let structural = |changes: &[Change]| -> Vec<Change> {
                changes.iter().filter(|change| !matches!(change.what, What::Touched(_))).cloned().collect()
            };
            prop_assert_eq!(structural(&popped), structural(&pushed));
            for path in [b"a", b"b", b"c"] {
                let touched_last = |changes: &[Change]| {
                    changes.iter().rfind(|change| {
                        change.path == path || matches!(&change.what, What::Renamed { from } if from == path)
                    }).map(|change| matches!(change.what, What::Touched(_)))
                };
                prop_assert_eq!(touched_last(&popped), touched_last(&pushed));
            }
            prop_assert_eq!(queue.len(), 0);
            prop_assert!(!queue.holds(b"a"));
        }
    }
}
