//! Listening sockets that the service manager holds (systemd's socket activation): while the collector restarts,
//! connections wait in the kernel instead of being refused.
//!
//! Which one is which is told by its name (`FileDescriptorName=`): `intake` or `web`. An inherited socket takes the
//! place of the configured address; one that is not handed over is bound as ever.

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;

use super::PipelineError;

/// What was handed over.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Where agents connect.
    pub(super) intake: Option<TcpListener>,
    /// Where people connect.
    pub(super) web: Option<TcpListener>,
}

impl Inherited {
    /// Takes what the environment says was handed to this process; `names` are those of the sockets in their order,
    /// with colons between them.
    ///
    /// # Errors
    /// Something was handed over that has another name, or one that came before, or is no TCP socket.
    pub fn take(names: Option<&str>) -> Result<Self, PipelineError> {
        let mut handed = ListenFd::from_env();
        let mut inherited = Self::default();
        let names = names
            .unwrap_or_default()
            .split(':')
            .map(Some)
            .chain(std::iter::repeat(None));
        for (index, name) in (0..handed.len()).zip(names) {
            let name = name.unwrap_or_default();
            let unusable = |source| PipelineError::Inherited {
                name: name.to_owned(),
                source,
            };
            let place = match name {
                "intake" => &mut inherited.intake,
                "web" => &mut inherited.web,
                _ => return Err(unusable(io::ErrorKind::InvalidInput.into())),
            };
            let listener = handed.take_tcp_listener(index).map_err(unusable)?;
            let listener = listener.ok_or_else(|| unusable(io::ErrorKind::NotFound.into()))?;
            // Nobody here waits for one connection.
            listener.set_nonblocking(true).map_err(unusable)?;
            if place.replace(listener).is_some() {
                return Err(unusable(io::ErrorKind::AlreadyExists.into()));
            }
        }
        Ok(inherited)
    }
}
