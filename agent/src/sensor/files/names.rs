//! The names in one folder, in order and in bounded memory, however many there are.
//!
//! Most folders fit at once. Of one that does not, the smallest names that fit are taken, and when these are used up
//! the folder is read again for those behind them: a few passes over a list of names, which the system has in its
//! memory by then, instead of a list of a million names in ours.

use std::io;

use vong_os::file::{each_name, path_of};

/// A name in memory takes its bytes and its place in the list.
const PLACE_BYTES: usize = size_of::<u32>();

/// The names of a folder, handed out one by one.
#[derive(Debug)]
pub(super) struct Names {
    folder: Vec<u8>,
    /// What may be held at once, bytes.
    window_bytes: usize,
    window: Window,
    /// Where the next name stands in the window.
    next: usize,
    /// There are names behind those in the window.
    more: bool,
}

/// Names behind one another in one piece of memory.
#[derive(Debug, Default)]
struct Window {
    text: Vec<u8>,
    /// Where each name begins, in order once sorted. It ends where a zero stands.
    places: Vec<u32>,
}

impl Names {
    /// The names in `folder`, with at most `window_bytes` of them held at once; while a window is gathered, half as
    /// much again.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn of(folder: Vec<u8>, window_bytes: usize) -> io::Result<Names> {
        let mut names = Names {
            folder,
            window_bytes,
            window: Window::default(),
            next: 0,
            more: false,
        };
        names.gather(None)?;
        Ok(names)
    }

    /// The folder.
    pub(super) fn folder(&self) -> &[u8] {
        &self.folder
    }

    /// How much is held, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.window.bytes()
    }

    /// The next name.
    ///
    /// # Errors
    /// The system's, when the folder must be read again.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.next == self.window.places.len() && self.more {
            let last = self.window.last();
            self.gather(last)?;
        }
        let name = self.window.name(self.next).map(<[u8]>::to_vec);
        self.next += usize::from(name.is_some());
        Ok(name)
    }

    /// Fills the window with the smallest names behind `after`.
    fn gather(&mut self, after: Option<Vec<u8>>) -> io::Result<()> {
        let mut window = std::mem::take(&mut self.window);
        window.text.clear();
        window.places.clear();
        // No name at or behind this one fits.
        let mut bound: Option<Vec<u8>> = None;
        let limit = self.window_bytes;
        each_name(&path_of(&self.folder), &mut |name| {
            let is_behind = after.as_deref().is_none_or(|after| name > after);
            let fits = bound.as_deref().is_none_or(|bound| name < bound);
            if is_behind && fits {
                window.push(name);
                if window.bytes() > limit {
                    bound = window.halve();
                }
            }
        })?;
        window.sort();
        self.more = bound.is_some();
        self.next = 0;
        self.window = window;
        Ok(())
    }
}

impl Window {
    fn bytes(&self) -> usize {
        self.text.len() + self.places.len() * PLACE_BYTES
    }

    fn push(&mut self, name: &[u8]) {
        // A window is far smaller than what a place can say.
        self.places
            .push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        self.text.extend(name);
        self.text.push(0);
    }

    fn name(&self, at: usize) -> Option<&[u8]> {
        self.places.get(at).map(|place| name_at(&self.text, *place))
    }

    fn last(&self) -> Option<Vec<u8>> {
        self.name(self.places.len().checked_sub(1)?).map(<[u8]>::to_vec)
    }

    fn sort(&mut self) {
        let text = &self.text;
        self.places
            .sort_unstable_by(|one, other| name_at(text, *one).cmp(name_at(text, *other)));
    }

    /// Lets the larger half go; the smallest name that went.
    fn halve(&mut self) -> Option<Vec<u8>> {
        self.sort();
        let middle = (self.places.len() / 2).max(1);
        let bound = self.name(middle).map(<[u8]>::to_vec);
        let mut half = Window::default();
        half.text.reserve_exact(self.text.len() / 2);
        half.places.reserve_exact(self.places.len());
        for at in 0..middle.min(self.places.len()) {
            half.push(name_at(&self.text, self.places[at]));
        }
        *self = half;
        bound
    }
}

fn name_at(text: &[u8], place: u32) -> &[u8] {
    let name = text.get(place as usize..).unwrap_or_default();
    let end = name.iter().position(|byte| *byte == 0);
    &name[..end.unwrap_or(name.len())]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use vong_os::file::bytes_of;

    use super::*;

    fn all(folder: &std::path::Path, window_bytes: usize) -> (Vec<Vec<u8>>, usize) {
        let mut names = Names::of(bytes_of(folder).to_vec(), window_bytes).expect("a folder");
        let (mut found, mut most) = (Vec::new(), 0);
        while let Some(name) = names.next().expect("readable") {
            most = most.max(names.bytes());
            found.push(name);
        }
        (found, most)
    }

    #[test]
    fn fifty_thousand_names_come_in_order_from_a_small_window() {
        const WINDOW: usize = 256 * 1024;
        let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
        let mut expected: Vec<Vec<u8>> = (0..50_000)
            .map(|number| format!("{number:x} hồ sơ").into_bytes())
            .collect();
        for name in &expected {
            std::fs::write(folder.path().join(path_of(name)), "").expect("written");
        }
        expected.sort();
        let (found, most) = all(folder.path(), WINDOW);
        assert!(found == expected, "all of them, each once");
        assert!(most <= WINDOW, "{most}");
    }

    #[test]
    fn a_name_that_is_longer_than_the_window_comes_all_the_same() {
        let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
        for name in ["a".repeat(255), "b".repeat(255)] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        assert_eq!(all(folder.path(), 1).0.len(), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_name_comes_once_and_in_order(
            names in prop::collection::btree_set("[a-cồ]{1,4}", 0..60),
            window_bytes in 1_usize..200,
        ) {
            let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
            for name in &names {
                std::fs::write(folder.path().join(name), "").expect("written");
            }
            let expected: BTreeSet<Vec<u8>> = names.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(all(folder.path(), window_bytes).0, Vec::from_iter(expected));
        }
    }
}
