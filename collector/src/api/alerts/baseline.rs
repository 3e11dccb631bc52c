//! The state that a finding's file was left in, out of the finding's evidence.

use std::collections::BTreeSet;

use crate::entry::file_state::NOT_A_FILE;
use crate::finding::FILE_CHANGED;
use crate::registry::file_review::{NewReview, Place, ReviewVerdict};
use crate::registry::finding::FindingRow;

/// Whether somebody has seen these findings, and no others.
pub(super) fn are_these(findings: &[FindingRow], seen: &[String]) -> bool {
    let known: BTreeSet<&str> = findings.iter().map(|row| row.finding.id.as_str()).collect();
    known == seen.iter().map(String::as_str).collect()
}

/// The acceptance of what a finding is about; `None` when it names no state of a file, or one that two different
/// contents could have.
pub(super) fn state(row: &FindingRow, place: Place, reason: &str, author: &str) -> Option<NewReview> {
    let text = |name: &str| row.finding.evidence[name].as_str();
    (row.finding.rule == FILE_CHANGED).then_some(())?;
    let is_there = row.finding.evidence["size"].is_number();
    let has_content = text("sha256_absent") != Some(NOT_A_FILE) && text("link_text").is_none();
    if is_there && has_content && text("sha256").is_none() {
        return None;
    }
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
