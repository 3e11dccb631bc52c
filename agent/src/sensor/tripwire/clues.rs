//! What an act on a file says, together with what was seen before: pure, without a clock or a file.
//!
//! One act alone seldom says anything. A document that is removed is nothing, and a file with a strange ending is
//! nothing; a document that is removed after the same hands wrote a random file with its name is lost. So acts are
//! remembered for a minute, and a file that was made by the very hands that spoil it is no loss at all.

use std::collections::VecDeque;

use super::clue::{Clue, Code, Key, common, meets, points};
use super::content::Verdict;
use super::kinds::{Family, Named, Type, file_name, folder, named, stem};
use super::memory::Memory;

mod note;
mod spoilt;

use note::Notes;
pub(super) use note::is_note;
use spoilt::spoilt;

/// So many acts of each kind are remembered: an encryptor's of a second.
const REMEMBERED_MAX: usize = 4_096;
/// Two acts further apart have nothing to do with each other.
const PAIR_MS: u64 = 60_000;
/// Renamed documents are judged as what they were for so long.
const RENAMED_MS: u64 = 24 * 3_600_000;
/// What a process made itself, it may spoil.
const FRESH_MS: u64 = 600_000;
/// A dump that is encrypted and removed is among the last so many documents made.
const JUST_MADE_MAX: usize = 4;
/// An archive is filled for hours before what is in it is removed.
const ARCHIVE_MS: u64 = 3_600_000;
const ARCHIVES_MAX: usize = 32;
/// The endings of the last so many files tell whether there is one for all.
const ENDINGS: usize = 20;
const ENDINGS_MIN: usize = 5;

/// What was done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// It was made, and is open for writing.
    Made,
    /// It was written, and made by the same act if so said.
    Written {
        /// It was not there before.
        made: bool,
    },
    /// It has another name or place.
    Renamed,
    /// It is gone.
    Removed,
}

/// An act on a file by somebody.
#[derive(Clone, Debug)]
pub(super) struct Deed<'a> {
    /// What.
    pub(super) act: Act,
    /// The file.
    pub(super) path: &'a [u8],
    /// Its path before.
    pub(super) from: Option<&'a [u8]>,
    /// Who, then who started that, and so on; never empty.
    pub(super) chain: &'a [Key],
    /// When, in milliseconds of a clock that only goes forward.
    pub(super) at_ms: u64,
}

/// What is to be found out of a file's content before a deed can be weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether it still is a document of this type.
    Document(&'static Type),
    /// Whether it is random.
    Stranger,
    /// Nothing: it is gone.
    Nothing,
}

/// A file that is random, or an archive, and may stand in for a document.
#[derive(Clone, Debug)]
struct Stranger {
    path: Vec<u8>,
    chain: Vec<Key>,
    verdict: Verdict,
    at_ms: u64,
}

/// A document that is gone, or has another name.
#[derive(Clone, Debug)]
struct Original {
    path: Vec<u8>,
    kind: &'static Type,
    chain: Vec<Key>,
}

/// What was seen lately.
#[derive(Debug)]
pub(super) struct Clues {
    /// Documents under other names, by these.
    renamed: Memory<Original>,
    /// Files by the process that made them.
    fresh: Memory<Key>,
    just_made: VecDeque<(Vec<u8>, Vec<Key>)>,
    /// Random files by the names that documents would have had.
    strangers: Memory<Stranger>,
    /// Random files whose names say nothing.
    loose: VecDeque<Stranger>,
    /// Documents that are gone, by path and by name.
    gone: Memory<Original>,
    archives: VecDeque<Stranger>,
    endings: VecDeque<Vec<u8>>,
    notes: Notes,
}

impl Default for Clues {
    fn default() -> Self {
        Self {
            renamed: Memory::new(REMEMBERED_MAX, RENAMED_MS),
            fresh: Memory::new(REMEMBERED_MAX, FRESH_MS),
            just_made: VecDeque::new(),
            strangers: Memory::new(REMEMBERED_MAX, PAIR_MS),
            loose: VecDeque::new(),
            gone: Memory::new(REMEMBERED_MAX, PAIR_MS),
            archives: VecDeque::new(),
            endings: VecDeque::new(),
            notes: Notes::default(),
        }
    }
}

impl Clues {
    /// What must be known of a file to weigh a deed; `None` when the deed is of no interest.
    pub(super) fn question(
        &self,
        act: Act,
        path: &[u8],
        from: Option<&[u8]>,
        is_hidden: bool,
        now_ms: u64,
    ) -> Option<Question> {
        let name = named(file_name(path));
        if matches!(act, Act::Removed | Act::Made) {
            return self.document_at(path, now_ms).map(|_| Question::Nothing);
        }
        let before = from.and_then(|from| self.document_at(from, now_ms));
        let at_path = if act == Act::Renamed {
            None
        } else {
            self.renamed.get(now_ms, path).map(|original| original.kind)
        };
        match (before.or(at_path), name) {
            // A temporary file that takes a document's place is judged as what it becomes.
            (_, Named::Document(kind)) => Some(Question::Document(
                before.filter(|_| act == Act::Renamed).unwrap_or(kind),
            )),
            (Some(kind), _) => Some(Question::Document(kind)),
            // What comes from elsewhere was written where nobody looked.
            (None, Named::Strange(_) | Named::Vague | Named::Bare)
                if (act != Act::Renamed || from.is_none()) && !is_hidden =>
            {
                Some(Question::Stranger)
            }
            (None, _) => None,
        }
    }

    /// What a deed says, now that the content is known. `digest` is one of the head of a small file.
    pub(super) fn take(&mut self, deed: &Deed<'_>, verdict: Verdict, digest: Option<u64>) -> Vec<Clue> {
        match deed.act {
            Act::Made => {
                self.made(deed);
                Vec::new()
            }
            Act::Removed => self.removed(deed).into_iter().collect(),
            Act::Renamed => self.took_name(deed, verdict),
            Act::Written { made } => {
                if made {
                    self.made(deed);
                }
                let is_fresh = self.fresh.get(deed.at_ms, deed.path) == Some(&deed.chain[0]);
                let mut clues = self.written(deed, is_fresh, verdict);
                clues.extend(
                    digest
                        .filter(|_| is_fresh)
                        .and_then(|digest| self.notes.take(deed, digest)),
                );
                clues
            }
        }
    }

    fn document_at(&self, path: &[u8], now_ms: u64) -> Option<&'static Type> {
        if !self.renamed.is_empty()
            && let Some(original) = self.renamed.get(now_ms, path)
        {
            return Some(original.kind);
        }
        match named(file_name(path)) {
            Named::Document(kind) => Some(kind),
            _ => None,
        }
    }

    /// Remembers who made a file, unless the same hands have just removed one of this name.
    fn made(&mut self, deed: &Deed<'_>) {
        let gone = self.gone.get(deed.at_ms, deed.path);
        if gone.is_some_and(|gone| meets(&gone.chain, deed.chain)) {
            return;
        }
        self.fresh.insert(deed.at_ms, deed.path, deed.chain[0]);
        if self.just_made.back().is_none_or(|(path, _)| path != deed.path) {
            self.just_made
                .push_back((deed.path.to_vec(), deed.chain.to_vec()));
            keep_last(&mut self.just_made, JUST_MADE_MAX);
        }
    }

    fn written(&mut self, deed: &Deed<'_>, is_fresh: bool, verdict: Verdict) -> Vec<Clue> {
        let now_ms = deed.at_ms;
        let original = self.renamed.get(now_ms, deed.path).cloned();
        let kind = original
            .as_ref()
            .map(|original| original.kind)
            .or_else(|| self.document_at(deed.path, now_ms));
        let mut clues = Vec::new();
        if let Some(kind) = kind {
            if is_fresh {
                self.remember_stranger(deed, verdict, &mut clues);
            } else {
                if let Verdict::Archive { .. } = verdict
                    && kind.family == Family::Archive
                {
                    self.remember_stranger(deed, verdict, &mut clues);
                }
                let before = original.map(|original| original.path);
                clues.extend(spoilt(deed, kind, verdict, before));
            }
            if matches!(verdict, Verdict::Sound) {
                // Whoever made it has finished; what is done to it from now on is done to a document.
                self.fresh.remove(now_ms, deed.path);
            } else if is_fresh {
                // Not finished: a download in pieces may take hours.
                self.fresh.insert(now_ms, deed.path, deed.chain[0]);
            }
        } else {
            self.remember_stranger(deed, verdict, &mut clues);
        }
        clues
    }

    /// Remembers a file that may stand in for a document; the document may be gone already.
    fn remember_stranger(&mut self, deed: &Deed<'_>, verdict: Verdict, clues: &mut Vec<Clue>) {
        if !matches!(
            verdict,
            Verdict::Random | Verdict::Base64 | Verdict::Archive { .. }
        ) {
            return;
        }
        let name = file_name(deed.path);
        let stranger = Stranger {
            path: deed.path.to_vec(),
            chain: deed.chain.to_vec(),
            verdict,
            at_ms: deed.at_ms,
        };
        if let Verdict::Archive { .. } = verdict {
            self.archives.retain(|archive| archive.path != deed.path);
            self.archives.push_back(stranger.clone());
            keep_last(&mut self.archives, ARCHIVES_MAX);
        }
        for key in [name, stem(name)] {
            if let Some(gone) = self.gone.get(deed.at_ms, key)
                && meets(&gone.chain, deed.chain)
                && gone.path != deed.path
                && let Some(gone) = self.gone.remove(deed.at_ms, key)
            {
                clues.push(self.replaced(&gone, &stranger, deed));
                return;
            }
        }
        if matches!(verdict, Verdict::Random | Verdict::Base64)
            && self.strangers.get(deed.at_ms, stem(name)).is_none()
        {
            self.loose.push_back(stranger.clone());
            keep_last(&mut self.loose, REMEMBERED_MAX / 4);
        }
        self.strangers.insert(deed.at_ms, stem(name), stranger.clone());
        // The same name in another folder.
        self.strangers.insert(deed.at_ms, name, stranger);
    }

    fn removed(&mut self, deed: &Deed<'_>) -> Option<Clue> {
        let now_ms = deed.at_ms;
        let kind = self.document_at(deed.path, now_ms)?;
        let was_renamed = self.renamed.remove(now_ms, deed.path);
        let path = was_renamed.map_or_else(|| deed.path.to_vec(), |original| original.path);
        if self.is_of_own_making(deed) {
            return None;
        }
        let original = Original {
            path: path.clone(),
            kind,
            chain: deed.chain.to_vec(),
        };
        let name = file_name(&path).to_vec();
        for key in [&name[..], stem(&name)] {
            let found = self.strangers.get(now_ms, key);
            if found.is_some_and(|found| meets(&found.chain, deed.chain) && found.path != deed.path)
                && let Some(stranger) = self.strangers.remove(now_ms, key)
            {
                self.loose.retain(|loose| loose.path != stranger.path);
                return Some(self.replaced(&original, &stranger, deed));
            }
        }
        if let Some(clue) = self.archived(&original, deed) {
            return Some(clue);
        }
        self.loose
            .retain(|loose| now_ms.saturating_sub(loose.at_ms) <= PAIR_MS);
        if let Some(place) = self
            .loose
            .iter()
            .position(|loose| meets(&loose.chain, deed.chain))
            && let Some(stranger) = self.loose.remove(place)
        {
            let mut clue = self.replaced(&original, &stranger, deed);
            clue.points = points::REPLACED;
            return Some(clue);
        }
        self.gone.insert(now_ms, deed.path, original.clone());
        self.gone.insert(now_ms, &name, original.clone());
        self.gone.insert(now_ms, stem(&name), original);
        None
    }

    /// Whether the document was made by the very process that removes it, or a moment ago by one of its kin.
    fn is_of_own_making(&mut self, deed: &Deed<'_>) -> bool {
        if self.fresh.remove(deed.at_ms, deed.path) == Some(deed.chain[0]) {
            return true;
        }
        let made = self
            .just_made
            .iter()
            .position(|(path, chain)| path == deed.path && meets(chain, deed.chain));
        made.and_then(|made| self.just_made.remove(made)).is_some()
    }

    fn replaced(&mut self, original: &Original, stranger: &Stranger, deed: &Deed<'_>) -> Clue {
        let (code, mut weight) = match stranger.verdict {
            Verdict::Archive { encrypted: true } => (Code::ArchivedAndDeleted, points::ARCHIVED_ENCRYPTED),
            Verdict::Archive { encrypted: false } => (Code::ArchivedAndDeleted, points::ARCHIVED),
            _ => (Code::RewrittenAndDeleted, points::REWRITTEN),
        };
        if code == Code::RewrittenAndDeleted
            && let Named::Strange(ending) = named(file_name(&stranger.path))
        {
            weight += self.ending(ending);
        }
        Clue {
            code,
            points: weight,
            path: stranger.path.clone(),
            old_path: Some(original.path.clone()),
            kind: Some(original.kind.extension),
            is_lost: true,
            chain: common(deed.chain, &stranger.chain, &original.chain),
        }
    }

    fn archived(&mut self, original: &Original, deed: &Deed<'_>) -> Option<Clue> {
        self.archives
            .retain(|archive| deed.at_ms.saturating_sub(archive.at_ms) <= ARCHIVE_MS);
        let archive = self
            .archives
            .iter()
            .rev()
            .find(|archive| meets(&archive.chain, deed.chain) && archive.path != deed.path)?;
        let archive = archive.clone();
        Some(self.replaced(original, &archive, deed))
    }

    fn took_name(&mut self, deed: &Deed<'_>, verdict: Verdict) -> Vec<Clue> {
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
            return clues;
        };
        // Whoever gives a document another name need not know what is wrong with it.
        if verdict != Verdict::Lost {
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
                chain: deed.chain.to_vec(),
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
            Named::Document(kind) if verdict != Verdict::Lost && !self.is_new_name(deed.path, deed.at_ms) => {
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

    /// Remembers a new ending; what it adds when nearly all of the last ones are the same.
    fn ending(&mut self, ending: &[u8]) -> f64 {
        self.endings.push_back(ending.to_vec());
        keep_last(&mut self.endings, ENDINGS);
        let same = self.endings.iter().filter(|other| *other == ending).count();
        match self.endings.len() >= ENDINGS_MIN && same * 100 >= self.endings.len() * 80 {
            true => points::EXTENSION_SHARED,
            false => 0.0,
        }
    }
}

/// Whether a file lies in a hidden folder below a root, as programs' own data does.
pub(super) fn is_hidden(below_root: &[u8]) -> bool {
    folder(below_root)
        .windows(2)
        .any(|two| two == [super::SEPARATOR, b'.'])
}

/// Drops the oldest.
fn keep_last<T>(queue: &mut VecDeque<T>, length_max: usize) {
    while queue.len() > length_max {
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests;
