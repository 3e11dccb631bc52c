//! Is this PC protected? With ClamAV's real daemon: protected, switched off, told, switched on, resolved.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use vong_tests::api::Api;
use vong_tests::clamd::{Clamd, built_before};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::stack::{CONTACT, Stack};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

#[test]
fn a_stopped_antivirus_is_told_and_resolves_when_it_runs_again() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    let mut clamd = Clamd::prepare(&stack.path("clamav"))?;
    clamd.start(&built_before(HOUR)?)?;
    begin(&mut stack)?;
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

/// Everything but the agent's first look at the antivirus, which then happens each second.
fn begin(stack: &mut Stack) -> anyhow::Result<()> {
    stack.start_collector()?;
    stack.seed()?;
    // What must last minutes or hours must last a second here; the rules' own tests have the times.
    stack.set_policy(&json!({ "antivirus": { "interval_s": 1, "hold_s": 1, "stale_hold_s": 1 } }))?;
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
    let alerts = api.list("/alerts?state=open")?;
    Ok(alerts.into_iter().find(|alert| alert["category"] == "protection"))
}
