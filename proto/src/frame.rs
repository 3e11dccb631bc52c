//! Frames on a byte stream: a length of four bytes, big-endian, then so many bytes of protobuf.
//!
//! A frame is read into a buffer of exactly its size, so that an idle connection holds no buffer at all:
//! that is what keeps a connection at some 16 KiB of server memory.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::session::{AgentFrame, CollectorFrame};
use crate::wire::{self, Malformed};

/// The largest frame: room for a batch of [`BATCH_RAW_BYTES_MAX`] that does not compress. A longer length
/// prefix ends the connection before a byte of the body is read.
pub const FRAME_BYTES_MAX: usize = 1_200_000;

/// The largest frame accepted from a peer without a certificate.
pub const ENROL_FRAME_BYTES_MAX: usize = 16 * 1024;

/// The largest first frame of an agent: a hello or a renewal, of a PC with a thousand network adapters. Whoever has
/// not said hello may hold several connections, and each may keep a frame's memory busy.
pub const FIRST_FRAME_BYTES_MAX: usize = 64 * 1024;

/// A batch holds at most this many bytes of events before compression, but always at least one event.
pub const BATCH_RAW_BYTES_MAX: usize = 1_000_000;

/// A batch declares at most this many gaps; an agent that has more sends them with the next.
pub const BATCH_GAPS_MAX: usize = 64;

/// A batch holds at most this many events, so that its rows fit an insert many times over.
pub const BATCH_EVENTS_MAX: usize = 2_000;

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The peer closed the connection between two frames.
    #[error("the peer closed the connection")]
    Closed,
    /// The peer announced more than is allowed.
    #[error("a frame of {announced} bytes was announced, at most {max} are allowed")]
    TooLong {
        /// What the length prefix says.
        announced: usize,
        /// What is allowed here.
        max: usize,
    },
    /// The connection broke, also in the middle of a frame.
    #[error("the connection broke")]
    Io(#[from] io::Error),
    /// The bytes are not a frame of this protocol.
    #[error("the frame is malformed")]
    Malformed(#[from] Malformed),
}

/// Reads one frame's bytes. Cancelling this future between frames is harmless; within one it is not.
///
/// # Errors
/// See [`FrameError`]; after any of them the connection is of no more use.
pub async fn read_bytes<R: AsyncRead + Unpin>(reader: &mut R, max: usize) -> Result<Vec<u8>, FrameError> {
    let mut prefix = [0; 4];
    let got = reader.read(&mut prefix).await?;
    if got == 0 {
        return Err(FrameError::Closed);
    }
    reader.read_exact(&mut prefix[got..]).await?;
    let announced = u32::from_be_bytes(prefix) as usize;
    if announced > max {
        return Err(FrameError::TooLong { announced, max });
    }
    let mut body = vec![0; announced];
    reader.read_exact(&mut body).await?;
    Ok(body)
}

/// Writes one frame's bytes and flushes them.
///
/// # Errors
/// When the connection broke, or `body` is longer than a frame may be.
pub async fn write_bytes<W: AsyncWrite + Unpin>(writer: &mut W, body: &[u8]) -> Result<(), FrameError> {
    if body.len() > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong {
            announced: body.len(),
            max: FRAME_BYTES_MAX,
        });
    }
    let length = u32::try_from(body.len()).expect("at most FRAME_BYTES_MAX");
    // One write, one TLS record where it fits.
    let mut framed = Vec::with_capacity(4 + body.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(body);
    writer.write_all(&framed).await?;
    writer.flush().await?;
    Ok(())
}

/// Reads a frame that an agent sent.
///
/// # Errors
/// See [`FrameError`].
pub async fn read_agent_frame<R: AsyncRead + Unpin>(
    reader: &mut R,
    max: usize,
) -> Result<AgentFrame, FrameError> {
    Ok(wire::decode_agent_frame(&read_bytes(reader, max).await?)?)
}

/// Reads a frame that a collector sent.
///
/// # Errors
/// See [`FrameError`].
pub async fn read_collector_frame<R: AsyncRead + Unpin>(
    reader: &mut R,
) -> Result<CollectorFrame, FrameError> {
    Ok(wire::decode_collector_frame(
        &read_bytes(reader, FRAME_BYTES_MAX).await?,
    )?)
}

/// Writes a frame to a collector.
///
/// # Errors
/// See [`FrameError`].
pub async fn write_agent_frame<W: AsyncWrite + Unpin>(
    writer: &mut W,
    frame: AgentFrame,
) -> Result<(), FrameError> {
    write_bytes(writer, &wire::encode_agent_frame(frame)).await
}

/// Writes a frame to an agent.
///
/// # Errors
/// See [`FrameError`].
pub async fn write_collector_frame<W: AsyncWrite + Unpin>(
    writer: &mut W,
    frame: CollectorFrame,
) -> Result<(), FrameError> {
    write_bytes(writer, &wire::encode_collector_frame(frame)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Allowance, Heartbeat};

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(future)
    }

    #[test]
    fn a_frame_comes_back_as_it_went() {
        let beat = Heartbeat {
            wall_ms: -1,
            echo: 7,
            answer: true,
            allowance: Allowance::default(),
        };
        let mut bytes = Vec::new();
        block_on(write_agent_frame(&mut bytes, AgentFrame::Heartbeat(beat))).expect("written");
        let back = block_on(read_agent_frame(&mut bytes.as_slice(), FRAME_BYTES_MAX)).expect("read");
        assert_eq!(back, AgentFrame::Heartbeat(beat));
    }

    #[test]
    fn an_oversized_frame_is_refused_by_its_prefix() {
        let error = block_on(read_bytes(&mut [0xff; 4].as_slice(), 10)).expect_err("refused");
        assert!(matches!(
            error,
            FrameError::TooLong {
                announced: 0xffff_ffff,
                max: 10
            }
        ));
    }

    #[test]
    fn a_truncated_frame_is_an_error_and_a_clean_end_is_not() {
        let cut = block_on(read_bytes(&mut [0, 0, 0, 9, 1].as_slice(), 10)).expect_err("cut");
        assert!(matches!(cut, FrameError::Io(_)));
        let end = block_on(read_bytes(&mut [].as_slice(), 10)).expect_err("end");
        assert!(matches!(end, FrameError::Closed));
    }
}
