//! What this process uses of the PC, and whether others want it.

use std::time::Duration;

#[cfg(target_os = "linux")]
#[path = "usage/linux.rs"]
mod imp;

/// CPU time of this process so far, all its threads together.
pub fn process_cpu() -> Duration {
    imp::process_cpu()
}

/// CPU time of the calling thread so far.
pub fn thread_cpu() -> Duration {
    imp::thread_cpu()
}

/// Resident memory of this process, bytes; `None` when the system does not say.
pub fn resident_bytes() -> Option<u64> {
    imp::resident_bytes()
}

/// Whether the PC runs on its battery. One that has no battery, or does not tell, does not.
pub fn is_on_battery() -> bool {
    imp::is_on_battery()
}

/// In which part of the last ten seconds somebody waited for a processor, 0 to 1; `None` when nobody knows.
pub fn waiting_for_cpu() -> Option<f64> {
    imp::waiting_for_cpu()
}

/// From now on the disk serves the calling thread after others, or as any other. Where the system cannot do that,
/// nothing happens.
pub fn yield_disk(yields: bool) {
    imp::yield_disk(yields);
}

/// Gives memory that was freed back to the system.
pub fn release_memory() {
    imp::release_memory();
}

/// Keeps freed memory together, for a program of few threads that do little. To be called before threads start.
pub fn keep_memory_small() {
    imp::keep_memory_small();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted() {
        let (process, thread) = (process_cpu(), thread_cpu());
        let mut sum = 0_u64;
        while thread_cpu() < thread + Duration::from_millis(20) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(process_cpu() >= process + Duration::from_millis(20));
        assert!(resident_bytes().expect("known") > 100_000);
        assert!(waiting_for_cpu().is_none_or(|part| (0.0..=1.0).contains(&part)));
    }

    #[test]
    fn yielding_can_be_taken_back() {
        yield_disk(true);
        yield_disk(false);
        release_memory();
    }
}
