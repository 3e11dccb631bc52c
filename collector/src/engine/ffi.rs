//! `libchdb.so` behind safe types: the only unsafe code of the collector.
//!
//! The library is loaded at run time, so a collector that uses a ClickHouse server needs none. It is
//! never unloaded, since its threads run until the process ends; hence the `&'static Api`. Its package has
//! no header: the signatures below were established by measurement against the pinned version, which is
//! why another version is refused. All calls block and belong on blocking threads.
#![expect(
    unsafe_code,
    reason = "the C interface of the engine; each block says why it is sound"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};

use libloading::Library;

pub(crate) use session::Connection;

mod session;

/// The only version whose signatures were measured, as `chdb_version` gives it.
const SUPPORTED_VERSION: &str = "26.7.3";

/// Why the library cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is missing, unreadable or no library for this machine.
    #[error("cannot load the engine library {}; fetch it with packaging/dev/fetch-engine or correct its path", path.display())]
    Open {
        /// The file that was tried.
        path: PathBuf,
        /// The loader's reason.
        #[source]
        source: libloading::Error,
    },
    /// It is a library, but not the one we know.
    #[error("the engine library {} lacks {}; it is not libchdb {SUPPORTED_VERSION}, fetch that with packaging/dev/fetch-engine", path.display(), missing.join(", "))]
    MissingSymbols {
        /// The file that was tried.
        path: PathBuf,
        /// Every missing symbol.
        missing: Vec<&'static str>,
    },
    /// It is another version of it.
    #[error("the engine library {} is version {found}, but only {SUPPORTED_VERSION} is known to keep its promises; fetch that with packaging/dev/fetch-engine", path.display())]
    Version {
        /// The file that was tried.
        path: PathBuf,
        /// What it calls itself.
        found: String,
    },
}

/// An error that the engine reported: `Code: N. DB::Exception: …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Exception(pub String);

impl Exception {
    /// An exception in the engine's own notation, for what the front end refuses itself.
    pub(crate) fn new(code: u32, text: &str) -> Self {
        Self(format!("Code: {code}. DB::Exception: {text}"))
    }

    /// The number that ClickHouse gives to this kind of error; 1002 ("unknown") if the text has none.
    pub(crate) fn code(&self) -> u32 {
        const UNKNOWN_EXCEPTION: u32 = 1002;
        let digits = self
            .0
            .strip_prefix("Code: ")
            .and_then(|rest| rest.split('.').next());
        digits
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(UNKNOWN_EXCEPTION)
    }
}

/// What kind of statement a text is, in the engine's own judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementClass {
    /// It only reads.
    Read,
    /// It changes data or tables.
    Write,
    /// It changes access rights, the session, the server or files outside the engine.
    Forbidden,
    /// There is no statement.
    Empty,
}

type RawConnection = *mut c_void;
type RawResult = *mut c_void;
type RawInsert = *mut c_void;
/// Connection; SQL and format with their lengths; names and values of parameters with theirs, and their number.
type RunQuery = unsafe extern "C" fn(
    RawConnection,
    *const u8,
    usize,
    *const u8,
    usize,
    *const *const u8,
    *const usize,
    *const *const u8,
    *const usize,
    usize,
) -> RawResult;

#[repr(C)]
struct RawClassification {
    size: u32,
    statements: u32,
    flags: u32,
    class: u32,
}

/// The functions of the library that we call.
pub(crate) struct Api {
    connect: unsafe extern "C" fn(c_int, *const *const c_char) -> *mut RawConnection,
    close_conn: unsafe extern "C" fn(*mut RawConnection),
    version: unsafe extern "C" fn() -> *const c_char,
    set_signal_handlers_enabled: unsafe extern "C" fn(c_int),
    query: RunQuery,
    stream_query: RunQuery,
    stream_fetch_result: unsafe extern "C" fn(RawConnection, RawResult) -> RawResult,
    stream_cancel_query: unsafe extern "C" fn(RawConnection, RawResult),
    stream_insert: unsafe extern "C" fn(RawConnection, *const u8, usize, *const u8, usize) -> RawInsert,
    stream_append: unsafe extern "C" fn(RawInsert, *const u8, usize) -> c_int,
    stream_done: unsafe extern "C" fn(RawInsert) -> RawResult,
    stream_cancel_insert: unsafe extern "C" fn(RawInsert),
    stream_insert_error: unsafe extern "C" fn(RawInsert) -> *const c_char,
    destroy_insert_stream: unsafe extern "C" fn(RawInsert),
    classify_query: unsafe extern "C" fn(
        RawConnection,
        *const u8,
        usize,
        *const u8,
        usize,
        *mut RawClassification,
    ) -> c_int,
    result_buffer: unsafe extern "C" fn(RawResult) -> *const u8,
    result_length: unsafe extern "C" fn(RawResult) -> usize,
    result_error: unsafe extern "C" fn(RawResult) -> *const c_char,
    destroy_query_result: unsafe extern "C" fn(RawResult),
}

/// Every symbol of [`Api`], so that one message can name all that are missing.
const SYMBOLS: [&str; 19] = [
    "chdb_connect",
    "chdb_close_conn",
    "chdb_version",
    "chdb_set_signal_handlers_enabled",
    "chdb_query_with_params_n",
    "chdb_stream_query_with_params_n",
    "chdb_stream_fetch_result",
    "chdb_stream_cancel_query",
    "chdb_stream_insert_n",
    "chdb_stream_append",
    "chdb_stream_done",
    "chdb_stream_cancel_insert",
    "chdb_stream_insert_error",
    "chdb_destroy_insert_stream",
    "chdb_classify_query_n",
    "chdb_result_buffer",
    "chdb_result_length",
    "chdb_result_error",
    "chdb_destroy_query_result",
];

impl Api {
    /// Loads the library, checks that it is the one we know and keeps it for the life of the process.
    pub(crate) fn load(path: &Path) -> Result<&'static Self, LoadError> {
        let open_error = |source| LoadError::Open {
            path: path.to_owned(),
            source,
        };
        // SAFETY: loading runs the library's constructors; the file is the administrator's own choice, with
        // a pinned checksum when our script fetched it.
        let library: &'static Library =
            Box::leak(Box::new(unsafe { Library::new(path) }.map_err(open_error)?));
        let missing: Vec<_> = SYMBOLS
            .into_iter()
            .filter(|name| !exists(library, name))
            .collect();
        if !missing.is_empty() {
            return Err(LoadError::MissingSymbols {
                path: path.to_owned(),
                missing,
            });
        }
        let api = Self::resolve(library).map_err(open_error)?;
        let found = api.version();
        if found != SUPPORTED_VERSION {
            return Err(LoadError::Version {
                path: path.to_owned(),
                found,
            });
        }
        // SAFETY: a plain switch, called before any connection; our process handles its signals itself.
        unsafe { (api.set_signal_handlers_enabled)(0) };
        Ok(Box::leak(Box::new(api)))
    }

    fn resolve(library: &'static Library) -> Result<Self, libloading::Error> {
        // SAFETY: each symbol is stored in a field of its measured type, and the library is never unloaded.
        unsafe {
            Ok(Self {
                connect: *library.get("chdb_connect")?,
                close_conn: *library.get("chdb_close_conn")?,
                version: *library.get("chdb_version")?,
                set_signal_handlers_enabled: *library.get("chdb_set_signal_handlers_enabled")?,
                query: *library.get("chdb_query_with_params_n")?,
                stream_query: *library.get("chdb_stream_query_with_params_n")?,
                stream_fetch_result: *library.get("chdb_stream_fetch_result")?,
                stream_cancel_query: *library.get("chdb_stream_cancel_query")?,
                stream_insert: *library.get("chdb_stream_insert_n")?,
                stream_append: *library.get("chdb_stream_append")?,
                stream_done: *library.get("chdb_stream_done")?,
                stream_cancel_insert: *library.get("chdb_stream_cancel_insert")?,
                stream_insert_error: *library.get("chdb_stream_insert_error")?,
                destroy_insert_stream: *library.get("chdb_destroy_insert_stream")?,
                classify_query: *library.get("chdb_classify_query_n")?,
                result_buffer: *library.get("chdb_result_buffer")?,
                result_length: *library.get("chdb_result_length")?,
                result_error: *library.get("chdb_result_error")?,
                destroy_query_result: *library.get("chdb_destroy_query_result")?,
            })
        }
    }

    fn version(&self) -> String {
        // SAFETY: the function takes nothing and returns a static string.
        let version = unsafe { (self.version)() };
        // SAFETY: as above.
        unsafe { owned_text(version) }.unwrap_or_default()
    }
}

/// Ends this process without running what the library has registered for its end.
pub(super) fn end_process(code: c_int) -> ! {
    // SAFETY: it only ends the process; nothing of it runs afterwards.
    unsafe { libc::_exit(code) }
}

fn exists(library: &Library, name: &str) -> bool {
    // SAFETY: the address is only compared, never called.
    unsafe { library.get::<*const c_void>(name) }.is_ok()
}

/// Copies a C string; null and "" both mean that there is none.
///
/// # Safety
/// `text` is null or points to a zero-terminated string that lives as long as the call.
unsafe fn owned_text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller vouches for the rest.
    let text = unsafe { CStr::from_ptr(text) };
    (!text.is_empty()).then(|| text.to_string_lossy().into_owned())
}
