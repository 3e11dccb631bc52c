//! Debian, Ubuntu and the family of Red Hat. A path that leads to another one, as `/bin` does, is watched once.
//!
//! Not among them is `/etc/resolv.conf`: every lease of an address rewrites it, and the network sensor tells when the
//! name server changes.

use std::collections::BTreeSet;
use std::fs;

use super::Place;

/// What package managers and editors leave beside a file for a moment.
pub(super) const LEFTOVERS: &[&str] = &["*.dpkg-new", "*.dpkg-tmp", "*;????????", ".*.sw?", "*~"];

/// The administrator's keys: there is such a home on every PC.
pub(super) const FIRST_HOME_KEYS: &str = "/root/.ssh";

/// Where the homes of those lie who use this PC. Services have homes elsewhere, which packages fill.
pub(super) const HOMES: &[&str] = &["/home", "/root"];

/// All places.
pub(super) const PLACES: &[Place] = &[
    Place {
        name: "system_binaries",
        paths: &[
            "/usr/bin",
            "/usr/sbin",
            "/usr/local/bin",
            "/usr/local/sbin",
            "/usr/libexec",
            "/usr/lib/systemd",
            "/usr/lib/openssh",
            "/usr/lib/sudo",
            "/usr/lib/polkit-1",
            "/usr/lib/dbus-1.0",
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
            "/bin",
            "/sbin",
            "/etc/ld.so.preload",
            "/etc/ld.so.conf",
            "/etc/ld.so.conf.d",
        ],
        // What compilers need of libraries, and nobody executes.
        exclude: &[
            "*.a",
            "*.o",
            "*.la",
            "*.h",
            "*.hpp",
            "*.pc",
            "*.cmake",
            "__pycache__",
        ],
    },
    Place {
        name: "boot",
        paths: &[
            "/boot",
            "/etc/default/grub",
            "/etc/default/grub.d",
            "/etc/grub.d",
            "/etc/initramfs-tools",
            "/usr/share/initramfs-tools",
            "/etc/dracut.conf",
            "/etc/dracut.conf.d",
            "/etc/kernel",
            "/etc/modules",
            "/etc/modules-load.d",
            "/etc/modprobe.d",
        ],
        // The boot loader's own notes: they change with every start.
        exclude: &["grubenv"],
    },
    Place {
        name: "services",
        paths: &[
            "/etc/systemd/system",
            "/etc/systemd/user",
            "/usr/lib/systemd/system",
            "/usr/lib/systemd/user",
            "/usr/local/lib/systemd",
            "/etc/init.d",
            "/etc/rc.local",
            "/etc/rc.d",
            "/etc/xdg/autostart",
            "/etc/profile",
            "/etc/profile.d",
        ],
        exclude: &[],
    },
    Place {
        name: "scheduled",
        paths: &[
            "/etc/crontab",
            "/etc/anacrontab",
            "/etc/cron.d",
            "/etc/cron.hourly",
            "/etc/cron.daily",
            "/etc/cron.weekly",
            "/etc/cron.monthly",
            "/var/spool/cron",
        ],
        exclude: &[],
    },
    Place {
        name: "hosts",
        paths: &["/etc/hosts", "/etc/nsswitch.conf"],
        exclude: &[],
    },
    Place {
        name: "accounts",
        paths: &[
            "/etc/passwd",
            "/etc/group",
            "/etc/shadow",
            "/etc/gshadow",
            "/etc/sudoers",
            "/etc/sudoers.d",
            "/etc/pam.d",
            "/etc/security",
        ],
        exclude: &[],
    },
    Place {
        name: "ssh_keys",
        paths: &["/etc/ssh", FIRST_HOME_KEYS],
        // Whom somebody has called, and open connections.
        exclude: &["known_hosts*", "*.sock", "cm-*", "mux-*"],
    },
    Place {
        name: "web_roots",
        paths: &["/var/www", "/srv/www", "/usr/share/nginx/html"],
        exclude: &[],
    },
];

/// The folder with keys in a home.
pub(super) fn keys_in(home: String) -> String {
    format!("{home}/.ssh")
}

/// The homes of those who have an account here, also of accounts that a directory service knows: they have a folder
/// in `/home` once they have logged in.
pub(super) fn homes() -> Vec<String> {
    let passwd = fs::read("/etc/passwd").unwrap_or_default();
    let mut homes = homes_in(&String::from_utf8_lossy(&passwd));
    for entry in fs::read_dir("/home").into_iter().flatten().flatten() {
        if let Some(path) = entry.path().to_str()
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
        {
            homes.insert(path.to_owned());
        }
    }
    homes.into_iter().collect()
}

/// Homes that are folders of their own: many services have `/` or `/nonexistent` or a folder of programs.
fn homes_in(passwd: &str) -> BTreeSet<String> {
    const NO_HOMES: [&str; 9] = [
        "/",
        "/bin",
        "/dev",
        "/nonexistent",
        "/proc",
        "/sbin",
        "/usr/bin",
        "/usr/sbin",
        "/run",
    ];
    let homes = passwd.lines().filter_map(|line| line.split(':').nth(5));
    let homes = homes.map(|home| home.trim_end_matches('/'));
    homes
        .filter(|home| home.starts_with('/') && !NO_HOMES.contains(home) && !home.contains("/../"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_those_that_can_hold_keys() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n\
            nobody:x:65534:65534::/nonexistent:/bin/false\nlan:x:1000:1000::/home/lan/:/bin/bash\n\
            lan2:x:1001:1001::/home/lan:/bin/bash\nbroken:x\nslash:x:7:7::/:/bin/false\nrelative:x:8:8::lan:/bin/sh\n";
        let homes: Vec<String> = homes_in(passwd).into_iter().collect();
        assert_eq!(homes, ["/home/lan", "/root"]);
    }

    #[test]
    fn patterns_for_leftovers_do_not_hide_what_lies_there_for_good() {
        let passed_over = ["passwd.dpkg-new", "libc.so.6;5f3a91bc", ".hosts.swp", "hosts~"];
        let seen = ["passwd", "libc.so.6", "hosts", "authorized_keys", "a;b"];
        let fits = |name: &str| {
            LEFTOVERS
                .iter()
                .any(|pattern| super::super::super::watch::matches(pattern.as_bytes(), name.as_bytes()))
        };
        assert!(passed_over.into_iter().all(fits));
        assert!(!seen.into_iter().any(fits));
    }
}
