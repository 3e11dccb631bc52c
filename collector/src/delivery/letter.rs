//! A mail's content in words: from facts to the few sentences that somebody who is not an expert needs.
//!
//! Which PC, what was seen, what to do in at most three steps, whom to call; the link comes last, because
//! the mail must be of use without it. Each language is one file that implements [`Words`].

use serde_json::Value;
use vong_proto::event::Severity;

use super::shown::shown;
use super::{english, vietnamese};
use crate::registry::alert::{MailKind, Verdict};
use crate::registry::delivery::{Content, Delivery, DutyCard, SeenFinding};
use crate::registry::finding::NOT_WATCHED;

/// Names of PCs, units and programs are cut at this length.
pub(super) const NAME_MAX: usize = 80;
/// Paths and targets are cut at this length.
const PATH_MAX: usize = 160;
/// A mail names so many of the files that something has hit.
const FILES_SHOWN: usize = 5;
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
    pub(super) steps: Vec<String>,
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
    /// The same once it is over: what is now the case.
    fn over(&self, code: &str, params: &Params<'_>) -> String;
    /// The same once nobody watches for it any more.
    fn unwatched(&self, code: &str, params: &Params<'_>) -> String;
    /// The same once a person has closed the alert; the fault itself may go on.
    fn closed(&self, title: &str) -> String;
    /// What is put before the title of a mail that is not the first.
    fn kind(&self, kind: MailKind) -> &'static str;
    /// How an alert ended.
    fn ended(&self, verdict: Option<Verdict>) -> &'static str;
    /// One thing that was seen.
    fn seen(&self, rule: &str, evidence: &Params<'_>) -> (String, Vec<Fact>);
    /// At most three steps for the unit. `{call}` stands for [`Words::call`], `{Call}` for the same at the
    /// beginning of a sentence.
    fn steps(&self, code: &str) -> [&'static str; 3];
    /// How to reach the duty office: by the number in the mail, or without one.
    fn call(&self, by_phone: bool) -> &'static str;
    /// At most three steps for the duty office, given whether the unit was written to.
    fn duty_steps(&self, code: &str, unit_told: bool) -> [&'static str; 3];
    /// What the duty office must know of the unit.
    fn duty_facts(&self, card: &DutyCard) -> Vec<Fact>;
    /// What is to be done when it is over.
    fn nothing_to_do(&self) -> &'static str;
    /// That there are more PCs than are named.
    fn more_pcs(&self, count: i64) -> String;
    /// That there are more findings than are shown.
    fn more(&self, count: i64) -> String;
}

/// The fixed texts of a language.
pub(super) struct Labels {
    pub(super) greeting: &'static str,
    /// To the duty office.
    pub(super) duty_greeting: &'static str,
    /// Before a PC's name.
    pub(super) host: &'static str,
    /// Before the name of a unit that the alert is about.
    pub(super) about_unit: &'static str,
    /// Before the names of its PCs.
    pub(super) pcs: &'static str,
    pub(super) host_title: &'static str,
    pub(super) host_name: &'static str,
    pub(super) asset_number: &'static str,
    pub(super) place: &'static str,
    pub(super) unit: &'static str,
    pub(super) seen_title: &'static str,
    pub(super) steps_title: &'static str,
    pub(super) phone: &'static str,
    pub(super) unit_phone: &'static str,
    pub(super) link: &'static str,
    pub(super) ended_at: &'static str,
    /// What is said of a report that may be about another machine, and how.
    pub(super) note: &'static str,
    pub(super) cloned: &'static str,
    /// The same behind a title.
    pub(super) cloned_title: &'static str,
    /// Behind the time at which something ended because nobody watches it any more.
    pub(super) not_watched: &'static str,
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
        // On Linux a backslash may be part of a name.
        let separators: &[char] = if path.starts_with('/') {
            &['/']
        } else {
            &['/', '\\']
        };
        let name = path.rsplit(separators).find(|part| !part.is_empty());
        shown(name.unwrap_or(path), SUBJECT_FILE_MAX)
    }

    /// A code of ours: compared, never shown.
    pub(super) fn code(&self, pointer: &str) -> &str {
        self.raw(pointer)
    }

    pub(super) fn number(&self, pointer: &str) -> Option<i64> {
        self.0.pointer(pointer).and_then(Value::as_i64)
    }

    /// A list of texts such as paths, one after the other.
    pub(super) fn paths(&self, pointer: &str) -> String {
        let all = self.0.pointer(pointer).and_then(Value::as_array);
        let shown_all = all.into_iter().flatten().filter_map(Value::as_str);
        let texts: Vec<String> = shown_all.map(|text| shown(text, PATH_MAX)).collect();
        texts.join("; ")
    }

    /// A list of codes of ours.
    pub(super) fn codes(&self, pointer: &str) -> impl Iterator<Item = &str> {
        let all = self.0.pointer(pointer).and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The names of the first files that an occurrence names.
    pub(super) fn some_files(&self) -> String {
        let all = self.0.pointer("/files").and_then(Value::as_array);
        let paths = all.into_iter().flatten().filter_map(|file| file["path"].as_str());
        let texts: Vec<String> = paths
            .take(FILES_SHOWN)
            .map(|path| shown(path, PATH_MAX))
            .collect();
        texts.join("; ")
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
    let title = title(row, words);
    let about = match content.is_about_a_unit() {
        true => format!("{} {}", labels.about_unit, shown(&content.host.unit, NAME_MAX)),
        false => format!("{} {}", labels.host, shown(&content.host.name, NAME_MAX)),
    };
    let badge = if over {
        words.ended(content.verdict)
    } else {
        words.severity(content.severity)
    };
    let sentence = format!("{about}: {title}");
    Letter {
        language: words.code(),
        subject: subject(row, words, badge, &sentence),
        badge: badge.to_owned(),
        colour: colour(content.severity, over),
        greeting: match content.duty {
            Some(_) => labels.duty_greeting,
            None => labels.greeting,
        },
        headline: format!("{}{sentence}.", words.kind(row.kind)),
        host_title: labels.host_title,
        host: host_facts(content, words),
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
        steps: steps(row, words),
        phone_label: match content.duty {
            Some(_) => labels.unit_phone,
            None => labels.phone,
        },
        phone: shown(phone(content), NAME_MAX),
        link_label: labels.link,
        link: format!("{}/alerts/{}", web_url.trim_end_matches('/'), row.alert_id),
        footer: format!("{} – {}", shown(sender_name, NAME_MAX), labels.footer),
    }
}

/// The number that its reader may need: the duty office's for the unit, the unit's for the duty office.
fn phone(content: &Content) -> &str {
    match &content.duty {
        Some(card) => &card.contact_phone,
        None => &content.phone,
    }
}

/// What the mail is about. Once that is over, the fault is not stated as if it went on.
fn title(row: &Delivery, words: &dyn Words) -> String {
    let content = &row.content;
    let (code, params) = (content.title_code.as_str(), Params(&content.title_params));
    let mut findings = content.findings.iter();
    match (row.kind, content.verdict) {
        (MailKind::Resolved, Some(_)) => words.closed(&words.title(code, &params)),
        (MailKind::Resolved, None) if !content.findings.is_empty() && findings.all(is_unwatched) => {
            words.unwatched(code, &params)
        }
        (MailKind::Resolved, None) => words.over(code, &params),
        _ if content.title_params["cloned"] == true => {
            format!("{} {}", words.title(code, &params), words.labels().cloned_title)
        }
        _ => words.title(code, &params),
    }
}

fn is_unwatched(finding: &SeenFinding) -> bool {
    finding.evidence["ended"] == NOT_WATCHED
}

fn steps(row: &Delivery, words: &dyn Words) -> Vec<String> {
    let content = &row.content;
    if row.kind == MailKind::Resolved {
        return vec![words.nothing_to_do().to_owned()];
    }
    let steps = match &content.duty {
        Some(card) => words.duty_steps(&content.title_code, !card.told.is_empty()),
        None => words.steps(&content.title_code),
    };
    let call = words.call(!content.phone.trim().is_empty());
    let with_call = |step: &str| step.replace("{call}", call).replace("{Call}", &sentence(call));
    let steps = steps.into_iter().filter(|step| !step.is_empty());
    steps.map(with_call).collect()
}

/// With a capital letter.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn subject(row: &Delivery, words: &dyn Words, badge: &str, sentence: &str) -> String {
    let unit = shown(&row.content.host.unit, NAME_MAX);
    let place = if unit.is_empty() || row.content.is_about_a_unit() {
        String::new()
    } else {
        format!(" – {unit}")
    };
    shown(
        &format!("[{badge}] {}{sentence}{place}", words.kind(row.kind)),
        SUBJECT_MAX,
    )
}

fn host_facts(content: &Content, words: &dyn Words) -> Vec<Fact> {
    let (host, labels) = (&content.host, words.labels());
    let known = [
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
    });
    let named = content.pcs.iter().map(|name| shown(name, NAME_MAX * 2));
    let all = Params(&content.title_params).number("/pcs").unwrap_or_default();
    let more = (all - content.pcs.len() as i64).max(0);
    let more = (more > 0 && !content.pcs.is_empty()).then(|| words.more_pcs(more));
    let pcs = Fact {
        name: labels.pcs,
        value: named.chain(more).collect::<Vec<_>>().join("; "),
    };
    let pcs = (!pcs.value.is_empty()).then_some(pcs);
    let of_unit = content.duty.as_ref().map(|card| words.duty_facts(card));
    known.chain(pcs).chain(of_unit.into_iter().flatten()).collect()
}

fn seen(finding: &SeenFinding, words: &dyn Words, labels: &Labels) -> Seen {
    let (what, mut facts) = words.seen(&finding.rule, &Params(&finding.evidence));
    if finding.evidence["cloned"] == true {
        facts.push(Fact {
            name: labels.note,
            value: labels.cloned.to_owned(),
        });
    }
    if let Some(closed_ms) = finding.closed_ms {
        facts.push(Fact {
            name: labels.ended_at,
            value: match is_unwatched(finding) {
                true => format!("{} ({})", local_time(closed_ms), labels.not_watched),
                false => local_time(closed_ms),
            },
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
