//! Is this PC protected? With ClamAV's real daemon: protected, switched off, told, switched on, resolved; and malware
//! that its real on-access scanner finds.

use std::fs;
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use vong_tests::api::Api;
use vong_tests::clamd::{Clamd, THREAT, built_before};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::stack::{CONTACT, Stack};
use vong_tests::{browser, eicar};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

#[test]
fn a_stopped_antivirus_is_told_and_resolves_when_it_runs_again() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    let mut clamd = Clamd::prepare()?;
    clamd.start(&built_before(HOUR)?)?;
    begin(&mut stack, &clamd)?;
    let api = stack.sign_in()?;
    wait_for_protection(&stack, &api, "protected")?;

    clamd.stop()?;
    wait_for_protection(&stack, &api, "off")?;
    let alert = poll::until("the alert about the antivirus", PATIENCE, || open_alert(&api))?;
    ensure!(
        alert["severity"] == "high",
        "an engine that is off is high: {alert}"
    );
    let host = alert["host"]["name"].as_str().unwrap_or_default().to_owned();
    let told = stack.sink.wait_for("the mail to the unit", |mail| {
        mail.to.iter().any(|to| to == CONTACT) && mail.subject.contains(&host)
    })?;
    let text = stack.sink.text(&told)?;
    ensure!(text.contains("ClamAV"), "the mail names the product:\n{text}");

    clamd.start(&built_before(HOUR)?)?;
    let path = format!("/alerts/{}", alert["id"]);
    poll::until_true("the alert to resolve itself", PATIENCE, || {
        Ok(api.get(&path)?["state"] == "resolved")
    })?;
    wait_for_protection(&stack, &api, "protected")?;

    clamd.date_definitions(&built_before(10 * DAY)?)?;
    wait_for_protection(&stack, &api, "stale")?;
    let alert = poll::until("the alert about old definitions", PATIENCE, || open_alert(&api))?;
    ensure!(
        alert["title"]["code"] == "antivirus.stale" && alert["severity"] == "high",
        "ten days are more than a week: {alert}"
    );
    clamd.date_definitions(&built_before(HOUR)?)?;
    wait_for_protection(&stack, &api, "protected")?;
    Ok(())
}

#[test]
fn malware_is_told_with_its_outcome_and_a_scan_is_a_click() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    stack.write_collector_config(&json!({ "mail": { "duty_phone": "0256 3822 113" } }))?;
    let mut clamd = Clamd::prepare()?;
    clamd.start(&built_before(HOUR)?)?;
    clamd.watch_downloads()?;
    begin(&mut stack, &clamd)?;
    let api = stack.sign_in()?;
    wait_for_protection(&stack, &api, "protected")?;
    let host = stack.host()?["id"].to_string();
    stack.admin(&[
        "host",
        "set",
        &host,
        "--asset-number",
        "TS-0042",
        "--place",
        "Nhà B, tầng 2",
    ])?;

    let downloaded = clamd.downloads().join("hóa đơn tháng 11.pdf.exe");
    fs::write(&downloaded, eicar::bytes())?;
    let found = poll::until("the malware to be found and dealt with", PATIENCE, || {
        let all = api.list(&format!("/detections?host={host}"))?;
        Ok(all.into_iter().find(|it| it["outcome"] == "succeeded"))
    })?;
    ensure!(found["action"] == "quarantined", "clamonacc moves it: {found}");
    ensure!(
        found["threat"].as_str().is_some_and(|it| it.starts_with(THREAT)),
        "{found}"
    );
    ensure!(!downloaded.exists(), "the world outside says the same");
    let alert = poll::until("the alert about malware", PATIENCE, || {
        alert_about(&api, "malware")
    })?;
    let mail = stack.sink.wait_for("the mail about malware", |mail| {
        mail.to.iter().any(|to| to == CONTACT) && mail.subject.contains("mã độc")
    })?;
    check_mail(&stack.sink.text(&mail)?)?;

    fs::write(clamd.scanned().join("cũ.com"), eicar::bytes())?;
    let told = [("VONG_HOST", host.clone()), ("VONG_THREAT", THREAT.to_owned())];
    browser::play(&stack, "antivirus.mjs", "browser", &told)?;
    let by_scan = poll::until("what the scan found", PATIENCE, || {
        let all = api.list(&format!("/detections?host={host}"))?;
        Ok(all
            .into_iter()
            .find(|it| it["path"].to_string().contains("cũ.com")))
    })?;
    ensure!(
        by_scan["outcome"] == "pending",
        "a scan removes nothing: {by_scan}"
    );
    let detail = api.get(&format!("/alerts/{}", alert["id"]))?;
    ensure!(
        detail["open_findings"].as_u64() >= Some(2),
        "both are one alert: {detail}"
    );
    Ok(())
}

/// What somebody who is not an expert must find in the mail: which PC, where, what, at most three steps, whom to call.
fn check_mail(text: &str) -> anyhow::Result<()> {
    for part in [
        "Mã tài sản: TS-0042",
        "Nơi đặt: Nhà B, tầng 2",
        "hóa đơn tháng 11.pdf.exe",
        "Kết quả xử lý: đã cách ly tệp",
        "Điện thoại trực: 0256 3822 113",
        "  3. ",
    ] {
        ensure!(text.contains(part), "{part:?} is missing in the mail:\n{text}");
    }
    ensure!(!text.contains("  4. "), "at most three steps:\n{text}");
    Ok(())
}

/// Everything but the agent's first look at the antivirus, which then happens each second.
fn begin(stack: &mut Stack, clamd: &Clamd) -> anyhow::Result<()> {
    stack.start_collector()?;
    stack.seed()?;
    // What must last minutes or hours must last a second here; the rules' own tests have the times.
    stack.set_policy(&json!({ "antivirus": {
        "interval_s": 1, "hold_s": 1, "stale_hold_s": 1, "quick_scan_paths": [clamd.scanned()],
    } }))?;
    stack.enrol()?;
    stack.start_agent()
}

fn wait_for_protection(stack: &Stack, api: &Api, wanted: &str) -> anyhow::Result<()> {
    let mut last = Value::Null;
    poll::until_true(&format!("the PC to be {wanted}"), PATIENCE, || {
        let id = stack.host()?["id"].clone();
        if id.is_null() {
            return Ok(false);
        }
        last = api.get(&format!("/hosts/{id}"))?["protection"].clone();
        Ok(last == wanted)
    })
    .map_err(|error| error.context(format!("the PC's page says {last}")))
}

fn open_alert(api: &Api) -> anyhow::Result<Option<Value>> {
    alert_about(api, "protection")
}

fn alert_about(api: &Api, category: &str) -> anyhow::Result<Option<Value>> {
    let alerts = api.list("/alerts?state=open")?;
    Ok(alerts.into_iter().find(|alert| alert["category"] == category))
}
