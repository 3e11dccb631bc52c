//! A spool file of any content against the agent that opens it: fuzzing runs this for hours, `make test` once with
//! every seed.
//!
//! Whatever a disk has made of the file, the agent goes on: with what it kept, or with a new spool beside the damaged
//! one. And what it hands out is what a collector takes: a batch that is refused would be sent again for ever.

use std::fs;
use std::path::Path;
use std::time::Duration;

use vong_proto::event::{Lane, Sensor};
use vong_proto::session::AgentFrame;
use vong_proto::wire;

use super::{Spool, SpoolError, keeper, quarantine};
use crate::outbox::Resumed;
use crate::report::Report;

/// Small, so that making room is examined too.
const LIMIT_BYTES: u64 = 64 * 1024;

/// Makes the file in a folder of its own, opens it and works with it.
///
/// ```text
/// size of the write-ahead log: 4 bytes BE | database | write-ahead log
/// ```
///
/// # Panics
/// When the agent could not go on. The folder must be writable.
pub fn recovery(folder: &Path, content: &[u8]) {
    let Some((log_bytes, files)) = content.split_first_chunk::<4>() else {
        return;
    };
    let log_at = files
        .len()
        .saturating_sub(u32::from_be_bytes(*log_bytes) as usize);
    let (database, log) = files.split_at(log_at);
    let path = folder.join("spool.db");
    for leftover in fs::read_dir(folder).expect("a folder").flatten() {
        fs::remove_file(leftover.path()).expect("a folder of our own");
    }
    fs::write(&path, database).expect("a writable folder");
    if !log.is_empty() {
        fs::write(folder.join("spool.db-wal"), log).expect("a writable folder");
    }
    match work(&path) {
        Ok(()) | Err(SpoolError::Newer { .. }) => {}
        // Found while working: the thread sets the file aside, and the next start makes a new one.
        Err(SpoolError::Damaged(_)) => {
            quarantine::set_aside(&path).expect("a writable folder");
            work(&path).expect("a new spool works");
        }
        Err(error) => unreachable!("the agent could never start again: {error:?}"),
    }
}

/// What an agent does with its spool between a start and a stop.
fn work(path: &Path) -> Result<(), SpoolError> {
    let now = || Duration::ZERO;
    let mut keeper = Spool::open(path, LIMIT_BYTES)?.keeper;
    for lane in Lane::ALL {
        keeper.take(Report {
            events: vec![keeper::blind(lane, Sensor::Files, "/srv", "queue_overflow")],
            ..Report::default()
        });
    }
    keeper.commit(now)?;
    keeper.standing()?;
    if keeper.resume([0; 4], &Default::default())? == Resumed::Behind {
        keeper.begin_stream([0; 4], &Default::default())?;
    }
    for lane in Lane::ALL {
        while let Some(batch) = keeper.next(lane, usize::MAX)? {
            let frame = wire::encode_agent_frame(AgentFrame::Batch(batch.clone()));
            let taken = wire::decode_agent_frame(&frame).and_then(|_| wire::unpack_events(&batch));
            assert!(taken.is_ok(), "no collector would take {batch:?}: {taken:?}");
            keeper.acknowledge(lane, batch.last);
        }
    }
    keeper.commit(now)?;
    keeper.begin_stream([0; 4], &Default::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_disk_has_made_of_the_spool_the_agent_goes_on() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/seeds/spool");
        let seeds: Vec<_> = fs::read_dir(seeds).expect("seeds").flatten().collect();
        assert!(seeds.len() > 5, "only {} seeds", seeds.len());
        let folder = tempfile::tempdir().expect("a folder");
        for seed in seeds {
            println!("{}", seed.path().display());
            recovery(folder.path(), &fs::read(seed.path()).expect("a seed"));
        }
    }
}
