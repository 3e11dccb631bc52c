//! What the ransomware tripwire does.

use serde::{Deserialize, Serialize};

use super::{Policy, PolicyFault, absolute, at_most};

/// What the ransomware tripwire does. Of the documents it watches nothing is reported, unless it trips.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TripwirePolicy {
    /// Whether there is one.
    pub enabled: bool,
    /// Where documents lie: absolute paths; empty for where the users of such a PC keep them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Names (with `*` and `?`) of files and folders that are passed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Whether files that nobody needs are placed there, to be met first and last.
    pub canaries: bool,
}

impl Default for TripwirePolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            paths: Vec::new(),
            exclude: Vec::new(),
            canaries: true,
        }
    }
}

impl TripwirePolicy {
    /// There is none.
    pub fn off() -> Self {
        Self {
            enabled: false,
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), PolicyFault> {
        at_most("tripwire.paths", self.paths.len(), Policy::TRIPWIRE_PATHS_MAX)?;
        for (i, path) in self.paths.iter().enumerate() {
            absolute(&format!("tripwire.paths[{i}]"), path)?;
        }
        Ok(())
    }
}
