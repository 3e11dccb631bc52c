//! A PC that waits for somebody's word: who may say it, and what it does.

use anyhow::{Context, ensure};
use reqwest::Method;
use vong_tests::api::Api;
use vong_tests::pc::{Disk, Pc};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::stack::{Stack, UNIT};

/// Two PCs that look like a known one of another unit wait; one is let in and the other is turned away.
pub(crate) fn decided_over_the_api() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    stack.start_collector()?;
    stack.seed()?;
    stack.enrol()?;
    let mut welcome = Pc::enrolled(&stack, "xa-an-phu", Disk::Ordinary)?;
    let mut stranger = Pc::enrolled(&stack, "xa-an-loc", Disk::Ordinary)?;
    let (own, elsewhere) = (welcome.host, format!("/hosts/{}/approve", stranger.host));

    let approve = format!("/hosts/{own}/approve");
    // To whom it is not shown, it is not there; who may see it, may not always decide.
    for (name, role, unit, expected) in [
        ("lan", "unit_staff", Some(UNIT), 404),
        ("hoa", "unit_staff", Some("xa-an-phu"), 403),
        ("minh", "analyst", None, 403),
        ("thu", "auditor", None, 403),
    ] {
        let status = user(&stack, name, role, unit)?
            .send(Method::POST, &approve, None)?
            .status;
        ensure!(status == expected, "{role} of {unit:?} may not approve: {status}");
    }
    let local = user(&stack, "kien", "administrator", Some("xa-an-phu"))?;
    let unseen = local.send(Method::POST, &elsewhere, None)?.status;
    ensure!(
        unseen == 404,
        "what lies outside the own units is not there: {unseen}"
    );

    let said = [approve.as_str(), approve.as_str()].map(|path| local.send(Method::POST, path, None));
    let said: Vec<u16> = said.into_iter().flatten().map(|answer| answer.status).collect();
    ensure!(said == [204, 409], "once is enough: {said:?}");
    let reject = format!("/hosts/{}/reject", stranger.host);
    let said = stack.sign_in()?.send(Method::POST, &reject, None)?;
    ensure!(said.status == 204, "{said:?}");

    welcome.start()?;
    welcome.wait_until_watched(&stack)?;
    stranger.start()?;
    let agent = stranger.agent.as_ref().context("it was started")?;
    poll::until_true("the one turned away to be refused", PATIENCE, || {
        Ok(agent.output().contains("revoked"))
    })
}

fn user(stack: &Stack, name: &str, role: &str, unit: Option<&str>) -> anyhow::Result<Api> {
    let mut arguments = vec!["user", "add", "--name", name, "--role", role];
    arguments.extend(unit.into_iter().flat_map(|unit| ["--unit", unit]));
    let made = stack.admin(&arguments)?;
    Api::sign_in(
        &stack.web(),
        name,
        made["password"].as_str().context("a password")?,
    )
}
