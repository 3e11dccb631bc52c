//! The state that a finding's file was left in, out of the finding's evidence.

use crate::finding::FILE_CHANGED;
use crate::registry::file_review::{NewReview, Place, ReviewVerdict};
use crate::registry::finding::FindingRow;

/// The acceptance of what a finding is about; `None` when it names no state of a file.
pub(super) fn state(row: &FindingRow, place: Place, reason: &str, author: &str) -> Option<NewReview> {
    let text = |name: &str| row.finding.evidence[name].as_str();
    (row.finding.rule == FILE_CHANGED).then_some(())?;
    Some(NewReview {
        place,
        state_key: text("state_key")?.to_owned(),
        path: hex::decode(text("path_hex")?).ok()?,
        action: text("action").unwrap_or_default().to_owned(),
        sha256: text("sha256").unwrap_or_default().to_owned(),
        verdict: ReviewVerdict::Accepted,
        reason: reason.to_owned(),
        author: author.to_owned(),
    })
}
