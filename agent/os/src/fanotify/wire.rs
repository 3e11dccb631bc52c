//! Events as the kernel writes them, and handles as it reads them.
//!
//! ```text
//! event   len u32 | version u8 | - u8 | metadata_len u16 | mask u64 | fd i32 | pid i32 | records …
//! record  type u8 | - u8 | len u16 | body
//! place   filesystem u64 | handle_bytes u32 | handle_type i32 | handle | name NUL
//! pidfd   fd i32
//! ```

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{Event, FilesystemId, FolderHandle, Place};
use crate::process::Handle;

const METADATA_BYTES: usize = 24;
const RECORD_HEAD_BYTES: usize = 4;
/// File handles are at most this long (`MAX_HANDLE_SZ`).
const HANDLE_BYTES_MAX: usize = 128;

/// Hands over each event of one read; how many there were.
pub(super) fn events(mut bytes: &[u8], each: &mut impl FnMut(Event<'_>)) -> io::Result<usize> {
    let mut count = 0;
    while bytes.len() >= METADATA_BYTES {
        let length = u32_at(bytes, 0).ok_or_else(unreadable)? as usize;
        if bytes[4] != libc::FANOTIFY_METADATA_VERSION || length < METADATA_BYTES || length > bytes.len() {
            return Err(unreadable());
        }
        let (event, rest) = bytes.split_at(length);
        each(parse(event)?);
        bytes = rest;
        count += 1;
    }
    Ok(count)
}

fn parse(bytes: &[u8]) -> io::Result<Event<'_>> {
    let mask = u64_at(bytes, 8).ok_or_else(unreadable)?;
    let has = |bit: u64| mask & bit != 0;
    let mut event = Event {
        overflow: has(libc::FAN_Q_OVERFLOW),
        created: has(libc::FAN_CREATE),
        written: has(libc::FAN_CLOSE_WRITE),
        attributes: has(libc::FAN_ATTRIB),
        deleted: has(libc::FAN_DELETE),
        folder: has(libc::FAN_ONDIR),
        pid: u32_at(bytes, 20).ok_or_else(unreadable)?,
        process: None,
        place: None,
        place_before: None,
    };
    let metadata_length = u16_at(bytes, 6).ok_or_else(unreadable)?;
    let mut records = bytes.get(usize::from(metadata_length)..).unwrap_or_default();
    while let Some(length) = u16_at(records, 2).map(usize::from) {
        let record = records.get(RECORD_HEAD_BYTES..length).ok_or_else(unreadable)?;
        take_record(&mut event, records[0], record);
        records = &records[length..];
    }
    Ok(event)
}

fn take_record<'a>(event: &mut Event<'a>, kind: u8, record: &'a [u8]) {
    match kind {
        libc::FAN_EVENT_INFO_TYPE_DFID_NAME | libc::FAN_EVENT_INFO_TYPE_NEW_DFID_NAME => {
            event.place = place(record);
        }
        libc::FAN_EVENT_INFO_TYPE_OLD_DFID_NAME => event.place_before = place(record),
        libc::FAN_EVENT_INFO_TYPE_PIDFD => event.process = process(record),
        _ => {}
    }
}

fn place(record: &[u8]) -> Option<Place<'_>> {
    let handle_length = u32_at(record, 8)? as usize;
    let handle_end = 16usize.checked_add(handle_length)?;
    let name = record.get(handle_end..)?;
    let name_length = name.iter().position(|byte| *byte == 0)?;
    Some(Place {
        folder: FolderHandle {
            filesystem: FilesystemId(u64_at(record, 0)?),
            kind: u32_at(record, 12)?.cast_signed(),
            bytes: record.get(16..handle_end)?,
        },
        name: &name[..name_length],
    })
}

fn process(record: &[u8]) -> Option<Handle> {
    let pidfd = u32_at(record, 0)?.cast_signed();
    // Negative values say why there is none: it has exited, or a descriptor could not be made.
    // SAFETY: the kernel made this descriptor for the reader of the event, and each record is read once.
    (pidfd >= 0).then(|| Handle::new(unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// `struct file_handle` with room for the longest handle.
#[repr(C)]
struct RawHandle {
    length: u32,
    kind: i32,
    bytes: [u8; HANDLE_BYTES_MAX],
}

pub(super) fn open_handle(mount: &File, handle: FolderHandle<'_>) -> io::Result<File> {
    let mut raw = RawHandle {
        length: handle.bytes.len() as u32,
        kind: handle.kind,
        bytes: [0; HANDLE_BYTES_MAX],
    };
    raw.bytes
        .get_mut(..handle.bytes.len())
        .ok_or_else(unreadable)?
        .copy_from_slice(handle.bytes);
    // SAFETY: `raw` is laid out as `struct file_handle` with `length` bytes behind it and outlives the call,
    // the descriptor is open, and a non-negative result is a new descriptor.
    unsafe {
        let fd = libc::open_by_handle_at(
            mount.as_raw_fd(),
            (&raw mut raw).cast(),
            libc::O_PATH | libc::O_CLOEXEC,
        );
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(File::from_raw_fd(fd))
    }
}

pub(super) fn key_of(folder: &File, filesystem: FilesystemId) -> io::Result<Vec<u8>> {
    let mut raw = RawHandle {
        length: HANDLE_BYTES_MAX as u32,
        kind: 0,
        bytes: [0; HANDLE_BYTES_MAX],
    };
    let mut mount = 0;
    // SAFETY: `raw` is laid out as `struct file_handle` with room for `length` bytes, the path is empty and
    // ends in NUL, the descriptor is open, and both places outlive the call.
    let result = unsafe {
        libc::name_to_handle_at(
            folder.as_raw_fd(),
            c"".as_ptr(),
            (&raw mut raw).cast(),
            &raw mut mount,
            libc::AT_EMPTY_PATH,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let handle = FolderHandle {
        filesystem,
        kind: raw.kind,
        bytes: raw.bytes.get(..raw.length as usize).ok_or_else(unreadable)?,
    };
    Ok(handle.key())
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "unreadable fanotify event")
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(mask: u64, records: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((METADATA_BYTES as u32 + records.len() as u32).to_ne_bytes());
        bytes.extend([libc::FANOTIFY_METADATA_VERSION, 0]);
        bytes.extend((METADATA_BYTES as u16).to_ne_bytes());
        bytes.extend(mask.to_ne_bytes());
        bytes.extend((-1i32).to_ne_bytes());
        bytes.extend(4_242u32.to_ne_bytes());
        bytes.extend(records);
        bytes
    }

    fn name_record(kind: u8, name: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(7u64.to_ne_bytes());
        body.extend(3u32.to_ne_bytes());
        body.extend(1i32.to_ne_bytes());
        body.extend([9, 9, 9]);
        body.extend(name);
        body.push(0);
        let mut record = vec![kind, 0];
        record.extend((RECORD_HEAD_BYTES as u16 + body.len() as u16).to_ne_bytes());
        record.extend(body);
        record
    }

    #[test]
    fn a_rename_has_two_places() {
        let mut records = name_record(libc::FAN_EVENT_INFO_TYPE_OLD_DFID_NAME, b"a");
        records.extend(name_record(
            libc::FAN_EVENT_INFO_TYPE_NEW_DFID_NAME,
            "hồ sơ".as_bytes(),
        ));
        let bytes = [event(libc::FAN_RENAME, &records), event(libc::FAN_CREATE, &[])].concat();
        let mut seen = Vec::new();
        let count = events(&bytes, &mut |event: Event<'_>| {
            seen.push((
                event.pid,
                event.created,
                event.place_before.map(|place| place.name.to_vec()),
                event.place.map(|place| place.name.to_vec()),
            ));
        })
        .expect("well formed");
        assert_eq!(count, 2);
        assert_eq!(
            seen[0],
            (
                4_242,
                false,
                Some(b"a".to_vec()),
                Some("hồ sơ".as_bytes().to_vec())
            )
        );
        assert_eq!(seen[1], (4_242, true, None, None));
    }

    #[test]
    fn whatever_stands_in_the_buffer_nothing_panics() {
        let mut whole = event(
            libc::FAN_CREATE,
            &name_record(libc::FAN_EVENT_INFO_TYPE_DFID_NAME, b"name"),
        );
        for cut in 0..whole.len() {
            let _ = events(&whole[..cut], &mut |_| {});
        }
        for at in 0..whole.len() {
            let kept = whole[at];
            whole[at] = 0xff;
            let _ = events(&whole, &mut |_| {});
            whole[at] = kept;
        }
    }
}
