//! What a new name says, and what comes from elsewhere.

use super::spoilt::spoilt;
use super::{Clues, Deed, Original};
use crate::sensor::tripwire::clue::{Clue, Code, points};
use crate::sensor::tripwire::content::Verdict;
use crate::sensor::tripwire::kinds::{Family, Named, file_name, named};

impl Clues {
    pub(super) fn took_name(&mut self, deed: &Deed<'_>, verdict: Verdict) -> Vec<Clue> {
        let now_ms = deed.at_ms;
        let Some(from) = deed.from else {
            return self.arrived(deed, verdict);
        };
        let mut clues = Vec::new();
        let before = self.renamed.remove(now_ms, from).or_else(|| {
            self.document_at(from, now_ms).map(|kind| Original {
                path: from.to_vec(),
                kind,
                chain: deed.chain.to_vec(),
            })
        });
        let made_by = self.fresh.remove(now_ms, from);
        let to = named(file_name(deed.path));
        let Some(before) = before else {
            // A temporary file takes a document's place, or a new one's.
            let was_here = !self.is_new_name(deed.path, now_ms);
            if let Named::Document(kind) = to
                && was_here
            {
                clues.extend(spoilt(deed, kind, verdict, None));
            }
            if let Named::Document(kind) = to
                && kind.family == Family::Archive
            {
                // Packers give an archive its name when it is whole, and remove what is in it at once.
                self.remember_stranger(deed, verdict, &mut clues);
            }
            return clues;
        };
        // Whoever gives a document another name need not know what is wrong with it.
        if !matches!(verdict, Verdict::Lost | Verdict::Wiped) {
            clues.extend(spoilt(deed, before.kind, verdict, Some(before.path.clone())));
        }
        if made_by == Some(deed.chain[0]) {
            self.fresh.insert(now_ms, deed.path, deed.chain[0]);
            return clues;
        }
        if let Named::Strange(ending) = to
            && !matches!(named(file_name(from)), Named::Strange(_))
        {
            clues.push(Clue {
                code: Code::Extension,
                points: points::EXTENSION + self.ending(ending),
                path: deed.path.to_vec(),
                old_path: Some(before.path.clone()),
                kind: Some(before.kind.extension),
                is_lost: false,
                is_bounded: false,
                chain: deed.chain.to_vec(),
                by: deed.chain[0],
            });
        }
        if !matches!(to, Named::Document(kind) if kind == before.kind) {
            self.renamed.insert(now_ms, deed.path, before);
        }
        clues
    }

    /// A file from outside the roots takes a document's place, or stands in for one.
    fn arrived(&mut self, deed: &Deed<'_>, verdict: Verdict) -> Vec<Clue> {
        let mut clues = Vec::new();
        match named(file_name(deed.path)) {
            // Whoever moves a document need not know what is wrong with it.
            Named::Document(kind)
                if !matches!(verdict, Verdict::Lost | Verdict::Wiped)
                    && !self.is_new_name(deed.path, deed.at_ms) =>
            {
                clues.extend(spoilt(deed, kind, verdict, None));
            }
            Named::Document(_) => {}
            _ => self.remember_stranger(deed, verdict, &mut clues),
        }
        clues
    }

    /// Nothing is known that would have stood there: made a moment ago.
    fn is_new_name(&self, path: &[u8], now_ms: u64) -> bool {
        self.fresh.get(now_ms, path).is_some()
    }
}
