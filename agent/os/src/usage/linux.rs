//! Clocks of CPU time, /proc and /sys.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Of `ioprio_set`: the calling thread.
const THREAD: libc::c_int = 1;
/// Best effort, the last of eight levels. The idle class would be politer still, but a thread that also has to look
/// at what happens now could wait there for as long as others read.
const BEST_EFFORT_LAST: libc::c_int = 2 << 13 | 7;
/// As the thread's nice value says.
const NO_CLASS: libc::c_int = 0;
/// Each thread that frees in one arena and allocates in another would keep memory of its own.
const ARENAS_MAX: libc::c_int = 2;
/// Larger blocks go back to the system as soon as they are free.
const MAPPED_BYTES_MIN: libc::c_int = 128 * 1024;

pub(super) fn process_cpu() -> Duration {
    cpu(ClockId::ProcessCPUTime)
}

pub(super) fn thread_cpu() -> Duration {
    cpu(ClockId::ThreadCPUTime)
}

fn cpu(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

pub(super) fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

pub(super) fn is_on_battery() -> bool {
    on_battery(Path::new("/sys/class/power_supply"))
}

/// On its battery is a PC that has one, and whose every source of mains power is off.
fn on_battery(supplies: &Path) -> bool {
    let (mut discharging, mut mains) = (false, false);
    for supply in fs::read_dir(supplies).into_iter().flatten().flatten() {
        let says = |name: &str| fs::read_to_string(supply.path().join(name)).unwrap_or_default();
        match says("type").trim() {
            // A mouse has a battery, too.
            "Battery" if says("scope").trim() != "Device" => {
                discharging |= says("status").trim() == "Discharging";
            }
            "Mains" | "USB" => mains |= says("online").trim() == "1",
            _ => {}
        }
    }
    discharging && !mains
}

pub(super) fn waiting_for_cpu() -> Option<f64> {
    waiting(&fs::read_to_string("/proc/pressure/cpu").ok()?)
}

/// Of `some avg10=4.98 avg60=5.57 avg300=2.71 total=5639882029` the first number, which is in percent.
fn waiting(pressure: &str) -> Option<f64> {
    let some = pressure.lines().find_map(|line| line.strip_prefix("some "))?;
    let avg10 = some
        .split_whitespace()
        .find_map(|field| field.strip_prefix("avg10="))?;
    Some((avg10.parse::<f64>().ok()? / 100.0).clamp(0.0, 1.0))
}

pub(super) fn yield_disk(yields: bool) {
    let priority = if yields { BEST_EFFORT_LAST } else { NO_CLASS };
    // SAFETY: the call takes no pointers, and 0 names the calling thread.
    unsafe {
        libc::syscall(libc::SYS_ioprio_set, THREAD, 0, priority);
    }
}

#[cfg(target_env = "gnu")]
pub(super) fn release_memory() {
    // SAFETY: the call takes no pointers and may be made at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(target_env = "gnu"))]
pub(super) fn release_memory() {}

#[cfg(target_env = "gnu")]
pub(super) fn keep_memory_small() {
    // SAFETY: the calls take no pointers; no other thread allocates yet, as the face demands.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS_MAX);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
        libc::mallopt(libc::M_TRIM_THRESHOLD, MAPPED_BYTES_MIN);
    }
}

#[cfg(not(target_env = "gnu"))]
pub(super) fn keep_memory_small() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_laptop_that_is_plugged_in_does_not_run_on_its_battery() {
        let check = |supplies: &[(&str, &str, &str)], expected: bool| {
            let folder = tempfile::tempdir().expect("a folder");
            for (number, (kind, file, says)) in supplies.iter().enumerate() {
                let supply = folder.path().join(number.to_string());
                fs::create_dir(&supply).expect("made");
                fs::write(supply.join("type"), format!("{kind}\n")).expect("written");
                fs::write(supply.join(file), format!("{says}\n")).expect("written");
            }
            assert_eq!(on_battery(folder.path()), expected, "{supplies:?}");
        };
        check(&[], false);
        check(
            &[("Mains", "online", "0"), ("Battery", "status", "Discharging")],
            true,
        );
        check(
            &[("Mains", "online", "1"), ("Battery", "status", "Discharging")],
            false,
        );
        check(&[("Mains", "online", "0"), ("Battery", "status", "Full")], false);
        check(
            &[("USB", "online", "1"), ("Battery", "status", "Discharging")],
            false,
        );
    }

    #[test]
    fn pressure_is_read_or_unknown() {
        assert_eq!(
            waiting("some avg10=4.50 avg60=5.57 avg300=2.71 total=1\nfull avg10=0"),
            Some(0.045)
        );
        assert_eq!(waiting("some avg10=x"), None);
        assert_eq!(waiting(""), None);
    }
}
