//! Vọng's collector: the stages of an event's life on the server, in reading order.
//!
//! `intake` receives, `journal` keeps, `store` stores in ClickHouse, `rules` judge, `alert` raises,
//! `delivery` tells; `registry` holds what must be transactional, `fleet` knows who is who, `api`
//! shows. Only `pipeline` knows them all. `engine` is the embedded ClickHouse, a child process.
//! `entry` and `finding` are the words that stages exchange.

pub mod admin;
pub mod alert;
pub mod api;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod engine;
pub mod entry;
pub mod finding;
pub mod fleet;
pub mod hash_list;
pub mod health;
pub mod intake;
pub mod journal;
pub mod live;
pub mod metrics;
pub mod pipeline;
pub mod ready;
pub mod registry;
pub mod rules;
pub mod scope;
pub mod stop;
pub mod store;
