//! A mail's content in words: from facts to the few sentences that somebody who is not an expert needs.
//!
//! Which PC, what was seen, what to do in at most three steps, whom to call; the link comes last, because
//! the mail must be of use without it. Each language is one file that implements [`Words`].

use serde_json::Value;
use vong_proto::event::Severity;

use super::shown::shown;
use super::{english, vietnamese};
use crate::registry::alert::{MailKind, Verdict};
use crate::registry::delivery::{Content, Delivery, SeenFinding};

/// Names of PCs, units and programs are cut at this length.
const NAME_MAX: usize = 80;
/// Paths and targets are cut at this length.
const PATH_MAX: usize = 160;
/// A subject is cut at this length: phones show half of it.
const SUBJECT_MAX: usize = 140;
/// What a subject shows of a file's name.
const SUBJECT_FILE_MAX: usize = 48;

/// A mail, ready for a template. All text in here is harmless on a line, but not yet escaped for HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) language: &'static str,
    pub(super) subject: String,
    /// The severity, or that it is over, as a word and as a colour.
    pub(super) badge: String,
    pub(super) colour: &'static str,
    pub(super) greeting: &'static str,
    /// What happened, in one sentence.
    pub(super) headline: String,
    pub(super) host_title: &'static str,
    pub(super) host: Vec<Fact>,
    pub(super) seen_title: &'static str,
    pub(super) seen: Vec<Seen>,
    /// How many more findings there are.
    pub(super) more: Option<String>,
    pub(super) steps_title: &'static str,
    pub(super) steps: Vec<&'static str>,
    pub(super) phone_label: &'static str,
    pub(super) phone: String,
    pub(super) link_label: &'static str,
    pub(super) link: String,
    pub(super) footer: String,
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) time: String,
    pub(super) what: String,
    pub(super) facts: Vec<Fact>,
}

/// What a language must be able to say.
pub(super) trait Words {
    /// Its code.
    fn code(&self) -> &'static str;
    /// The fixed texts.
    fn labels(&self) -> Labels;
    /// A severity.
    fn severity(&self, severity: Severity) -> &'static str;
    /// What an alert is about, as the end of a sentence that began with a PC's name.
    fn title(&self, code: &str, params: &Params<'_>) -> String;
    /// What is put before the title of a mail that is not the first.
    fn kind(&self, kind: MailKind) -> &'static str;
    /// How an alert ended.
    fn ended(&self, verdict: Option<Verdict>) -> &'static str;
    /// One thing that was seen.
    fn seen(&self, rule: &str, evidence: &Params<'_>) -> (String, Vec<Fact>);
    /// At most three steps.
    fn steps(&self, code: &str) -> [&'static str; 3];
    /// What is to be done when it is over.
    fn nothing_to_do(&self) -> &'static str;
    /// That there are more findings than are shown.
    fn more(&self, count: i64) -> String;
}

/// The fixed texts of a language.
pub(super) struct Labels {
    pub(super) greeting: &'static str,
    /// Before a PC's name.
    pub(super) host: &'static str,
    pub(super) host_title: &'static str,
    pub(super) host_name: &'static str,
    pub(super) asset_number: &'static str,
    pub(super) place: &'static str,
    pub(super) unit: &'static str,
    pub(super) seen_title: &'static str,
    pub(super) steps_title: &'static str,
    pub(super) phone: &'static str,
    pub(super) link: &'static str,
    pub(super) ended_at: &'static str,
    pub(super) footer: &'static str,
}

/// Facts of a finding, each asked for by name and made harmless as it is taken out.
pub(super) struct Params<'a>(pub(super) &'a Value);

impl Params<'_> {
    /// A text such as a name; empty when there is none.
    pub(super) fn name(&self, pointer: &str) -> String {
        shown(self.raw(pointer), NAME_MAX)
    }

    /// A text such as a path; empty when there is none.
    pub(super) fn path(&self, pointer: &str) -> String {
        shown(self.raw(pointer), PATH_MAX)
    }

    /// The last part of a path, for a subject.
    pub(super) fn file_name(&self) -> String {
        let path = self.raw("/path");
        let name = path.rsplit(['/', '\\']).find(|part| !part.is_empty());
        shown(name.unwrap_or(path), SUBJECT_FILE_MAX)
    }

    /// A code of ours: compared, never shown.
    pub(super) fn code(&self, pointer: &str) -> &str {
        self.raw(pointer)
    }

    pub(super) fn number(&self, pointer: &str) -> Option<i64> {
        self.0.pointer(pointer).and_then(Value::as_i64)
    }

    pub(super) fn has(&self, pointer: &str) -> bool {
        self.0.pointer(pointer).is_some_and(|value| !value.is_null())
    }

    fn raw(&self, pointer: &str) -> &str {
        self.0
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// Puts a delivery into words.
pub(super) fn write(row: &Delivery, sender_name: &str, web_url: &str) -> Letter {
    let words: &dyn Words = match row.content.language.as_str() {
        "en" => &english::English,
        _ => &vietnamese::Vietnamese,
    };
    let content = &row.content;
    let labels = words.labels();
    let over = row.kind == MailKind::Resolved;
    let title = words.title(&content.title_code, &Params(&content.title_params));
    let host = shown(&content.host.name, NAME_MAX);
    let badge = if over {
        words.ended(content.verdict)
    } else {
        words.severity(content.severity)
    };
    let sentence = format!("{} {host}: {title}", labels.host);
    Letter {
        language: words.code(),
        subject: subject(row, words, badge, &sentence),
        badge: badge.to_owned(),
        colour: colour(content.severity, over),
        greeting: labels.greeting,
        headline: format!("{}{sentence}.", words.kind(row.kind)),
        host_title: labels.host_title,
        host: host_facts(content, &labels),
        seen_title: labels.seen_title,
        seen: content
            .findings
            .iter()
            .map(|finding| seen(finding, words, &labels))
            .collect(),
        more: Some(content.findings_total - content.findings.len() as i64)
            .filter(|more| *more > 0)
            .map(|more| words.more(more)),
        steps_title: labels.steps_title,
        steps: if over {
            vec![words.nothing_to_do()]
        } else {
            words
                .steps(&content.title_code)
                .into_iter()
                .filter(|step| !step.is_empty())
                .collect()
        },
        phone_label: labels.phone,
        phone: shown(&content.phone, NAME_MAX),
        link_label: labels.link,
        link: format!("{}/alerts/{}", web_url.trim_end_matches('/'), row.alert_id),
        footer: format!("{} – {}", shown(sender_name, NAME_MAX), labels.footer),
    }
}

fn subject(row: &Delivery, words: &dyn Words, badge: &str, sentence: &str) -> String {
    let unit = shown(&row.content.host.unit, NAME_MAX);
    let place = if unit.is_empty() {
        String::new()
    } else {
        format!(" – {unit}")
    };
    shown(
        &format!("[{badge}] {}{sentence}{place}", words.kind(row.kind)),
        SUBJECT_MAX,
    )
}

fn host_facts(content: &Content, labels: &Labels) -> Vec<Fact> {
    let host = &content.host;
    [
        (labels.host_name, &host.name),
        (labels.asset_number, &host.asset_number),
        (labels.place, &host.place),
        (labels.unit, &host.unit),
    ]
    .into_iter()
    .filter(|(_, value)| !value.trim().is_empty())
    .map(|(name, value)| Fact {
        name,
        value: shown(value, NAME_MAX),
    })
    .collect()
}

fn seen(finding: &SeenFinding, words: &dyn Words, labels: &Labels) -> Seen {
    let (what, mut facts) = words.seen(&finding.rule, &Params(&finding.evidence));
    if let Some(closed_ms) = finding.closed_ms {
        facts.push(Fact {
            name: labels.ended_at,
            value: local_time(closed_ms),
        });
    }
    facts.retain(|fact| !fact.value.is_empty());
    Seen {
        time: local_time(finding.opened_ms),
        what,
        facts,
    }
}

/// Colours with enough contrast on white; the word beside them says the same.
fn colour(severity: Severity, over: bool) -> &'static str {
    match severity {
        _ if over => "#067647",
        Severity::Critical => "#b42318",
        Severity::High => "#b93815",
        Severity::Medium => "#93370d",
        Severity::Low => "#175cd3",
    }
}

/// Vietnam's time, the same all year: `dd/MM/yyyy HH:mm:ss`.
pub(super) fn local_time(unix_ms: i64) -> String {
    const VIETNAM_OFFSET_S: i64 = 7 * 3_600;
    let local_s = unix_ms.div_euclid(1_000).saturating_add(VIETNAM_OFFSET_S);
    match time::OffsetDateTime::from_unix_timestamp(local_s) {
        Ok(time) => {
            let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
            let (hour, minute, second) = time.to_hms();
            format!("{day:02}/{month:02}/{year:04} {hour:02}:{minute:02}:{second:02}")
        }
        // A clock beyond all years; the mail's own date says when we heard of it.
        Err(_) => "?".to_owned(),
    }
}
