//! Which contents the canaries of a root have had, kept from run to run.
//!
//! ```text
//! 02  SHA-256  SHA-256  …
//! ```
//! Another version of the agent may bring other documents. Those that the one before has placed are ours all the same.

use sha2::{Digest as _, Sha256};

use super::document;

const DIGEST_BYTES: usize = 32;
const VERSION: u8 = 2;
/// Those of several versions; the oldest go.
const DIGESTS_MAX: usize = 64;

type Digest = [u8; DIGEST_BYTES];

/// Contents that are ours, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Record(Vec<Digest>);

impl Record {
    #[cfg(test)]
    pub(super) fn of(contents: &[&[u8]]) -> Self {
        Self(contents.iter().map(|content| digest(content)).collect())
    }

    /// Reads what was kept. What cannot be read names no content.
    pub(in super::super) fn read(kept: &[u8]) -> Self {
        let Some((&VERSION, digests)) = kept.split_first() else {
            return Self::default();
        };
        let (digests, _) = digests.as_chunks::<DIGEST_BYTES>();
        Self(digests.iter().take(DIGESTS_MAX).copied().collect())
    }

    /// What is to be kept.
    pub(in super::super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.0.iter().flatten());
        bytes
    }

    /// Adds what this version places; whether something is new.
    pub(in super::super) fn add_current(&mut self) -> bool {
        let before = self.0.clone();
        let current = document::all()
            .iter()
            .map(|document| digest(&document::content(document.name)));
        let mut digests: Vec<Digest> = current.collect();
        digests.extend(
            before
                .iter()
                .filter(|digest| !digests.contains(digest))
                .copied()
                .collect::<Vec<_>>(),
        );
        digests.truncate(DIGESTS_MAX);
        self.0 = digests;
        self.0 != before
    }

    /// Whether a canary has had this content.
    pub(super) fn holds(&self, content: &[u8]) -> bool {
        self.0.contains(&digest(content))
    }
}

fn digest(content: &[u8]) -> Digest {
    Sha256::digest(content).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_of_an_earlier_version_stay_ours() {
        let mut record = Record::of(&[b"of an earlier version"]);
        assert!(record.add_current());
        let mut kept = Record::read(&record.bytes());
        assert_eq!(kept, record);
        assert!(!kept.add_current());
        assert!(kept.holds(b"of an earlier version") && !kept.holds(b"encrypted"));
        assert!(
            document::all()
                .iter()
                .all(|document| kept.holds(&document::content(document.name)))
        );
    }

    #[test]
    fn what_cannot_be_read_names_nothing() {
        for kept in [&b""[..], b"\x01", b"\x02", b"\x02short", &[9; 65]] {
            assert_eq!(Record::read(kept), Record::default());
        }
        assert_eq!(Record::read(&[2; 10_000]).0.len(), DIGESTS_MAX);
    }
}
