//! The agent's configuration: identity and addresses only. Everything about what to watch comes by policy.
//!
//! ```toml
//! collector = "soc.example.vn:7443"   # only to override the address that enrolment wrote down
//! data = "/var/lib/vong-agent"
//!
//! [spool]
//! limit_mib = 512
//!
//! [log]
//! level = "info"                      # error, warn, info, debug or trace
//! format = "text"                     # or json
//! ```
//! A key that is not known is refused, because a mistyped one would silently do nothing.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::paths::DataFolder;

/// Where the file lies when nothing else is said; it need not exist there.
pub const DEFAULT_FILE: &str = "/etc/vong/agent.toml";

const DEFAULT_DATA: &str = "/var/lib/vong-agent";

/// Seven days of a busy office PC's events offline, and more than fits any sane disk's last corner.
const SPOOL_MIB_DEFAULT: u64 = 512;

/// SQLite's log and the last tenth must have room.
const SPOOL_MIB_MIN: u64 = 16;

/// Every key, for suggestions.
const KEYS: [&str; 5] = ["collector", "data", "spool.limit_mib", "log.level", "log.format"];

/// Two names this alike are taken for a slip of the pen.
const ALIKE: f64 = 0.7;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the agent's files lie.
    pub data: DataFolder,
    /// The collector's address, if it shall not be the one that enrolment wrote down.
    pub collector: Option<String>,
    /// The bound of the spool.
    pub spool_limit_bytes: u64,
    /// What is logged.
    pub log: Log,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is shown.
    pub level: Level,
    /// Its form.
    pub format: Format,
}

/// A level of logging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// What keeps the agent from its work.
    Error,
    /// What somebody should look at.
    Warn,
    /// What happens: starts, stops, connections, policies.
    #[default]
    Info,
    /// Each batch.
    Debug,
    /// Everything.
    Trace,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is not TOML, or a value is of another type.
    #[error("{path}: {problem}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        problem: String,
    },
    /// A key means nothing.
    #[error("{path}: unknown key {key:?}{suggestion}")]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The known key that is most like it, as a question.
        suggestion: String,
    },
    /// A value is outside what is allowed.
    #[error("{path}: {key}: {problem}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    collector: Option<String>,
    data: PathBuf,
    spool: RawSpool,
    log: RawLog,
}

#[derive(Deserialize)]
#[serde(default)]
struct RawSpool {
    limit_mib: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawLog {
    level: Level,
    format: Format,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            collector: None,
            data: DEFAULT_DATA.into(),
            spool: RawSpool::default(),
            log: RawLog::default(),
        }
    }
}

impl Default for RawSpool {
    fn default() -> Self {
        Self {
            limit_mib: SPOOL_MIB_DEFAULT,
        }
    }
}

impl Config {
    /// Reads and checks the configuration. Only the file that nobody asked for may be absent.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => Self::parse(path, ""),
            Err(source) => Err(ConfigError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let parse_error = |error: toml::de::Error| ConfigError::Parse {
            path: path.to_owned(),
            problem: error.to_string().trim_end().to_owned(),
        };
        let mut unknown = None;
        let deserializer = toml::Deserializer::parse(text).map_err(parse_error)?;
        let raw: Raw = serde_ignored::deserialize(deserializer, |key| {
            unknown.get_or_insert_with(|| key.to_string());
        })
        .map_err(parse_error)?;
        match unknown {
            Some(key) => Err(ConfigError::UnknownKey {
                path: path.to_owned(),
                suggestion: suggestion(&key),
                key,
            }),
            None => raw.check(path),
        }
    }
}

impl Raw {
    fn check(self, path: &Path) -> Result<Config, ConfigError> {
        let fault = |key, problem: String| ConfigError::Value {
            path: path.to_owned(),
            key,
            problem,
        };
        if let Some(address) = &self.collector
            && !is_address(address)
        {
            return Err(fault("collector", format!("{address:?} is not host:port")));
        }
        let mib = self.spool.limit_mib;
        let limit_bytes = mib.checked_mul(1024 * 1024).filter(|_| mib >= SPOOL_MIB_MIN);
        let spool_limit_bytes = limit_bytes.ok_or_else(|| {
            fault(
                "spool.limit_mib",
                format!("{mib} is less than {SPOOL_MIB_MIN} or absurd"),
            )
        })?;
        Ok(Config {
            data: DataFolder::new(self.data),
            collector: self.collector,
            spool_limit_bytes,
            log: Log {
                level: self.log.level,
                format: self.log.format,
            },
        })
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn suggestion(key: &str) -> String {
    KEYS.iter()
        .map(|known| (strsim::jaro_winkler(known, key), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| format!("; is {known:?} meant?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("agent.toml"), text)
    }

    fn fault_of(text: &str) -> String {
        parse(text).expect_err("a fault").to_string()
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let config = parse("").unwrap();
        assert_eq!(config.data.path(), Path::new(DEFAULT_DATA));
        assert_eq!(config.spool_limit_bytes, 512 * 1024 * 1024);
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(
            r#"
            collector = "soc.example:7443"
            data = "/srv/agent"
            [spool]
            limit_mib = 64
            [log]
            level = "debug"
            format = "json"
            "#,
        )
        .unwrap();
        assert_eq!(config.collector.as_deref(), Some("soc.example:7443"));
        assert_eq!(config.data.path(), Path::new("/srv/agent"));
        assert_eq!(config.spool_limit_bytes, 64 * 1024 * 1024);
        assert_eq!(
            config.log,
            Log {
                level: Level::Debug,
                format: Format::Json
            }
        );
    }

    #[test]
    fn faults_name_their_place_and_the_remedy() {
        assert_eq!(
            fault_of("[spool]\nlimit_mb = 5"),
            r#"agent.toml: unknown key "spool.limit_mb"; is "spool.limit_mib" meant?"#
        );
        assert_eq!(fault_of("zzz = 1"), r#"agent.toml: unknown key "zzz""#);
        assert_eq!(
            fault_of("collector = \"soc.example\""),
            r#"agent.toml: collector: "soc.example" is not host:port"#
        );
        assert!(fault_of("[spool]\nlimit_mib = 1").contains("less than 16"));
        assert!(fault_of("[log]\nlevel = \"loud\"").contains("level = \"loud\""));
    }

    #[test]
    fn only_the_file_that_nobody_asked_for_may_be_absent() {
        let missing = Path::new("/nonexistent/agent.toml");
        assert!(matches!(
            Config::load(Some(missing)),
            Err(ConfigError::Read { .. })
        ));
    }
}
