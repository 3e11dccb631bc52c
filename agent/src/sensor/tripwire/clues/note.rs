//! Notes to be found: the same words, dropped in folder after folder.

use super::{Deed, PAIR_MS};
use crate::sensor::tripwire::clue::{Clue, Code, points};
use crate::sensor::tripwire::kinds::{file_name, folder};
use crate::sensor::tripwire::memory::Memory;

/// A note in so many folders is one to be found.
const FOLDERS: usize = 5;
/// So many different ones are followed.
const NOTES_MAX: usize = 256;

/// Notes seen lately, by their names.
#[derive(Debug)]
pub(super) struct Notes(Memory<Note>);

#[derive(Debug)]
struct Note {
    digest: u64,
    folders: Vec<Vec<u8>>,
}

impl Default for Notes {
    fn default() -> Self {
        Self(Memory::new(NOTES_MAX, PAIR_MS))
    }
}

impl Notes {
    /// Takes a new file with this digest; a clue when it is the same in many folders.
    pub(super) fn take(&mut self, deed: &Deed<'_>, digest: u64) -> Option<Clue> {
        let name = file_name(deed.path);
        if !is_note(name) {
            return None;
        }
        let here = folder(deed.path).to_vec();
        let known = self
            .0
            .get_mut(deed.at_ms, name)
            .filter(|note| note.digest == digest);
        let Some(note) = known else {
            let folders = vec![here];
            self.0.insert(deed.at_ms, name, Note { digest, folders });
            return None;
        };
        if note.folders.contains(&here) || note.folders.len() >= FOLDERS {
            return None;
        }
        note.folders.push(here);
        (note.folders.len() == FOLDERS).then(|| Clue {
            code: Code::Note,
            points: points::NOTE,
            path: deed.path.to_vec(),
            old_path: None,
            kind: None,
            is_lost: false,
            is_bounded: false,
            chain: deed.chain.to_vec(),
            by: deed.chain[0],
        })
    }
}

/// Whether a name is that of a note to be found.
pub(in super::super) fn is_note(name: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "decrypt",
        "restore",
        "recover",
        "ransom",
        "how",
        "help",
        "read",
        "instruction",
        "unlock",
        "encrypt",
        "files",
        "warning",
        "attention",
        "important",
        "chuộc",
        "giải mã",
        "giai ma",
        "khôi phục",
        "khoi phuc",
        "hướng dẫn",
        "huong dan",
    ];
    const ENDINGS: &[&str] = &[".txt", ".html", ".htm", ".hta", ".rtf", ".md"];
    let lower = String::from_utf8_lossy(name).to_lowercase();
    ENDINGS.iter().any(|ending| lower.ends_with(ending)) && WORDS.iter().any(|word| lower.contains(word))
}
