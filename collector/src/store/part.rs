//! How an insert goes on that ClickHouse has refused: in smaller parts, until what it refuses stands alone.
//!
//! Pure. Parts are sent in order; every change of their size is written down before the next attempt, so that
//! after a crash the same rows go under the same token again. Sizes grow back after each success: a bad row among
//! a hundred thousand costs some dozens of inserts, not a hundred thousand.

use std::ops::Range;

use crate::journal::InsertPart;

/// A part of an insert of `total` rows: `rows` of them from `from` on, or what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    from: usize,
    rows: usize,
    total: usize,
}

impl Part {
    /// All rows at once.
    pub(super) fn whole(total: usize) -> Part {
        Part {
            from: 0,
            rows: total,
            total,
        }
    }

    /// The part that was written down.
    pub(super) fn resumed(kept: InsertPart, total: usize) -> Part {
        Part {
            from: usize::try_from(kept.from).unwrap_or(total).min(total),
            rows: usize::try_from(kept.rows).unwrap_or(total).clamp(1, total.max(1)),
            total,
        }
    }

    /// What is to be written down.
    pub(super) fn kept(self) -> InsertPart {
        InsertPart {
            from: self.from as u64,
            rows: self.rows as u64,
        }
    }

    /// Its rows; empty when all are settled.
    pub(super) fn range(self) -> Range<usize> {
        self.from..(self.from + self.rows).min(self.total)
    }

    /// Whether every row is settled.
    pub(super) fn is_over(self) -> bool {
        self.from >= self.total
    }

    /// Its token: that of the whole insert, or one that says which rows it holds.
    pub(super) fn token(self, whole: &str) -> String {
        let range = self.range();
        if range == (0..self.total) {
            return whole.to_owned();
        }
        format!("{whole}#{}-{}", range.start, range.end)
    }

    /// What follows once its rows are stored.
    pub(super) fn after_success(self) -> Part {
        Part {
            from: self.range().end,
            rows: self.rows.saturating_mul(2).min(self.total),
            ..self
        }
    }

    /// What follows once its rows are refused; `None` when it is one row, which must be set aside.
    pub(super) fn after_refusal(self) -> Option<Part> {
        let refused = self.range().len();
        (refused > 1).then_some(Part {
            rows: refused / 2,
            ..self
        })
    }

    /// What follows once its one row has been set aside.
    pub(super) fn after_setting_aside(self) -> Part {
        Part {
            from: self.from + 1,
            rows: 1,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// A store that drops what it has under the same token, and refuses some rows, and too many at once.
    struct Model {
        bad: BTreeSet<usize>,
        rows_max: usize,
        tokens: BTreeSet<String>,
        stored: Vec<usize>,
    }

    impl Model {
        fn takes(&mut self, part: Part) -> bool {
            let range = part.range();
            if range.len() > self.rows_max || range.clone().any(|row| self.bad.contains(&row)) {
                return false;
            }
            if self.tokens.insert(part.token("whole")) {
                self.stored.extend(range);
            }
            true
        }
    }

    proptest! {
        /// Whatever is refused, and wherever the writer crashes, each good row is stored once and each bad one is
        /// set aside.
        #[test]
        fn every_row_is_stored_once_or_set_aside(
            total in 1_usize..300,
            bad in proptest::collection::btree_set(0_usize..300, 0..6),
            rows_max in 1_usize..400,
            crashes in proptest::collection::vec(any::<bool>(), 0..200),
        ) {
            let bad: BTreeSet<usize> = bad.into_iter().filter(|row| *row < total).collect();
            let mut store = Model { bad: bad.clone(), rows_max, tokens: BTreeSet::new(), stored: Vec::new() };
            let (mut part, mut kept, mut aside) = (Part::whole(total), None, BTreeSet::new());
            let mut crashes = crashes.into_iter();
            let mut attempts = 0;
            while !part.is_over() {
                attempts += 1;
                prop_assert!(attempts < 10_000, "it goes on for ever");
                let taken = store.takes(part);
                if crashes.next() == Some(true) {
                    part = kept.map_or(Part::whole(total), |kept| Part::resumed(kept, total));
                    continue;
                }
                part = match (taken, part.after_refusal()) {
                    (true, _) => part.after_success(),
                    (false, Some(smaller)) => smaller,
                    (false, None) => {
                        aside.insert(part.range().start);
                        part.after_setting_aside()
                    }
                };
                kept = Some(part.kept());
            }
            store.stored.sort_unstable();
            let good: Vec<usize> = (0..total).filter(|row| !bad.contains(row)).collect();
            prop_assert_eq!(store.stored, good);
            prop_assert_eq!(aside, bad);
        }
    }

    #[test]
    fn one_bad_row_among_many_costs_few_inserts() {
        let mut part = Part::whole(100_000);
        let mut attempts = 0;
        while !part.is_over() {
            attempts += 1;
            part = match (part.range().contains(&77_777), part.after_refusal()) {
                (false, _) => part.after_success(),
                (true, Some(smaller)) => smaller,
                (true, None) => part.after_setting_aside(),
            };
        }
        assert!(attempts < 200, "{attempts}");
    }
}
