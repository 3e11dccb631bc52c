//! What the sensor says that it cannot see: each thing once until it changes, and taken back when it can be seen again.

use super::Files;
use super::limit::{Limit, by_watch};
use super::task::Blanks;
use super::watch::{folder_of, is_within};

/// So many folders with names that are too deep are known at once; more of them would only be a number.
const TOO_DEEP_MAX: usize = 1_024;

impl Files<'_> {
    /// Takes what a comparison of `top` could not see in place of what earlier ones could not.
    pub(super) fn take_blanks(&mut self, top: &[u8], blanks: Blanks) {
        self.unreadable.retain(|folder| !is_within(top, folder));
        self.unreadable.extend(blanks.unreadable);
        self.too_deep.retain(|folder| !is_within(top, folder));
        self.too_deep.extend(blanks.too_deep);
        self.say_limits();
    }

    /// Says where something has been heard of that no path can reach.
    pub(super) fn say_what_is_too_deep(&mut self) {
        let looked = std::mem::take(&mut self.looker.too_deep);
        let folders = looked.iter().map(|path| folder_of(path).to_vec());
        let before = self.too_deep.len();
        for folder in folders.chain(self.inbox.take_too_deep()) {
            if self.too_deep.len() < TOO_DEEP_MAX {
                self.too_deep.insert(folder);
            }
        }
        if self.too_deep.len() > before {
            self.say_limits();
        }
    }

    /// Says what cannot be seen, each thing once until it changes, and takes back what can be seen again.
    pub(super) fn say_limits(&mut self) {
        let watches = &self.looker.watches;
        let unreadable = by_watch(watches, &self.unreadable).into_iter();
        let too_deep = by_watch(watches, &self.too_deep).into_iter();
        let away = by_watch(watches, &self.looker.away).into_iter();
        let mut limits = self.limits.clone();
        limits.extend(unreadable.map(|(watch, folders)| Limit::unreadable(watch, &folders)));
        limits.extend(too_deep.map(|(watch, folders)| Limit::too_deep(watch, &folders)));
        limits.extend(self.late.iter().cloned());
        limits.extend(away.map(|(watch, points)| Limit::unmounted(watch, &points)));
        let is_unseen = |what: &str| limits.iter().any(|limit| limit.what == what);
        let cured = self.unseen.cure_others(is_unseen);
        let said = limits
            .iter()
            .filter_map(|limit| self.unseen.say(&limit.what, &limit.why));
        for event in cured.into_iter().chain(said) {
            self.looker.memory.report(event);
        }
    }
}
