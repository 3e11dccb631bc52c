//! The embedded ClickHouse engine, run as a supervised child process.
