//! A PC gets a new disk and a new name, and is the PC that it was.

use anyhow::ensure;
use vong_tests::machine::Machine;
use vong_tests::poll::{self, PATIENCE};
use vong_tests::process::Running;
use vong_tests::stack::Stack;

pub(crate) fn under_another_name() -> anyhow::Result<()> {
    let mut stack = Stack::start()?;
    if let Some(mut agent) = stack.agent.take() {
        agent.stop()?;
    }
    poll::until_true("its goodbye to be known", PATIENCE, || {
        Ok(stack.host()?["connected"] == false)
    })?;
    std::fs::remove_dir_all(stack.path("agent"))?;
    std::fs::create_dir(stack.path("agent"))?;

    let renamed = Machine::renamed(&stack.path(""), "van-thu-02")?;
    let enrol = stack.enrol_command(&stack.token()?)?;
    let said = renamed.runs(&enrol).output()?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let run = renamed.runs(&stack.agent_command("run")?);
    stack.agent = Some(Running::start("agent", run, &stack.path("new.log"))?);
    stack.wait_until_watched()?;
    let api = stack.sign_in()?;
    let hosts = api.list("/hosts")?;
    ensure!(
        hosts.len() == 1 && hosts[0]["id"] == 1 && hosts[0]["name"] == "van-thu-02",
        "one host, under its new name: {hosts:?}"
    );
    poll::until_true("both generations to be in its ledger", PATIENCE, || {
        let ledger = api.get("/hosts/1/ledger")?;
        Ok(ledger["streams"]
            .as_array()
            .is_some_and(|streams| streams.len() == 2))
    })
}
