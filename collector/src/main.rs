//! The program `vong-collector`: arguments, what they start, the exit code; nothing else.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use rustix::fs::Mode;
use tracing_subscriber::EnvFilter;
use vong_collector::admin::{self, AdminError};
use vong_collector::config::{Config, LogConfig, LogFormat};
use vong_collector::pipeline::{self, Inherited};
use vong_collector::{api, engine};

/// Vọng's collector: receives, keeps, stores, judges, raises, tells, shows
///
/// Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file [default: /etc/vong/collector.toml when it exists]
    #[arg(long, global = true, env = "VONG_COLLECTOR_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the collector until it is told to stop (SIGTERM, Ctrl-C)
    Run {
        /// Write where everything is to this file once it can be used (JSON, private)
        #[arg(long)]
        ready_file: Option<PathBuf>,
    },
    /// Check the configuration and say what it comes to
    CheckConfig,
    #[command(flatten)]
    Admin(admin::Command),
    /// Print the API's OpenAPI document
    #[command(hide = true)]
    Openapi,
    /// The embedded ClickHouse engine (started by `run`, not by hand)
    #[command(hide = true)]
    Engine(engine::EngineOptions),
}

/// Exit code for arguments and configuration that cannot be used.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // What is kept names people, paths and command lines: no other user of this machine may read it.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    // The engine has no configuration of its own: its parent tells it everything.
    if let Command::Engine(options) = &arguments.command {
        serve_engine(options);
    }
    let config = match Config::load(arguments.config.as_deref(), std::env::vars()) {
        Ok(config) => config,
        Err(error) => {
            complain(&error.into());
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if matches!(arguments.command, Command::CheckConfig)
        && let Err(error) = check_files(&config)
    {
        complain(&error);
        return ExitCode::from(EXIT_USAGE);
    }
    match carry_out(arguments.command, config) {
        Err(error)
            if error
                .downcast_ref::<AdminError>()
                .is_some_and(AdminError::is_usage) =>
        {
            complain(&error);
            ExitCode::from(EXIT_USAGE)
        }
        outcome => report(outcome),
    }
}

fn carry_out(command: Command, config: Config) -> anyhow::Result<()> {
    // Before there is a second thread: the sockets stand in the environment, and are taken out of it.
    let inherited = Inherited::take(std::env::var("LISTEN_FDNAMES").ok().as_deref());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    match command {
        Command::Run { ready_file } => {
            start_log(&config.log)?;
            runtime
                .block_on(async { pipeline::run(config, inherited?, ready_file).await })
                .context("the collector did not start")
        }
        Command::Admin(command) => Ok(runtime.block_on(admin::run(command, &config))?),
        Command::Openapi => Ok(std::io::stdout().write_all(api::openapi().as_bytes())?),
        Command::CheckConfig => {
            show(&config);
            Ok(())
        }
        Command::Engine(options) => serve_engine(&options),
    }
}

fn serve_engine(options: &engine::EngineOptions) -> ! {
    let outcome = engine::run(options).context("the engine stopped");
    if let Err(error) = &outcome {
        complain(error);
    }
    engine::end_process(outcome.is_ok())
}

fn start_log(log: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.level).with_context(|| format!("log.level: {:?}", log.level))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}

/// Files that the collector would miss as soon as it starts.
fn check_files(config: &Config) -> anyhow::Result<()> {
    let named = [
        ("mail.password_file", config.mail.password_file.as_ref()),
        ("mail.ca_file", config.mail.ca_file.as_ref()),
        ("store.password_file", config.store.password_file.as_ref()),
        ("store.engine_library", config.store.engine_library.as_ref()),
    ];
    for (key, path) in named {
        if let Some(path) = path {
            File::open(path).with_context(|| format!("{key}: cannot read {}", path.display()))?;
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is what `check-config` is for")]
fn show(config: &Config) {
    println!("the configuration can be used:");
    println!("  data       {}", config.data.display());
    println!(
        "  intake     {} (tokens say {})",
        config.intake.listen,
        config.intake_address()
    );
    println!("  dashboard  {}", config.web_url());
    println!(
        "  store      {}",
        if config.store.url.is_empty() {
            "embedded engine"
        } else {
            &config.store.url
        }
    );
    println!(
        "  mail       {}",
        if config.mail.host.is_empty() {
            "none is sent"
        } else {
            &config.mail.host
        }
    );
    if !config.mail.host.is_empty() && config.mail.duty_phone.is_empty() {
        println!("             mail.duty_phone is empty: mails can name no number to call");
    }
}

fn report(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the last words of a program that people start by hand"
)]
fn complain(error: &anyhow::Error) {
    eprintln!("vong-collector: {error:#}");
}
