//! What people have said that a judgement depends on: contents that are known to be bad or good, and states of files that
//! were accepted.
//!
//! Rules ask nobody. Before an entry is judged, its reader finds out which contents and states occur in it
//! ([`Wanted::of`]), looks them up, and hands the answers in: the same journal and the same lists give the same findings.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use vong_proto::event::{Aspect, Body, Digest, FileAction, FileEvent};

use crate::entry::file_state::FileState;
use crate::entry::{Entry, Fact, HostId};
use crate::registry::file_hash::{Listing, Sha256};

/// Set-user-id, set-group-id, and writable by all.
const DANGEROUS_MODES: u32 = 0o6002;

/// What is said of the contents and states that occur in what is to be judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// What is said of contents.
    pub hashes: HashMap<Sha256, Listing>,
    /// The states of files that are as they should be.
    pub accepted: HashSet<(HostId, String)>,
}

/// What must be known to judge some entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Contents that occur.
    pub hashes: BTreeSet<Sha256>,
    /// States of files whose changes would be told, by host.
    pub states: BTreeMap<HostId, BTreeSet<String>>,
}

impl Lists {
    pub(super) fn listing(&self, sha256: Option<Sha256>) -> Option<&Listing> {
        self.hashes.get(&sha256?)
    }

    pub(super) fn accepts(&self, host: HostId, file: &FileEvent) -> bool {
        // Few states are ever accepted; naming one costs more than most events do.
        if self.accepted.is_empty() {
            return false;
        }
        let state = FileState::of(file);
        state.is_certain() && self.accepted.contains(&(host, state.key()))
    }
}

impl Wanted {
    /// What occurs in these entries.
    pub fn of(entries: &[Entry]) -> Self {
        let mut wanted = Self::default();
        for entry in entries {
            let Fact::Events(events) = &entry.fact else {
                continue;
            };
            for event in &events.events {
                match &event.body {
                    Body::File(file) => wanted.add(events.host, file),
                    Body::Detection(detection) => wanted.hashes.extend(detection.sha256),
                    _ => {}
                }
            }
        }
        wanted
    }

    fn add(&mut self, host: HostId, file: &FileEvent) {
        self.hashes.extend(sha256_of(file));
        if file.severity.is_some() && file.cause.is_none() {
            self.states
                .entry(host)
                .or_default()
                .insert(FileState::of(file).key());
        }
    }
}

/// Whether a content that is listed as good is all there is to say of a change. It says nothing of who may do what with
/// the file: a good shell that runs as root for everybody is a back door.
pub(super) fn content_excuses(file: &FileEvent) -> bool {
    let Some(meta) = &file.meta else { return false };
    let only_content = || {
        file.changed
            .iter()
            .all(|aspect| matches!(aspect, Aspect::Content | Aspect::Times))
    };
    let is_of_content = match file.action {
        FileAction::Created | FileAction::Renamed => true,
        FileAction::Modified => only_content(),
        FileAction::Attributes => !file.changed.is_empty() && only_content(),
        FileAction::Deleted => false,
    };
    is_of_content && meta.mode & DANGEROUS_MODES == 0 && meta.acl_sha256.is_none()
}

/// The content that an event left, where somebody could read it.
pub(super) fn sha256_of(file: &FileEvent) -> Option<Sha256> {
    match &file.meta.as_ref()?.digest {
        Digest::Sha256(hash) => Some(*hash),
        Digest::Absent(_) => None,
    }
}
