//! The contract between the agent on a PC and the collector: what is said, and how it travels.
//!
//! * [`event`]: the domain's words, which all other code speaks.
//! * [`session`]: what the two ends say to each other on a connection.
//! * [`policy`]: what a sensor is told to do.
//! * [`wire`]: the same as protobuf; prost types do not leave it.
//! * [`frame`]: length-prefixed frames on a byte stream.
//!
//! `PROTOCOL.md` beside this crate is the specification in prose.

pub mod event;
#[cfg(any(test, fuzzing))]
pub mod examine;
pub mod frame;
pub mod policy;
pub mod session;
pub mod wire;
