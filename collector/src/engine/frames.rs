//! ClickHouse's native compressed frames, in which the data of an INSERT arrives.
//!
//! ```text
//! 16 bytes  CityHash128 of everything after it
//!  1 byte   method: 0x82 LZ4, 0x90 ZSTD, 0x02 none
//!  4 bytes  size of the rest, these nine header bytes included, little-endian
//!  4 bytes  size of the data when unpacked, little-endian
//!  n bytes  data
//! ```
//! The decoder is fed whatever the network gives and yields whole, verified frames.

use bytes::{Buf, BytesMut};

const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = 9;
/// Our own client packs about 256 KiB a frame; a larger claim is refused before memory is set aside for it.
const MAX_FRAME_BYTES: usize = 16 << 20;

/// Why the data of an INSERT was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    /// The bytes were altered on their way, or are no frames at all.
    #[error("a compressed frame does not match its checksum")]
    Checksum,
    /// A method we have no decoder for.
    #[error("unknown compression method 0x{0:02x}")]
    Method(u8),
    /// The header claims a size that no frame of ours has.
    #[error("a compressed frame claims {0} bytes, more than {MAX_FRAME_BYTES} or less than its header")]
    Size(usize),
    /// The data does not unpack to what the header says.
    #[error("a compressed frame does not unpack to its stated size")]
    Unpack,
    /// The data ended inside a frame.
    #[error("the data ends in the middle of a compressed frame")]
    Truncated,
}

/// Collects bytes and yields the contents of complete frames.
#[derive(Debug, Default)]
pub(super) struct FrameDecoder {
    pending: BytesMut,
}

impl FrameDecoder {
    /// Adds what has arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The contents of the next complete frame, or `None` until more has arrived.
    pub(super) fn next_frame(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let Some(header) = self.pending.get(CHECKSUM_BYTES..CHECKSUM_BYTES + HEADER_BYTES) else {
            return Ok(None);
        };
        let method = header[0];
        let packed_bytes = checked_size(&header[1..5], HEADER_BYTES)?;
        let raw_bytes = checked_size(&header[5..9], 0)?;
        let Some(body) = self.pending.get(CHECKSUM_BYTES..CHECKSUM_BYTES + packed_bytes) else {
            return Ok(None);
        };
        if self.pending[..CHECKSUM_BYTES] != checksum(body) {
            return Err(FrameError::Checksum);
        }
        let contents = unpack(method, &body[HEADER_BYTES..], raw_bytes)?;
        self.pending.advance(CHECKSUM_BYTES + packed_bytes);
        Ok(Some(contents))
    }

    /// Checks that nothing is left over when the data has ended.
    pub(super) fn finish(&self) -> Result<(), FrameError> {
        if self.pending.is_empty() {
            Ok(())
        } else {
            Err(FrameError::Truncated)
        }
    }
}

fn checked_size(field: &[u8], at_least: usize) -> Result<usize, FrameError> {
    let size = field
        .iter()
        .rev()
        .fold(0, |size, byte| (size << 8) | usize::from(*byte));
    if (at_least..=MAX_FRAME_BYTES).contains(&size) {
        Ok(size)
    } else {
        Err(FrameError::Size(size))
    }
}

/// CityHash128 as ClickHouse writes it: version 1.0.2, its two halves in the other order.
fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    cityhash_rs::cityhash_102_128(body).rotate_right(64).to_le_bytes()
}

fn unpack(method: u8, packed: &[u8], raw_bytes: usize) -> Result<Vec<u8>, FrameError> {
    let contents = match method {
        0x82 => lz4_flex::block::decompress(packed, raw_bytes).map_err(|_| FrameError::Unpack)?,
        0x90 => zstd::bulk::decompress(packed, raw_bytes).map_err(|_| FrameError::Unpack)?,
        0x02 => packed.to_vec(),
        other => return Err(FrameError::Method(other)),
    };
    if contents.len() == raw_bytes {
        Ok(contents)
    } else {
        Err(FrameError::Unpack)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(method: u8, packed: &[u8], raw_bytes: usize) -> Vec<u8> {
        let mut body = vec![method];
        body.extend_from_slice(&((packed.len() + HEADER_BYTES) as u32).to_le_bytes());
        body.extend_from_slice(&(raw_bytes as u32).to_le_bytes());
        body.extend_from_slice(packed);
        [checksum(&body).as_slice(), &body].concat()
    }

    fn decode(bytes: &[u8], piece_bytes: usize) -> Result<Vec<u8>, FrameError> {
        let mut decoder = FrameDecoder::default();
        let mut contents = Vec::new();
        for piece in bytes.chunks(piece_bytes) {
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame()? {
                contents.extend(frame);
            }
        }
        decoder.finish().map(|()| contents)
    }

    #[test]
    fn every_method_is_unpacked() {
        let text = b"nothing is erased before the next stage owns it".repeat(9);
        let lz4 = frame(0x82, &lz4_flex::block::compress(&text), text.len());
        let zstd = frame(0x90, &zstd::bulk::compress(&text, 1).unwrap(), text.len());
        let plain = frame(0x02, &text, text.len());
        assert_eq!(decode(&[lz4, zstd, plain].concat(), 7), Ok(text.repeat(3)));
    }

    #[test]
    fn lies_are_refused() {
        let good = frame(0x02, b"vong", 4);
        let mut flipped = good.clone();
        flipped[26] ^= 1;
        assert_eq!(decode(&flipped, 99), Err(FrameError::Checksum));
        assert_eq!(decode(&good[..28], 99), Err(FrameError::Truncated));
        assert_eq!(
            decode(&frame(0x77, b"vong", 4), 99),
            Err(FrameError::Method(0x77))
        );
        assert_eq!(decode(&frame(0x02, b"vong", 5), 99), Err(FrameError::Unpack));
        assert_eq!(decode(&frame(0x82, b"vong", 400), 99), Err(FrameError::Unpack));
        assert_eq!(
            decode(&frame(0x02, b"vong", 1 << 30), 99),
            Err(FrameError::Size(1 << 30))
        );
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), piece in 1_usize..50) {
            let _ = decode(&bytes, piece);
        }
    }
}
