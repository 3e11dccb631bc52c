//! The main job, with every part real: a file is changed on a PC, and a mail arrives.
//!
//! One story follows a file with a Vietnamese name, composed and decomposed, through every stage; the
//! other cuts a probed service and mends it again.

use anyhow::{Context, ensure};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use vong_tests::api::Api;
use vong_tests::browser;
use vong_tests::mail::Mail;
use vong_tests::poll::{self, PATIENCE};
use vong_tests::stack::{CONTACT, DUTY, PROBE, Stack};
use vong_tests::world::{Writer, Written};

#[test]
fn a_changed_file_becomes_one_mail_that_says_who_did_it() -> anyhow::Result<()> {
    let stack = Stack::start()?;
    let api = stack.sign_in()?;

    let written = write_files(&stack, 2)?;
    let alert = wait_for_alert(&api, "file")?;
    let mail = mail_about(&stack, &alert, CONTACT)?;

    check_alert(&api, &alert, &written)?;
    check_mail(&stack, &mail, &alert)?;
    let to_duty = mail_about(&stack, &alert, DUTY)?;
    ensure!(to_duty.subject == mail.subject, "both mails tell of one alert");
    // Chromium finds the alert by role and label, and axe finds nothing to complain about.
    let told = [
        ("VONG_ALERT", alert["id"].to_string()),
        ("VONG_HOST", alert["host"]["id"].to_string()),
    ];
    browser::play(&stack, "journey.mjs", "browser", &told)?;

    for recipient in [CONTACT, DUTY] {
        let mails = stack.sink.mails()?;
        let count = mails
            .iter()
            .filter(|mail| is_about(&stack, mail, &alert, recipient))
            .count();
        ensure!(count == 1, "{recipient} got {count} mails for one alert");
    }
    stored_exactly_once(&stack, &written)
}

#[test]
fn a_cut_service_is_told_with_its_reason_and_resolves_itself() -> anyhow::Result<()> {
    let mut stack = Stack::start()?;
    let api = stack.sign_in()?;
    poll::until_true("the service to be probed", PATIENCE, || {
        Ok(probe(&stack, &api)?["state"] == "reachable")
    })?;

    stack.cut_service();
    let alert = wait_for_alert(&api, "network")?;
    let mail = mail_about(&stack, &alert, CONTACT)?;
    let text = stack.sink.text(&mail)?;
    ensure!(text.contains(PROBE), "the mail names the service:\n{text}");

    stack.mend_service()?;
    let path = format!("/alerts/{}", alert["id"]);
    poll::until_true("the alert to resolve itself", PATIENCE, || {
        Ok(api.get(&path)?["state"] == "resolved")
    })
}

/// Has a script write files and gives what it remembers.
fn write_files(stack: &Stack, count: u32) -> anyhow::Result<Vec<Written>> {
    let written =
        Writer::start(&stack.watched(), &stack.path("written.jsonl"), count, 0)?.finish(PATIENCE)?;
    let names: Vec<String> = written.iter().map(path_text).collect::<anyhow::Result<_>>()?;
    ensure!(
        names[0].nfc().eq(names[0].chars()) && names[1].nfd().eq(names[1].chars()),
        "NFC, then NFD"
    );
    Ok(written)
}

fn path_text(written: &Written) -> anyhow::Result<String> {
    Ok(String::from_utf8(hex::decode(&written.path_hex)?)?)
}

/// The first open alert of a category.
fn wait_for_alert(api: &Api, category: &str) -> anyhow::Result<Value> {
    poll::until(&format!("an alert about a {category}"), PATIENCE, || {
        let alerts = api.list("/alerts")?;
        Ok(alerts.into_iter().find(|alert| {
            alert["category"]
                .as_str()
                .is_some_and(|c| c.starts_with(category))
        }))
    })
}

/// The first mail to somebody about an alert: this machine's antivirus may have alerts of its own.
fn mail_about(stack: &Stack, alert: &Value, recipient: &str) -> anyhow::Result<Mail> {
    let what = format!("a mail to {recipient} about alert {}", alert["id"]);
    stack
        .sink
        .wait_for(&what, |mail| is_about(stack, mail, alert, recipient))
}

fn is_about(stack: &Stack, mail: &Mail, alert: &Value, recipient: &str) -> bool {
    let link = format!("{}/alerts/{}", stack.web(), alert["id"]);
    let says = |text: String| text.lines().any(|line| line.ends_with(&link));
    mail.to.contains(&recipient.to_owned()) && stack.sink.text(mail).is_ok_and(says)
}

/// The alert's findings hold both paths, byte by byte, and the process that wrote them.
fn check_alert(api: &Api, alert: &Value, written: &[Written]) -> anyhow::Result<()> {
    ensure!(
        alert["severity"] == "critical",
        "a critical folder makes a critical alert: {alert}"
    );
    let path = format!("/alerts/{}", alert["id"]);
    let privileged = rustix::process::geteuid().is_root();
    for one in written {
        let evidence = poll::until("the finding about the file", PATIENCE, || {
            let detail = api.get(&path)?;
            let findings = detail["findings_list"]
                .as_array()
                .context("an alert lists its findings")?;
            let evidence = findings.iter().map(|finding| &finding["evidence"]);
            Ok(evidence
                .into_iter()
                .find(|evidence| evidence["path_hex"] == one.path_hex.as_str())
                .cloned())
        })?;
        if privileged {
            let pid = &evidence["process"]["pid"];
            ensure!(
                *pid == one.pid,
                "process {} wrote the file, the evidence says {pid}",
                one.pid
            );
        }
    }
    Ok(())
}

/// Subject, text and link of the mail, and that its headers survive every relay.
fn check_mail(stack: &Stack, mail: &Mail, alert: &Value) -> anyhow::Result<()> {
    let raw = stack.sink.raw(mail)?;
    let head_end = raw
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .context("a mail has a head")?;
    ensure!(raw[..head_end].is_ascii(), "headers are encoded, never raw");
    let text = stack.sink.text(mail)?;
    let host = alert["host"]["name"]
        .as_str()
        .context("an alert names its host")?;
    let link = format!("{}/alerts/{}", stack.web(), alert["id"]);
    for wanted in [host, "UBND xã Bình Minh", link.as_str()] {
        ensure!(text.contains(wanted), "the mail lacks {wanted:?}:\n{text}");
    }
    ensure!(
        mail.subject.contains(host),
        "the subject names the PC: {}",
        mail.subject
    );
    Ok(())
}

/// The probed service's state on the host's page.
fn probe(stack: &Stack, api: &Api) -> anyhow::Result<Value> {
    let host = api.get(&format!("/hosts/{}", stack.host()?["id"]))?;
    let probes = host["probes"].as_array().cloned().unwrap_or_default();
    Ok(probes
        .into_iter()
        .find(|probe| probe["probe"] == PROBE)
        .unwrap_or(Value::Null))
}

/// ClickHouse itself says: each path is there with its bytes and its content's hash, and no event twice.
fn stored_exactly_once(stack: &Stack, written: &[Written]) -> anyhow::Result<()> {
    let store = stack.store()?;
    for one in written {
        let path = one.path_hex.to_uppercase();
        let rows = store.rows(&format!(
            "SELECT process_pid AS pid, count() AS count FROM events \
             WHERE hex(file_path) = '{path}' AND lower(if(length(file_sha256) = 32, hex(file_sha256), file_sha256)) = '{}' \
             GROUP BY pid",
            one.sha256
        ))?;
        ensure!(
            rows.len() == 1,
            "{} is stored with one content and one author: {rows:?}",
            path_text(one)?
        );
    }
    let twice = store.rows("SELECT stream, lane, seq FROM events GROUP BY ALL HAVING count() > 1")?;
    ensure!(twice.is_empty(), "events are stored twice: {twice:?}");
    Ok(())
}
