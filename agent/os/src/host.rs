//! What a PC is: its name, its system, this boot, and the marks by which a re-imaged or renamed PC is
//! recognised.

use std::io;

#[cfg(target_os = "linux")]
#[path = "host/linux.rs"]
mod imp;

/// Marks of a PC; what cannot be read is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The firmware's UUID; readable by root only.
    pub smbios_uuid: String,
    /// The operating system's own id for this installation.
    pub machine_id: String,
    /// Serial number of the disk that the system stands on.
    pub disk_serial: String,
    /// Hardware addresses of physical adapters, sorted.
    pub macs: Vec<String>,
}

/// Identity of this run of the operating system.
///
/// # Errors
/// When the system does not tell.
pub fn boot_id() -> io::Result<[u8; 16]> {
    imp::boot_id()
}

/// The PC's name, empty when it has none.
pub fn hostname() -> String {
    imp::hostname()
}

/// The operating system's name and version, such as `Debian GNU/Linux 12 (bookworm)`.
pub fn os_name() -> String {
    imp::os_name()
}

/// Whether this process may see everything (root with its usual capabilities, SYSTEM).
pub fn is_privileged() -> bool {
    imp::is_privileged()
}

/// Whether the PC is shutting down or restarting, as whoever manages its services says; `None` when nobody says
/// so within half a second.
pub fn shuts_down() -> Option<bool> {
    imp::shuts_down()
}

/// The PC's marks.
pub fn marks() -> Marks {
    imp::marks()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_pc_can_be_told_apart() {
        assert_ne!(boot_id().expect("a boot id"), [0; 16]);
        assert!(!os_name().is_empty());
        assert_eq!(boot_id().expect("a boot id"), boot_id().expect("a boot id"));
        assert_eq!(marks(), marks());
    }
}
