//! What this sensor cannot see on this PC: each is said once, until it changes.

use super::watch::Watched;

/// Something that cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    /// A code, with the watch's name where it is about one.
    pub(super) what: String,
    /// A code, or the system's own words.
    pub(super) why: String,
    /// A root in which not every change is heard of.
    pub(super) deaf: Option<Vec<u8>>,
}

impl Limit {
    /// Nobody can be named.
    pub(super) fn who(why: &str) -> Self {
        Self {
            what: "who".to_owned(),
            why: why.to_owned(),
            deaf: None,
        }
    }

    /// Nobody can be named under one watch.
    pub(super) fn who_of(watch: &str, why: &str) -> Self {
        Self {
            what: format!("who:{watch}"),
            why: why.to_owned(),
            deaf: None,
        }
    }

    /// A watched folder is not there.
    pub(super) fn missing(watch: &str) -> Self {
        Self {
            what: format!("watch:{watch}"),
            why: "missing".to_owned(),
            deaf: None,
        }
    }

    /// A folder below a watch may not be read.
    pub(super) fn unreadable(watch: &str, folder: &[u8]) -> Self {
        Self {
            what: unreadable_code(watch),
            why: String::from_utf8_lossy(folder).into_owned(),
            deaf: None,
        }
    }

    /// Changes below a root are found only by comparing.
    pub(super) fn real_time(root: &Watched, why: &str) -> Self {
        Self {
            what: format!("real_time:{}", root.name),
            why: why.to_owned(),
            deaf: Some(root.root.clone()),
        }
    }
}

/// The code under which an unreadable folder is said.
pub(super) fn unreadable_code(watch: &str) -> String {
    format!("unreadable:{watch}")
}
