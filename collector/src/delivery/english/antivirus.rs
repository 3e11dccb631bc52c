//! Antivirus, malware and their updates, in English; `None` for what is about something else.

use super::super::letter::{Fact, Params, local_time, sentence};
use super::facts;

/// What an alert is about, as the end of a sentence that began with a PC's or a unit's name.
pub(super) fn title(code: &str, params: &Params<'_>) -> Option<String> {
    let pcs = || params.number("/pcs").unwrap_or_default();
    Some(match code {
        "antivirus.missing" => "there is no antivirus".to_owned(),
        "antivirus.off" => off(params).to_owned(),
        "antivirus.crashed" => "its antivirus has crashed".to_owned(),
        "antivirus.expired" => "the licence of its antivirus has expired".to_owned(),
        "antivirus.real_time_off" => "real-time protection is off".to_owned(),
        "antivirus.stale" => stale(params),
        "antivirus.scan_overdue" => match params.number("/days") {
            Some(days) => format!("it was not scanned for {days} days"),
            None => "it was not scanned for long".to_owned(),
        },
        "antivirus.exclusions_added" => "its antivirus was told to pass something over".to_owned(),
        "malware.detected" if params.has("/more") => "many malicious files were found".to_owned(),
        "malware.detected" => format!("malware “{}” was found", params.name("/threat")),
        "malware.not_remediated" => format!("malware “{}” is still there", params.name("/threat")),
        "malware.outbreak" => format!("malware “{}” on {} PCs", params.name("/threat"), pcs()),
        "updates.source_stale" => {
            format!(
                "“{}” gets no new definitions on {} PCs",
                params.name("/product"),
                pcs()
            )
        }
        _ => return None,
    })
}

/// The same once it is over.
pub(super) fn over(code: &str, params: &Params<'_>) -> Option<String> {
    Some(match code {
        "antivirus.missing" => "antivirus is now installed".to_owned(),
        "antivirus.off" | "antivirus.crashed" | "antivirus.expired" => "antivirus is on again".to_owned(),
        "antivirus.real_time_off" => "real-time protection is on again".to_owned(),
        "antivirus.stale" => "its malware definitions have been updated".to_owned(),
        "antivirus.scan_overdue" => "a scan is no longer overdue".to_owned(),
        "malware.detected" | "malware.not_remediated" if params.has("/threat") => {
            format!("malware “{}” was made harmless", params.name("/threat"))
        }
        "malware.outbreak" => format!("no further PC was hit by malware “{}”", params.name("/threat")),
        "updates.source_stale" => format!("“{}” gets new definitions again", params.name("/product")),
        _ => return None,
    })
}

/// One thing that was seen.
pub(super) fn seen(rule: &str, evidence: &Params<'_>) -> Option<(String, Vec<Fact>)> {
    Some(match rule {
        "antivirus.missing" => ("No antivirus was found on the PC".to_owned(), Vec::new()),
        "antivirus.off"
        | "antivirus.crashed"
        | "antivirus.expired"
        | "antivirus.real_time_off"
        | "antivirus.stale" => (sentence(&title(rule, evidence)?), product(evidence)),
        "antivirus.scan_overdue" => (
            sentence(&title(rule, evidence)?),
            facts([
                ("Product", evidence.name("/product")),
                ("Last scan", time(evidence, "/last_scan_ms")),
            ]),
        ),
        "antivirus.exclusions_added" => (
            format!("{} more exclusions", evidence.number("/count").unwrap_or(1)),
            facts([
                ("Product", evidence.name("/product")),
                ("New exclusions", evidence.paths("/added")),
            ]),
        ),
        "malware.detected" if evidence.has("/more") => (
            format!(
                "{} more malicious files within an hour",
                evidence.number("/more").unwrap_or_default()
            ),
            Vec::new(),
        ),
        "malware.detected" | "malware.not_remediated" => {
            (sentence(&title(rule, evidence)?), malware(evidence))
        }
        "malware.outbreak" => (
            sentence(&title(rule, evidence)?),
            facts([(
                "PCs on which it is still there",
                evidence
                    .number("/not_harmless")
                    .map(|pcs| pcs.to_string())
                    .unwrap_or_default(),
            )]),
        ),
        "updates.source_stale" => (
            sentence(&title(rule, evidence)?),
            facts([(
                "Connected PCs with this product",
                evidence
                    .number("/of")
                    .map(|of| of.to_string())
                    .unwrap_or_default(),
            )]),
        ),
        _ => return None,
    })
}

/// At most three steps for the unit.
pub(super) fn steps(code: &str) -> Option<[&'static str; 3]> {
    Some(match code {
        "antivirus.missing" => [
            "Check on the PC whether antivirus is installed.",
            "If not, install the product your unit was given and restart the PC.",
            "Until then, use no USB sticks and open no unexpected attachments. If you cannot install it, {call}.",
        ],
        "antivirus.off" => [
            "Open the antivirus on the PC and switch protection on.",
            "Ask the PC's user whether they switched it off.",
            "If it will not start, or nobody did: unplug the network cable, leave the PC on and {call} at once.",
        ],
        "antivirus.crashed" => [
            "Restart the PC.",
            "Open the antivirus and check that it is on.",
            "If it does not run, or this happens again, {call}.",
        ],
        "antivirus.expired" => [
            "Open the antivirus and look at the end of its licence.",
            "Renew it, or install the product your unit was given.",
            "Until then, use no USB sticks and open no unexpected attachments. If you need help, {call}.",
        ],
        "antivirus.real_time_off" => [
            "Open the antivirus and switch “Real-time protection” on.",
            "Ask the PC's user whether they switched it off.",
            "If it cannot be switched on, or nobody did: unplug the network cable, leave the PC on and {call} at once.",
        ],
        "antivirus.stale" => [
            "Check that the PC has a working network connection.",
            "Open the antivirus and choose “Update”.",
            "If it has not updated after two hours, {call}.",
        ],
        "antivirus.scan_overdue" => [
            "Open the antivirus and choose “Quick scan”.",
            "Leave the PC on until it has ended.",
            "If it does not work, {call}.",
        ],
        "antivirus.exclusions_added" => [
            "Open the antivirus and look at the exclusions (folders and files it does not scan) named above.",
            "Ask the PC's user and your maintenance company whether they added them; remove what is not needed.",
            "If nobody did: unplug the network cable, leave the PC on and {call} at once.",
        ],
        "malware.detected" => [
            "Ask the user where the file named above came from (mail, USB stick, download); do not open it.",
            "Open the antivirus on the PC and run a full scan.",
            "If it cannot remove the malware, or the PC behaves oddly: unplug the network cable, leave the PC on and {call}.",
        ],
        "malware.not_remediated" => [
            "Unplug the PC's network cable (or switch off Wi-Fi), leave the PC on, do not open the file named above.",
            "Open the antivirus and have the file quarantined or deleted.",
            "{Call} at once and read out the PC's name above.",
        ],
        "malware.outbreak" => [
            "Tell everybody in the unit not to open unexpected attachments and to use no USB sticks.",
            "Unplug the network cables of the PCs named above, and leave them on.",
            "{Call} at once for advice.",
        ],
        "updates.source_stale" => [
            "Check the server, or the line, from which the PCs get their malware definitions.",
            "Try to update one PC by hand, and note what it says.",
            "If it has not updated after two hours, {call}.",
        ],
        _ => return None,
    })
}

/// What the duty office does in the end.
pub(super) fn duty_step(code: &str) -> Option<&'static str> {
    Some(match code {
        "antivirus.off" | "antivirus.real_time_off" | "antivirus.exclusions_added" => {
            "If nobody at the unit did this: have the network cable unplugged and the PC left on, then follow the incident procedure."
        }
        "malware.not_remediated" | "malware.outbreak" => {
            "Have the network cables of the PCs concerned unplugged and the PCs left on, then follow the incident procedure."
        }
        _ => return None,
    })
}

fn off(params: &Params<'_>) -> &'static str {
    match params.code("/reason") {
        "not_answering" => "its antivirus does not answer",
        "snoozed" => "its antivirus is switched off for a while",
        "passive" => "its antivirus steps back, and no other protects it",
        _ => "antivirus is off",
    }
}

fn stale(params: &Params<'_>) -> String {
    match params.number("/days") {
        Some(days) if days > 0 => format!("its malware definitions are {days} days old"),
        _ => "its malware definitions are old".to_owned(),
    }
}

fn product(evidence: &Params<'_>) -> Vec<Fact> {
    facts([
        ("Product", evidence.name("/product")),
        ("Definitions", evidence.name("/definitions_version")),
        ("Published", time(evidence, "/definitions_built_ms")),
    ])
}

fn malware(evidence: &Params<'_>) -> Vec<Fact> {
    facts([
        ("Malware", evidence.name("/threat")),
        ("File", evidence.path("/path")),
        ("User", evidence.name("/user")),
        ("Program", evidence.path("/process/executable")),
        ("Found by", evidence.name("/product")),
        ("What was done", remedy(evidence).to_owned()),
    ])
}

fn remedy(evidence: &Params<'_>) -> &'static str {
    match (evidence.code("/outcome"), evidence.code("/action")) {
        ("failed", _) => "it could not be made harmless and is still there",
        ("succeeded", "quarantined") => "the file was quarantined",
        ("succeeded", "removed") => "the file was deleted",
        ("succeeded", "cleaned") => "the file was cleaned",
        ("succeeded", _) => "it was made harmless",
        (_, "blocked") => "it was kept from being opened, and is still there",
        (_, "allowed") => "somebody allowed it, and it is still there",
        ("pending", _) => "nothing yet, it is still there",
        _ if evidence.code("/code") == "file_gone" => "not known: the file is no longer there",
        _ => "not known",
    }
}

fn time(evidence: &Params<'_>, pointer: &str) -> String {
    evidence.number(pointer).map(local_time).unwrap_or_default()
}
