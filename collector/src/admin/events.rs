//! `vong-collector events`: prints events as the store shows them.
//!
//! Events are printed in the order in which they became visible, each once. Following asks for what comes after
//! the last one that was printed, so a store that is away for a while costs time, not events.

use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::time::sleep;

use super::{AdminError, find, open, print};
use crate::api::shown_event;
use crate::config::Config;
use crate::ready;
use crate::scope::Scope;
use crate::store::{EventRow, Secret, Store, StoreAddress, Tail};

/// Rows asked for at once.
const PAGE: u32 = 1_000;
/// Events that are printed when nobody says how many.
const LATEST: u32 = 50;
/// While following, the store is asked this often: below what anybody notices, above what it costs.
const ASK_INTERVAL: Duration = Duration::from_millis(200);
/// A store that does not answer is asked again after this.
const AWAY_PAUSE: Duration = Duration::from_secs(1);
/// The kinds that are events; samples are figures and stand elsewhere.
const KINDS: [&str; 9] = [
    "file",
    "antivirus",
    "network",
    "probe_state",
    "presence",
    "blind",
    "unsupported",
    "command_result",
    "opaque",
];

/// Print events as the store shows them
#[derive(Debug, Args)]
pub struct Events {
    /// Go on with what comes, until interrupted
    #[arg(long)]
    follow: bool,
    /// Only of this PC (number or name)
    #[arg(long)]
    host: Option<String>,
    /// Only of this kind
    #[arg(long, value_parser = KINDS)]
    kind: Option<String>,
    /// The latest so many; with --follow none unless given
    #[arg(long)]
    limit: Option<u32>,
    /// Print one JSON object a line, as the API shows events
    #[arg(long)]
    json: bool,
}

impl Events {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        let host = match &self.host {
            Some(host) => Some(find::host(&open(config).await?, host).await?.id),
            None => None,
        };
        let tail = Tail {
            host,
            kind: self.kind.clone(),
        };
        let mut store = Store::new(&address(config)?);
        let limit = self.limit.unwrap_or(if self.follow { 0 } else { LATEST });
        let mut last = self.show_latest(&store, &tail, limit).await?;
        if !self.follow {
            return Ok(());
        }
        loop {
            match store.tail(&Scope::ALL, &tail, last, PAGE).await {
                Ok(rows) => last = self.show_next(rows).await?.unwrap_or(last),
                Err(_) => store = elsewhere(config).await.unwrap_or(store),
            }
        }
    }

    /// Prints the latest events, the oldest of them first; returns where following goes on.
    async fn show_latest(&self, store: &Store, tail: &Tail, limit: u32) -> Result<(u64, u32), AdminError> {
        let newest = store.newest().await?;
        let mut before = (newest.0, newest.1.saturating_add(1));
        let mut rows: Vec<EventRow> = Vec::new();
        while rows.len() < limit as usize {
            let wanted = PAGE.min(limit - u32::try_from(rows.len()).unwrap_or(limit));
            let page = store.before(&Scope::ALL, tail, before, wanted).await?;
            let Some(last) = page.last() else { break };
            before = (last.pos, last.i);
            rows.extend(page);
        }
        rows.into_iter().rev().try_for_each(|row| self.print(row))?;
        Ok(newest)
    }

    /// Prints what is new; returns where following goes on.
    async fn show_next(&self, rows: Vec<EventRow>) -> Result<Option<(u64, u32)>, AdminError> {
        let newest = rows.last().map(|row| (row.pos, row.i));
        if newest.is_none() {
            sleep(ASK_INTERVAL).await;
        }
        rows.into_iter().try_for_each(|row| self.print(row))?;
        Ok(newest)
    }

    fn print(&self, row: EventRow) -> Result<(), AdminError> {
        let Some(event) = shown_event(row) else {
            return Ok(());
        };
        if self.json {
            print::json_line(&event)
        } else {
            print::line(&sentence(&event))
        }
    }
}

/// The store after a pause: a collector that was started again has its engine at another address.
async fn elsewhere(config: &Config) -> Option<Store> {
    sleep(AWAY_PAUSE).await;
    address(config).ok().map(|address| Store::new(&address))
}

/// One event in one line: when, where, what, and the particulars.
fn sentence(event: &Value) -> String {
    let params = event["summary"]["params"].as_object().into_iter().flatten();
    let params: Vec<String> = params
        .filter(|(_, value)| !value.is_null() && *value != "")
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={}", print::plain(&value))
        })
        .collect();
    format!(
        "{}  host {}  {}  {}",
        print::moment(event["time_ms"].as_i64()),
        event["host"],
        event["kind"].as_str().unwrap_or("?"),
        params.join(" ")
    )
}

/// The configured store, or the one that a running collector has embedded.
fn address(config: &Config) -> Result<StoreAddress, AdminError> {
    if let Some(running) = ready::read(&ready::path_in(&config.data)) {
        return Ok(StoreAddress {
            url: running.store.url,
            user: running.store.user,
            password: Secret::new(&running.store.password),
        });
    }
    if config.store.url.is_empty() {
        return Err(AdminError::NoStore {
            data: config.data.clone(),
        });
    }
    let password = match &config.store.password_file {
        Some(file) => std::fs::read_to_string(file).map_err(|source| AdminError::Read {
            file: file.clone(),
            source,
        })?,
        None => String::new(),
    };
    Ok(StoreAddress {
        url: config.store.url.clone(),
        user: config.store.user.clone(),
        password: Secret::new(password.trim_end_matches(['\r', '\n'])),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hostile_path_is_spelt_out() {
        let event = json!({
            "time_ms": 0, "host": 7, "kind": "file",
            "summary": { "code": "event.file", "params": { "action": "created", "path": "/a\u{1b}[2J" } },
        });
        assert_eq!(
            sentence(&event),
            "1970-01-01 00:00:00Z  host 7  file  action=created path=/a\\u{1b}[2J"
        );
    }
}
