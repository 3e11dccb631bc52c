//! The agent's command line: arguments in, exit code out; the work is done in the library.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use serde_json::json;
use tracing::info;
use tracing_subscriber::EnvFilter;
use vong_agent::config::{Config, ConfigError, DEFAULT_FILE, Format, Level, Log};
use vong_agent::paths::DataFolder;
use vong_agent::selftest::{self, RecordError};
use vong_agent::uplink::Pc;
use vong_agent::uplink::enrol::{self, EnrolError, Enrolment, Identity, Token};
use vong_agent::{Agent, StartError, cause, clock, is_running, lock, service, spool, status};

/// Watches this PC for its security operations centre: antivirus, files and network. It reads no content.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration, 3 not enrolled (or \
                          waiting for approval), 4 refused by the collector.";

#[derive(Subcommand)]
enum Command {
    /// Watch this PC until told to stop (SIGTERM or Ctrl-C).
    Run {
        #[command(flatten)]
        place: Place,
    },
    /// Make this PC known to a collector, with a token from its administrator.
    Enrol {
        #[command(flatten)]
        place: Place,
        /// The token, `vong1.…`. Other users can see arguments: prefer the environment variable.
        #[arg(long, env = "VONG_AGENT_TOKEN", hide_env_values = true)]
        token: String,
        /// Replace a former enrolment, with its key, once the new one has succeeded.
        #[arg(long)]
        force: bool,
    },
    /// Say how the agent on this PC is doing.
    Status {
        #[command(flatten)]
        place: Place,
        /// Say it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look once at antivirus and network, and say what can be seen here and what cannot. It needs no enrolment and
    /// sends nothing; ask as root, who sees most.
    Selftest {
        /// Write what was read into this file too, for whoever teaches Vọng to read a new antivirus.
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
        /// Replace a file that is there.
        #[arg(long, requires = "record")]
        force: bool,
    },
    /// Check the configuration, and do nothing else.
    CheckConfig {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args)]
struct Place {
    /// The configuration file; absent is the same as empty only for the default one.
    #[arg(long, env = "VONG_AGENT_CONFIG", value_name = "FILE", help = format!("The configuration file [default: {DEFAULT_FILE}]"))]
    config: Option<PathBuf>,
    /// The data folder, instead of the configured one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Place {
    fn load(&self) -> Result<Config, ConfigError> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(data) = &self.data {
            config.data = DataFolder::new(data);
        }
        Ok(config)
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run { place } => run(&place),
        Command::Enrol { place, token, force } => enrol(&place, &token, force),
        Command::Status { place, json } => tell_status(&place, json),
        Command::Selftest { record, force } => test_itself(record.as_deref(), force),
        Command::CheckConfig { place } => check_config(&place),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // A closed stderr leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "vong-agent: {}", cause::chain(error.as_ref()));
            ExitCode::from(code_of(&error))
        }
    }
}

fn code_of(error: &anyhow::Error) -> u8 {
    let is_already_there = matches!(error.downcast_ref(), Some(RecordError::Already { .. }));
    if error.is::<ConfigError>() || is_already_there {
        return 2;
    }
    match (
        error.downcast_ref::<StartError>(),
        error.downcast_ref::<EnrolError>(),
    ) {
        (Some(StartError::NotEnrolled), _) => 3,
        (_, Some(EnrolError::Token(_) | EnrolError::Already { .. })) => 2,
        (_, Some(EnrolError::Refused { .. })) => 4,
        _ => 1,
    }
}

fn run(place: &Place) -> anyhow::Result<ExitCode> {
    let config = place.load()?;
    vong_os::usage::keep_memory_small();
    start_log(config.log);
    let runtime = runtime()?;
    let stop_asked = runtime
        .block_on(async { service::stop_asked() })
        .context("cannot listen to signals")?;
    let agent = Agent::start(&config)?;
    info!(version = env!("CARGO_PKG_VERSION"), data = %config.data.path().display(),
          spool_limit_mib = config.spool_limit_bytes >> 20, "watching; what to watch comes by policy");
    let end = runtime.block_on(async {
        tokio::select! {
            reason = stop_asked => Ok(reason),
            broken = agent.broken() => Err(broken),
        }
    });
    agent
        .stop(end.as_ref().ok().copied())
        .context("the spool has failed")?;
    end?;
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn enrol(place: &Place, token: &str, force: bool) -> anyhow::Result<ExitCode> {
    let config = place.load()?;
    let token = Token::parse(token)?;
    let _lock = lock(&config)?;
    let enrolment = runtime()?.block_on(enrol::enrol(&config.data, &token, force, Pc::here()))?;
    let mut out = std::io::stdout();
    let (address, data) = (&token.address, config.data.path().display());
    writeln!(out, "enrolled at {address}; key and certificate lie in {data}")?;
    match enrolment {
        Enrolment::Done => Ok(ExitCode::SUCCESS),
        Enrolment::Pending => {
            writeln!(
                out,
                "somebody has to approve this PC there, because it looks like another one: \
                 vong-collector host approve; a running agent connects some minutes later"
            )?;
            Ok(ExitCode::from(3))
        }
    }
}

fn tell_status(place: &Place, as_json: bool) -> anyhow::Result<ExitCode> {
    let config = place.load()?;
    let identity = Identity::load(&config.data)?;
    let running = is_running(&config);
    let status = status::read(&config.data.status());
    let spool = spool::look(&config.data.spool()).ok();
    let mut out = std::io::stdout();
    if as_json {
        let told = json!({
            "enrolled": identity.is_some(), "running": running, "agent": status, "spool": spool,
        });
        writeln!(out, "{told:#}")?;
    } else {
        let text = status_text(
            &config,
            identity.as_ref(),
            running,
            status.as_ref(),
            spool.as_ref(),
        );
        write!(out, "{text}")?;
    }
    Ok(ExitCode::from(if identity.is_none() { 3 } else { 0 }))
}

fn status_text(
    config: &Config,
    identity: Option<&Identity>,
    running: bool,
    status: Option<&status::Status>,
    spool: Option<&spool::Contents>,
) -> String {
    let mut lines = vec![format!("data       {}", config.data.path().display())];
    lines.push(match identity {
        Some(identity) => format!("enrolled   at {}", identity.collector),
        None => "enrolled   no; run vong-agent enrol with a token".to_owned(),
    });
    lines.push(format!("running    {}", if running { "yes" } else { "no" }));
    if let Some(status) = status.filter(|_| running) {
        lines.push(match (status.connected_since_ms, &status.problem) {
            (Some(since_ms), _) => format!("connected  for {} s", seconds_since(since_ms)),
            (None, Some(problem)) => format!("connected  no: {problem}"),
            (None, None) => "connected  not yet".to_owned(),
        });
        lines.push(match status.last_ack_ms {
            Some(ack_ms) => format!("last ack   {} s ago", seconds_since(ack_ms)),
            None => "last ack   none in this run".to_owned(),
        });
        let refusal = status.policy_refusal.as_ref();
        let refusal = refusal
            .map(|why| format!("; the newest was refused: {why}"))
            .unwrap_or_default();
        lines.push(format!("policy     version {}{refusal}", status.policy_version));
    }
    if let Some(spool) = spool {
        let [urgent, state, events, samples] = spool.waiting;
        lines.push(format!(
            "waiting    {urgent} urgent, {state} states, {events} events, {samples} samples; {} KiB",
            spool.bytes / 1024
        ));
        if let Some(look) = &spool.first_look {
            lines.push(format!(
                "first look {} files and {} MiB of {} so far",
                look.files,
                look.bytes >> 20,
                look.root
            ));
        }
        for unseen in &spool.unsupported {
            lines.push(format!(
                "not seen   {}: {} ({})",
                unseen.sensor, unseen.what, unseen.why
            ));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn seconds_since(then_ms: i64) -> i64 {
    (clock::wall_ms() - then_ms).max(0) / 1_000
}

fn test_itself(record: Option<&Path>, force: bool) -> anyhow::Result<ExitCode> {
    let seen = selftest::look();
    let mut out = std::io::stdout();
    write!(out, "{}", seen.text())?;
    if let Some(path) = record {
        seen.record(path, force)?;
        writeln!(out, "{}", selftest::recorded(path))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check_config(place: &Place) -> anyhow::Result<ExitCode> {
    let config = place.load()?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "the configuration is good; data lies in {}",
        config.data.path().display()
    )?;
    Ok(ExitCode::SUCCESS)
}

fn start_log(log: Log) {
    let level = match log.level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_target(false)
        .with_writer(std::io::stderr);
    match log.format {
        Format::Text => builder.with_ansi(false).init(),
        Format::Json => builder.json().init(),
    }
}
