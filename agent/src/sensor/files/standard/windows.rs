//! Windows 10, 11 and Server. Services and what starts with the system lie in the registry, which is not this
//! sensor's; here are the files.

use std::fs;

use super::Place;

/// What installers and editors leave beside a file for a moment.
pub(super) const LEFTOVERS: &[&str] = &["*.tmp", "~$*", "*.~*"];

/// The administrators' keys of the SSH server.
pub(super) const FIRST_HOME_KEYS: &str = r"C:\ProgramData\ssh";

/// Where the homes of those lie who use this PC.
pub(super) const HOMES: &[&str] = &[r"C:\Users"];

/// All places.
pub(super) const PLACES: &[Place] = &[
    Place {
        name: "system_binaries",
        paths: &[r"C:\Windows\System32", r"C:\Windows\SysWOW64"],
        // What the system writes there at every start and hour.
        exclude: &[
            "*.log",
            "*.etl",
            "*.evtx",
            "*.dat",
            "*.blf",
            "*.regtrans-ms",
            "config",
            "LogFiles",
            "winevt",
            "spool",
            "sru",
            "Tasks",
            "wbem",
            "catroot2",
            "DriverStore",
        ],
    },
    Place {
        name: "boot",
        paths: &[r"C:\Windows\Boot", r"C:\EFI", r"C:\bootmgr"],
        exclude: &["*.log", "BCD*"],
    },
    Place {
        name: "services",
        paths: &[
            r"C:\Windows\System32\drivers",
            r"C:\ProgramData\Microsoft\Windows\Start Menu\Programs\StartUp",
            r"C:\Windows\System32\GroupPolicy",
        ],
        // The hosts file has a place of its own.
        exclude: &["etc"],
    },
    Place {
        name: "scheduled",
        paths: &[r"C:\Windows\System32\Tasks", r"C:\Windows\Tasks"],
        exclude: &[],
    },
    Place {
        name: "hosts",
        paths: &[r"C:\Windows\System32\drivers\etc"],
        exclude: &[],
    },
    Place {
        name: "accounts",
        paths: &[r"C:\Windows\System32\GroupPolicyUsers"],
        exclude: &[],
    },
    Place {
        name: "ssh_keys",
        paths: &[FIRST_HOME_KEYS],
        exclude: &["known_hosts*", "logs"],
    },
    Place {
        name: "web_roots",
        paths: &[r"C:\inetpub\wwwroot"],
        exclude: &[],
    },
];

/// The folder with keys in a home.
pub(super) fn keys_in(home: String) -> String {
    format!(r"{home}\.ssh")
}

/// The profiles of those who have logged in here.
pub(super) fn homes() -> Vec<String> {
    let entries = fs::read_dir(r"C:\Users").into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut homes: Vec<String> = folders
        .filter_map(|entry| Some(entry.path().to_str()?.to_owned()))
        .collect();
    homes.sort();
    homes
}
