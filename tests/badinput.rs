//! Bad input, one test a line: each has a defined behaviour and a message where an administrator looks,
//! and nothing acknowledged is lost in any of them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, ensure};
use rustix::process::{Signal, geteuid};
use serde_json::{Value, json};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::stack::{LONG, Stack};
use vong_tests::world::Writer;

/// What `vong-agent` answers when the collector refuses it, and what both programs answer to a bad
/// configuration.
const EXIT_REFUSED: i32 = 4;
const EXIT_CONFIG: i32 = 2;

fn expect_exit(said: &Output, code: i32, words: &[&str]) -> anyhow::Result<()> {
    let error = String::from_utf8_lossy(&said.stderr).to_lowercase();
    ensure!(
        said.status.code() == Some(code),
        "exit {:?} instead of {code}: {error}",
        said.status.code()
    );
    for word in words {
        ensure!(error.contains(word), "{word:?} is not in the message: {error}");
    }
    Ok(())
}

/// A collector with its units, and nobody enrolled yet.
fn collector_only() -> anyhow::Result<Stack> {
    let mut stack = Stack::prepare(&[])?;
    stack.start_collector()?;
    stack.seed()?;
    Ok(stack)
}

/// A file is written, and can be queried: the whole way works.
fn still_works(stack: &Stack) -> anyhow::Result<()> {
    let notes = stack.path("still-works.jsonl");
    let written = Writer::start(&stack.watched(), &notes, 1, 0)?.finish(PATIENCE)?;
    let path = &written.last().context("one file was written")?.path_hex;
    poll::until_true("the file to be visible", LONG, || {
        let said = stack
            .admin_command(&["events", "--kind", "file", "--limit", "1000"])?
            .output()?;
        Ok(String::from_utf8_lossy(&said.stdout).contains(path.as_str()))
    })
}

#[test]
fn a_token_is_refused_when_wrong_used_up_or_expired() -> anyhow::Result<()> {
    let stack = collector_only()?;

    let good = stack.token()?;
    let wrong = tampered(&good)?;
    expect_exit(&stack.enrol_command(&wrong)?.output()?, EXIT_REFUSED, &["token"])?;

    ensure!(
        stack.enrol_command(&good)?.output()?.status.success(),
        "the right one still works"
    );
    fs::remove_dir_all(stack.path("agent"))?;
    fs::create_dir(stack.path("agent"))?;
    expect_exit(&stack.enrol_command(&good)?.output()?, EXIT_REFUSED, &["token"])?;

    let late = stack.token()?;
    let registry = stack.path("collector").join("registry.db");
    let expire = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('UPDATE tokens SET expires_ms=1'); c.commit()";
    ensure!(
        Command::new("python3")
            .args(["-c", expire])
            .arg(registry)
            .status()?
            .success(),
        "tokens can be aged"
    );
    expect_exit(&stack.enrol_command(&late)?.output()?, EXIT_REFUSED, &["token"])?;
    expect_exit(
        &stack.enrol_command("vong1.not-a-token")?.output()?,
        EXIT_CONFIG,
        &["token"],
    )
}

/// The same token with another secret: it still names the right collector.
fn tampered(token: &str) -> anyhow::Result<String> {
    let flip = "import base64,json,sys; h,b=sys.argv[1].split('.',1); d=json.loads(base64.urlsafe_b64decode(b+'=='));\
                d['s']=d['s'][::-1]; print(h+'.'+base64.urlsafe_b64encode(json.dumps(d).encode()).decode().rstrip('='))";
    let said = Command::new("python3").args(["-c", flip, token]).output()?;
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}

#[test]
fn a_revoked_certificate_ends_its_connection_within_seconds() -> anyhow::Result<()> {
    let mut stack = Stack::start()?;
    let host = stack.host()?;
    let id = host["id"].to_string();
    stack.admin(&["host", "revoke", &id])?;

    poll::until_true("the connection to be closed", PATIENCE, || {
        Ok(stack.host()?["connected"] == false)
    })?;
    let agent = stack.agent.as_ref().context("the agent was started")?;
    poll::until_true("the agent to say why", PATIENCE, || {
        Ok(agent.output().to_lowercase().contains("revoked"))
    })?;
    if let Some(collector) = stack.collector.as_mut() {
        collector.must_live()?;
    }
    Ok(())
}

#[test]
fn strangers_and_nonsense_are_turned_away_and_harm_nobody() -> anyhow::Result<()> {
    let mut stack = Stack::start()?;

    let stranger = raw_agent(&stack, "other-authority")?;
    ensure!(
        stranger["frames"] == json!([]) && stranger["closed"] == true,
        "not even a word: {stranger}"
    );

    let future = raw_agent(&stack, "future-version")?;
    // A CollectorFrame with field 7, the refusal, whose field 1, the code, is 1: version.
    let frame = future["frames"][0].as_str().context("a refusal is a frame")?;
    ensure!(
        frame.starts_with("3a") && frame[4..].starts_with("0801"),
        "refused for its version: {future}"
    );

    for action in ["oversized-frame", "garbage"] {
        let answer = raw_agent(&stack, action)?;
        let ended =
            answer["closed"] == true || answer["frames"][0].as_str().is_some_and(|f| f.starts_with("3a"));
        ensure!(ended, "{action} ends the connection: {answer}");
    }
    raw_agent(&stack, "truncated-frame")?;

    stack.must_live()?;
    still_works(&stack)
}

/// Lets the hand-made agent speak, with the real agent's certificate.
fn raw_agent(stack: &Stack, action: &str) -> anyhow::Result<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("support/raw_agent.py");
    let port = stack.intake_port().to_string();
    let said = Command::new("python3")
        .arg(script)
        .arg(port)
        .arg(stack.path("agent"))
        .arg(action)
        .output()?;
    ensure!(
        said.status.success(),
        "{action}: {}",
        String::from_utf8_lossy(&said.stderr)
    );
    Ok(serde_json::from_slice(&said.stdout)?)
}

#[test]
fn a_clock_that_is_a_year_off_is_measured_and_shown() -> anyhow::Result<()> {
    let mut stack = Stack::start()?;
    stack.agent.as_mut().context("the agent runs")?.stop()?;
    let welcomed = raw_agent(&stack, "wrong-clock")?;
    ensure!(
        welcomed["frames"][0]
            .as_str()
            .is_some_and(|frame| frame.starts_with("0a")),
        "welcome: {welcomed}"
    );

    let year_ms = 365.0 * 24.0 * 3_600_000.0;
    poll::until_true("the offset to be shown", PATIENCE, || {
        let offset = stack.host()?["clock_offset_ms"].as_f64().unwrap_or(0.0);
        Ok((offset.abs() - year_ms).abs() < 60_000.0)
    })
}

#[test]
fn a_killed_engine_comes_back_and_nothing_is_missing() -> anyhow::Result<()> {
    let mut stack = Stack::start()?;
    let collector = stack.collector.as_ref().context("the collector runs")?.pid();
    let killed = Command::new("pkill")
        .args(["-KILL", "-P", &collector.to_string()])
        .status()?;
    ensure!(killed.success(), "the engine is a child of the collector");
    still_works(&stack)?;
    stack.must_live()
}

#[test]
fn an_unreachable_clickhouse_is_named_and_events_wait() -> anyhow::Result<()> {
    let mut stack = collector_only()?;
    stack.enrol()?;
    stack.collector.take().context("the collector runs")?.stop()?;
    stack.write_collector_config(
        &json!({ "store": { "url": "http://127.0.0.1:1", "engine_library": null } }),
    )?;
    stack.collector = Some(stack.launch_collector()?);
    poll::until_true("/readyz to name the store", PATIENCE, || {
        let answer = reqwest::blocking::get(format!("{}/readyz", stack.web()));
        Ok(answer.is_ok_and(|answer| {
            answer.status() == 503 && answer.text().is_ok_and(|text| text.contains("store"))
        }))
    })?;
    stack.start_agent()?;
    stack.wait_until_watched()?;
    Writer::start(&stack.watched(), &stack.path("waiting.jsonl"), 3, 0)?.finish(PATIENCE)?;

    stack.collector.take().context("the collector runs")?.stop()?;
    stack.write_collector_config(&json!({}))?;
    stack.start_collector()?;
    still_works(&stack)
}

#[test]
fn a_refused_mail_is_shown_with_the_servers_words() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&["--refuse", "550"])?;
    stack.start_collector()?;
    stack.seed()?;
    stack.enrol()?;
    stack.start_agent()?;
    stack.wait_until_watched()?;
    let api = stack.sign_in()?;
    Writer::start(&stack.watched(), &stack.path("refused.jsonl"), 1, 0)?.finish(PATIENCE)?;

    poll::until_true("the refusal to be shown", PATIENCE, || {
        let Some(alert) = api.list("/alerts")?.into_iter().next() else {
            return Ok(false);
        };
        let deliveries = api.get(&format!("/alerts/{}", alert["id"]))?["deliveries"].clone();
        let all = deliveries.as_array().context("an alert lists its deliveries")?;
        Ok(all.iter().any(|delivery| {
            delivery["state"] == "failed" && delivery["attempts"].to_string().contains("550")
        }))
    })
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() -> anyhow::Result<()> {
    ensure!(
        geteuid().is_root(),
        "only root may mount a small file system: run this story as root"
    );
    let mut stack = Stack::prepare(&[])?;
    let _disk = SmallDisk::mount(&stack.path("collector"))?;
    stack.start_collector()?;
    stack.seed()?;
    stack.enrol()?;
    stack.start_agent()?;
    stack.wait_until_watched()?;

    let ballast = stack.path("collector").join("ballast");
    fill(&ballast)?;
    Writer::start(&stack.watched(), &stack.path("full.jsonl"), 50, 0)?.finish(PATIENCE)?;
    poll::until_true("the full disk to be named", LONG, || {
        let answer = reqwest::blocking::get(format!("{}/readyz", stack.web()));
        let named = answer.is_ok_and(|answer| answer.status() == 503);
        let collector = stack.collector.as_ref().context("the collector was started")?;
        Ok(named || collector.output().to_lowercase().contains("disk"))
    })?;

    fs::remove_file(&ballast)?;
    still_works(&stack)
}

/// A file system of its own for a folder, small enough to fill in a second.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> anyhow::Result<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256m", "vong-story"])
            .arg(folder)
            .status()?;
        ensure!(mounted.success(), "root may mount a tmpfs");
        Ok(Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the collector may still be closing its files.
        let _unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Writes zeros until there is no room.
fn fill(file: &Path) -> anyhow::Result<()> {
    let said = Command::new("dd")
        .args(["if=/dev/zero", "bs=64k"])
        .arg(format!("of={}", file.display()))
        .output()?;
    ensure!(!said.status.success(), "the disk should be full now");
    Ok(())
}

#[test]
fn a_misspelt_key_is_refused_with_a_suggestion() -> anyhow::Result<()> {
    let stack = Stack::prepare(&[])?;
    stack.write_collector_config(&json!({ "intake": { "lisen": "127.0.0.1:0" } }))?;
    let said = stack.admin_command(&["host", "list"])?.output()?;
    expect_exit(&said, EXIT_CONFIG, &["lisen", "listen"])
}

#[test]
fn a_stopped_agent_says_goodbye() -> anyhow::Result<()> {
    let mut stack = Stack::start()?;
    let agent = stack.agent.as_mut().context("the agent runs")?;
    agent.signal(Signal::TERM);
    let status = agent.wait(PATIENCE)?;
    ensure!(
        status.success(),
        "a stop that was asked for is no failure: {status}"
    );
    poll::until_true("the goodbye to be stored", PATIENCE, || {
        let said = stack
            .admin_command(&["events", "--kind", "presence", "--limit", "100"])?
            .output()?;
        Ok(String::from_utf8_lossy(&said.stdout)
            .to_lowercase()
            .contains("stop"))
    })
}
