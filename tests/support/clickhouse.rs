//! The store, asked over ClickHouse's own HTTP interface: neither our client nor our queries.

use anyhow::{Context, ensure};
use reqwest::blocking::Client;
use serde_json::Value;

use crate::stack::StoreAccess;

/// Access to the store from outside.
pub struct ClickHouse {
    client: Client,
    access: StoreAccess,
}

impl ClickHouse {
    /// The store of a running collector, which says itself how it is reached.
    ///
    /// # Errors
    /// No client can be made.
    pub fn new(access: StoreAccess) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        Ok(Self { client, access })
    }

    /// The rows of a question, each an object.
    ///
    /// # Errors
    /// The store refused it.
    pub fn rows(&self, sql: &str) -> anyhow::Result<Vec<Value>> {
        let response = self
            .client
            .post(&self.access.url)
            .query(&[("output_format_json_quote_64bit_integers", "0")])
            .header("X-ClickHouse-User", &self.access.user)
            .header("X-ClickHouse-Key", &self.access.password)
            .body(format!("{sql} FORMAT JSONEachRow"))
            .send()
            .context("the store cannot be reached")?;
        let status = response.status();
        let text = response.text()?;
        ensure!(status.is_success(), "{sql}: {text}");
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}
