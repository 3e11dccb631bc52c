//! What a document's content says against whoever wrote it.

use super::Deed;
use crate::sensor::tripwire::clue::{Clue, Code, points};
use crate::sensor::tripwire::content::Verdict;
use crate::sensor::tripwire::kinds::{Family, Type};

/// The clue, if there is one. `before` is the document's name before.
pub(super) fn spoilt(
    deed: &Deed<'_>,
    kind: &'static Type,
    verdict: Verdict,
    before: Option<Vec<u8>>,
) -> Option<Clue> {
    let is_text = kind.family == Family::Text;
    let (code, points) = match verdict {
        Verdict::Random => (Code::ContentRandom, points::RANDOM),
        Verdict::Lost => (Code::ContentRandom, points::LOST),
        Verdict::Broken => (Code::TailRandom, points::BROKEN),
        Verdict::Base64 if is_text => (Code::Base64, points::BASE64_TEXT),
        Verdict::Base64 => (Code::Base64, points::BASE64),
        Verdict::Archive { encrypted } if kind.family != Family::Archive && kind.family != Family::Office => {
            let points = if encrypted {
                points::ARCHIVED_ENCRYPTED
            } else {
                points::ARCHIVED
            };
            (Code::ArchivedAndDeleted, points)
        }
        Verdict::Archive { encrypted: true } if kind.family == Family::Office => {
            (Code::ArchivedAndDeleted, points::ARCHIVED_ENCRYPTED)
        }
        Verdict::Sound | Verdict::Unknown | Verdict::Archive { .. } => return None,
    };
    Some(Clue {
        code,
        points,
        path: deed.path.to_vec(),
        old_path: before.filter(|before| before != deed.path),
        kind: Some(kind.extension),
        is_lost: true,
        chain: deed.chain.to_vec(),
    })
}
