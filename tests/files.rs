//! What explains a change, from the PC to the mail: a package and an announced window tell nobody, the same change
//! without them does. And what people say of that change: it stands where the change is shown.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vong_tests::api::Api;
use vong_tests::poll::{self, PATIENCE};
use vong_tests::process::Running;
use vong_tests::stack::{Stack, WATCH};

/// The window's name in the policy.
const WINDOW: &str = "Nâng cấp một cửa";
/// So long the story waits between two changes that may still be planned.
const BETWEEN_CHANGES: Duration = Duration::from_millis(200);
/// Shows the agent, and nobody else, other records in place of the system's own: this machine's packages are left
/// alone.
const WITH_RECORDS: &str = "mount --bind \"$1/log\" /var/log/dpkg.log && mount --bind \"$1/admin\" /var/lib/dpkg \
    && shift && exec \"$@\"";

#[test]
fn what_is_explained_tells_nobody_and_the_same_change_alone_does() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    stack.start_collector()?;
    stack.seed()?;
    stack.set_policy(&policy(&stack, true)?)?;
    stack.enrol()?;
    // To install a package, and to know who did it, takes the administrator's rights.
    let privileged = rustix::process::geteuid().is_root();
    let records = records(&stack)?;
    if privileged {
        start_agent_with(&mut stack, &records)?;
    } else {
        stack.start_agent()?;
    }
    stack.wait_until_watched()?;
    let api = stack.sign_in()?;

    if privileged {
        install(&stack, &records)?;
        let package = json!({ "kind": "package", "name": "vong-test", "version": "1.0", "by": "dpkg" });
        // The folder, two files, and what the script makes.
        wait_for_cause(&stack, &api, &package, 4)?;
    }
    fs::write(stack.watched().join("kế hoạch.txt"), "1")?;
    let planned = json!({ "kind": "planned", "name": WINDOW, "version": null, "by": "lan" });
    wait_for_cause(&stack, &api, &planned, 1)?;

    stack.set_policy(&policy(&stack, false)?)?;
    let alert = alert_after_changes(&stack, &api)?;
    let detail = api.get(&format!("/alerts/{}", alert["id"]))?;
    let findings = detail["findings_list"]
        .as_array()
        .context("an alert lists its findings")?;
    for finding in findings {
        let path = hex::decode(finding["evidence"]["path_hex"].as_str().context("a path")?)?;
        let path = String::from_utf8(path)?;
        ensure!(path.contains("/round-"), "{path} was explained: {finding}");
    }
    what_is_said_of_a_change_is_shown(&stack, &api, &findings[0]["evidence"])
}

fn what_is_said_of_a_change_is_shown(stack: &Stack, api: &Api, change: &Value) -> anyhow::Result<()> {
    let host = stack.host()?["id"].clone();
    let (key, sha256) = (text(change, "event_key")?, text(change, "sha256")?);
    let event_path = format!("/events/{key}");
    poll::until_true("the event to be stored", PATIENCE, || {
        Ok(api.send(Method::GET, &event_path, None)?.status == 200)
    })?;
    let say = |body: Value| -> anyhow::Result<Value> {
        let path = format!("/hosts/{host}/file-reviews");
        let answer = api.send(Method::POST, &path, Some(&body))?;
        ensure!(answer.status == 200, "{body}: {answer:?}");
        Ok(answer.body)
    };
    let reason = "không ai ở đơn vị sửa tệp này";
    let said = say(json!({ "event_key": key, "verdict": "flagged", "reason": reason, "add_hash": true }))?;
    ensure!(said["sha256"] == sha256, "{said}");
    let event = api.get(&event_path)?;
    ensure!(
        event["file"]["known"] == "bad",
        "its content is on the bad list: {event}"
    );
    let review = &event["review"];
    ensure!(
        review["verdict"] == "flagged" && review["reason"] == reason,
        "what was said stands at the event: {event}"
    );
    let seen = api.get(&format!("/hashes/{sha256}/sightings"))?;
    ensure!(seen["listed"]["verdict"] == "bad", "{seen}");
    let sightings = seen["sightings"].as_array().context("sightings")?;
    ensure!(
        sightings
            .iter()
            .any(|one| one["host"]["id"] == host && one["path"]["text"] == change["path"]),
        "{sightings:?}"
    );
    say(json!({ "event_key": key, "verdict": "accepted", "reason": "đơn vị đã xác nhận" }))?;
    let review = &api.get(&event_path)?["review"];
    ensure!(review["verdict"] == "accepted", "the later word counts: {review}");
    Ok(())
}

fn text<'a>(of: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    of[name].as_str().with_context(|| format!("{name} of {of}"))
}

fn policy(stack: &Stack, with_window: bool) -> anyhow::Result<Value> {
    let now = OffsetDateTime::now_utc();
    let hour = time::Duration::hours(1);
    let window = json!({
        "name": WINDOW, "author": "lan", "watches": [WATCH],
        "from": (now - hour).format(&Rfc3339)?, "until": (now + hour).format(&Rfc3339)?,
    });
    let planned = if with_window { vec![window] } else { Vec::new() };
    Ok(json!({ "files": {
        "watches": [{
            "name": WATCH, "path": stack.watched(), "severity": "critical", "exclude": ["*.dpkg-new", "*.dpkg-tmp"],
        }],
        "planned": planned,
    } }))
}

/// A log and a folder of dpkg's own.
fn records(stack: &Stack) -> anyhow::Result<PathBuf> {
    let records = stack.path("records");
    for part in ["admin/info", "admin/updates"] {
        fs::create_dir_all(records.join(part))?;
    }
    fs::write(records.join("admin/status"), "")?;
    fs::write(records.join("log"), "")?;
    Ok(records)
}

fn start_agent_with(stack: &mut Stack, records: &Path) -> anyhow::Result<()> {
    let agent = stack.agent_command("run")?;
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        WITH_RECORDS,
        "sh",
    ]);
    command
        .arg(records)
        .arg(agent.get_program())
        .args(agent.get_args());
    stack.agent = Some(Running::start("agent", command, &stack.path("agent.log"))?);
    Ok(())
}

/// Builds a package with a program and a script, and installs it below the watched folder.
fn install(stack: &Stack, records: &Path) -> anyhow::Result<()> {
    let tree = stack.path("package");
    for part in ["DEBIAN", "bin"] {
        fs::create_dir_all(tree.join(part))?;
    }
    let control = "Package: vong-test\nVersion: 1.0\nArchitecture: all\nMaintainer: Lan <lan@example.vn>\nDescription: test\n";
    fs::write(tree.join("DEBIAN/control"), control)?;
    for name in ["một", "hai"] {
        fs::write(tree.join("bin").join(name), name)?;
    }
    let made = stack.watched().join("made");
    let script = tree.join("DEBIAN/postinst");
    fs::write(&script, format!("#!/bin/sh\ncp /bin/true '{}'\n", made.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let package = stack.path("package.deb");
    run(Command::new("dpkg-deb").arg("--build").arg(&tree).arg(&package))?;
    run(Command::new("dpkg")
        .arg(format!("--instdir={}", stack.watched().display()))
        .arg(format!("--admindir={}", records.join("admin").display()))
        .arg(format!("--log={}", records.join("log").display()))
        .args(["--force-script-chrootless", "--install"])
        .arg(&package))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let said = command.output()?;
    let error = String::from_utf8_lossy(&said.stderr);
    ensure!(said.status.success(), "{command:?}: {error}");
    Ok(())
}

/// Waits until the host's timeline has one entry with a cause, and at least so many changes in it.
fn wait_for_cause(stack: &Stack, api: &Api, cause: &Value, changes: u64) -> anyhow::Result<()> {
    let path = format!("/hosts/{}/file-timeline", stack.host()?["id"]);
    let mut seen = Vec::new();
    let waited = poll::until_true(&format!("changes by {cause}"), PATIENCE, || {
        seen = api.list(&path)?;
        let mut entries = seen.iter().filter(|entry| entry["cause"] == *cause);
        let count = entries.next().and_then(|entry| entry["count"].as_u64());
        Ok(count.is_some_and(|count| count >= changes) && entries.next().is_none())
    });
    waited.with_context(|| format!("the timeline is {seen:#?}"))
}

/// Writes files until one of them has raised an alert: until the new policy is in force they are still planned.
fn alert_after_changes(stack: &Stack, api: &Api) -> anyhow::Result<Value> {
    let mut round = 0;
    poll::until_every(BETWEEN_CHANGES, "an alert about a file", PATIENCE, || {
        fs::write(stack.watched().join(format!("round-{round}")), "x")?;
        round += 1;
        let alerts = api.list("/alerts")?;
        let is_ours = |alert: &Value| {
            alert["category"]
                .as_str()
                .is_some_and(|name| name.starts_with("file"))
        };
        Ok(alerts.into_iter().find(is_ours))
    })
}
