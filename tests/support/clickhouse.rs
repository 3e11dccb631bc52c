//! The store, asked over ClickHouse's own HTTP interface: neither our client nor our queries.

use std::path::Path;

use anyhow::{Context, ensure};
use reqwest::blocking::Client;
use serde_json::Value;

/// Access to the store from outside.
pub struct ClickHouse {
    client: Client,
    url: String,
    user: String,
    secret: String,
}

impl ClickHouse {
    /// The embedded engine of a collector: its secret lies in the collector's data folder.
    ///
    /// # Errors
    /// The secret cannot be read.
    pub fn of_collector(url: &str, data: &Path) -> anyhow::Result<Self> {
        let file = data.join("engine").join("secret");
        let secret = std::fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))?;
        Ok(Self {
            client: Client::builder().no_proxy().build()?,
            url: url.to_owned(),
            user: "vong".to_owned(),
            secret: secret.trim().to_owned(),
        })
    }

    /// The rows of a question, each an object.
    ///
    /// # Errors
    /// The store refused it.
    pub fn rows(&self, sql: &str) -> anyhow::Result<Vec<Value>> {
        let request = self
            .client
            .post(&self.url)
            .body(format!("{sql} FORMAT JSONEachRow"));
        let response = request
            .header("X-ClickHouse-User", &self.user)
            .header("X-ClickHouse-Key", &self.secret)
            .send()
            .context("the store cannot be reached")?;
        let status = response.status();
        let text = response.text()?;
        ensure!(status.is_success(), "{sql}: {text}");
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}
