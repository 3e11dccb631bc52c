//! The store, asked over ClickHouse's own HTTP interface: neither our client nor our queries.
//!
//! A running collector keeps its engine's secret to itself. So the story asks when the collector has
//! stopped: it starts the engine on the same files, with a secret of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::blocking::Client;
use serde_json::Value;

use crate::poll;
use crate::stack::{binary, engine_library};

/// The user that the engine knows, and the database that the collector uses.
const USER: &str = "vong";
const SECRET: &str = "asked-from-outside";
/// Merging many small parts may take a while before the engine ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// An engine of the story's own on the files of a stopped collector.
pub struct ClickHouse {
    client: Client,
    url: String,
    child: Child,
    /// The engine ends when this is closed.
    alive: Option<ChildStdin>,
}

impl ClickHouse {
    /// Opens the files of a collector that has stopped.
    ///
    /// # Errors
    /// The engine did not start, such as when the collector still holds the files.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(binary("vong-collector")?)
            .arg("engine")
            .arg("--library")
            .arg(engine_library()?)
            .arg("--data")
            .arg(data)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut alive = child.stdin.take().context("the input is piped")?;
        writeln!(alive, "{SECRET}")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the output is piped")?).read_line(&mut line)?;
        ensure!(
            line.starts_with("http://"),
            "the engine said {line:?} instead of its address"
        );
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self {
            client,
            url: line.trim().to_owned(),
            child,
            alive: Some(alive),
        })
    }

    /// The rows of a question, each an object.
    ///
    /// # Errors
    /// The store refused it.
    pub fn rows(&self, sql: &str) -> anyhow::Result<Vec<Value>> {
        let url = format!(
            "{}/?database={USER}&output_format_json_quote_64bit_integers=0",
            self.url
        );
        let response = self
            .client
            .post(url)
            .header("X-ClickHouse-User", USER)
            .header("X-ClickHouse-Key", SECRET)
            .body(format!("{sql} FORMAT JSONEachRow"))
            .send()
            .context("the store cannot be reached")?;
        let status = response.status();
        let text = response.text()?;
        ensure!(status.is_success(), "{sql}: {text}");
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

impl Drop for ClickHouse {
    fn drop(&mut self) {
        self.alive = None;
        let ended = poll::until("the engine to end", PATIENCE, || Ok(self.child.try_wait()?));
        if ended.is_err() {
            let _killed = self.child.kill();
            let _ended = self.child.wait();
        }
    }
}
