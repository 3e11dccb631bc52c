//! Where a path leads, found out one name after another.
//!
//! The system would do this in one call. But a name on the way may stand on a file system behind which a server has
//! gone away, and then that call does not return. So every place is compared with what is known to be foreign (see
//! `foreign`) before the system is asked for it.

use std::io::ErrorKind;

use vong_os::file::{Facts, Kind, link_text, look, path_of};
use vong_proto::event::LinkTarget;

use super::watch::{SEPARATOR, is_within, join};

/// The system follows as many links, and then says that there is no end.
const LINKS_MAX: usize = 40;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// Here, with no link left in the path.
    To {
        /// The path.
        path: Vec<u8>,
        /// What stands there.
        facts: Facts,
    },
    /// To nothing.
    Nowhere,
    /// Round in circles.
    Round,
    /// To where nobody shall look: this is where the foreign part begins.
    Foreign(Vec<u8>),
    /// The system does not say.
    Unknown,
}

impl Lead {
    /// As events say it of a link.
    pub(super) fn to_target(&self) -> LinkTarget {
        match self {
            Lead::To { facts, .. } => match facts.kind {
                Kind::File => LinkTarget::File,
                Kind::Folder => LinkTarget::Folder,
                Kind::Other => LinkTarget::Other,
                Kind::Link => LinkTarget::Unknown,
            },
            Lead::Nowhere => LinkTarget::Missing,
            Lead::Round => LinkTarget::Loop,
            Lead::Foreign(_) | Lead::Unknown => LinkTarget::Unknown,
        }
    }
}

/// Follows `text` from a folder that has no link in its path. Nothing at or below `foreign` is asked for.
pub(super) fn follow(folder: &[u8], text: &[u8], foreign: &[Vec<u8>]) -> Lead {
    let mut at = start(folder, text);
    let mut ahead = names(text);
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        if name == b".." {
            at = above(&at);
            continue;
        }
        let next = join(&at, &name);
        if let Some(point) = foreign.iter().find(|point| is_within(point, &next)) {
            return Lead::Foreign(point.clone());
        }
        let facts = match look(&path_of(&next)) {
            Ok(facts) => facts,
            Err(error) => return missing(error.kind()),
        };
        if facts.kind != Kind::Link {
            at = next;
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            return Lead::Round;
        }
        let text = match link_text(&path_of(&next)) {
            Ok(text) => text,
            Err(error) => return missing(error.kind()),
        };
        at = start(&at, &text);
        ahead.extend(names(&text));
    }
    match look(&path_of(&at)) {
        Ok(facts) => Lead::To { path: at, facts },
        Err(error) => missing(error.kind()),
    }
}

fn start(folder: &[u8], text: &[u8]) -> Vec<u8> {
    match text.first() {
        Some(&SEPARATOR) => vec![SEPARATOR],
        _ => folder.to_vec(),
    }
}

/// The names in a path, the last one first.
fn names(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == SEPARATOR)
        .filter(|name| !name.is_empty() && *name != b".")
        .rev()
        .map(<[u8]>::to_vec)
        .collect()
}

fn above(folder: &[u8]) -> Vec<u8> {
    match folder.iter().rposition(|byte| *byte == SEPARATOR) {
        None | Some(0) => vec![SEPARATOR],
        Some(end) => folder[..end].to_vec(),
    }
}

fn missing(kind: ErrorKind) -> Lead {
    match kind {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Lead::Nowhere,
        _ => Lead::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use vong_os::file::bytes_of;

    use super::*;

    #[test]
    fn a_link_leads_where_the_system_says() {
        let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/b")).expect("made");
        fs::write(at("a/file"), "x").expect("written");
        let socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("bound");
        symlink("b/../file", at("a/relative")).expect("linked");
        symlink(at("a"), at("absolute")).expect("linked");
        symlink("round", at("round")).expect("linked");
        symlink("two", at("one")).expect("linked");
        symlink("one", at("two")).expect("linked");
        let root = bytes_of(folder.path());
        let check = |text: &str, expected: LinkTarget| {
            assert_eq!(follow(root, text.as_bytes(), &[]).to_target(), expected, "{text}");
        };
        check("a/relative", LinkTarget::File);
        check("absolute/b", LinkTarget::Folder);
        check("absolute/relative", LinkTarget::File);
        check("./a//b/../../a/file", LinkTarget::File);
        check("socket", LinkTarget::Other);
        check("/", LinkTarget::Folder);
        check("absent", LinkTarget::Missing);
        check("a/file/below", LinkTarget::Missing);
        check("round", LinkTarget::Loop);
        check("one/x", LinkTarget::Loop);
        check(&"n".repeat(300), LinkTarget::Unknown);
        drop(socket);
    }

    #[test]
    fn what_is_foreign_is_not_asked_for() {
        let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("share/deep")).expect("made");
        symlink("share/deep", at("link")).expect("linked");
        let root = bytes_of(folder.path());
        let point = bytes_of(&at("share")).to_vec();
        let foreign = [point.clone()];
        for text in ["share", "link", "share/absent"] {
            let lead = follow(root, text.as_bytes(), &foreign);
            assert_eq!(lead, Lead::Foreign(point.clone()), "{text}");
            assert_eq!(lead.to_target(), LinkTarget::Unknown);
        }
    }
}
