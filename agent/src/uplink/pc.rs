//! The PC that an uplink speaks for, as a value: where load is made, one process is thousands of PCs.

use std::net::IpAddr;

use vong_proto::session::Fingerprint;

/// What an uplink says of its PC, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pc {
    /// What tells it from another.
    pub fingerprint: Fingerprint,
    /// Its name.
    pub hostname: String,
    /// Its operating system.
    pub os: String,
    /// Whether the agent may see everything there.
    pub privileged: bool,
    /// The address to speak from; `None` leaves that to the system.
    pub from: Option<IpAddr>,
}

impl Pc {
    /// The PC on which this runs, as it is now.
    pub fn here() -> Self {
        let marks = vong_os::host::marks();
        Self {
            fingerprint: Fingerprint {
                smbios_uuid: marks.smbios_uuid,
                machine_id: marks.machine_id,
                disk_serial: marks.disk_serial,
                macs: marks.macs,
            },
            hostname: vong_os::host::hostname(),
            os: vong_os::host::os_name(),
            privileged: vong_os::host::is_privileged(),
            from: None,
        }
    }
}
