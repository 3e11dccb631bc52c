//! The PC's identity from /proc, /sys and /etc.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use super::Marks;

/// A device mapper may stand on another; more levels than this are a loop.
const DISK_LAYERS_MAX: u32 = 8;
/// Whoever stops the agent waits; a manager that is slower than this leaves the question open.
const MANAGER_PATIENCE: Duration = Duration::from_millis(500);
/// Made by systemd when it is what manages this PC.
const SYSTEMD: &str = "/run/systemd/system";

pub(super) fn boot_id() -> io::Result<[u8; 16]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    parse_uuid(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a boot id"))
}

pub(super) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

pub(super) fn os_name() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    pretty_name(&release).unwrap_or_else(|| rustix::system::uname().sysname().to_string_lossy().into_owned())
}

pub(super) fn is_privileged() -> bool {
    // Marks on file systems need CAP_SYS_ADMIN, and handles are opened with CAP_DAC_READ_SEARCH; root
    // without them (a container) sees no more than anybody.
    const DAC_READ_SEARCH: u64 = 1 << 2;
    const SYS_ADMIN: u64 = 1 << 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    effective_capabilities(&status) & (DAC_READ_SEARCH | SYS_ADMIN) == DAC_READ_SEARCH | SYS_ADMIN
}

/// systemd stops a service in the same way whether somebody asked for that or the PC shuts down.
pub(super) fn shuts_down() -> Option<bool> {
    if !Path::new(SYSTEMD).exists() {
        return None;
    }
    let (tell, told) = sync_channel(1);
    // Left behind if it takes too long: the process is about to end.
    thread::spawn(move || {
        let state = Command::new("/usr/bin/systemctl")
            .arg("is-system-running")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        let _ = tell.try_send(state);
    });
    let state = told.recv_timeout(MANAGER_PATIENCE).ok()?.ok()?;
    is_stopping(&String::from_utf8_lossy(&state.stdout))
}

fn is_stopping(state: &str) -> Option<bool> {
    match state.trim() {
        "stopping" => Some(true),
        "initializing" | "starting" | "running" | "degraded" | "maintenance" => Some(false),
        _ => None,
    }
}

pub(super) fn marks() -> Marks {
    Marks {
        smbios_uuid: trimmed("/sys/class/dmi/id/product_uuid").to_ascii_lowercase(),
        machine_id: trimmed("/etc/machine-id"),
        disk_serial: disk_serial(),
        macs: physical_macs(),
    }
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn effective_capabilities(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .unwrap_or(0)
}

fn trimmed(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

/// The serial number of the disk under `/`, through partitions and device mappers.
fn disk_serial() -> String {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    root_device(&mounts)
        .and_then(|device| fs::canonicalize(format!("/sys/dev/block/{device}")).ok())
        .map(|folder| serial_of(&folder, DISK_LAYERS_MAX))
        .unwrap_or_default()
}

/// `major:minor` of what is mounted on `/`.
fn root_device(mountinfo: &str) -> Option<&str> {
    mountinfo
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields.get(4) == Some(&"/"))
        .and_then(|fields| fields.get(2).copied())
}

fn serial_of(device: &Path, layers: u32) -> String {
    if layers == 0 {
        return String::new();
    }
    if device.join("partition").exists() {
        return device
            .parent()
            .map(|disk| serial_of(disk, layers - 1))
            .unwrap_or_default();
    }
    let own = [device.join("serial"), device.join("device/serial")]
        .iter()
        .map(trimmed)
        .find(|serial| !serial.is_empty());
    own.or_else(|| page_80(&device.join("device/vpd_pg80")))
        .unwrap_or_else(|| serial_of_layer_below(device, layers))
}

/// SCSI and SATA disks keep their serial number in a vital product data page: four bytes, then text.
fn page_80(path: &Path) -> Option<String> {
    let page = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(page.get(4..)?).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn serial_of_layer_below(device: &Path, layers: u32) -> String {
    let mut below: Vec<PathBuf> = fs::read_dir(device.join("slaves"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    below.sort();
    below
        .first()
        .and_then(|link| fs::canonicalize(link).ok())
        .map(|device| serial_of(&device, layers - 1))
        .unwrap_or_default()
}

/// Addresses of adapters that stand on a real device; bridges and tunnels come and go.
fn physical_macs() -> Vec<String> {
    let mut macs: Vec<String> = fs::read_dir("/sys/class/net")
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_else(|_| Vec::<PathBuf>::new())
        .iter()
        .filter(|adapter| adapter.join("device").exists())
        .map(|adapter| trimmed(adapter.join("address")))
        .filter(|mac| !mac.is_empty() && mac != "00:00:00:00:00:00")
        .collect();
    macs.sort();
    macs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_id_is_a_uuid() {
        let id = parse_uuid("0c6f5b43-9d4e-4a57-8f3c-2c7b51ba1f6e\n").expect("a uuid");
        assert_eq!(id[..2], [0x0c, 0x6f]);
        assert_eq!(parse_uuid("0c6f5b43"), None);
        assert_eq!(parse_uuid("zz6f5b43-9d4e-4a57-8f3c-2c7b51ba1f6e"), None);
    }

    #[test]
    fn only_a_manager_that_says_so_stops_everything() {
        assert_eq!(is_stopping("stopping\n"), Some(true));
        assert_eq!(is_stopping("degraded\n"), Some(false));
        assert_eq!(is_stopping("offline\n"), None);
        assert_eq!(is_stopping(""), None);
    }

    #[test]
    fn the_name_of_the_system_is_unquoted() {
        let text = "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(
            pretty_name(text).as_deref(),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
        assert_eq!(pretty_name("ID=debian\n"), None);
    }

    #[test]
    fn the_root_device_is_found_among_mounts() {
        let text =
            "21 26 0:20 / /proc rw - proc proc rw\n26 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n";
        assert_eq!(root_device(text), Some("254:0"));
        assert_eq!(root_device(""), None);
    }

    #[test]
    fn capabilities_are_read_as_bits() {
        assert_eq!(
            effective_capabilities("Name:\tx\nCapEff:\t0000000000200004\n"),
            0x20_0004
        );
        assert_eq!(effective_capabilities("CapEff:\tnonsense\n"), 0);
    }
}
