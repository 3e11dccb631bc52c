//! The program `vong-collector`: arguments, what they start, the exit code; nothing else.

use clap::{Parser, Subcommand};

/// Vọng's collector: receives, keeps, stores, judges, raises, tells, shows
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The embedded ClickHouse engine (started by `run`, not by hand)
    #[command(hide = true)]
    Engine(vong_collector::engine::EngineOptions),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Engine(options) => Ok(vong_collector::engine::run(&options)?),
    }
}
