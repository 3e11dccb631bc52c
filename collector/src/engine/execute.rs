//! Runs one request on the engine. Everything here blocks, so the front end calls it on blocking threads.
//!
//! Each request gets a connection of its own (0.5 ms), since settings belong to a connection and a
//! connection does one thing at a time.

use std::collections::HashSet;
use std::ffi::CString;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::ffi::{Api, Connection, Exception, StatementClass};
use super::request::Request;
use super::sql::Outline;

const BAD_ARGUMENTS: u32 = 36;
const SYNTAX_ERROR: u32 = 62;
const QUERY_IS_PROHIBITED: u32 = 392;
const CANNOT_CONNECT: u32 = 1002;
const CHUNKED_FORMAT: &str = "RowBinaryWithNamesAndTypes";
/// A result that does not come in chunks lies in memory twice; beyond this the query fails with error 396.
const MAX_WHOLE_RESULT_BYTES: usize = 64 << 20;

/// A piece of a result, or why there is none.
pub(super) type Piece = Result<Vec<u8>, Exception>;

/// What arrives of the data of an INSERT. If the channel closes before `End`, the insert is cancelled.
pub(super) enum InsertData {
    /// The next bytes, unpacked.
    Bytes(Vec<u8>),
    /// All data was sent.
    End,
}

/// The engine's storage, opened once for the life of the process.
pub(super) struct Storage {
    api: &'static Api,
    path: PathBuf,
    /// Names that a request may use as settings.
    pub(super) known_settings: HashSet<String>,
    /// The first connection starts the server inside the library; it stays open until the end.
    _first_connection: std::sync::Mutex<Connection>,
}

impl Storage {
    /// Starts the engine on its data; `None` if it refuses, having written its reason to standard error.
    pub(super) fn open(api: &'static Api, path: &Path, config: &Path) -> Option<Self> {
        let config_word = word("config-file", &config.to_string_lossy()).ok()?;
        let mut connection = Connection::open(api, &[path_word(path).ok()?, config_word])?;
        let names = connection
            .query("SELECT name FROM system.settings", "TabSeparated", &[])
            .ok()?;
        let known_settings = String::from_utf8_lossy(&names)
            .lines()
            .map(str::to_owned)
            .collect();
        Some(Self {
            api,
            path: path.to_owned(),
            known_settings,
            _first_connection: connection.into(),
        })
    }

    fn connect(&self, request: &Request, limits: &[(&str, &str)]) -> Result<Connection, Exception> {
        let mut words = vec![path_word(&self.path)?];
        let settings = request
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in settings.chain(limits.iter().copied()) {
            words.push(word(name, value)?);
        }
        let mut connection = Connection::open(self.api, &words).ok_or_else(|| {
            Exception::new(
                CANNOT_CONNECT,
                "the engine refused the session; is a setting's value wrong?",
            )
        })?;
        if let Some(database) = &request.database {
            let name = database.replace('\\', "\\\\").replace('`', "\\`");
            connection.query(&format!("USE `{name}`"), "Null", &[])?;
        }
        Ok(connection)
    }

    /// Runs a statement and sends its result. A receiver that went away cancels it.
    pub(super) fn run(
        &self,
        request: &Request,
        sql: &str,
        outline: &Outline,
        may_write: bool,
        result: &mpsc::Sender<Piece>,
    ) {
        let format = request.default_format.as_deref().unwrap_or("TabSeparated");
        let outcome = if outline.is_streamable() && format == CHUNKED_FORMAT {
            self.run_in_chunks(request, sql, result)
        } else {
            self.run_whole(request, sql, format, may_write, result)
        };
        if let Err(exception) = outcome {
            // Nobody left to tell is fine: the request is over.
            let _ = result.blocking_send(Err(exception));
        }
    }

    fn run_in_chunks(
        &self,
        request: &Request,
        sql: &str,
        result: &mpsc::Sender<Piece>,
    ) -> Result<(), Exception> {
        let mut connection = self.connect(request, &[])?;
        check_class(&mut connection, sql, false)?;
        let mut stream = connection.stream(sql, CHUNKED_FORMAT, &request.parameters)?;
        let mut header_bytes = None;
        while let Some(mut chunk) = stream.next()? {
            // Each chunk repeats the header; the reader expects it once.
            match header_bytes {
                None => header_bytes = Some(header_length(&chunk).unwrap_or(0)),
                Some(length) => drop(chunk.drain(..length.min(chunk.len()))),
            }
            if result.blocking_send(Ok(chunk)).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn run_whole(
        &self,
        request: &Request,
        sql: &str,
        format: &str,
        may_write: bool,
        result: &mpsc::Sender<Piece>,
    ) -> Result<(), Exception> {
        let limit = MAX_WHOLE_RESULT_BYTES.to_string();
        let mut connection = self.connect(
            request,
            &[("max_result_bytes", &limit), ("result_overflow_mode", "throw")],
        )?;
        check_class(&mut connection, sql, may_write)?;
        let bytes = connection.query(sql, format, &request.parameters)?;
        let _ = result.blocking_send(Ok(bytes));
        Ok(())
    }

    /// Feeds the data of an INSERT to the engine, which wants the FORMAT clause apart: it starts at `end`.
    pub(super) fn insert(
        &self,
        request: &Request,
        sql: &str,
        (end, format): (usize, &str),
        data: &mut mpsc::Receiver<InsertData>,
    ) -> Result<(), Exception> {
        if !request.parameters.is_empty() {
            return Err(Exception::new(
                BAD_ARGUMENTS,
                "an INSERT with data takes no parameters",
            ));
        }
        let mut connection = self.connect(request, &[])?;
        check_class(&mut connection, sql, true)?;
        let mut insert = connection.insert(&sql[..end], format)?;
        loop {
            match data.blocking_recv() {
                Some(InsertData::Bytes(bytes)) => insert.append(&bytes)?,
                Some(InsertData::End) => return insert.finish(),
                None => {
                    return Err(Exception::new(
                        BAD_ARGUMENTS,
                        "the data did not arrive completely; nothing was stored",
                    ));
                }
            }
        }
    }
}

fn check_class(connection: &mut Connection, sql: &str, may_write: bool) -> Result<(), Exception> {
    match connection.classify(sql) {
        Some((1, StatementClass::Read)) => Ok(()),
        Some((1, StatementClass::Write)) if may_write => Ok(()),
        Some((0, _) | (1, StatementClass::Empty)) => Err(Exception::new(
            SYNTAX_ERROR,
            "Syntax error: this is not a statement",
        )),
        Some((1, _)) => Err(Exception::new(
            QUERY_IS_PROHIBITED,
            "this kind of statement is refused here",
        )),
        Some(_) => Err(Exception::new(
            SYNTAX_ERROR,
            "Syntax error: Multi-statements are not allowed",
        )),
        None => Err(Exception::new(
            SYNTAX_ERROR,
            "Syntax error: the statement cannot be parsed",
        )),
    }
}

fn path_word(path: &Path) -> Result<CString, Exception> {
    word("path", &path.to_string_lossy())
}

fn word(name: &str, value: &str) -> Result<CString, Exception> {
    CString::new(format!("--{name}={value}"))
        .map_err(|_| Exception::new(BAD_ARGUMENTS, "a value contains a zero byte"))
}

/// The length of a `RowBinaryWithNamesAndTypes` header: the number of columns, then their names, then their
/// types, each as a length and its bytes.
fn header_length(chunk: &[u8]) -> Option<usize> {
    let mut at = 0;
    let columns = read_length(chunk, &mut at)?;
    for _ in 0..columns.checked_mul(2)? {
        let length = read_length(chunk, &mut at)?;
        at = at.checked_add(length).filter(|end| *end <= chunk.len())?;
    }
    Some(at)
}

/// A LEB128 number.
fn read_length(chunk: &[u8], at: &mut usize) -> Option<usize> {
    let mut length = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *chunk.get(*at)?;
        *at += 1;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_ends_after_the_last_type() {
        let chunk = b"\x02\x01a\x02bc\x05UInt8\x06StringDATA";
        assert_eq!(
            header_length(chunk).map(|length| &chunk[length..]),
            Some(b"DATA".as_slice())
        );
        assert_eq!(header_length(b"\x02\x01a"), None);
        assert_eq!(header_length(&[0xff; 20]), None);
    }
}
