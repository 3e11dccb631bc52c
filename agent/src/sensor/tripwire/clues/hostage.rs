//! Random files that hold what is in documents, while these are still there.

use super::{ARCHIVE_MS, Clues, Deed, PAIR_MS, Stranger};
use crate::sensor::tripwire::clue::{Clue, Code, Key, meets, points};
use crate::sensor::tripwire::content::Verdict;
use crate::sensor::tripwire::kinds::{Named, file_name, is_known, named};

impl Clues {
    /// A random copy of a document that still is there: nothing yet, unless they are many with one ending.
    pub(super) fn copied(&mut self, deed: &Deed<'_>, verdict: Verdict) -> Option<Clue> {
        let original = copy_of(deed.path).filter(|_| deed.is_copy)?;
        let (Named::Document(kind), Named::Strange(ending)) =
            (named(file_name(original)), named(file_name(deed.path)))
        else {
            return None;
        };
        let is_random = matches!(verdict, Verdict::Random | Verdict::Base64);
        let made_by = self.made.get(deed.at_ms, original);
        let is_own = made_by.is_some_and(|chain| meets(chain, deed.chain));
        (is_random && !is_own && self.ending(ending) > 0.0).then(|| Clue {
            code: Code::Extension,
            points: points::COPIED,
            path: deed.path.to_vec(),
            old_path: Some(original.to_vec()),
            kind: Some(kind.extension),
            is_lost: false,
            is_bounded: false,
            chain: deed.chain.to_vec(),
            by: deed.chain[0],
        })
    }

    /// Whether these hands have lately written what documents that go now may be in, for nobody else to read.
    pub(in super::super) fn holds_hostage(&self, chain: &[Key], now_ms: u64) -> bool {
        let is_theirs = |stranger: &Stranger, keep_ms| {
            now_ms.saturating_sub(stranger.at_ms) <= keep_ms && meets(&stranger.chain, chain)
        };
        self.loose.iter().any(|loose| is_theirs(loose, PAIR_MS))
            || self.archives.iter().any(|archive| {
                archive.verdict == Verdict::Archive { encrypted: true } && is_theirs(archive, ARCHIVE_MS)
            })
    }
}

/// The name of the document that a file with an ending of its own may be a copy of.
pub(in super::super) fn copy_of(path: &[u8]) -> Option<&[u8]> {
    let name = file_name(path);
    let Named::Strange(ending) = named(name) else {
        return None;
    };
    let original = &path[..path.len() - ending.len() - 1];
    // Web servers have their pages packed beside them, in one more format each year.
    (matches!(named(file_name(original)), Named::Document(_)) && !is_known(ending)).then_some(original)
}
