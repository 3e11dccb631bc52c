//! Identities of 128 bits: who speaks, in which stream, since which boot.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Identity of an agent: the random name in its certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AgentId(pub [u8; 16]);

/// Identity of a stream: random bits made together with a spool.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamId(pub [u8; 16]);

/// Identity of one run of an operating system, as the system itself names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BootId(pub [u8; 16]);

impl AgentId {
    /// Parses 32 hexadecimal digits; `None` when `text` is anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0, f)
    }
}

impl fmt::Debug for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0, f)
    }
}

impl StreamId {
    /// Parses 32 hexadecimal digits; `None` when `text` is anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0, f)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0, f)
    }
}

impl BootId {
    /// Parses 32 hexadecimal digits; `None` when `text` is anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0, f)
    }
}

impl fmt::Debug for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0, f)
    }
}

fn write_hex(bytes: [u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{:032x}", u128::from_be_bytes(bytes))
}

fn parse_hex(text: &str) -> Option<[u8; 16]> {
    let digits_only = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    digits_only
        .then(|| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_there_and_back() {
        let id = AgentId([0x0f; 16]);
        assert_eq!(AgentId::from_hex(&id.to_string()), Some(id));
    }

    #[test]
    fn anything_but_32_digits_is_refused() {
        for text in [
            "",
            "0f",
            "+0000000000000000000000000000000",
            "zz000000000000000000000000000000",
        ] {
            assert_eq!(StreamId::from_hex(text), None, "{text}");
        }
    }
}
