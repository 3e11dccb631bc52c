//! The password between the collector and its engine: made anew for each start of the collector, handed to
//! the child through its standard input, never in arguments, files or logs.

use std::fmt;
use std::hint::black_box;

/// A password that does not show itself.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A new one of 256 random bits.
    pub fn random() -> Self {
        Self(hex::encode(random::<32>()))
    }

    /// One that was handed over.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, for the client that authenticates with it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is it, in a time that does not tell how much of it is right.
    pub fn is(&self, candidate: &[u8]) -> bool {
        let secret = self.0.as_bytes();
        let differences = secret
            .iter()
            .zip(candidate)
            .fold(0, |seen, (a, b)| black_box(seen | (a ^ b)));
        differences == 0 && secret.len() == candidate.len() && !secret.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Random bytes from the operating system.
pub fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_is_it() {
        let secret = Secret::new("abc");
        assert!(secret.is(b"abc"));
        for wrong in [b"".as_slice(), b"ab", b"abd", b"abcd"] {
            assert!(!secret.is(wrong));
        }
        assert!(!Secret::new("").is(b""));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
