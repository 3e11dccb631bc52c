//! Reading what package managers write down: a log that grows, and sums of contents.

pub(super) mod follow;
pub(super) mod sums;
