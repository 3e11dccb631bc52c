//! File events.

use super::bound::{NAME_BYTES_MAX, PATH_BYTES_MAX, cut};
use super::{Malformed, array, pb, present, word};
use crate::event::{
    Aspect, Cause, Digest, FileAction, FileEvent, FileMeta, Link, LinkTarget, Origin, Process, Severity, Who,
};

impl From<&FileEvent> for pb::FileEvent {
    fn from(file: &FileEvent) -> Self {
        Self {
            action: action_to_wire(file.action).into(),
            path: file.path.clone(),
            old_path: file.old_path.clone(),
            origin: origin_to_wire(file.origin).into(),
            meta: file.meta.as_ref().map(Into::into),
            who: Some((&file.who).into()),
            watch: file.watch.clone(),
            severity: severity_to_wire(file.severity),
            changed: file
                .changed
                .iter()
                .map(|aspect| aspect_to_wire(*aspect).into())
                .collect(),
            count: file.count,
            first_ms: file.first_ms,
            cause: file.cause.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<pb::FileEvent> for FileEvent {
    type Error = Malformed;

    fn try_from(wire: pb::FileEvent) -> Result<Self, Malformed> {
        Ok(Self {
            action: action_from_wire(word("file.action", wire.action)?)?,
            path: wire.path,
            old_path: wire.old_path,
            origin: origin_from_wire(word("file.origin", wire.origin)?)?,
            meta: wire.meta.map(TryInto::try_into).transpose()?,
            who: present("file.who", wire.who.and_then(|who| who.who))?.into(),
            watch: wire.watch,
            severity: severity_from_wire("file.severity", wire.severity)?,
            changed: aspects_from_wire(&wire.changed),
            count: wire.count.max(1),
            first_ms: wire.first_ms,
            // A cause that this build does not know explains nothing.
            cause: wire.cause.and_then(|cause| cause.cause).map(Into::into),
        })
    }
}

impl From<&FileMeta> for pb::FileMeta {
    fn from(meta: &FileMeta) -> Self {
        Self {
            size: meta.size,
            mtime_ns: meta.mtime_ns,
            mode: meta.mode,
            owner: meta.owner.clone(),
            digest: Some(match &meta.digest {
                Digest::Sha256(hash) => pb::file_meta::Digest::Sha256(hash.to_vec()),
                Digest::Absent(why) => pb::file_meta::Digest::DigestAbsent(why.clone()),
            }),
            group: meta.group.clone(),
            acl_sha256: meta.acl_sha256.map(Vec::from),
            link: meta.link.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<pb::FileMeta> for FileMeta {
    type Error = Malformed;

    fn try_from(wire: pb::FileMeta) -> Result<Self, Malformed> {
        let digest = match present("file.meta.digest", wire.digest)? {
            pb::file_meta::Digest::Sha256(hash) => Digest::Sha256(array("file.meta.sha256", &hash)?),
            pb::file_meta::Digest::DigestAbsent(why) => Digest::Absent(why),
        };
        Ok(Self {
            size: wire.size,
            mtime_ns: wire.mtime_ns,
            mode: wire.mode,
            owner: wire.owner,
            digest,
            group: cut(wire.group, NAME_BYTES_MAX),
            acl_sha256: wire
                .acl_sha256
                .map(|hash| array("file.meta.acl_sha256", &hash))
                .transpose()?,
            link: wire.link.map(TryInto::try_into).transpose()?,
        })
    }
}

impl From<&Link> for pb::Link {
    fn from(link: &Link) -> Self {
        use pb::link::Target;
        let target = match link.target {
            LinkTarget::Unknown => Target::Unknown,
            LinkTarget::File => Target::File,
            LinkTarget::Folder => Target::Folder,
            LinkTarget::Other => Target::Other,
            LinkTarget::Missing => Target::Missing,
            LinkTarget::Loop => Target::Loop,
        };
        Self {
            text: link.text.clone(),
            target: target.into(),
        }
    }
}

impl TryFrom<pb::Link> for Link {
    type Error = Malformed;

    fn try_from(wire: pb::Link) -> Result<Self, Malformed> {
        use pb::link::Target;
        super::bound::check("file.meta.link", wire.text.len(), PATH_BYTES_MAX)?;
        Ok(Self {
            target: match word("file.meta.link.target", wire.target)? {
                Target::Unknown => LinkTarget::Unknown,
                Target::File => LinkTarget::File,
                Target::Folder => LinkTarget::Folder,
                Target::Other => LinkTarget::Other,
                Target::Missing => LinkTarget::Missing,
                Target::Loop => LinkTarget::Loop,
            },
            text: wire.text,
        })
    }
}

impl From<&Cause> for pb::Cause {
    fn from(cause: &Cause) -> Self {
        let cause = match cause.clone() {
            Cause::Package {
                manager,
                name,
                version,
            } => pb::cause::Cause::Package(pb::Package {
                manager,
                name,
                version,
            }),
            Cause::Planned { name, author } => pb::cause::Cause::Planned(pb::PlannedChange { name, author }),
        };
        Self { cause: Some(cause) }
    }
}

impl From<pb::cause::Cause> for Cause {
    fn from(wire: pb::cause::Cause) -> Self {
        match wire {
            pb::cause::Cause::Package(package) => Cause::Package {
                manager: cut(package.manager, NAME_BYTES_MAX),
                name: cut(package.name, NAME_BYTES_MAX),
                version: cut(package.version, NAME_BYTES_MAX),
            },
            pb::cause::Cause::Planned(planned) => Cause::Planned {
                name: cut(planned.name, NAME_BYTES_MAX),
                author: cut(planned.author, NAME_BYTES_MAX),
            },
        }
    }
}

fn aspect_to_wire(aspect: Aspect) -> pb::file_event::Aspect {
    use pb::file_event::Aspect as Wire;
    match aspect {
        Aspect::Content => Wire::Content,
        Aspect::Mode => Wire::Mode,
        Aspect::Owner => Wire::Owner,
        Aspect::Acl => Wire::Acl,
        Aspect::Times => Wire::Times,
        Aspect::Kind => Wire::Kind,
        Aspect::Link => Wire::Link,
    }
}

/// Each aspect once, in order, however often it was said. One of a later version says nothing here, and is no reason to
/// lose the rest of the event.
fn aspects_from_wire(wire: &[i32]) -> Vec<Aspect> {
    let said = |aspect: &Aspect| wire.contains(&i32::from(aspect_to_wire(*aspect)));
    Aspect::ALL.into_iter().filter(said).collect()
}

impl From<&Who> for pb::Who {
    fn from(who: &Who) -> Self {
        let who = match who {
            Who::Exact(process) => pb::who::Who::Exact(process.into()),
            Who::Exited { pid } => pb::who::Who::ExitedPid(*pid),
            Who::Unavailable(why) => pb::who::Who::Unavailable(why.clone()),
        };
        Self { who: Some(who) }
    }
}

impl From<pb::who::Who> for Who {
    fn from(wire: pb::who::Who) -> Self {
        match wire {
            pb::who::Who::Exact(process) => Who::Exact(process.into()),
            pb::who::Who::ExitedPid(pid) => Who::Exited { pid },
            pb::who::Who::Unavailable(why) => Who::Unavailable(why),
        }
    }
}

impl From<&Process> for pb::Process {
    fn from(process: &Process) -> Self {
        let process = process.clone();
        Self {
            pid: process.pid,
            executable: process.executable,
            command_line: process.command_line,
            user: process.user,
            parent_pid: process.parent_pid,
            parent_executable: process.parent_executable,
        }
    }
}

impl From<pb::Process> for Process {
    fn from(wire: pb::Process) -> Self {
        Self {
            pid: wire.pid,
            executable: wire.executable,
            command_line: wire.command_line,
            user: wire.user,
            parent_pid: wire.parent_pid,
            parent_executable: wire.parent_executable,
        }
    }
}

fn action_to_wire(action: FileAction) -> pb::file_event::Action {
    use pb::file_event::Action;
    match action {
        FileAction::Created => Action::Created,
        FileAction::Modified => Action::Modified,
        FileAction::Deleted => Action::Deleted,
        FileAction::Renamed => Action::Renamed,
        FileAction::Attributes => Action::Attributes,
    }
}

fn action_from_wire(wire: pb::file_event::Action) -> Result<FileAction, Malformed> {
    use pb::file_event::Action;
    match wire {
        Action::Unspecified => Err(Malformed::new("file.action", "absent")),
        Action::Created => Ok(FileAction::Created),
        Action::Modified => Ok(FileAction::Modified),
        Action::Deleted => Ok(FileAction::Deleted),
        Action::Renamed => Ok(FileAction::Renamed),
        Action::Attributes => Ok(FileAction::Attributes),
    }
}

fn origin_to_wire(origin: Origin) -> pb::file_event::Origin {
    match origin {
        Origin::RealTime => pb::file_event::Origin::RealTime,
        Origin::CatchUp => pb::file_event::Origin::CatchUp,
    }
}

fn origin_from_wire(wire: pb::file_event::Origin) -> Result<Origin, Malformed> {
    match wire {
        pb::file_event::Origin::Unspecified => Err(Malformed::new("file.origin", "absent")),
        pb::file_event::Origin::RealTime => Ok(Origin::RealTime),
        pb::file_event::Origin::CatchUp => Ok(Origin::CatchUp),
    }
}

pub(super) fn severity_to_wire(severity: Option<Severity>) -> i32 {
    let wire = match severity {
        None => pb::Severity::None,
        Some(Severity::Low) => pb::Severity::Low,
        Some(Severity::Medium) => pb::Severity::Medium,
        Some(Severity::High) => pb::Severity::High,
        Some(Severity::Critical) => pb::Severity::Critical,
    };
    wire.into()
}

pub(super) fn severity_from_wire(place: &'static str, value: i32) -> Result<Option<Severity>, Malformed> {
    Ok(match word(place, value)? {
        pb::Severity::None => None,
        pb::Severity::Low => Some(Severity::Low),
        pb::Severity::Medium => Some(Severity::Medium),
        pb::Severity::High => Some(Severity::High),
        pb::Severity::Critical => Some(Severity::Critical),
    })
}
