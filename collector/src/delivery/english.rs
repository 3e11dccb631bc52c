//! Mails in English, by setting.

use vong_proto::event::Severity;

use super::letter::{Fact, Labels, NAME_MAX, Params, Words, local_time, sentence};
use super::shown::shown;
use crate::registry::alert::{MailKind, Verdict};
use crate::registry::delivery::DutyCard;

mod antivirus;
mod files;

/// English.
pub(super) struct English;

impl Words for English {
    fn code(&self) -> &'static str {
        "en"
    }

    fn labels(&self) -> Labels {
        Labels {
            greeting: "To whoever looks after the unit's PCs,",
            duty_greeting: "To the security duty office,",
            host: "PC",
            about_unit: "Unit",
            pcs: "PCs",
            host_title: "The PC",
            host_name: "Name",
            asset_number: "Asset number",
            place: "Place",
            unit: "Unit",
            seen_title: "What was seen",
            steps_title: "What to do",
            phone: "Duty telephone",
            unit_phone: "The unit's telephone",
            link: "See the details",
            ended_at: "Ended",
            note: "Note",
            cloned: "from a cloned agent: it may be about the other machine",
            cloned_title: "(from a cloned agent)",
            not_watched: "no longer watched",
            footer: "sent automatically; times are Vietnam time (UTC+7).",
        }
    }

    fn severity(&self, severity: Severity) -> &'static str {
        match severity {
            Severity::Critical => "Critical",
            Severity::High => "High",
            Severity::Medium => "Medium",
            Severity::Low => "Low",
        }
    }

    fn title(&self, code: &str, params: &Params<'_>) -> String {
        if let Some(title) = antivirus::title(code, params).or_else(|| files::title(code, params)) {
            return title;
        }
        match code {
            "probe.unreachable" => format!("cannot reach “{}”", params.name("/probe")),
            "host.silent" => "has stopped reporting".to_owned(),
            "ledger.gap" => missing(params),
            "agent.cloned" => "two machines use one agent’s identity".to_owned(),
            _ => "something unusual was seen".to_owned(),
        }
    }

    fn over(&self, code: &str, params: &Params<'_>) -> String {
        if let Some(over) = antivirus::over(code, params).or_else(|| files::over(code, params)) {
            return over;
        }
        match code {
            "probe.unreachable" => format!("can reach “{}” again", params.name("/probe")),
            "host.silent" => "is reporting again".to_owned(),
            "agent.cloned" => "its agent has been enrolled again".to_owned(),
            _ => format!("over: {}", self.title(code, params)),
        }
    }

    fn unwatched(&self, code: &str, params: &Params<'_>) -> String {
        match code {
            "probe.unreachable" => format!("“{}” is no longer watched", params.name("/probe")),
            _ => format!("no longer watched: {}", self.title(code, params)),
        }
    }

    fn closed(&self, title: &str) -> String {
        let title = title.trim_end_matches(files::AT_ONCE);
        format!("the alert “{title}” was closed")
    }

    fn kind(&self, kind: MailKind) -> &'static str {
        match kind {
            MailKind::Opened | MailKind::Resolved => "",
            MailKind::Update => "Update – ",
            MailKind::Reminder => "Reminder, not yet acknowledged – ",
        }
    }

    fn ended(&self, verdict: Option<Verdict>) -> &'static str {
        match verdict {
            None => "Resolved",
            Some(Verdict::True) => "Dealt with",
            Some(Verdict::Benign) => "Closed: harmless",
            Some(Verdict::False) => "Closed: false alarm",
        }
    }

    fn seen(&self, rule: &str, evidence: &Params<'_>) -> (String, Vec<Fact>) {
        if let Some(seen) = antivirus::seen(rule, evidence).or_else(|| files::seen(rule, evidence)) {
            return seen;
        }
        match rule {
            "probe.unreachable" => (
                format!("Cannot reach “{}”", evidence.name("/probe")),
                facts([
                    ("Address", evidence.path("/target")),
                    ("Reason", failure(&evidence.name("/error"))),
                ]),
            ),
            "host.silent" => {
                let last = evidence
                    .number("/last_seen_ms")
                    .map(local_time)
                    .unwrap_or_default();
                (
                    "The PC stopped reporting without a goodbye".to_owned(),
                    facts([("Last heard", last)]),
                )
            }
            "ledger.gap" => (
                sentence(&missing(evidence)),
                facts([("Reason", lost(evidence.code("/reason")))]),
            ),
            "agent.cloned" => (
                "Two machines use one agent’s identity".to_owned(),
                machines(evidence),
            ),
            _ => ("Something unusual".to_owned(), Vec::new()),
        }
    }

    fn steps(&self, code: &str) -> [&'static str; 3] {
        if let Some(steps) = antivirus::steps(code).or_else(|| files::steps(code)) {
            return steps;
        }
        match code {
            "probe.unreachable" => [
                "Try the service on this PC and on another one in the same room.",
                "If only this PC fails: check its cable or Wi-Fi, then restart it.",
                "If others fail too, {call}.",
            ],
            "host.silent" => [
                "Check that the PC is on and its network cable is plugged in.",
                "If it is on, restart it.",
                "If it is still silent after 10 minutes, {call}.",
            ],
            "ledger.gap" => [
                "Check whether the PC's disk is full or reports errors.",
                "Ask the PC's user whether it was without network for days.",
                "If the reason is not clear, {call}.",
            ],
            "agent.cloned" => [
                "Find out whether this PC’s disk or virtual machine was copied to another one.",
                "If so, {call}: the agent must be enrolled again on each of them.",
                "If nobody copied it: unplug the network cable, leave the PC on and {call} at once.",
            ],
            _ => ["Leave the PC on.", "{Call} for advice.", ""],
        }
    }

    fn call(&self, by_phone: bool) -> &'static str {
        match by_phone {
            true => "call the duty telephone",
            false => "tell the security duty office",
        }
    }

    fn duty_steps(&self, code: &str, unit_told: bool) -> [&'static str; 3] {
        [
            files::duty_first(code),
            match unit_told {
                true => "Call the unit: has the mail arrived, is somebody dealing with it?",
                false => "Tell the unit: nobody there has received a mail about this.",
            },
            match code {
                _ if let Some(step) = antivirus::duty_step(code).or_else(|| files::duty_step(code)) => step,
                "agent.cloned" => {
                    "Issue new tokens and have the agent enrolled again on each machine; if nobody copied the PC, follow the incident procedure."
                }
                _ => "Help the unit to mend it, and follow the alert to its end.",
            },
        ]
    }

    fn duty_facts(&self, card: &DutyCard) -> Vec<Fact> {
        let told = match card.told.as_str() {
            "" => "nobody (the unit has no mail address on record)".to_owned(),
            address => shown(address, NAME_MAX),
        };
        facts([
            ("Unit to call", shown(&card.unit, NAME_MAX)),
            ("Unit's contact", shown(&card.contact_name, NAME_MAX)),
            ("Unit mailed", told),
        ])
    }

    fn nothing_to_do(&self) -> &'static str {
        "There is nothing more for you to do."
    }

    fn more_pcs(&self, count: i64) -> String {
        format!("and {count} more, see the details")
    }

    fn more(&self, count: i64) -> String {
        format!("… and {count} more, see the details.")
    }
}

/// Both machines, or the one that was caught when only it was there.
fn machines(evidence: &Params<'_>) -> Vec<Fact> {
    let former = machine(evidence, "/machine", "/address");
    let latest = machine(evidence, "/other_machine", "/other_address");
    match former.is_empty() {
        true => facts([("One of the machines", latest)]),
        false => facts([("First machine", former), ("Second machine", latest)]),
    }
}

/// A machine by name and address.
fn machine(evidence: &Params<'_>, name: &str, address: &str) -> String {
    let (name, address) = (evidence.name(name), evidence.name(address));
    match address.is_empty() {
        true => name,
        false => format!("{name} ({address})"),
    }
}

fn missing(params: &Params<'_>) -> String {
    match params.number("/missing") {
        Some(count) => format!("{count} of its events are missing for good"),
        None => "some of its events are missing for good".to_owned(),
    }
}

fn lost(reason: &str) -> String {
    match reason {
        "spool_full" => "the PC's spool was full while it was not connected",
        "collector_restored" => "the collector was restored from a backup",
        _ => "unknown",
    }
    .to_owned()
}

fn failure(error: &str) -> String {
    match error {
        "timeout" => "no answer".to_owned(),
        "refused" => "connection refused".to_owned(),
        "no_such_name" => "no such name".to_owned(),
        "dns_timeout" => "the name service does not answer".to_owned(),
        "unreachable" => "no route to it".to_owned(),
        "tls" => "its certificate is not valid".to_owned(),
        other => match other.strip_prefix("status_") {
            Some(status) => format!("it answers with error {status}"),
            None => format!("another fault ({other})"),
        },
    }
}

fn facts<const N: usize>(pairs: [(&'static str, String); N]) -> Vec<Fact> {
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    pairs.map(|(name, value)| Fact { name, value }).collect()
}
