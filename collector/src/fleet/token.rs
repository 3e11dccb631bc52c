//! Enrolment tokens: one line of text that admits a PC to a unit.
//!
//! ```text
//! vong1.<base64url of {"a": "host:port", "f": "<SHA-256 of the authority's certificate>", "s": "<secret>"}>
//! ```
//! Address and fingerprint make the very first contact an authenticated one. The register keeps only the
//! secret's hash.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The version prefix of a token.
pub const PREFIX: &str = "vong1.";

/// A new token: its text, shown once, and the hash that is kept.
#[derive(Debug)]
pub struct NewToken {
    /// The text to hand out.
    pub text: String,
    /// What the register keeps.
    pub secret_hash: String,
}

#[derive(Serialize)]
struct Content<'a> {
    a: &'a str,
    f: &'a str,
    s: &'a str,
}

/// Makes a token for the collector at `address` whose authority has this certificate fingerprint.
pub fn create(address: &str, authority_fingerprint: &str) -> NewToken {
    let mut secret = [0; 24];
    getrandom::fill(&mut secret).expect("the operating system's random source works");
    let secret = URL_SAFE_NO_PAD.encode(secret);
    let content = Content {
        a: address,
        f: authority_fingerprint,
        s: &secret,
    };
    let json = serde_json::to_vec(&content).expect("three texts");
    NewToken {
        text: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json)),
        secret_hash: secret_hash(&secret),
    }
}

/// What the register keeps of a secret. The secret has 192 random bits, so one round of a fast hash is enough.
pub fn secret_hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_carries_what_the_first_contact_needs() {
        let token = create("soc.example:7443", "ab12");
        let json = URL_SAFE_NO_PAD
            .decode(token.text.strip_prefix(PREFIX).expect("prefix"))
            .expect("base64");
        let content: serde_json::Value = serde_json::from_slice(&json).expect("json");
        assert_eq!(
            (&content["a"], &content["f"]),
            (&"soc.example:7443".into(), &"ab12".into())
        );
        assert_eq!(
            secret_hash(content["s"].as_str().expect("a secret")),
            token.secret_hash
        );
    }

    #[test]
    fn no_two_tokens_are_alike() {
        assert_ne!(create("a", "b").secret_hash, create("a", "b").secret_hash);
    }
}
