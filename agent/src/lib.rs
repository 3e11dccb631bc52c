//! Vọng's agent: the stages of an event's life on a PC, in reading order.
//!
//! `sensor` watches, `spool` keeps, `uplink` sends. They meet only here, joined by bounded channels.

pub mod cause;
pub mod clock;
pub mod command;
pub mod outbox;
pub mod paths;
pub mod policy;
pub mod report;
pub mod sensor;
pub mod spool;
pub mod state;
pub mod status;
pub mod stop;
pub mod uplink;
