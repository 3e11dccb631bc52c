//! A real mail server for tests: the one of `packaging/dev`, a process of its own that keeps what it takes.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::Relay;
use crate::config::{MailConfig, MailTls};

/// The mail server of the development tools, as a process of its own.
pub(crate) struct Sink {
    child: Child,
    access: Value,
    folder: TempDir,
}

impl Sink {
    pub(crate) fn start(switches: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/dev/smtp_sink.py");
        let mut child = Command::new(python())
            .arg(script)
            .arg("--directory")
            .arg(folder.path())
            .args(switches)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the mail server of packaging/dev starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("it says where it listens");
        let access = serde_json::from_str(&line).expect("JSON");
        Self {
            child,
            access,
            folder,
        }
    }

    pub(crate) fn access(&self) -> &Value {
        &self.access
    }

    pub(crate) fn config(&self, tls: MailTls) -> MailConfig {
        let text = |name: &str| self.access[name].as_str().unwrap_or_default().to_owned();
        MailConfig {
            host: text("host"),
            port: self.access["port"]
                .as_u64()
                .and_then(|port| port.try_into().ok())
                .expect("a port"),
            tls,
            user: text("user"),
            ca_file: self.access["ca"].as_str().map(PathBuf::from),
            from: "canhbao@soc.example".to_owned(),
            ..MailConfig::default()
        }
    }

    pub(crate) fn relay(&self, tls: MailTls) -> Relay {
        let password = self.access["password"].as_str().map(str::to_owned);
        Relay::open(&self.config(tls), password).expect("a relay")
    }

    pub(crate) fn mails(&self) -> Vec<String> {
        let index = std::fs::read_to_string(self.folder.path().join("index.jsonl")).unwrap_or_default();
        let file = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            self.folder.path().join(line["file"].as_str().expect("a file"))
        };
        index
            .lines()
            .map(|line| std::fs::read_to_string(file(line)).expect("a mail"))
            .collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It keeps nothing that a clean end would save.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python that has aiosmtpd: made by `packaging/dev/test`.
fn python() -> PathBuf {
    if let Some(chosen) = std::env::var_os("VONG_SINK_PYTHON") {
        return chosen.into();
    }
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home);
    cache
        .expect("HOME or XDG_CACHE_HOME is set")
        .join("vong/venv/bin/python")
}
