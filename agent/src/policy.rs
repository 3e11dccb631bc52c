//! The policy in force: what the sensors read, how a new one takes its place, and the copy on disk that
//! the agent starts from when it cannot reach its collector.
//!
//! A document comes into force only as a whole: its hash fits, it can be read, its values are allowed, and
//! it is on disk. Otherwise the old one stays in force and the refusal names the fault.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tracing::{info, warn};
use vong_proto::policy::{Policy, PolicyFault};
use vong_proto::session::{PolicyDocument, PolicyStatus};

use crate::paths::{self, Readers};

/// Why a document does not come into force.
#[derive(Debug, thiserror::Error)]
pub enum PolicyRefused {
    /// The document was changed on its way, or by its sender.
    #[error("the document's hash is {actual}, announced was {announced}")]
    Hash {
        /// What the document hashes to.
        actual: String,
        /// What came with it.
        announced: String,
    },
    /// The document cannot be read, or asks for something that is not allowed.
    #[error(transparent)]
    Fault(#[from] PolicyFault),
    /// It could not be kept, so it would be forgotten at the next start.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// The sensors' view of the policy in force.
#[derive(Clone, Debug)]
pub struct PolicyWatch(Arc<Shared>);

/// The end that puts policies into force.
#[derive(Debug)]
pub struct Policies {
    shared: Arc<Shared>,
    file: PathBuf,
    in_force: InForce,
}

#[derive(Debug)]
struct Shared {
    current: Mutex<Current>,
    changed: Condvar,
    /// The generation, for those who wait asynchronously.
    told: watch::Sender<u64>,
}

#[derive(Debug)]
struct Current {
    policy: Arc<Policy>,
    generation: u64,
    calls: Vec<Weak<Call>>,
}

/// What is called, once.
struct Call(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Call")
    }
}

/// Somebody who is called at the next change, as long as he holds this.
#[derive(Debug)]
pub struct CalledAtChange {
    _call: Arc<Call>,
}

/// Which document is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// Its version; 0 before the first.
    pub version: u64,
    /// Its hash; empty before the first.
    pub hash: String,
}

/// The file: the document exactly as it came, so that its hash can be checked again.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u64,
    hash: String,
    document: String,
}

impl PolicyWatch {
    /// A view on a policy that never changes, for a sensor on its own.
    pub fn fixed(policy: Policy) -> Self {
        Self(Arc::new(Shared::new(policy)))
    }

    /// The policy in force.
    pub fn current(&self) -> Arc<Policy> {
        Arc::clone(&self.0.lock().policy)
    }

    /// The policy in force and its generation, which [`wait_change`](Self::wait_change) takes.
    pub fn with_generation(&self) -> (Arc<Policy>, u64) {
        let current = self.0.lock();
        (Arc::clone(&current.policy), current.generation)
    }

    /// Waits until the generation differs from `seen`, at most `timeout`; returns the present one.
    pub fn wait_change(&self, seen: u64, timeout: Duration) -> u64 {
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.0.lock(), timeout, |current| current.generation == seen);
        let (current, _) = waited.unwrap_or_else(PoisonError::into_inner);
        current.generation
    }

    /// Calls `call` as soon as the generation differs from `seen`, for whoever waits for something else at the same
    /// time. It is called on the thread that makes the change, and must not wait.
    #[must_use = "nobody is called when this is dropped"]
    pub fn call_at_change(&self, seen: u64, call: impl Fn() + Send + Sync + 'static) -> CalledAtChange {
        let call = Arc::new(Call(Box::new(call)));
        let mut current = self.0.lock();
        current.calls.retain(|other| other.strong_count() > 0);
        if current.generation == seen {
            current.calls.push(Arc::downgrade(&call));
        } else {
            (call.0)();
        }
        CalledAtChange { _call: call }
    }

    /// Waits until the generation differs from `seen`, without holding a thread.
    pub async fn changed(&self, seen: u64) {
        let mut told = self.0.told.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = told.wait_for(|generation| *generation != seen).await;
    }

    /// Wakes everybody who waits for a change, though there is none: they shall see that the agent stops.
    pub fn wake_all(&self) {
        self.0.tell(&mut self.0.lock());
    }
}

impl Policies {
    /// Starts from the document on disk, or from [`Policy::before_any`] when there is none that can be used.
    pub fn open(file: &Path) -> (Policies, PolicyWatch) {
        let (policy, in_force) = match read_kept(file) {
            Ok(Some(kept)) => kept,
            Ok(None) => (Policy::before_any(), InForce::default()),
            Err(error) => {
                // The collector sends it again, because the hello names no version.
                warn!(file = %file.display(), %error, "the kept policy is unusable, starting without one");
                (Policy::before_any(), InForce::default())
            }
        };
        let shared = Arc::new(Shared::new(policy));
        let watch = PolicyWatch(Arc::clone(&shared));
        let file = file.to_owned();
        (
            Policies {
                shared,
                file,
                in_force,
            },
            watch,
        )
    }

    /// Which document is in force.
    pub fn in_force(&self) -> &InForce {
        &self.in_force
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.shared.lock().policy)
    }

    /// Puts a document into force if it may be, and says what became of it.
    pub fn offer(&mut self, offered: &PolicyDocument) -> PolicyStatus {
        let refusal = match self.apply(offered) {
            Ok(()) => {
                info!(version = offered.version, "policy applied");
                String::new()
            }
            Err(refused) => {
                warn!(version = offered.version, error = %describe(&refused), "policy refused");
                describe(&refused)
            }
        };
        PolicyStatus {
            version: offered.version,
            hash: offered.hash.clone(),
            applied: refusal.is_empty(),
            refusal,
        }
    }

    /// Puts a document into force.
    ///
    /// # Errors
    /// When it may not be; the one before it stays in force.
    pub fn apply(&mut self, offered: &PolicyDocument) -> Result<(), PolicyRefused> {
        let kept = Kept {
            version: offered.version,
            hash: offered.hash.clone(),
            document: offered.document.clone(),
        };
        let policy = checked(&kept)?;
        let json = serde_json::to_vec(&kept).expect("numbers and text can be written as JSON");
        paths::replace(&self.file, &json, Readers::Owner).map_err(|source| PolicyRefused::Write {
            path: self.file.clone(),
            source,
        })?;
        self.in_force = InForce {
            version: kept.version,
            hash: kept.hash,
        };
        self.shared.replace(policy);
        Ok(())
    }
}

impl Shared {
    fn new(policy: Policy) -> Self {
        Self {
            current: Mutex::new(Current {
                policy: Arc::new(policy),
                generation: 1,
                calls: Vec::new(),
            }),
            changed: Condvar::new(),
            told: watch::Sender::new(1),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, policy: Policy) {
        let mut current = self.lock();
        current.policy = Arc::new(policy);
        self.tell(&mut current);
    }

    fn tell(&self, current: &mut Current) {
        current.generation += 1;
        self.told.send_replace(current.generation);
        self.changed.notify_all();
        for call in current.calls.drain(..).filter_map(|call| call.upgrade()) {
            (call.0)();
        }
    }
}

fn read_kept(file: &Path) -> Result<Option<(Policy, InForce)>, Box<dyn std::error::Error>> {
    let json = match std::fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let kept: Kept = serde_json::from_slice(&json)?;
    let policy = checked(&kept)?;
    let in_force = InForce {
        version: kept.version,
        hash: kept.hash,
    };
    Ok(Some((policy, in_force)))
}

fn checked(kept: &Kept) -> Result<Policy, PolicyRefused> {
    let actual = hex::encode(Sha256::digest(kept.document.as_bytes()));
    if actual != kept.hash {
        return Err(PolicyRefused::Hash {
            actual,
            announced: kept.hash.clone(),
        });
    }
    Ok(Policy::from_json(&kept.document)?)
}

/// The refusal with its cause, for a person who sees nothing else.
fn describe(refused: &PolicyRefused) -> String {
    match refused {
        PolicyRefused::Write { source, .. } => format!("{refused}: {source}"),
        PolicyRefused::Hash { .. } | PolicyRefused::Fault(_) => refused.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(version: u64, text: &str) -> PolicyDocument {
        PolicyDocument {
            version,
            hash: hex::encode(Sha256::digest(text.as_bytes())),
            document: text.to_owned(),
        }
    }

    fn interval_s(watch: &PolicyWatch) -> u32 {
        watch.current().antivirus.interval_s
    }

    #[test]
    fn an_applied_policy_is_in_force_and_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.json");
        let (mut policies, watch) = Policies::open(&file);
        let offered = document(7, r#"{"antivirus": {"interval_s": 5}}"#);
        let seen = watch.with_generation().1;

        assert!(policies.offer(&offered).applied);

        assert_ne!(watch.wait_change(seen, Duration::from_secs(30)), seen);
        assert_eq!(interval_s(&watch), 5);
        let (policies, watch) = Policies::open(&file);
        assert_eq!((policies.in_force().version, interval_s(&watch)), (7, 5));
    }

    #[test]
    fn whoever_waits_for_something_else_is_called_once_or_at_once() {
        let watch = PolicyWatch::fixed(Policy::before_any());
        let calls = Arc::new(Mutex::new(0));
        let call = || {
            let calls = Arc::clone(&calls);
            move || *calls.lock().unwrap() += 1
        };
        let seen = watch.with_generation().1;
        let called = watch.call_at_change(seen, call());
        drop(watch.call_at_change(seen, call()));
        assert_eq!(*calls.lock().unwrap(), 0);
        watch.wake_all();
        watch.wake_all();
        assert_eq!(*calls.lock().unwrap(), 1, "once, and nobody who no longer waits");
        drop(called);
        let _late = watch.call_at_change(seen, call());
        assert_eq!(*calls.lock().unwrap(), 2);
    }

    #[test]
    fn a_refused_policy_leaves_the_old_one_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let (mut policies, watch) = Policies::open(&folder.path().join("policy.json"));
        policies
            .apply(&document(1, r#"{"antivirus": {"interval_s": 5}}"#))
            .unwrap();

        let wrong_value = policies.offer(&document(2, r#"{"antivirus": {"interval_s": 0}}"#));
        let mut changed = document(3, "{}");
        changed.document = "{ }".to_owned();
        let wrong_hash = policies.offer(&changed);

        assert_eq!(
            wrong_value.refusal,
            "antivirus.interval_s: 0 is outside 1 to 86400"
        );
        assert!(wrong_hash.refusal.starts_with("the document's hash is"));
        assert_eq!((policies.in_force().version, interval_s(&watch)), (1, 5));
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.json");
        std::fs::write(&file, "{\"version\": 3, \"hash\"").unwrap();

        let (policies, watch) = Policies::open(&file);

        assert_eq!(policies.in_force(), &InForce::default());
        assert_eq!(*watch.current(), Policy::before_any());
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (mut policies, _) = Policies::open(&folder.path().join("gone/policy.json"));
        let status = policies.offer(&document(1, "{}"));
        assert!(status.refusal.starts_with("cannot write"), "{}", status.refusal);
    }
}
