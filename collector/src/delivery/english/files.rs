//! Files and what encrypts them, in English; `None` for what is about something else.

use super::super::letter::{Fact, Params, sentence};
use super::facts;

/// What a title asks for; of an alert that was closed it must not be said any more.
pub(super) const AT_ONCE: &str = ": unplug the network now";

/// What an alert is about, as the end of a sentence that began with a PC's name.
pub(super) fn title(code: &str, params: &Params<'_>) -> Option<String> {
    Some(match code {
        "file.critical_changed" if params.has("/more") => "many important files changed".to_owned(),
        "file.critical_changed" => file_title(params),
        "file.known_bad" if params.has("/more") => "many files that are listed as bad were found".to_owned(),
        "file.known_bad" => format!("file “{}”, listed as bad, was found", params.file_name()),
        "tripwire.ransomware" => {
            format!("ransomware seems to be encrypting its files{AT_ONCE}")
        }
        "tripwire.suspicious" => "many documents are changed in an unusual way".to_owned(),
        _ => return None,
    })
}

/// The same once it is over.
pub(super) fn over(code: &str, _: &Params<'_>) -> Option<String> {
    Some(match code {
        "tripwire.ransomware" => "no more files seem to be encrypted".to_owned(),
        "tripwire.suspicious" => "no more documents are changed in an unusual way".to_owned(),
        _ => return None,
    })
}

/// One thing that was seen.
pub(super) fn seen(rule: &str, evidence: &Params<'_>) -> Option<(String, Vec<Fact>)> {
    let more = evidence.number("/more");
    Some(match (rule, more) {
        ("file.critical_changed", _) => file(evidence),
        ("file.known_bad", Some(more)) => (format!("{more} more files that are listed as bad"), Vec::new()),
        ("file.known_bad", None) => (sentence(&title(rule, evidence)?), known_bad(evidence)),
        ("tripwire.ransomware" | "tripwire.suspicious", Some(more)) => (
            format!("{more} more times within an hour, many documents were changed in an unusual way"),
            Vec::new(),
        ),
        ("tripwire.ransomware", None) => (
            "Many files are being encrypted or destroyed".to_owned(),
            tripwire(evidence),
        ),
        ("tripwire.suspicious", None) => (sentence(&title(rule, evidence)?), tripwire(evidence)),
        _ => return None,
    })
}

/// At most three steps for the unit.
pub(super) fn steps(code: &str) -> Option<[&'static str; 3]> {
    Some(match code {
        "file.critical_changed" => [
            "Ask the PC's user whether they changed this file. If you have just installed or updated this software, it may be normal: {call} to confirm it and have the alert closed.",
            "If nobody did: unplug the network cable (or switch off Wi-Fi), leave the PC on and open no more files.",
            "{Call} at once and read out the PC's name above.",
        ],
        "file.known_bad" => [
            "Unplug this PC's network cable at once (or switch off Wi-Fi), and leave the PC on.",
            "Neither open nor delete the file; ask the user where it came from (mail, USB, download).",
            "{Call} at once and read out the PC's name above.",
        ],
        "tripwire.ransomware" => [
            "Unplug this PC's network cable at once (or switch off Wi-Fi); unplug USB sticks and external disks, too.",
            "Do not switch it off, do not restart it, delete nothing, and do not do what a ransom note asks for.",
            "{Call} at once and read out the PC's name above.",
        ],
        "tripwire.suspicious" => [
            "Ask the PC's user whether they are compressing, encrypting, converting or renaming many documents.",
            "If not, or if you cannot ask: unplug the network cable at once (or switch off Wi-Fi), leave the PC on and delete nothing.",
            "{Call} and read out the PC's name above.",
        ],
        _ => return None,
    })
}

/// What the duty office does first, where that cannot wait for a look into the system.
pub(super) fn duty_first(code: &str) -> &'static str {
    match code {
        "tripwire.ransomware" => {
            "Call the unit at once: this PC's network cable must be unplugged (or Wi-Fi switched off), and the PC left on."
        }
        _ => "Acknowledge the alert in the system.",
    }
}

/// What the duty office does in the end.
pub(super) fn duty_step(code: &str) -> Option<&'static str> {
    Some(match code {
        "file.critical_changed" | "tripwire.suspicious" => {
            "If nobody at the unit did this: have the network cable unplugged and the PC left on, then follow the incident procedure."
        }
        "file.known_bad" => {
            "Have the network cable unplugged and the PC left on; see on which other PCs the file is, then follow the incident procedure."
        }
        "tripwire.ransomware" => {
            "Acknowledge the alert in the system; look at the shared folders that it uses, then follow the incident procedure."
        }
        _ => return None,
    })
}

/// How much was hit, by what, and some of it.
fn tripwire(evidence: &Params<'_>) -> Vec<Fact> {
    let count = |pointer: &str| evidence.number(pointer).filter(|count| *count > 0);
    let count = |pointer: &str| count(pointer).map(|count| count.to_string()).unwrap_or_default();
    let program = evidence.path("/process/executable");
    facts([
        ("Files hit", count("/files_touched")),
        ("Of these, probably damaged or lost", count("/files_lost")),
        (
            "Program",
            if program.is_empty() {
                "not known".to_owned()
            } else {
                program
            },
        ),
        ("User", evidence.name("/user")),
        ("Some of the files", evidence.some_files()),
    ])
}

fn known_bad(evidence: &Params<'_>) -> Vec<Fact> {
    let mut all = facts([
        ("File", evidence.path("/path")),
        ("List", evidence.name("/list")),
        ("The list's note", evidence.path("/list_note")),
        ("Malware", evidence.name("/threat")),
    ]);
    all.extend(who(evidence));
    all
}

/// What differs, in words.
fn aspect(code: &str) -> &'static str {
    match code {
        "content" => "content",
        "mode" => "mode",
        "owner" => "owner",
        "acl" => "access control list",
        "times" => "times",
        "kind" => "kind of file",
        "link" => "link",
        _ => "other",
    }
}

/// How often, where that was more than once.
fn times(evidence: &Params<'_>) -> String {
    let times = evidence.number("/count").filter(|count| *count > 1);
    times.map(|times| format!("{times} in a row")).unwrap_or_default()
}

fn file(evidence: &Params<'_>) -> (String, Vec<Fact>) {
    if let Some(more) = evidence.number("/more") {
        return (
            format!("{more} more important files changed within a minute"),
            Vec::new(),
        );
    }
    let what = match evidence.code("/action") {
        "created" => "A new file in an important folder",
        "deleted" => "An important file was deleted",
        "renamed" => "An important file was renamed",
        "attributes" => "An important file's attributes changed",
        _ => "An important file changed",
    };
    let mut all = facts([
        ("Path", evidence.path("/path")),
        ("Old name", evidence.path("/old_path")),
        (
            "What changed",
            evidence
                .codes("/changed")
                .map(aspect)
                .collect::<Vec<_>>()
                .join(", "),
        ),
        ("Times", times(evidence)),
    ]);
    all.extend(who(evidence));
    (what.to_owned(), all)
}

fn who(evidence: &Params<'_>) -> Vec<Fact> {
    let program = evidence.path("/process/executable");
    let program = match (program.is_empty(), evidence.number("/process/pid")) {
        (false, Some(pid)) => format!("{program} (process {pid})"),
        (false, None) => program,
        (true, Some(pid)) => format!("process {pid}, gone before its name could be noted"),
        (true, None) if evidence.code("/who_reason") == "catch_up" => {
            "not known: it happened while the agent was not running".to_owned()
        }
        (true, None) => "not known".to_owned(),
    };
    facts([("User", evidence.name("/process/user")), ("Program", program)])
}

fn file_title(params: &Params<'_>) -> String {
    let name = params.file_name();
    match params.code("/action") {
        "created" => format!("new file “{name}” in an important folder"),
        "deleted" => format!("important file “{name}” was deleted"),
        "renamed" => format!("important file was renamed to “{name}”"),
        "attributes" => format!("attributes of important file “{name}” changed"),
        _ => format!("important file “{name}” changed"),
    }
}
