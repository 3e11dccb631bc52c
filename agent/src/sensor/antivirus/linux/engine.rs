//! The engine that can be asked about one file: clamd, where root's configuration says. It is handed the open file,
//! so it needs no rights of its own, and nobody can put another in its place meanwhile.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use vong_os::file::{Kind, look_open, open_quietly};
use vong_os::local;

use super::{ANSWER_BYTES_MAX, Trusted};
use crate::sensor::antivirus::clamav::{Conf, Socket};
use crate::sensor::antivirus::log::{Reply, parse_reply};

/// Whom to ask, and who may answer; nobody where there is no local clamd.
#[derive(Debug, Default)]
pub(in crate::sensor::antivirus) struct Engine {
    socket: Option<PathBuf>,
    pub(super) trusted: Trusted,
}

/// Why there is no reply about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sensor::antivirus) enum Trouble {
    /// It cannot be opened, or is no file with content.
    File(ErrorKind),
    /// The engine took none.
    Engine,
}

impl Engine {
    pub(super) fn of(conf: &Conf) -> Self {
        let socket = match &conf.socket {
            Some(Socket::Local(path)) => Some(path.clone()),
            Some(Socket::Tcp(_)) | None => None,
        };
        Self {
            socket,
            trusted: Trusted::of(conf),
        }
    }

    /// Whether files can be handed to it at all.
    pub(super) fn takes_files(&self) -> bool {
        self.socket.is_some()
    }

    /// A connection for each file: clamd gives one thread to each, and none is kept while we pause.
    pub(in crate::sensor::antivirus) fn ask_about(
        &self,
        path: &Path,
        limit: Duration,
    ) -> Result<Reply, Trouble> {
        let of_file = |error: io::Error| Trouble::File(error.kind());
        let file = open_quietly(path).map_err(of_file)?;
        if look_open(&file).map_err(of_file)?.kind != Kind::File {
            return Err(Trouble::File(ErrorKind::InvalidInput));
        }
        let answer = || -> io::Result<Vec<u8>> {
            let socket = self.socket.as_deref().ok_or(ErrorKind::NotConnected)?;
            let mut line = local::connect(socket, limit)?;
            let users = line.peer_users()?;
            if users.is_empty() || !users.into_iter().all(|user_id| self.trusted.includes(user_id)) {
                return Err(ErrorKind::PermissionDenied.into());
            }
            line.write_all(b"zFILDES\0")?;
            line.send_file(&file)?;
            let mut answer = Vec::new();
            line.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
            Ok(answer)
        };
        let answer = answer().map_err(|_| Trouble::Engine)?;
        parse_reply(&answer).ok_or(Trouble::Engine)
    }
}
