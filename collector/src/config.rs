//! Configuration: one TOML file and the environment, checked before anything starts.
//!
//! Every key has a default but those that cannot have one. An unknown key is refused with a suggestion,
//! because a misspelt limit that is silently ignored is worse than a program that does not start. A key can be
//! overridden by the environment: `VONG_COLLECTOR__MAIL__HOST=…` is `host` in `[mail]`. Secrets come from
//! files or from the environment, never from the file itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

mod raw;

/// Where the file is looked for when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/vong/collector.toml";

/// The engine that this build was tested with.
pub const ENGINE_VERSION: &str = "26.7.3-stable.1";

/// The prefix of overriding environment variables.
pub const ENVIRONMENT_PREFIX: &str = "VONG_COLLECTOR__";

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML, or a value has the wrong type.
    #[error("{origin}: {problem}")]
    Parse {
        /// The file, or the environment variable.
        origin: String,
        /// What is wrong, and in which line.
        problem: String,
    },
    /// A key that nobody knows.
    #[error("{origin}: unknown key {key:?}{suggestion}")]
    UnknownKey {
        /// The file, or the environment variable.
        origin: String,
        /// The key, with its section.
        key: String,
        /// `; did you mean …?`, or nothing.
        suggestion: String,
    },
    /// A value that cannot be right.
    #[error("{origin}: {key}: {problem}")]
    Value {
        /// The file, or the environment variable.
        origin: String,
        /// The key, with its section.
        key: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// A checked configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The folder of everything the collector keeps.
    pub data: PathBuf,
    /// Where agents connect.
    pub intake: IntakeConfig,
    /// Where people connect.
    pub web: WebConfig,
    /// Where events are stored.
    pub store: StoreConfig,
    /// Where everything transactional is kept.
    pub registry: RegistryConfig,
    /// How mail is sent.
    pub mail: MailConfig,
    /// What is logged.
    pub log: LogConfig,
}

/// Where agents connect.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct IntakeConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// `host:port` under which PCs reach this collector; tokens carry it. Empty: the listening address.
    pub address: String,
    /// Events per second that one agent may send for long.
    pub events_per_s: u32,
    /// Events that one agent may send at once.
    pub events_burst: u32,
    /// The journal holds at most this much, in MiB, while store or rules are behind.
    pub journal_limit_mib: u64,
}

/// Where people connect.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct WebConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// The dashboard's address as people type it; links in mails begin with it. Empty: the listening address.
    pub url: String,
    /// Send cookies over plain HTTP too; only for a dashboard that is opened on this very machine.
    pub insecure_cookies: bool,
}

/// Where events are stored.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct StoreConfig {
    /// A ClickHouse server's HTTP address, with `?database=…` for another than its default database; empty
    /// starts the embedded engine.
    pub url: String,
    /// The user there.
    pub user: String,
    /// A file that holds the user's password.
    pub password_file: Option<PathBuf>,
    /// The embedded engine's library; empty looks where `fetch-engine` puts it.
    pub engine_library: Option<PathBuf>,
}

/// Where everything transactional is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RegistryConfig {
    /// `postgres://…`, or empty for a SQLite file in the data folder.
    pub url: String,
}

/// How mail is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct MailConfig {
    /// The relay's name or address; empty sends no mail, and says so.
    pub host: String,
    /// The relay's port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// The user there; empty for a relay without authentication.
    pub user: String,
    /// A file that holds the user's password; `VONG_MAIL_PASSWORD` wins.
    pub password_file: Option<PathBuf>,
    /// A PEM file with the authority of a relay whose certificate is private.
    pub ca_file: Option<PathBuf>,
    /// The sender's address.
    pub from: String,
    /// The sender's name: the centre's, not the product's.
    pub sender_name: String,
    /// The duty analysts' addresses: they get every critical alert.
    pub duty: Vec<String>,
    /// The duty telephone that stands in every mail.
    pub duty_phone: String,
    /// Language of mails: `vi` or `en`.
    pub language: Language,
}

/// How the connection to the mail relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// Begins in plain text and must switch to TLS.
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// None; only accepted for a relay on this very machine.
    None,
}

/// A language of mails and pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Vietnamese.
    Vi,
    /// English.
    En,
}

/// What is logged.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, or a filter such as `info,vong_collector::intake=debug`.
    pub level: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("/var/lib/vong-collector"),
            intake: IntakeConfig::default(),
            web: WebConfig::default(),
            store: StoreConfig::default(),
            registry: RegistryConfig::default(),
            mail: MailConfig::default(),
            log: LogConfig::default(),
        }
    }
}

impl Default for IntakeConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 7443)),
            address: String::new(),
            events_per_s: 5_000,
            events_burst: 100_000,
            journal_limit_mib: 8_192,
        }
    }
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            url: String::new(),
            insecure_cookies: false,
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            user: "default".to_owned(),
            password_file: None,
            engine_library: None,
        }
    }
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 587,
            tls: MailTls::Starttls,
            user: String::new(),
            password_file: None,
            ca_file: None,
            from: String::new(),
            sender_name: "Trung tâm giám sát an toàn thông tin".to_owned(),
            duty: Vec::new(),
            duty_phone: String::new(),
            language: Language::Vi,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

impl Config {
    /// Reads and checks the configuration: `path`, else [`DEFAULT_PATH`] when it exists, else the defaults;
    /// then the environment.
    ///
    /// # Errors
    /// The first fault, with file and key.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let default = Path::new(DEFAULT_PATH);
        let path = path.or_else(|| default.exists().then_some(default));
        let text = match path {
            Some(path) => std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: path.to_owned(),
                source,
            })?,
            None => String::new(),
        };
        let file = path.map_or_else(|| "no file".to_owned(), |path| path.display().to_string());
        Self::read(&file, &text, environment)
    }

    fn read(
        file: &str,
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let (config, origins) = raw::parse(file, text, environment)?;
        config.check(&origins)?;
        Ok(config)
    }

    /// The address that tokens carry.
    pub fn intake_address(&self) -> String {
        if self.intake.address.is_empty() {
            self.intake.listen.to_string()
        } else {
            self.intake.address.clone()
        }
    }

    /// The dashboard's address as links give it.
    pub fn web_url(&self) -> String {
        if self.web.url.is_empty() {
            format!("http://{}", self.web.listen)
        } else {
            self.web.url.trim_end_matches('/').to_owned()
        }
    }

    /// The embedded engine's library: as configured, else where `fetch-engine` puts it, else where packages do.
    pub fn engine_library(&self) -> PathBuf {
        if let Some(library) = &self.store.engine_library {
            return library.clone();
        }
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let fetched = home
            .join(".cache/vong/engine")
            .join(ENGINE_VERSION)
            .join("libchdb.so");
        if fetched.exists() {
            fetched
        } else {
            PathBuf::from("/usr/lib/vong/libchdb.so")
        }
    }

    /// The registry's URL.
    pub fn registry_url(&self) -> String {
        if self.registry.url.is_empty() {
            format!("sqlite://{}?mode=rwc", self.data.join("registry.db").display())
        } else {
            self.registry.url.clone()
        }
    }

    /// Where the authority's files are.
    pub fn authority_folder(&self) -> PathBuf {
        self.data.join("ca")
    }

    fn check(&self, origins: &raw::Origins) -> Result<(), ConfigError> {
        let fault = |key, problem: &str| {
            Err(ConfigError::Value {
                origin: origins.of(key),
                key,
                problem: problem.to_owned(),
            })
        };
        if !self.data.is_absolute() {
            return fault("data", "must be an absolute path");
        }
        let address = &self.intake.address;
        if !(address.is_empty() || is_host_and_port(address)) {
            return fault("intake.address", "must be host:port, as PCs reach it");
        }
        let url = &self.web.url;
        if !(url.is_empty() || url.starts_with("https://") || url.starts_with("http://")) {
            return fault("web.url", "must begin with https:// or http://");
        }
        if !self.log.level.split(',').all(is_log_directive) {
            return fault(
                "log.level",
                "must be error, warn, info, debug, trace or off, or a list such as info,vong_collector::intake=debug",
            );
        }
        if self.intake.events_per_s == 0 || self.intake.events_burst == 0 {
            return fault("intake.events_per_s", "rate and burst must be at least 1");
        }
        if self.intake.journal_limit_mib < 16 {
            return fault("intake.journal_limit_mib", "must be at least 16");
        }
        if !self.store.url.is_empty() && !self.store.url.starts_with("http") {
            return fault("store.url", "must begin with http:// or https://");
        }
        let registry = &self.registry.url;
        if !(registry.is_empty() || registry.starts_with("postgres") || registry.starts_with("sqlite:")) {
            return fault("registry.url", "must begin with postgres:// or sqlite://");
        }
        if !self.mail.host.is_empty() && !self.mail.from.contains('@') {
            return fault(
                "mail.from",
                "a sender's address is needed as soon as mail.host is set",
            );
        }
        let loopback = matches!(self.mail.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if self.mail.tls == MailTls::None && !self.mail.host.is_empty() && !loopback {
            return fault(
                "mail.tls",
                "\"none\" is only accepted for a relay on this machine",
            );
        }
        Ok(())
    }
}

fn is_host_and_port(address: &str) -> bool {
    address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// The log's own parser takes a misspelt level for the name of a module, and then shows nothing at all.
fn is_log_directive(directive: &str) -> bool {
    let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
    let is_level = ["off", "error", "warn", "info", "debug", "trace"]
        .iter()
        .any(|known| level.trim().eq_ignore_ascii_case(known));
    is_level && directive.matches('=').count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let environment = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::read("collector.toml", text, environment)
    }

    fn fault(text: &str) -> String {
        parse(text, &[]).expect_err("a fault").to_string()
    }

    #[test]
    fn nothing_at_all_is_a_configuration() {
        let config = parse("", &[]).expect("defaults");
        assert_eq!(
            config.registry_url(),
            "sqlite:///var/lib/vong-collector/registry.db?mode=rwc"
        );
        assert_eq!(config.intake_address(), "0.0.0.0:7443");
    }

    #[test]
    fn an_unknown_key_is_refused_with_a_suggestion() {
        assert_eq!(
            fault("[mail]\nhots = \"a\""),
            "collector.toml: unknown key \"mail.hots\"; did you mean \"mail.host\"?"
        );
        assert_eq!(fault("xyz = 1"), "collector.toml: unknown key \"xyz\"");
    }

    #[test]
    fn the_environment_wins() {
        let environment = [
            ("VONG_COLLECTOR__MAIL__HOST", "localhost"),
            ("VONG_COLLECTOR__MAIL__PORT", "2525"),
            ("HOME", "/x"),
        ];
        let config = parse("[mail]\nhost = \"a\"\nfrom = \"a@b\"", &environment).expect("valid");
        assert_eq!((config.mail.host.as_str(), config.mail.port), ("localhost", 2525));
        let error = parse("", &[("VONG_COLLECTOR__MAIL__PROT", "1")]).expect_err("unknown");
        assert!(
            error.to_string().contains("did you mean \"mail.port\"?"),
            "{error}"
        );
    }

    #[test]
    fn a_fault_from_the_environment_names_the_variable() {
        let check = |variable: &str, value: &str, expected: &str| {
            let file = "[mail]\nhost = \"m\"\nfrom = \"a@b\"";
            let said = parse(file, &[(variable, value)])
                .expect_err("a fault")
                .to_string();
            assert!(said.starts_with(&format!("{variable}: {expected}")), "{said}");
        };
        check("VONG_COLLECTOR__MAIL__PORT", "many", "mail.port: invalid type");
        check(
            "VONG_COLLECTOR__MAIL__TLS",
            "none",
            "mail.tls: \"none\" is only accepted",
        );
        check(
            "VONG_COLLECTOR__MAIL__PROT",
            "1",
            "unknown key \"mail.prot\"; did you mean \"mail.port\"?",
        );
        check("VONG_COLLECTOR__MAIL", "1", "mail: invalid type");
        check(
            "VONG_COLLECTOR__DATA",
            "relative",
            "data: must be an absolute path",
        );
    }

    #[test]
    fn values_that_cannot_be_right_are_named() {
        assert_eq!(
            fault("data = \"relative\""),
            "collector.toml: data: must be an absolute path"
        );
        assert!(fault("[mail]\nhost = \"m\"\nfrom = \"a@b\"\ntls = \"none\"").contains("mail.tls"));
        assert!(fault("[web]\nurl = \"javascript:alert(1)\"").contains("web.url"));
        assert!(fault("[intake]\naddress = \"soc.tinh.example\"").contains("intake.address"));
        for level in ["debgu", "info,foo=trace=bar", "vong_collector=lots", ""] {
            assert!(
                fault(&format!("[log]\nlevel = \"{level}\"")).contains("log.level"),
                "{level}"
            );
        }
        for level in ["debug", "INFO", "info,vong_collector::intake=debug"] {
            parse(&format!("[log]\nlevel = \"{level}\""), &[]).expect("a level");
        }
        assert!(fault("[mail]\nhost = \"m\"").contains("mail.from"));
        assert!(
            fault("[intake]\nlisten = \"nowhere\"").contains("line 2"),
            "{}",
            fault("[intake]\nlisten = \"nowhere\"")
        );
    }
}
