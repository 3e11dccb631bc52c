//! `vong-collector hashes`: the lists of contents that are known to be bad or good.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::{ACTOR, AdminError, audited, open, print};
use crate::clock::now_ms;
use crate::config::Config;
use crate::hash_list::{self, ListError};
use crate::registry::file_hash::{self, Brought, HashFilter, HashVerdict, ListedHash, Listing, Sha256};
use crate::registry::{Page, Registry};

/// So many hashes of a list are held in memory, and written in one transaction.
const AT_ONCE_MAX: usize = 2_000;

/// Contents that are known to be bad or good
#[derive(Debug, Args)]
pub struct Hashes {
    #[command(subcommand)]
    command: HashesCommand,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum HashesCommand {
    /// Bring in a list of SHA-256: one a line, what sha256sum prints, or CSV with a column sha256
    Import {
        /// The file: UTF-8
        file: PathBuf,
        /// What is known of them
        #[arg(long)]
        verdict: Verdict,
        /// What the list is called
        #[arg(long)]
        source: String,
        /// Anything else to be said of them
        #[arg(long, default_value = "")]
        note: String,
    },
    /// The lists, what came last first
    List {
        /// Only these
        #[arg(long)]
        verdict: Option<Verdict>,
        /// Only those that begin with this, or whose source or note contains it
        #[arg(long)]
        search: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Take contents off the lists: single ones, or everything of a source
    Remove {
        /// Their SHA-256
        #[arg(required_unless_present = "source", conflicts_with = "source")]
        sha256: Vec<String>,
        /// Everything that came from this list
        #[arg(long)]
        source: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Verdict {
    /// Known to be bad: seeing it is an alert
    Bad,
    /// Known to be good: a change to it is no alert
    Good,
}

impl From<Verdict> for HashVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Bad => Self::Bad,
            Verdict::Good => Self::Good,
        }
    }
}

impl Hashes {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        match self.command {
            HashesCommand::Import {
                file,
                verdict,
                source,
                note,
            } => {
                let source = source.trim().to_owned();
                if source.is_empty() {
                    return Err(AdminError::Usage(
                        "--source: say what the list is called".to_owned(),
                    ));
                }
                let lines = checked(&file)?;
                let registry = open(config).await?;
                let listing = Listing {
                    verdict: verdict.into(),
                    source,
                    note,
                    author: ACTOR.to_owned(),
                };
                let brought = import(&registry, &file, &listing, lines).await?;
                shown(lines, brought, self.json)
            }
            HashesCommand::List {
                verdict,
                search,
                limit,
            } => {
                let filter = HashFilter {
                    verdict: verdict.map(Into::into),
                    search,
                };
                let page = Page { after: None, limit };
                let listed = file_hash::list(&open(config).await?, &filter, &page).await?;
                list(&listed.items, self.json)
            }
            HashesCommand::Remove { sha256, source } => {
                let removed = remove(&open(config).await?, &sha256, source).await?;
                print::line(&format!("{removed} were taken off the lists"))
            }
        }
    }
}

/// Reads a list to its end before anything is written: half of one would look like all of it.
fn checked(file: &Path) -> Result<u64, AdminError> {
    hash_list::read(read(file)?, |_| Ok::<_, ListError>(())).map_err(|error| refused(file, error))
}

fn read(file: &Path) -> Result<BufReader<File>, AdminError> {
    let opened = File::open(file).map_err(|source| AdminError::Read {
        file: file.to_owned(),
        source,
    });
    opened.map(BufReader::new)
}

fn refused(file: &Path, error: ListError) -> AdminError {
    match error {
        ListError::Read(source) => AdminError::Read {
            file: file.to_owned(),
            source,
        },
        fault => AdminError::Refused(format!("{}: {fault}", file.display())),
    }
}

/// Writes a list down, some at a time; others wait for one part only. Doing it again changes nothing.
async fn import(
    registry: &Registry,
    file: &Path,
    listing: &Listing,
    lines: u64,
) -> Result<Brought, AdminError> {
    let (parts, mut waiting) = tokio::sync::mpsc::channel::<BTreeSet<Sha256>>(2);
    let (path, list) = (file.to_owned(), read(file)?);
    let reader = tokio::task::spawn_blocking(move || {
        let mut part = BTreeSet::new();
        let done = hash_list::read(list, |hash| {
            part.insert(hash);
            if part.len() >= AT_ONCE_MAX {
                // Whoever no longer takes parts has failed, and says so itself.
                let _ = parts.blocking_send(std::mem::take(&mut part));
            }
            Ok::<_, ListError>(())
        });
        let _ = parts.blocking_send(part);
        done.map_err(|error| refused(&path, error))
    });
    let (mut brought, now_ms) = (Brought::default(), now_ms());
    while let Some(part) = waiting.recv().await {
        let mut tx = registry.begin().await?;
        brought += file_hash::bring(&mut tx, &part, listing, now_ms).await?;
        tx.commit().await.map_err(crate::registry::Error::from)?;
    }
    match reader.await {
        Ok(read) => read?,
        Err(_) => {
            return Err(AdminError::Refused(format!(
                "{}: reading has ended by itself",
                file.display()
            )));
        }
    };
    let mut tx = registry.begin().await?;
    let detail = json!({
        "verdict": listing.verdict, "source": listing.source, "note": listing.note, "hashes": lines,
        "file": file.display().to_string(),
    });
    audited(&mut tx, "hashes.imported", "hashes", &detail).await?;
    tx.commit().await.map_err(crate::registry::Error::from)?;
    Ok(brought)
}

async fn remove(registry: &Registry, hashes: &[String], source: Option<String>) -> Result<u64, AdminError> {
    let mut set = BTreeSet::new();
    for text in hashes {
        let hash = hash_list::hash(text);
        set.insert(hash.ok_or_else(|| AdminError::Usage(format!("{text:?} is no SHA-256")))?);
    }
    let mut tx = registry.begin().await?;
    let removed = match &source {
        Some(source) => file_hash::remove_source(&mut tx, source).await?,
        None => file_hash::remove(&mut tx, &set).await?,
    };
    let detail = json!({ "source": source, "sha256": hashes, "removed": removed });
    audited(&mut tx, "hashes.removed", "hashes", &detail).await?;
    tx.commit().await.map_err(crate::registry::Error::from)?;
    Ok(removed)
}

fn shown(lines: u64, brought: Brought, json: bool) -> Result<(), AdminError> {
    if json {
        return print::json(&json!({
            "hashes": lines, "added": brought.added, "replaced": brought.replaced, "kept_bad": brought.kept_bad,
        }));
    }
    print::line(&format!(
        "of {lines} hashes {} are new, {} were listed before, {} stay bad",
        brought.added, brought.replaced, brought.kept_bad
    ))
}

fn list(listed: &[ListedHash], json: bool) -> Result<(), AdminError> {
    if json {
        let rows: Vec<_> = listed
            .iter()
            .map(|it| {
                json!({
                    "sha256": hex::encode(it.sha256), "verdict": it.listing.verdict, "source": it.listing.source,
                    "note": it.listing.note, "author": it.listing.author, "at_ms": it.at_ms,
                })
            })
            .collect();
        return print::json(&rows);
    }
    let rows: Vec<_> = listed
        .iter()
        .map(|it| {
            [
                hex::encode(it.sha256),
                print::word(it.listing.verdict),
                it.listing.source.clone(),
                it.listing.note.clone(),
                it.listing.author.clone(),
                print::moment(Some(it.at_ms)),
            ]
        })
        .collect();
    print::table(["sha256", "verdict", "source", "note", "author", "since"], &rows)
}
