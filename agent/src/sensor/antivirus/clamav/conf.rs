//! The configuration of ClamAV's parts: a name and a value on each line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where databases lie when the configuration does not say.
const DATABASE_DEFAULT: &str = "/var/lib/clamav";
/// So many lines of a kind are told, each up to so many letters: an event has a limit too.
const LINES_MAX: usize = 100;
const LINE_CHARS_MAX: usize = 300;
/// What of a configuration keeps files from being looked at.
const EXCLUDING: [&str; 6] = [
    "ExcludePath",
    "OnAccessExcludePath",
    "OnAccessExcludeRootUID",
    "OnAccessExcludeUID",
    "OnAccessExcludeUname",
    "OnAccessDisableDDD",
];
/// What of it says how files are looked at as they are opened.
const ON_ACCESS: [&str; 5] = [
    "OnAccessIncludePath",
    "OnAccessMountPath",
    "OnAccessPrevention",
    "OnAccessExtraScanning",
    "OnAccessMaxFileSize",
];

/// Where clamd is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sensor::antivirus) enum Socket {
    /// A path.
    Local(PathBuf),
    /// Host and port.
    Tcp(String),
}

/// What the configuration of clamd says to us; clamonacc reads the same file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sensor::antivirus) struct Conf {
    /// Where it listens.
    pub(in crate::sensor::antivirus) socket: Option<Socket>,
    /// Where its databases lie.
    pub(in crate::sensor::antivirus) databases: PathBuf,
    /// The user whose rights it takes when it was started by root.
    pub(in crate::sensor::antivirus) user: Option<String>,
    /// Where it writes what it found.
    pub(in crate::sensor::antivirus) log: Option<PathBuf>,
    /// Where it writes its number; a clean stop removes the file.
    pub(in crate::sensor::antivirus) pid_file: Option<PathBuf>,
    /// clamonacc keeps what it finds from being opened.
    pub(in crate::sensor::antivirus) prevents: bool,
    /// What is not looked at, and what is as it is opened.
    pub(in crate::sensor::antivirus) scope: Scope,
}

/// What is looked at, in the words of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sensor::antivirus) struct Scope {
    /// Lines that exclude something.
    pub(in crate::sensor::antivirus) excluded: Vec<String>,
    /// Lines about what is looked at as it is opened.
    pub(in crate::sensor::antivirus) on_access: Vec<String>,
}

/// Reads `clamd.conf`.
pub(in crate::sensor::antivirus) fn parse_conf(text: &str) -> Conf {
    let value = |name: &str| settings(text).find_map(|(key, value)| (key == name).then_some(value));
    let tcp = value("TCPSocket").map(|port| {
        let host = value("TCPAddr").unwrap_or("localhost");
        Socket::Tcp(format!("{host}:{port}"))
    });
    Conf {
        socket: value("LocalSocket")
            .map(|path| Socket::Local(PathBuf::from(path)))
            .or(tcp),
        databases: PathBuf::from(value("DatabaseDirectory").unwrap_or(DATABASE_DEFAULT)),
        user: value("User").map(str::to_owned),
        log: value("LogFile").map(PathBuf::from),
        pid_file: value("PidFile").map(PathBuf::from),
        prevents: value("OnAccessPrevention").is_some_and(is_yes),
        scope: Scope {
            excluded: lines_of(text, &EXCLUDING),
            on_access: lines_of(text, &ON_ACCESS),
        },
    }
}

fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let (key, value) = line.split_once(char::is_whitespace)?;
        Some((key, value.trim().trim_matches('"')))
    })
}

/// The settings of these names, except what is switched off.
fn lines_of(text: &str, names: &[&str]) -> Vec<String> {
    let wanted = settings(text).filter(|(key, value)| names.contains(key) && !is_no(value));
    let line = |(key, value)| format!("{key} {value}").chars().take(LINE_CHARS_MAX).collect();
    let mut lines: Vec<String> = wanted.map(line).collect();
    lines.sort();
    lines.dedup();
    lines.truncate(LINES_MAX);
    lines
}

/// clamd takes each of these for yes.
fn is_yes(value: &str) -> bool {
    ["yes", "true", "1"]
        .iter()
        .any(|yes| value.eq_ignore_ascii_case(yes))
}

fn is_no(value: &str) -> bool {
    ["no", "false", "0"]
        .iter()
        .any(|no| value.eq_ignore_ascii_case(no))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_configuration_says_where_to_ask() {
        let debian = "#Automatically Generated\nLocalSocket /var/run/clamav/clamd.ctl\nFixStaleSocket true\n\
            User clamav\n\
            LogFile /var/log/clamav/clamav.log\n\
            DatabaseDirectory /srv/clamav\n";
        assert_eq!(
            parse_conf(debian),
            Conf {
                socket: Some(Socket::Local(PathBuf::from("/var/run/clamav/clamd.ctl"))),
                databases: PathBuf::from("/srv/clamav"),
                user: Some("clamav".to_owned()),
                log: Some(PathBuf::from("/var/log/clamav/clamav.log")),
                pid_file: None,
                prevents: false,
                scope: Scope::default(),
            }
        );
        let tcp = parse_conf("TCPSocket 3310\nTCPAddr 127.0.0.1\n");
        assert_eq!(tcp.socket, Some(Socket::Tcp("127.0.0.1:3310".to_owned())));
        assert_eq!(tcp.databases, PathBuf::from(DATABASE_DEFAULT));
        assert_eq!(parse_conf("# LocalSocket /x\n").socket, None);
    }

    #[test]
    fn it_says_what_is_looked_at() {
        let conf = parse_conf(
            "OnAccessIncludePath /srv\nOnAccessIncludePath /home\nOnAccessPrevention yes\n\
            OnAccessExcludeUname clamav\nOnAccessExcludeRootUID no\nExcludePath ^/proc/\n",
        );
        assert!(conf.prevents);
        assert_eq!(
            conf.scope.excluded,
            ["ExcludePath ^/proc/", "OnAccessExcludeUname clamav"]
        );
        assert_eq!(
            conf.scope.on_access,
            [
                "OnAccessIncludePath /home",
                "OnAccessIncludePath /srv",
                "OnAccessPrevention yes"
            ]
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        let line = |number| format!("ExcludePath /{number}{}\n", "x".repeat(2 * LINE_CHARS_MAX));
        let conf = parse_conf(&(0..2 * LINES_MAX).map(line).collect::<String>());
        assert_eq!(conf.scope.excluded.len(), LINES_MAX);
        assert!(
            conf.scope
                .excluded
                .iter()
                .all(|line| line.len() == LINE_CHARS_MAX)
        );
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_configuration_nothing_panics(text in ".*") {
            let _ = parse_conf(&text);
        }
    }
}
