//! Hostile bytes against the decoders: fuzzing runs this for hours, `make test` once with every seed.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::event::{Body, Lane};
use crate::frame::{self, FRAME_BYTES_MAX};
use crate::session::Batch;
use crate::wire;

/// Reads frames as they come over a connection, as either side would. What was understood is understood again after
/// the way back.
pub fn frames(bytes: &[u8]) {
    let mut connection = bytes;
    while let Ok(body) = at_once(frame::read_bytes(&mut connection, FRAME_BYTES_MAX)) {
        if let Ok(frame) = wire::decode_agent_frame(&body) {
            let again = wire::encode_agent_frame(frame.clone());
            assert_eq!(wire::decode_agent_frame(&again), Ok(frame));
        }
        if let Ok(frame) = wire::decode_collector_frame(&body) {
            let again = wire::encode_collector_frame(frame.clone());
            assert_eq!(wire::decode_collector_frame(&again), Ok(frame));
        }
    }
}

/// Unpacks a batch and reads its events, as intake and journal do.
///
/// ```text
/// lane: 1 byte | first: 1 byte | events: 2 bytes BE | size before packing: 4 bytes BE | as it travels
/// ```
/// What follows the header is also read as one event, so that hours are not spent on finding zstd's way to it.
pub fn batch(bytes: &[u8]) {
    let Some(([lane, first, more, few, raw_bytes @ ..], packed)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let (lane, first) = (Lane::ALL[usize::from(*lane) % 4], u64::from(*first) + 1);
    let count = u64::from(u16::from_be_bytes([*more, *few]));
    let batch = Batch {
        lane,
        first,
        last: first + count - 1,
        raw_bytes: u32::from_be_bytes(*raw_bytes),
        events: packed.to_vec(),
        gaps: Vec::new(),
    };
    if let Ok(events) = wire::unpack_events(&batch) {
        assert_eq!(events.len() as u64, count, "one event for each number");
        (first..)
            .zip(&events)
            .for_each(|(seq, event)| read(lane, seq, event));
    }
    read(lane, first, packed);
}

/// Every event can be read in its place: as what it is, or as one that cannot be understood.
fn read(lane: Lane, seq: u64, bytes: &[u8]) {
    let event = wire::decode_event_or_opaque(lane, seq, bytes);
    assert_eq!((event.header.lane, event.header.seq), (lane, seq));
    match &event.body {
        Body::Opaque(opaque) => assert!(bytes.starts_with(&opaque.bytes)),
        _ => assert_eq!(wire::decode_event(lane, &wire::encode_event(&event)), Ok(event)),
    }
}

/// What a reading from memory says: it never waits.
fn at_once<F: Future>(reading: F) -> F::Output {
    match pin!(reading).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(said) => said,
        Poll::Pending => unreachable!("memory is always ready"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    fn each_seed(target: &str, examine: impl Fn(&[u8])) {
        let folder = format!("{}/../tests/fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
        let seeds: Vec<_> = fs::read_dir(folder).expect("seeds").flatten().collect();
        assert!(seeds.len() > 5, "only {} seeds", seeds.len());
        for seed in seeds {
            println!("{}", seed.path().display());
            examine(&fs::read(seed.path()).expect("a seed"));
        }
    }

    #[test]
    fn hostile_frames_are_refused_or_understood() {
        each_seed("frames", super::frames);
    }

    #[test]
    fn hostile_batches_are_refused_or_read() {
        each_seed("batch", super::batch);
    }
}
