//! Connections to the engine and what runs on them: queries, result streams, insert streams.
//!
//! Each type owns one C handle and gives it back when it is dropped; a stream borrows its connection, so
//! the compiler keeps the order of closing. What is dropped unfinished is cancelled: that is how an
//! aborted insert stores nothing.

use std::ffi::CString;
use std::ptr;

use super::{
    Api, Exception, RawClassification, RawConnection, RawInsert, RawResult, RunQuery, StatementClass,
    owned_text,
};

/// One session of the engine with its own settings.
pub(crate) struct Connection {
    api: &'static Api,
    handle: *mut RawConnection,
}

// SAFETY: the engine ties a connection to no thread; `&mut` and the missing `Sync` keep its use to one at a time.
unsafe impl Send for Connection {}

impl Connection {
    /// Opens a session; `arguments` are `--name=value` words. The engine writes its reason for a refusal to
    /// standard error, so there is none to return.
    pub(crate) fn open(api: &'static Api, arguments: &[CString]) -> Option<Self> {
        let program_name = c"vong-collector";
        let words: Vec<_> = std::iter::once(program_name.as_ptr())
            .chain(arguments.iter().map(|word| word.as_ptr()))
            .collect();
        let count = words.len().try_into().ok()?;
        // SAFETY: `words` holds `count` zero-terminated strings that outlive the call.
        let handle = unsafe { (api.connect)(count, words.as_ptr()) };
        (!handle.is_null()).then_some(Self { api, handle })
    }

    /// How many statements `sql` has, and of which class.
    pub(crate) fn classify(&mut self, sql: &str) -> Option<(u32, StatementClass)> {
        let mut found = RawClassification {
            size: size_of::<RawClassification>() as u32,
            statements: 0,
            flags: 0,
            class: 0,
        };
        // SAFETY: the text and its length belong together; `found` tells its own size.
        let failed = unsafe {
            (self.api.classify_query)(
                self.raw(),
                sql.as_ptr(),
                sql.len(),
                ptr::null(),
                0,
                &raw mut found,
            )
        };
        let class = match found.class {
            0 => StatementClass::Read,
            1 => StatementClass::Write,
            4 => StatementClass::Empty,
            _ => StatementClass::Forbidden,
        };
        (failed == 0).then_some((found.statements, class))
    }

    /// Runs a statement and returns its whole result in `format`.
    pub(crate) fn query(
        &mut self,
        sql: &str,
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<Vec<u8>, Exception> {
        self.run(self.api.query, sql, format, parameters).into_bytes()
    }

    /// Starts a SELECT whose result comes in chunks.
    pub(crate) fn stream(
        &mut self,
        sql: &str,
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<ResultStream<'_>, Exception> {
        let stream = self.run(self.api.stream_query, sql, format, parameters);
        stream.exception().map_or(Ok(()), Err)?;
        Ok(ResultStream {
            stream,
            connection: self,
            ended: false,
        })
    }

    /// Starts an INSERT whose data, in `format`, is appended piece by piece; `sql` has no FORMAT clause.
    pub(crate) fn insert(&mut self, sql: &str, format: &str) -> Result<InsertStream<'_>, Exception> {
        // SAFETY: both texts and their lengths belong together.
        let raw = unsafe {
            (self.api.stream_insert)(self.raw(), sql.as_ptr(), sql.len(), format.as_ptr(), format.len())
        };
        if raw.is_null() {
            return Err(Exception::new(1002, "the engine gave no insert stream"));
        }
        let stream = InsertStream {
            connection: self,
            raw,
            ended: false,
        };
        stream.exception().map_or(Ok(()), Err)?;
        Ok(stream)
    }

    fn run(
        &mut self,
        run: RunQuery,
        sql: &str,
        format: &str,
        parameters: &[(String, String)],
    ) -> QueryResult {
        let names: Vec<_> = parameters.iter().map(|(name, _)| name.as_ptr()).collect();
        let name_lengths: Vec<_> = parameters.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<_> = parameters.iter().map(|(_, value)| value.as_ptr()).collect();
        let value_lengths: Vec<_> = parameters.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: every text is given with its length, the four arrays have `parameters.len()` elements, and
        // all of them outlive the call, which copies what it keeps.
        let raw = unsafe {
            run(
                self.raw(),
                sql.as_ptr(),
                sql.len(),
                format.as_ptr(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                parameters.len(),
            )
        };
        QueryResult { api: self.api, raw }
    }

    fn raw(&self) -> RawConnection {
        // SAFETY: a connection's handle stays valid until `drop`.
        unsafe { *self.handle }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: opened in `open`, closed only here; streams borrow the connection and are gone.
        unsafe { (self.api.close_conn)(self.handle) };
    }
}

/// A result, or a chunk of one.
struct QueryResult {
    api: &'static Api,
    raw: RawResult,
}

impl QueryResult {
    fn exception(&self) -> Option<Exception> {
        if self.raw.is_null() {
            return Some(Exception::new(1002, "the engine gave no result"));
        }
        // SAFETY: the result is alive, and so is its text until the result is destroyed.
        unsafe { owned_text((self.api.result_error)(self.raw)) }.map(Exception)
    }

    fn into_bytes(self) -> Result<Vec<u8>, Exception> {
        self.exception().map_or(Ok(()), Err)?;
        // SAFETY: the result is alive.
        let (start, length) = unsafe {
            (
                (self.api.result_buffer)(self.raw),
                (self.api.result_length)(self.raw),
            )
        };
        if start.is_null() || length == 0 {
            return Ok(Vec::new());
        }
        // SAFETY: the engine vouches for `length` bytes from `start` while the result is alive.
        Ok(unsafe { std::slice::from_raw_parts(start, length) }.to_vec())
    }
}

impl Drop for QueryResult {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            // SAFETY: made by the engine, destroyed only here.
            unsafe { (self.api.destroy_query_result)(self.raw) };
        }
    }
}

/// A running SELECT.
pub(crate) struct ResultStream<'connection> {
    // Before the connection: fields are dropped in order, and the stream belongs to it.
    stream: QueryResult,
    connection: &'connection mut Connection,
    ended: bool,
}

impl ResultStream<'_> {
    /// The next chunk, a complete piece of the format with its own header; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, Exception> {
        let raw_connection = self.connection.raw();
        // SAFETY: connection and stream are alive and belong together.
        let raw = unsafe { (self.connection.api.stream_fetch_result)(raw_connection, self.stream.raw) };
        let chunk = QueryResult {
            api: self.connection.api,
            raw,
        }
        .into_bytes();
        self.ended = !matches!(&chunk, Ok(bytes) if !bytes.is_empty());
        chunk.map(|bytes| Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl Drop for ResultStream<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: connection and stream are alive and belong together.
            unsafe { (self.connection.api.stream_cancel_query)(self.connection.raw(), self.stream.raw) };
        }
    }
}

/// A running INSERT. Dropped without [`InsertStream::finish`], it stores nothing.
pub(crate) struct InsertStream<'connection> {
    connection: &'connection mut Connection,
    raw: RawInsert,
    ended: bool,
}

impl InsertStream<'_> {
    /// Hands over the next bytes of the data, waiting while the engine is behind.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), Exception> {
        // SAFETY: the stream is alive; the engine copies the bytes before it returns.
        let failed = unsafe { (self.connection.api.stream_append)(self.raw, data.as_ptr(), data.len()) };
        if failed == 0 {
            return Ok(());
        }
        // The engine tells why its parser gave up only when it is asked to finish.
        self.end()?;
        Err(Exception::new(1002, "the engine took no more data"))
    }

    /// Ends the data and waits until the rows are stored.
    pub(crate) fn finish(mut self) -> Result<(), Exception> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Exception> {
        self.ended = true;
        // SAFETY: the stream is alive and ended only once.
        let raw = unsafe { (self.connection.api.stream_done)(self.raw) };
        QueryResult {
            api: self.connection.api,
            raw,
        }
        .into_bytes()
        .map(drop)
    }

    fn exception(&self) -> Option<Exception> {
        // SAFETY: the stream is alive, and so is its text.
        unsafe { owned_text((self.connection.api.stream_insert_error)(self.raw)) }.map(Exception)
    }
}

impl Drop for InsertStream<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: the stream is alive; cancelled at most once, here.
            unsafe { (self.connection.api.stream_cancel_insert)(self.raw) };
        }
        // SAFETY: made by the engine, destroyed only here.
        unsafe { (self.connection.api.destroy_insert_stream)(self.raw) };
    }
}
