//! ClamAV, told by what its parts say: pure functions from raw rows to the domain's words.
//!
//! The engine is on when clamd answers PING. A clamd that runs and does not answer may be loading its
//! signatures, which takes a minute: that is unknown, not off. The age of the definitions stands in the
//! head of the database files, with its time zone; the answer to VERSION has it only in local time.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use vong_proto::event::{AntivirusProduct, Definitions, Switch};

/// A database file begins with this many bytes of text.
pub(super) const HEAD_BYTES: usize = 512;
/// Where databases lie when the configuration does not say.
const DATABASE_DEFAULT: &str = "/var/lib/clamav";
/// Such as `23 Nov 2026 04-31 -0500`.
const BUILT: &[BorrowedFormatItem<'_>] = format_description!(
    "[day padding:none] [month repr:short] [year] [hour]-[minute] [offset_hour sign:mandatory][offset_minute]"
);

/// Everything that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Rows {
    /// clamd's program is there.
    pub(super) clamd_installed: bool,
    /// freshclam's program is there.
    pub(super) freshclam_installed: bool,
    /// freshclam is started by a timer or by cron.
    pub(super) freshclam_scheduled: bool,
    /// Of clamd, freshclam and clamonacc, those that certainly run, with the rights of a user who may.
    pub(super) running: Vec<String>,
    /// Those of which it cannot be seen what they are.
    pub(super) hidden: Vec<String>,
    /// The system shows no processes of others: that none runs says nothing.
    pub(super) processes_unseen: bool,
    /// What clamd said to PING, or why it said nothing.
    pub(super) ping: Answer,
    /// What clamd said to VERSION.
    pub(super) version: Answer,
    /// The heads of the database files, with their names.
    pub(super) heads: Vec<(String, Vec<u8>)>,
}

/// An answer of clamd.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// Nobody was asked: no socket is configured.
    #[default]
    NotAsked,
    /// The text.
    Said(String),
    /// Why nobody that counts gave one: a code.
    Silent(String),
    /// Why it cannot be known whether there is one: a code.
    Unsure(String),
}

/// Where clamd is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    /// A path.
    Local(PathBuf),
    /// Host and port.
    Tcp(String),
}

/// What the configuration of clamd says to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conf {
    /// Where it listens.
    pub(super) socket: Option<Socket>,
    /// Where its databases lie.
    pub(super) databases: PathBuf,
    /// The user whose rights it takes when it was started by root.
    pub(super) user: Option<String>,
}

/// Reads `clamd.conf`: a name and a value on each line.
pub(super) fn parse_conf(text: &str) -> Conf {
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.trim().split_once(char::is_whitespace)?;
            (key == name).then(|| value.trim().trim_matches('"'))
        })
    };
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
    }
}

/// The product, if any part of it is there.
pub(super) fn decode(rows: &Rows) -> Option<AntivirusProduct> {
    let answers = matches!(rows.ping, Answer::Said(_));
    let runs = !rows.running.is_empty() || !rows.hidden.is_empty();
    if !rows.clamd_installed && !rows.freshclam_installed && !runs && !answers {
        return None;
    }
    let (program, database) = match &rows.version {
        Answer::Said(text) => parse_version(text),
        Answer::NotAsked | Answer::Silent(_) | Answer::Unsure(_) => Default::default(),
    };
    let head = newest_head(&rows.heads);
    Some(AntivirusProduct {
        product: "ClamAV".to_owned(),
        vendor: "Cisco".to_owned(),
        version: program,
        engine: engine(rows),
        real_time: rows.program("clamonacc"),
        updater: updater(rows),
        definitions: Definitions {
            version: head.as_ref().map_or(database, |head| head.version.clone()),
            built_ms: head.map(|head| head.built_ms),
            ..Definitions::default()
        },
        raw: raw(rows),
        ..AntivirusProduct::default()
    })
}

impl Rows {
    /// Whether a program runs.
    fn program(&self, program: &str) -> Switch {
        let among = |names: &[String]| names.iter().any(|name| name == program);
        if among(&self.running) {
            Switch::On
        } else if among(&self.hidden) || self.processes_unseen {
            Switch::Unknown
        } else {
            Switch::Off
        }
    }
}

fn engine(rows: &Rows) -> Switch {
    match &rows.ping {
        Answer::Said(text) if text == "PONG" => Switch::On,
        Answer::NotAsked | Answer::Silent(_) if rows.program("clamd") == Switch::Off => Switch::Off,
        Answer::Said(_) | Answer::NotAsked | Answer::Silent(_) | Answer::Unsure(_) => Switch::Unknown,
    }
}

/// Without freshclam somebody else may bring the files: that cannot be known.
fn updater(rows: &Rows) -> Switch {
    match rows.program("freshclam") {
        Switch::Off if rows.freshclam_installed && rows.freshclam_scheduled => Switch::On,
        Switch::Off if !rows.freshclam_installed => Switch::Unknown,
        runs => runs,
    }
}

fn raw(rows: &Rows) -> Vec<String> {
    let answer = |answer: &Answer| match answer {
        Answer::NotAsked => "not_asked".to_owned(),
        Answer::Said(text) => text.clone(),
        Answer::Silent(why) => format!("silent:{why}"),
        Answer::Unsure(why) => format!("unsure:{why}"),
    };
    let mut raw = vec![
        format!("clamd_installed={}", rows.clamd_installed),
        format!("freshclam_installed={}", rows.freshclam_installed),
        format!("freshclam_scheduled={}", rows.freshclam_scheduled),
        format!("running={}", rows.running.join(",")),
        format!("hidden={}", rows.hidden.join(",")),
        format!("processes_unseen={}", rows.processes_unseen),
        format!("ping={}", answer(&rows.ping)),
        format!("version={}", answer(&rows.version)),
    ];
    raw.extend(rows.heads.iter().map(|(name, head)| {
        let text = String::from_utf8_lossy(head);
        let fields: Vec<&str> = text.splitn(5, ':').take(4).collect();
        format!("{name}={}", fields.join(":"))
    }));
    raw
}

/// `ClamAV 1.4.3/27690/Mon Nov 23 08:31:02 2026`, of which a clamd with private databases only says the
/// first part; the answer is program and database version.
fn parse_version(text: &str) -> (String, String) {
    let mut parts = text.trim().split('/');
    let program = parts.next().unwrap_or_default();
    let program = program.strip_prefix("ClamAV ").unwrap_or(program);
    (program.to_owned(), parts.next().unwrap_or_default().to_owned())
}

/// What the head of a database says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    version: String,
    built_ms: i64,
}

/// Of the daily database, which is what ages; else of whichever is newest.
fn newest_head(heads: &[(String, Vec<u8>)]) -> Option<Head> {
    let newest = |daily: bool| {
        heads
            .iter()
            .filter(|(name, _)| !daily || name.starts_with("daily."))
            .filter_map(|(_, bytes)| parse_head(bytes))
            .max_by_key(|head| head.built_ms)
    };
    newest(true).or_else(|| newest(false))
}

/// `ClamAV-VDB:23 Nov 2026 04-31 -0500:27690:2077112:90:md5:signature:builder:1795426260`, padded with spaces.
fn parse_head(bytes: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(bytes.get(..HEAD_BYTES).unwrap_or(bytes)).ok()?;
    let mut fields = text.trim_end().split(':');
    let (magic, built, version) = (fields.next()?, fields.next()?, fields.next()?);
    if magic != "ClamAV-VDB" || version.parse::<u32>().is_err() {
        return None;
    }
    let built = OffsetDateTime::parse(built, BUILT).ok()?;
    Some(Head {
        version: version.to_owned(),
        built_ms: built.unix_timestamp() * 1_000,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// In the form of the public databases of 2023 and 2021.
    const DAILY: &str = "ClamAV-VDB:02 Mar 2023 04-26 -0500:26828:2022401:90:8d6d3d0e5a0b4d2e9a1c7c7a5f1b3e55:sig:raynman:1677749186";
    const MAIN: &str = "ClamAV-VDB:16 Sep 2021 08-32 -0400:62:6647427:90:137aedc0e5b0d5d9e0ad7d6a3b4e0c34:sig:sigmgr:1631795562";

    fn head(text: &str) -> Vec<u8> {
        format!("{text:HEAD_BYTES$}").into_bytes()
    }

    fn healthy() -> Rows {
        Rows {
            clamd_installed: true,
            freshclam_installed: true,
            freshclam_scheduled: false,
            running: vec!["clamd".to_owned(), "freshclam".to_owned()],
            hidden: Vec::new(),
            processes_unseen: false,
            ping: Answer::Said("PONG".to_owned()),
            version: Answer::Said("ClamAV 1.0.7/26828/Thu Mar  2 08:26:30 2023".to_owned()),
            heads: vec![
                ("main.cvd".to_owned(), head(MAIN)),
                ("daily.cld".to_owned(), head(DAILY)),
            ],
        }
    }

    #[test]
    fn a_healthy_engine_is_on_and_says_how_old_its_definitions_are() {
        let product = decode(&healthy()).expect("it is there");
        assert_eq!((product.engine, product.updater), (Switch::On, Switch::On));
        assert_eq!(product.real_time, Switch::Off);
        assert_eq!(product.version, "1.0.7");
        assert_eq!(product.definitions.version, "26828");
        assert_eq!(product.definitions.built_ms, Some(1_677_749_160_000));
    }

    #[test]
    fn an_engine_that_does_not_answer_is_off_or_unknown() {
        let check = |running: &[&str], ping: Answer, expected: Switch| {
            let rows = Rows {
                running: running.iter().map(|&name| name.to_owned()).collect(),
                ping,
                ..healthy()
            };
            assert_eq!(decode(&rows).expect("installed").engine, expected, "{rows:?}");
        };
        let refused = Answer::Silent("connection refused".to_owned());
        check(&["freshclam"], refused.clone(), Switch::Off);
        check(&["clamd"], refused, Switch::Unknown);
        check(&["clamd"], Answer::NotAsked, Switch::Unknown);
        check(
            &["clamd"],
            Answer::Said("UNKNOWN COMMAND".to_owned()),
            Switch::Unknown,
        );
    }

    #[test]
    fn what_may_not_be_seen_is_unknown_and_never_off() {
        let check = |rows: Rows, expected: [Switch; 3]| {
            let product = decode(&rows).expect("installed");
            let switches = [product.engine, product.real_time, product.updater];
            assert_eq!(switches, expected, "{rows:?}");
        };
        let denied = Rows {
            running: Vec::new(),
            ping: Answer::Unsure("permission denied".to_owned()),
            ..healthy()
        };
        use Switch::{Off, Unknown};
        check(denied.clone(), [Unknown, Off, Off]);
        let silent = Answer::Silent("entity not found".to_owned());
        let hidden = Rows {
            hidden: vec!["clamd".to_owned(), "clamonacc".to_owned()],
            ping: silent.clone(),
            ..denied.clone()
        };
        check(hidden, [Unknown, Unknown, Off]);
        let unseen = Rows {
            processes_unseen: true,
            ping: silent,
            ..denied
        };
        check(unseen, [Unknown; 3]);
    }

    #[test]
    fn private_databases_have_no_age() {
        let rows = Rows {
            version: Answer::Said("ClamAV 1.4.6".to_owned()),
            heads: Vec::new(),
            ..healthy()
        };
        let product = decode(&rows).expect("it is there");
        assert_eq!(product.version, "1.4.6");
        assert_eq!(product.definitions, Definitions::default());
    }

    #[test]
    fn nothing_installed_is_no_product() {
        assert_eq!(decode(&Rows::default()), None);
    }

    #[test]
    fn without_freshclam_nobody_knows_who_updates() {
        let rows = Rows {
            freshclam_installed: false,
            running: vec!["clamd".to_owned()],
            ..healthy()
        };
        assert_eq!(decode(&rows).expect("it is there").updater, Switch::Unknown);
        let stopped = Rows {
            freshclam_installed: true,
            ..rows
        };
        assert_eq!(decode(&stopped).expect("it is there").updater, Switch::Off);
        let scheduled = Rows {
            freshclam_scheduled: true,
            ..stopped
        };
        assert_eq!(decode(&scheduled).expect("it is there").updater, Switch::On);
    }

    #[test]
    fn the_configuration_says_where_to_ask() {
        let debian = "#Automatically Generated\nLocalSocket /var/run/clamav/clamd.ctl\nFixStaleSocket true\n\
            User clamav\n\
            DatabaseDirectory /srv/clamav\n";
        assert_eq!(
            parse_conf(debian),
            Conf {
                socket: Some(Socket::Local(PathBuf::from("/var/run/clamav/clamd.ctl"))),
                databases: PathBuf::from("/srv/clamav"),
                user: Some("clamav".to_owned()),
            }
        );
        let tcp = parse_conf("TCPSocket 3310\nTCPAddr 127.0.0.1\n");
        assert_eq!(tcp.socket, Some(Socket::Tcp("127.0.0.1:3310".to_owned())));
        assert_eq!(tcp.databases, PathBuf::from(DATABASE_DEFAULT));
        assert_eq!(parse_conf("# LocalSocket /x\n").socket, None);
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_head_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse_head(&bytes);
        }

        #[test]
        fn whatever_clamd_says_nothing_panics(text in ".*") {
            let _ = parse_version(&text);
            let _ = parse_conf(&text);
        }
    }
}
