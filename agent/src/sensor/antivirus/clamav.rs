//! ClamAV, told by what its parts say: pure functions from raw rows to the domain's words.
//!
//! The engine is on when clamd answers PING. A clamd that runs and does not answer may be loading its
//! signatures, which takes a minute: that is unknown, not off. The age of the definitions stands in the
//! head of the database files, with its time zone; the answer to VERSION has it only in local time.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use vong_proto::event::{AntivirusProduct, Definitions, Switch};

mod conf;

pub(super) use conf::{Conf, Scope, Socket, parse_conf};

/// A database file begins with this many bytes of text.
pub(super) const HEAD_BYTES: usize = 512;
/// So many lines of an answer to STATS are kept; a clamd at work has further ones for what it scans.
const STATS_LINES_MAX: usize = 4;
/// Each of them is cut here.
const STATS_LINE_CHARS_MAX: usize = 200;
/// Before the raw values that change from one moment to the next.
pub(super) const STATS_PREFIX: &str = "stats.";
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
    /// What clamd said to STATS.
    pub(super) stats: Answer,
    /// What a clean stop removes and is there although no clamd runs: `socket`, `pid_file`.
    pub(super) left_behind: Vec<String>,
    /// The heads of the database files, with their names.
    pub(super) heads: Vec<(String, Vec<u8>)>,
    /// When the newest database file was written, milliseconds since 1970.
    pub(super) written_ms: Option<i64>,
    /// What is looked at, by the configuration.
    pub(super) scope: Scope,
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
        engine_version: program.clone(),
        version: program,
        engine: engine(rows),
        engine_reason: engine_reason(rows).to_owned(),
        real_time: rows.program("clamonacc"),
        updater: updater(rows),
        definitions: Definitions {
            version: head.as_ref().map_or(database, |head| head.version.clone()),
            built_ms: head.map(|head| head.built_ms),
            updated_ms: rows.written_ms,
            ..Definitions::default()
        },
        exclusions: exclusions(rows),
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

/// Why the engine is not on. What clamd itself leaves behind tells a crash from a stop; a clamd that is asked while
/// it loads its signatures has no socket yet.
fn engine_reason(rows: &Rows) -> &'static str {
    let is_off = engine(rows) == Switch::Off;
    match &rows.ping {
        Answer::Said(text) if text == "PONG" => "",
        Answer::Said(_) => "garbage",
        Answer::NotAsked | Answer::Silent(_) if is_off && !rows.clamd_installed => "not_installed",
        Answer::NotAsked | Answer::Silent(_) if is_off && !rows.left_behind.is_empty() => "crashed",
        Answer::NotAsked | Answer::Silent(_) if is_off => "stopped",
        Answer::NotAsked => "no_socket",
        Answer::Silent(why) if matches!(why.as_str(), "timed out" | "closed") => "not_answering",
        Answer::Silent(_) if rows.program("clamd") == Switch::On => "starting",
        Answer::Unsure(why) if why == "permission denied" => "no_permission",
        Answer::Unsure(why) if why.starts_with("configuration") => "configuration",
        Answer::Unsure(_) => "not_vouched_for",
        Answer::Silent(_) => "",
    }
}

fn exclusions(rows: &Rows) -> Vec<String> {
    let mut excluded = rows.scope.excluded.clone();
    excluded.sort();
    excluded.truncate(AntivirusProduct::EXCLUSIONS_MAX);
    excluded
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
    raw.push(format!("left_behind={}", rows.left_behind.join(",")));
    raw.extend(
        rows.scope
            .on_access
            .iter()
            .map(|line| format!("on_access={line}")),
    );
    raw.extend(stats(&rows.stats));
    raw.extend(rows.heads.iter().map(|(name, head)| {
        let text = String::from_utf8_lossy(head);
        let fields: Vec<&str> = text.splitn(5, ':').take(4).collect();
        format!("{name}={}", fields.join(":"))
    }));
    raw
}

/// `POOLS: 1\n\nSTATE: VALID PRIMARY\nTHREADS: live 1  idle 0 max 10 idle-timeout 30\nQUEUE: 0 items\n…MEMSTATS: …\nEND`.
fn stats(answer: &Answer) -> Vec<String> {
    let Answer::Said(text) = answer else {
        return Vec::new();
    };
    let wanted = ["STATE", "THREADS", "QUEUE", "MEMSTATS"];
    let lines = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let value: String = value.chars().take(STATS_LINE_CHARS_MAX).collect();
        let name = name.to_ascii_lowercase();
        wanted
            .iter()
            .any(|wanted| wanted.eq_ignore_ascii_case(&name))
            .then(|| format!("{STATS_PREFIX}{name}={value}"))
    });
    lines.take(STATS_LINES_MAX).collect()
}

/// `ClamAV 1.4.3/27690/Mon Nov 23 08:31:02 2026`, of which a clamd with private databases only says the
/// first part; the answer is program and database version.
fn parse_version(text: &str) -> (String, String) {
    let mut parts = text.trim().split('/');
    let program = parts.next().and_then(|program| program.strip_prefix("ClamAV "));
    let is_version =
        |program: &&str| program.len() <= VERSION_BYTES_MAX && !program.contains(char::is_control);
    // What does not begin like an answer of clamd's is none, and names no version.
    let Some(program) = program.filter(is_version) else {
        return Default::default();
    };
    let database = parts.next().unwrap_or_default();
    let is_number = database.bytes().all(|byte| byte.is_ascii_digit());
    let database = if is_number { database } else { "" };
    (program.to_owned(), database.to_owned())
}

/// Of a version such as `1.4.3-beta+git`.
const VERSION_BYTES_MAX: usize = 64;

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
            stats: Answer::NotAsked,
            left_behind: Vec::new(),
            written_ms: None,
            scope: Scope::default(),
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

    /// An answer of a clamd 1.4.6.
    const STATS: &str = "POOLS: 1\n\nSTATE: VALID PRIMARY\nTHREADS: live 1  idle 0 max 10 idle-timeout 30\n\
        QUEUE: 0 items\n\tSTATS 0.000002 \n\nMEMSTATS: heap N/A mmap N/A used N/A free N/A releasable N/A pools 1 \
        pools_used 5.883M pools_total 5.964M\nEND";

    #[test]
    fn why_an_engine_is_not_on() {
        let check = |ping: Answer, running: &[&str], left_behind: &[&str], expected: &str| {
            let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
            let rows = Rows {
                ping,
                running: owned(running),
                left_behind: owned(left_behind),
                ..healthy()
            };
            let product = decode(&rows).expect("installed");
            assert_eq!(product.engine_reason, expected, "{rows:?}");
        };
        let silent = |why: &str| Answer::Silent(why.to_owned());
        check(Answer::Said("PONG".to_owned()), &["clamd"], &[], "");
        check(Answer::Said("P\u{fffd}".to_owned()), &["clamd"], &[], "garbage");
        check(silent("entity not found"), &[], &[], "stopped");
        check(
            silent("connection refused"),
            &[],
            &["socket", "pid_file"],
            "crashed",
        );
        check(silent("timed out"), &["clamd"], &[], "not_answering");
        check(silent("closed"), &["clamd"], &[], "not_answering");
        check(silent("entity not found"), &["clamd"], &[], "starting");
        check(Answer::NotAsked, &["clamd"], &[], "no_socket");
        let unsure = |why: &str| Answer::Unsure(why.to_owned());
        check(unsure("permission denied"), &[], &[], "no_permission");
        check(unsure("answered_by_user_1000"), &[], &[], "not_vouched_for");
    }

    #[test]
    fn a_few_lines_of_the_engines_own_figures_are_kept() {
        let rows = Rows {
            stats: Answer::Said(STATS.to_owned()),
            ..healthy()
        };
        let raw = decode(&rows).expect("it is there").raw;
        let figures: Vec<&String> = raw.iter().filter(|line| line.starts_with(STATS_PREFIX)).collect();
        assert_eq!(figures.len(), 4);
        assert_eq!(figures[0], "stats.state=VALID PRIMARY");
        assert_eq!(figures[2], "stats.queue=0 items");
    }

    #[test]
    fn rows_can_be_recorded_and_replayed() {
        let recorded = serde_json::to_string(&healthy()).expect("written");
        let replayed: Rows = serde_json::from_str(&recorded).expect("read");
        assert_eq!(replayed, healthy());
        let older: Rows = serde_json::from_str("{}").expect("rows may be missing");
        assert_eq!(decode(&older), None);
    }

    #[test]
    fn what_is_not_looked_at_is_told_up_to_a_limit() {
        let rows = Rows {
            scope: Scope {
                excluded: (0..200)
                    .map(|number| format!("ExcludePath /{number:03}"))
                    .rev()
                    .collect(),
                on_access: vec!["OnAccessIncludePath /home".to_owned()],
            },
            written_ms: Some(7),
            ..healthy()
        };
        let product = decode(&rows).expect("it is there");
        assert_eq!(product.exclusions.len(), AntivirusProduct::EXCLUSIONS_MAX);
        assert_eq!(product.exclusions[0], "ExcludePath /000");
        assert!(
            product
                .raw
                .contains(&"on_access=OnAccessIncludePath /home".to_owned())
        );
        assert_eq!(product.definitions.updated_ms, Some(7));
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_head_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse_head(&bytes);
        }

        #[test]
        fn whatever_clamd_says_nothing_panics(text in ".*") {
            let _ = parse_version(&text);
            let _ = stats(&Answer::Said(text));
        }
    }
}
