//! What the stories stand on: the real programs, started for one story and gone with it.
//!
//! A story starts a [`stack::Stack`]: a collector with its engine, an agent enrolled at it, and a mail
//! server that keeps what it gets; every port is a free one and every folder its own, so stories may run
//! side by side. It acts on the world outside (writes files, stops services), waits with
//! [`poll::until`], and asks from outside: the public API, ClickHouse's HTTP interface, the caught mails.
//! Nothing here is made with the crates under test: an oracle that shares their code shares their faults.

pub mod account;
pub mod api;
pub mod browser;
pub mod clamd;
pub mod clickhouse;
pub mod clock;
pub mod disk;
pub mod eicar;
pub mod machine;
pub mod mail;
pub mod pc;
mod policy;
pub mod poll;
pub mod power;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod stack;
pub mod swarm;
pub mod world;
