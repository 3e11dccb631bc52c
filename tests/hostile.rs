//! One hostile PC, with a certificate that is in order, harms nobody but itself.
//!
//! It is a script that speaks TLS and frames by hand and says what no agent of ours says. Each attack has one
//! answer; meanwhile a healthy PC beside it goes on being served, the collector stays as small as it was, and the
//! administrator can see why in the log, in the counters and on the host's page.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use vong_tests::api::Api;
use vong_tests::clickhouse::ClickHouse;
use vong_tests::poll::{self, PATIENCE};
use vong_tests::process::Running;
use vong_tests::stack::Stack;

/// An event of the healthy PC may take so long while the other one misbehaves.
const BESIDE: Duration = Duration::from_secs(10);
/// So much the collector may grow under all attacks together. One bomb alone would unpack to 1 GiB, and the crowd's
/// first frames to 200 MB.
const GROWTH_MIB_MAX: u64 = 64;
/// Codes of refusals, as PROTOCOL.md names them.
const PROTOCOL: u64 = 2;
const LIMIT: u64 = 8;
/// The folder of the hostile PC, and the lane that it uses.
const HOSTILE: &str = "hostile";
const EVENTS_LANE: u32 = 2;

#[test]
fn a_hostile_pc_harms_nobody_but_itself() -> anyhow::Result<()> {
    let mut scene = Scene::open()?;
    let before_mib = scene.resident_mib()?;
    let deaf = scene.begin_as("deaf", "deaf", &[])?;
    let slow = scene.begin("slow", &[])?;

    scene.what_is_no_frame_ends_the_conversation_with_a_reason()?;
    scene.numbers_are_owned_once_whatever_is_said_of_them()?;
    scene.another_pcs_stream_stays_its_own()?;
    scene.who_sends_too_much_waits()?;
    scene.nobody_enrols_without_a_token()?;
    scene.attack("crowd", &[])?;
    scene.the_healthy_pc_is_served("a crowd")?;

    let slow = slow.finish()?;
    for what in ["handshake", "hello"] {
        let seconds = slow[what].as_f64().context("both ended")?;
        ensure!((5.0..30.0).contains(&seconds), "borne for ten seconds: {slow}");
    }
    let deaf = deaf.finish()?;
    ensure!(deaf["closed"] == true, "who takes nothing is left: {deaf}");
    scene.the_healthy_pc_is_served("all of it")?;

    let after_mib = scene.resident_mib()?;
    ensure!(
        after_mib < before_mib + GROWTH_MIB_MAX,
        "the collector grew from {before_mib} to {after_mib} MiB"
    );
    scene.the_administrator_can_see_why()?;
    scene.stack.must_live()
}

/// A collector, the healthy PC's agent, and the hostile PC's certificate.
struct Scene {
    stack: Stack,
    store: ClickHouse,
    api: Api,
    healthy: i64,
    witnessed: u32,
}

/// An attack under way.
struct Attack {
    running: Running,
    answer: PathBuf,
}

impl Scene {
    fn open() -> anyhow::Result<Self> {
        let mut stack = Stack::prepare(&[])?;
        stack
            .write_collector_config(&json!({ "intake": { "events_per_s": 2_000, "events_burst": 4_000 } }))?;
        stack.start_collector()?;
        stack.seed()?;
        stack.enrol()?;
        stack.start_agent()?;
        stack.wait_until_watched()?;
        let healthy = stack.host()?["id"].as_i64().context("a host has an id")?;
        let (store, api) = (stack.store()?, stack.sign_in()?);
        let scene = Self {
            stack,
            store,
            api,
            healthy,
            witnessed: 0,
        };
        // Two PCs, because an agent's new session takes over from its old one.
        for pc in ["deaf", HOSTILE] {
            fs::create_dir(scene.stack.path(pc))?;
            let enrolled = scene.begin_as(pc, "enrol", &[&scene.stack.token()?])?.finish()?;
            ensure!(enrolled["answer"] == "enrolled", "{pc}: {enrolled}");
        }
        Ok(scene)
    }

    fn what_is_no_frame_ends_the_conversation_with_a_reason(&mut self) -> anyhow::Result<()> {
        for (attack, code) in [
            ("malformed", PROTOCOL),
            ("announce", LIMIT),
            ("long-hello", LIMIT),
            ("bomb", PROTOCOL),
        ] {
            let said = self.attack(attack, &[])?;
            ensure!(
                said["answer"]["kind"] == "refusal"
                    && said["answer"]["code"] == code
                    && said["then"] == "closed",
                "{attack} is refused with {code}: {said}"
            );
            self.the_healthy_pc_is_served(attack)?;
        }
        Ok(())
    }

    fn numbers_are_owned_once_whatever_is_said_of_them(&mut self) -> anyhow::Result<()> {
        let said = self.attack("numbers", &[])?;
        let expected = json!({
            "new": 3, "again": 3, "back": 3, "other_content": 3, "jump": 100, "other_number": 101, "no_event": 102,
        });
        ensure!(said["through"] == expected, "each is acknowledged: {said}");
        ensure!(said["beyond"]["code"] == PROTOCOL, "numbers have an end: {said}");

        let ledger = self.ledger(self.hostile()?)?;
        ensure!(
            ledger["missing"] == 96 && ledger["opaque"] == 2,
            "what was skipped and what cannot be read is on the host's page: {ledger}"
        );
        let rows = format!(
            "SELECT seq, count() AS times FROM events WHERE host = {} AND lane = {EVENTS_LANE} \
             GROUP BY seq ORDER BY seq",
            self.hostile()?
        );
        let stored = poll::until("the hostile PC's events", BESIDE, || {
            let rows = self.store.rows(&rows)?;
            Ok((rows.len() == 6).then_some(rows))
        })?;
        ensure!(
            stored.iter().all(|row| row["times"] == 1),
            "each number is stored once: {stored:?}"
        );
        self.the_healthy_pc_is_served("numbers")
    }

    fn another_pcs_stream_stays_its_own(&mut self) -> anyhow::Result<()> {
        let before = self.ledger(self.healthy)?;
        let stream = before["streams"][0]["stream"]
            .as_str()
            .context("a stream")?
            .to_owned();
        let said = self.attack("claim", &[&stream])?;
        ensure!(
            said["answer"] == json!({ "kind": "welcome", "high_water": [0, 0, 0, 0], "new_stream": true }),
            "it is told nothing, and to begin its own: {said}"
        );
        ensure!(said["then"] == "closed", "{said}");
        self.the_healthy_pc_is_served("claim")?;
        let after = self.ledger(self.healthy)?;
        ensure!(
            after["missing"] == 0 && after["streams"].as_array().map(Vec::len) == Some(1),
            "the healthy PC goes on with its stream: {after}"
        );
        Ok(())
    }

    fn who_sends_too_much_waits(&mut self) -> anyhow::Result<()> {
        let flood = self.begin("flood", &[])?;
        self.the_healthy_pc_is_served("flood")?;
        let said = flood.finish()?;
        ensure!(
            said["through"] == 10_000 && said["seconds"].as_f64() > Some(1.5),
            "all is taken, not all at once: {said}"
        );
        Ok(())
    }

    fn nobody_enrols_without_a_token(&mut self) -> anyhow::Result<()> {
        let flood = self.begin("no-token", &[])?;
        self.the_healthy_pc_is_served("no-token")?;
        let said = flood.finish()?;
        ensure!(
            said["attempts"] == 80 && said["refused"] == said["attempts"],
            "each is refused: {said}"
        );
        let hosts = self.api.list("/hosts")?;
        ensure!(hosts.len() == 3, "three PCs are known: {hosts:?}");
        Ok(())
    }

    /// A file is written on the healthy PC, and seen in the store within seconds.
    fn the_healthy_pc_is_served(&mut self, while_what: &str) -> anyhow::Result<()> {
        self.witnessed += 1;
        let file = self
            .stack
            .watched()
            .join(format!("chứng kiến {}", self.witnessed));
        fs::write(&file, while_what)?;
        let path = hex::encode(file.as_os_str().as_bytes());
        let asked =
            format!("SELECT 1 FROM events WHERE kind = 'file' AND lower(hex(file_path)) = '{path}' LIMIT 1");
        let what = format!("the healthy PC's event during {while_what}");
        poll::until_true(&what, BESIDE, || Ok(!self.store.rows(&asked)?.is_empty()))
    }

    fn the_administrator_can_see_why(&self) -> anyhow::Result<()> {
        let log = self.collector()?.output();
        for words in [
            "does not keep to the protocol",
            "at most 65536 are allowed",
            "one number with two contents",
            "brings the stream of another PC",
            "enrolment refused: no such token",
        ] {
            ensure!(log.contains(words), "{words:?} is not in the collector's log");
        }
        let metrics = reqwest::blocking::get(format!("{}/metrics", self.stack.web()))?.text()?;
        for (counter, at_least) in [
            ("sessions_refused", 25),
            ("sessions_broken", 2),
            ("sessions_slowed", 1),
            ("handshakes_failed", 1),
            ("streams_claimed", 1),
            ("stream_conflicts", 1),
            ("events_duplicate", 8),
            ("events_opaque", 2),
        ] {
            let counted = counted(&metrics, counter)?;
            ensure!(counted >= at_least, "{counter} is {counted}, not {at_least}");
        }
        self.the_hosts_page_says(
            self.hostile()?,
            &["oversized", "protocol", "slowed", "stream_claimed"],
        )?;
        self.the_hosts_page_says(self.healthy, &[])?;
        let ledger = self.ledger(self.healthy)?;
        ensure!(
            ledger["missing"] == 0 && ledger["opaque"] == 0,
            "nothing of it is on the healthy PC's page: {ledger}"
        );
        Ok(())
    }

    /// What the intake has against a host's agent stands on its page.
    fn the_hosts_page_says(&self, host: i64, expected: &[&str]) -> anyhow::Result<()> {
        let what = format!("{expected:?} on the page of host {host}");
        poll::until_true(&what, PATIENCE, || {
            let page = self.api.get(&format!("/hosts/{host}"))?;
            let troubles = page["troubles"].as_array().context("a list")?;
            let told = troubles.iter().filter_map(|one| one["trouble"].as_str());
            Ok(told.eq(expected.iter().copied()))
        })
    }

    fn ledger(&self, host: i64) -> anyhow::Result<Value> {
        self.api.get(&format!("/hosts/{host}/ledger"))
    }

    fn hostile(&self) -> anyhow::Result<i64> {
        let ids = self
            .api
            .list("/hosts")?
            .into_iter()
            .filter_map(|host| host["id"].as_i64());
        ids.max().context("there are hosts")
    }

    fn collector(&self) -> anyhow::Result<&Running> {
        self.stack.collector.as_ref().context("the collector runs")
    }

    /// What the collector's process keeps in memory; its engine is another process.
    fn resident_mib(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.collector()?.pid()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line
            .and_then(|line| line.split_whitespace().nth(1))
            .context("VmRSS")?;
        Ok(kib.parse::<u64>()? / 1_024)
    }

    fn attack(&self, action: &str, arguments: &[&str]) -> anyhow::Result<Value> {
        self.begin(action, arguments)?.finish()
    }

    fn begin(&self, action: &str, arguments: &[&str]) -> anyhow::Result<Attack> {
        self.begin_as(HOSTILE, action, arguments)
    }

    fn begin_as(&self, pc: &str, action: &str, arguments: &[&str]) -> anyhow::Result<Attack> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("support/hostile_agent.py");
        let mut command = Command::new("python3");
        command
            .arg(script)
            .arg(self.stack.intake_port().to_string())
            .arg(self.stack.path(pc))
            .arg(action)
            .args(arguments);
        let answer = self.stack.path(&format!("{pc}-{action}.json"));
        let running = Running::start(action, command, &answer)?;
        Ok(Attack { running, answer })
    }
}

impl Attack {
    fn finish(mut self) -> anyhow::Result<Value> {
        let status = self.running.wait(PATIENCE)?;
        ensure!(status.success(), "{}", self.running.output());
        Ok(serde_json::from_slice(&fs::read(&self.answer)?)?)
    }
}

fn counted(metrics: &str, counter: &str) -> anyhow::Result<u64> {
    let name = format!("vong_{counter}_total ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    Ok(line.with_context(|| format!("no counter {counter}"))?.parse()?)
}
