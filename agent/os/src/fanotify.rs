//! fanotify: the kernel tells which process did what to which name on a whole file system.
//!
//! A group is opened with `FAN_REPORT_DFID_NAME | FAN_REPORT_PIDFD`: each event names the folder by a file
//! handle, the entry by its name, and the process by a pidfd. The queue stays bounded (16,384 events by
//! default): when it is full the kernel says so once, and the reader must look for itself.
//!
//! Needs CAP_SYS_ADMIN and, to turn handles into paths, CAP_DAC_READ_SEARCH; Linux 5.17 for renames.

mod wire;

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};

use crate::bell::{self, Bell};
use crate::process::Handle;

/// What is asked for. Opening and reading are not: they are most of a system's events and change nothing.
const MASK: u64 = libc::FAN_CREATE
    | libc::FAN_DELETE
    | libc::FAN_RENAME
    | libc::FAN_CLOSE_WRITE
    | libc::FAN_ATTRIB
    | libc::FAN_ONDIR;

/// What changes documents: everything but rights and times.
const DOCUMENTS_MASK: u64 = MASK & !libc::FAN_ATTRIB;

/// One read takes at most this much: some 600 events, so that a burst is fetched in few calls.
pub const BUFFER_BYTES: usize = 64 * 1024;
/// No event is longer: two names of 255 bytes, their handles, a pidfd. The kernel fills a buffer until the next
/// event does not fit.
const EVENT_BYTES_MAX: usize = 1_024;

/// Nobody climbs further to find a folder that has a path.
const LEVELS_MAX: usize = 65_536;

/// One event; several things that one process did to one name may have become one event.
#[derive(Debug)]
pub struct Event<'a> {
    /// The queue was full: events after the last one read are lost.
    pub overflow: bool,
    /// The name was made.
    pub created: bool,
    /// It was closed after having been open for writing.
    pub written: bool,
    /// Rights, owner, times or other attributes were changed.
    pub attributes: bool,
    /// The name was removed.
    pub deleted: bool,
    /// It is about a folder.
    pub folder: bool,
    /// Process id of who did it, 0 when that is outside this process's view.
    pub pid: u32,
    /// The process, unless it had already exited when the event was read.
    pub process: Option<Handle>,
    /// Where it happened; of a rename, the new place.
    pub place: Option<Place<'a>>,
    /// Of a rename, the place before.
    pub place_before: Option<Place<'a>>,
}

/// An entry of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The folder.
    pub folder: FolderHandle<'a>,
    /// The name in it, `.` for the folder itself.
    pub name: &'a [u8],
}

/// A folder, named by its file system for as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FolderHandle<'a> {
    /// The file system.
    pub filesystem: FilesystemId,
    /// The handle's kind, as the file system counts them.
    pub kind: i32,
    /// The handle.
    pub bytes: &'a [u8],
}

impl FolderHandle<'_> {
    /// The handle as one string of bytes, the same for the same folder.
    pub fn key(&self) -> Vec<u8> {
        let mut key = self.filesystem.0.to_ne_bytes().to_vec();
        key.extend(self.kind.to_ne_bytes());
        key.extend(self.bytes);
        key
    }
}

/// The [key](FolderHandle::key) that events about entries of the folder at `path` will carry.
///
/// # Errors
/// The system's; `Unsupported` when its file system has no handles.
pub fn key_of(path: &Path) -> io::Result<Vec<u8>> {
    let folder = File::open(path)?;
    wire::key_of(&folder, filesystem_of(&folder)?)
}

/// A file system's identity, as `statfs` and events give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilesystemId(pub u64);

/// A queue of events.
#[derive(Debug)]
pub struct Group {
    fd: OwnedFd,
}

impl Group {
    /// Opens a queue.
    ///
    /// # Errors
    /// `PermissionDenied` without the capabilities; `InvalidInput` on a kernel that is too old.
    pub fn open() -> io::Result<Group> {
        Self::open_with(libc::FAN_REPORT_PIDFD)
    }

    /// Opens a queue whose events name processes by their numbers alone: a handle for each event costs the reader
    /// more than the event.
    ///
    /// # Errors
    /// As those of [`Group::open`].
    pub fn open_by_number() -> io::Result<Group> {
        Self::open_with(0)
    }

    fn open_with(more: libc::c_uint) -> io::Result<Group> {
        let flags = libc::FAN_CLOEXEC
            | libc::FAN_NONBLOCK
            | libc::FAN_CLASS_NOTIF
            | libc::FAN_REPORT_DFID_NAME
            | more;
        // SAFETY: the call takes no pointers; a non-negative result is a new descriptor, owned by nobody else.
        let fd = unsafe {
            let fd = libc::fanotify_init(flags, (libc::O_RDONLY | libc::O_CLOEXEC) as libc::c_uint);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Group { fd })
    }

    /// Asks for the events of the whole file system under `path`; asking again changes nothing.
    ///
    /// # Errors
    /// What the file system says that refuses: `EXDEV`, `EOPNOTSUPP`, `ENODEV`.
    pub fn watch_filesystem(&self, path: &Path) -> io::Result<()> {
        self.mark(libc::FAN_MARK_ADD | libc::FAN_MARK_FILESYSTEM, MASK, path)
    }

    /// Asks for what changes documents on the whole file system under `path`, and for nothing else.
    ///
    /// # Errors
    /// As those of [`Group::watch_filesystem`].
    pub fn watch_documents(&self, path: &Path) -> io::Result<()> {
        self.mark(
            libc::FAN_MARK_ADD | libc::FAN_MARK_FILESYSTEM,
            DOCUMENTS_MASK,
            path,
        )
    }

    /// Ends what [`Group::watch_filesystem`] or [`Group::watch_documents`] began.
    ///
    /// # Errors
    /// When it was not asked for.
    pub fn forget_filesystem(&self, path: &Path) -> io::Result<()> {
        self.mark(libc::FAN_MARK_REMOVE | libc::FAN_MARK_FILESYSTEM, MASK, path)
    }

    fn mark(&self, flags: libc::c_uint, mask: u64, path: &Path) -> io::Result<()> {
        let path = c_path(path)?;
        // SAFETY: the descriptor is open for the duration of the call, and `path` ends in NUL.
        let result =
            unsafe { libc::fanotify_mark(self.fd.as_raw_fd(), flags, mask, libc::AT_FDCWD, path.as_ptr()) };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Waits until there is something to read, at most `patience`; whether there is.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(&self, patience: Duration) -> io::Result<bool> {
        bell::wait(self.fd.as_fd(), patience)
    }

    /// Waits until there is something to read or the bell rings, at most `patience`; whether there is something.
    ///
    /// # Errors
    /// The system's.
    pub fn wait_beside(&self, bell: &Bell, patience: Duration) -> io::Result<bool> {
        bell.wait(self.fd.as_fd(), patience)
    }

    /// Reads what is there, without waiting, and hands each event over; whether that was everything.
    ///
    /// # Errors
    /// The system's; `InvalidData` when the kernel speaks another version.
    pub fn read(&self, buffer: &mut Vec<u8>, mut each: impl FnMut(Event<'_>)) -> io::Result<bool> {
        buffer.resize(BUFFER_BYTES, 0);
        match rustix::io::read(&self.fd, &mut buffer[..]) {
            Ok(length) => {
                wire::events(&buffer[..length], &mut each)?;
                Ok(length + EVENT_BYTES_MAX <= BUFFER_BYTES)
            }
            Err(rustix::io::Errno::AGAIN) => Ok(true),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A mount through which folder handles become paths. It is not held open: nobody could unmount it then. When
/// something else is mounted over its path meanwhile, that is not touched: it may belong to a server that does not answer.
#[derive(Debug)]
pub struct Mount {
    /// Folders on it, the shortest path first: whichever is still there opens it.
    paths: Vec<PathBuf>,
    filesystem: FilesystemId,
    /// The kernel's number for it; `None` where it gives none.
    id: Option<u64>,
}

impl Mount {
    /// The mount that `path` stands on.
    ///
    /// # Errors
    /// The system's.
    pub fn of(path: &Path) -> io::Result<Mount> {
        let folder = File::open(path)?;
        Ok(Mount {
            paths: vec![path.to_owned()],
            filesystem: filesystem_of(&folder)?,
            id: mount_of(&folder),
        })
    }

    /// Makes one of two that are the same mount, so that it is asked once; gives back another one.
    pub fn absorb(&mut self, other: Mount) -> Option<Mount> {
        if self.id.is_none() || self.id != other.id || self.filesystem != other.filesystem {
            return Some(other);
        }
        self.paths.extend(other.paths);
        self.paths.sort_by_key(|path| path.as_os_str().len());
        self.paths.dedup();
        None
    }

    /// The file system that is mounted.
    pub fn filesystem(&self) -> FilesystemId {
        self.filesystem
    }

    /// A path that still leads to it, if there is one.
    pub fn path(&self) -> Option<&Path> {
        let mut paths = self.paths.iter();
        paths.find(|path| self.place(path).is_ok()).map(PathBuf::as_path)
    }

    /// What stands at a path, without opening it.
    fn place(&self, path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let place = rustix::fs::open(path, flags, Mode::empty())?;
        if mount_of(&place) == self.id {
            Ok(place)
        } else {
            Err(io::ErrorKind::StaleNetworkFileHandle.into())
        }
    }

    fn open(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |path: &PathBuf| -> io::Result<File> {
            let place = self.place(path)?;
            Ok(rustix::fs::openat(place, ".", flags, Mode::empty())?.into())
        };
        let mut opened = self.paths.iter().map(open);
        let first = opened
            .next()
            .unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()));
        first.or_else(|error| opened.find_map(Result::ok).ok_or(error))
    }

    /// The present path of a folder.
    ///
    /// # Errors
    /// `ESTALE` when the folder is gone; `InvalidFilename` when its path is longer than paths may be.
    pub fn path_of(&self, handle: FolderHandle<'_>) -> io::Result<Vec<u8>> {
        let folder = wire::open_handle(&self.open()?, handle)?;
        let path = path_of_open(&folder)?;
        // A removed folder that somebody still holds open has a path that leads nowhere. Its end alone says
        // nothing: anybody may give a folder such a name.
        if path.ends_with(b" (deleted)") && rustix::fs::fstat(&folder)?.st_nlink == 0 {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(path)
    }

    /// The path of the nearest folder above that has one, for a folder whose own is too long.
    ///
    /// # Errors
    /// `ESTALE` when the folder is gone.
    pub fn nearest_path_of(&self, handle: FolderHandle<'_>) -> io::Result<Vec<u8>> {
        let mut folder = wire::open_handle(&self.open()?, handle)?;
        for _ in 0..LEVELS_MAX {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            folder = rustix::fs::openat(&folder, "..", flags, Mode::empty())?.into();
            match path_of_open(&folder) {
                Err(error) if error.kind() == io::ErrorKind::InvalidFilename => {}
                found => return found,
            }
        }
        Err(io::ErrorKind::InvalidFilename.into())
    }
}

/// The path of an open folder, in at most the 4,095 bytes that a path may have.
fn path_of_open(folder: &impl AsRawFd) -> io::Result<Vec<u8>> {
    let link = format!("/proc/self/fd/{}", folder.as_raw_fd());
    Ok(rustix::fs::readlink(link, Vec::new())?.into_bytes())
}

/// The number of the mount that something stands on, without asking what is mounted; `None` where the kernel gives
/// none.
fn mount_of(place: impl AsFd) -> Option<u64> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let answer = rustix::fs::statx(place, "", flags, StatxFlags::MNT_ID).ok()?;
    (answer.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(answer.stx_mnt_id)
}

fn filesystem_of(folder: &File) -> io::Result<FilesystemId> {
    // SAFETY: all-zero bytes are a valid `statfs`, and the call fills it for a descriptor that is open.
    let id = unsafe {
        let mut answer: libc::statfs = std::mem::zeroed();
        if libc::fstatfs(folder.as_raw_fd(), &raw mut answer) != 0 {
            return Err(io::Error::last_os_error());
        }
        // The two halves are private fields of a type of eight plain bytes.
        std::mem::transmute::<libc::fsid_t, [u8; 8]>(answer.f_fsid)
    };
    Ok(FilesystemId(u64::from_ne_bytes(id)))
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}
