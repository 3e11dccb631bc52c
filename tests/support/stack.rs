//! The whole of Vọng for one story: collector with its engine, an enrolled agent, a mail server.
//!
//! The parts are started by their command lines, exactly as an administrator would, in a temporary
//! folder and on free ports. Dropping a [`Stack`] stops everything; when the story fails, the last lines
//! of each program are shown.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Api;
use crate::clickhouse::ClickHouse;
use crate::mail::Sink;
use crate::policy;
use crate::poll;
use crate::process::Running;
pub use crate::programs::binary;
use crate::programs::{engine_library, free_port, merge};

/// The unit that the story's PC belongs to, and whom its mails go to.
pub const UNIT: &str = "UBND xã Bình Minh";
/// The contact of [`UNIT`].
pub const CONTACT: &str = "cntt@binhminh.example";
/// The duty analyst, who gets critical mails too.
pub const DUTY: &str = "truc-ban@tinh.example";
/// The watched folder's name in the policy; every change below it is critical.
pub const WATCH: &str = "Hồ sơ";
/// The name of the probed service in the policy.
pub const PROBE: &str = "Cổng dịch vụ công";

/// Everything that one story needs.
pub struct Stack {
    // Dropped in this order: who sends before who receives.
    /// The agent, once started.
    pub agent: Option<Running>,
    /// The collector, once started; its engine is its child.
    pub collector: Option<Running>,
    /// The mail server.
    pub sink: Sink,
    /// The probed service: a listening socket of the story itself; none while it is cut.
    pub service: Option<TcpListener>,
    /// What the collector's process finds in its environment besides this one's.
    pub collector_environment: Vec<(&'static str, PathBuf)>,
    /// What starts the collector's process, before its own command line; empty for nothing.
    pub collector_launcher: Vec<OsString>,
    ports: Ports,
    folder: TempDir,
}

struct Ports {
    web: u16,
    intake: u16,
    service: u16,
}

/// What the collector says once it serves.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    /// The dashboard and the API.
    pub web: String,
    /// Where agents connect.
    pub intake: String,
    /// The store.
    pub store: StoreAccess,
}

/// How the store is reached.
#[derive(Debug, Clone, Deserialize)]
pub struct StoreAccess {
    /// ClickHouse's HTTP interface.
    pub url: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Stack {
    /// Starts everything and waits until the agent is connected and its policy in force.
    ///
    /// # Errors
    /// A part did not start; the error holds what it said.
    pub fn start() -> anyhow::Result<Self> {
        let mut stack = Self::prepare(&[])?;
        stack.start_collector()?;
        stack.seed()?;
        stack.enrol()?;
        stack.start_agent()?;
        stack.wait_until_watched()?;
        Ok(stack)
    }

    /// Folders, ports and the mail server, with switches of the sink; nothing of Vọng runs yet.
    ///
    /// # Errors
    /// The sink did not start.
    pub fn prepare(sink_switches: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("vong-story-").tempdir()?;
        for part in ["collector", "agent", "watched", "mail"] {
            fs::create_dir(folder.path().join(part))?;
        }
        let service = TcpListener::bind("127.0.0.1:0")?;
        let ports = Ports {
            web: free_port()?,
            intake: free_port()?,
            service: service.local_addr()?.port(),
        };
        let sink = Sink::start(&folder.path().join("mail"), 0, sink_switches)?;
        let stack = Self {
            agent: None,
            collector: None,
            sink,
            service: Some(service),
            collector_environment: Vec::new(),
            collector_launcher: Vec::new(),
            ports,
            folder,
        };
        stack.write_collector_config(&json!({}))?;
        fs::write(
            stack.agent_config(),
            format!("data = {}\n", quoted(&stack.path("agent"))),
        )?;
        Ok(stack)
    }

    /// A place below the story's own folder.
    pub fn path(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    /// The watched folder.
    pub fn watched(&self) -> PathBuf {
        self.path("watched")
    }

    fn collector_config(&self) -> PathBuf {
        self.path("collector.toml")
    }

    fn agent_config(&self) -> PathBuf {
        self.path("agent.toml")
    }

    /// Writes the collector's configuration; `changes` replaces or adds keys, section by section.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_collector_config(&self, changes: &Value) -> anyhow::Result<()> {
        let access = self.sink.access();
        let password_file = self.path("mail-password");
        fs::write(&password_file, &access.password)?;
        let intake = format!("127.0.0.1:{}", self.ports.intake);
        let mut config = json!({
            "data": self.path("collector"),
            "intake": { "listen": intake, "address": intake },
            "web": {
                "listen": format!("127.0.0.1:{}", self.ports.web),
                "url": self.web(),
                "insecure_cookies": true,
            },
            "store": { "engine_library": engine_library()? },
            "mail": {
                "host": access.host, "port": access.port, "tls": "starttls", "user": access.user,
                "password_file": password_file, "ca_file": access.ca, "from": "vong@tinh.example",
                "sender_name": "Trung tâm giám sát", "duty": [DUTY],
            },
        });
        merge(&mut config, changes);
        fs::write(self.collector_config(), toml::to_string(&config)?)?;
        Ok(())
    }

    /// The address of dashboard and API.
    pub fn web(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.web)
    }

    /// The port where agents connect.
    pub fn intake_port(&self) -> u16 {
        self.ports.intake
    }

    /// Starts the collector and waits until it serves.
    ///
    /// # Errors
    /// It ended, or did not become ready in time.
    pub fn start_collector(&mut self) -> anyhow::Result<Ready> {
        let ready_file = self.path("ready.json");
        if ready_file.exists() {
            fs::remove_file(&ready_file)?;
        }
        let mut collector = self.launch_collector()?;
        let ready = poll::until("the collector to be ready", poll::PATIENCE, || {
            collector.must_live()?;
            if !ready_file.exists() {
                return Ok(None);
            }
            Ok(Some(serde_json::from_str(&fs::read_to_string(&ready_file)?)?))
        })?;
        self.collector = Some(collector);
        Ok(ready)
    }

    /// Starts the collector without waiting: for stories in which it does not come up.
    ///
    /// # Errors
    /// The program is missing.
    pub fn launch_collector(&self) -> anyhow::Result<Running> {
        let mut words = self.collector_launcher.clone();
        words.push(binary("vong-collector")?.into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.arg("run").arg("--config").arg(self.collector_config());
        command.arg("--ready-file").arg(self.path("ready.json"));
        command.envs(self.collector_environment.iter().cloned());
        Running::start("collector", command, &self.path("collector.log"))
    }

    /// What the collector said when it became ready.
    ///
    /// # Errors
    /// It is not ready.
    pub fn ready(&self) -> anyhow::Result<Ready> {
        let text = fs::read_to_string(self.path("ready.json")).context("the collector is not ready")?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Runs an administrator's command beside the collector and reads its JSON answer.
    ///
    /// # Errors
    /// It failed; the error holds what it said.
    pub fn admin(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let said = self.admin_command(arguments)?.output()?;
        let error = String::from_utf8_lossy(&said.stderr);
        ensure!(said.status.success(), "vong-collector {arguments:?}: {error}");
        if said.stdout.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&said.stdout)?)
    }

    /// An administrator's command, not yet run.
    ///
    /// # Errors
    /// The program is missing.
    pub fn admin_command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(binary("vong-collector")?);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.collector_config())
            .arg("--json");
        Ok(command)
    }

    /// The story's unit below a province, with its policy: one watched folder, one probed service.
    ///
    /// # Errors
    /// An administrator's command failed.
    pub fn seed(&self) -> anyhow::Result<()> {
        self.admin(&[
            "unit",
            "add",
            "--name",
            "UBND tỉnh",
            "--kind",
            "province",
            "--email",
            DUTY,
        ])?;
        let commune = [
            "unit",
            "add",
            "--name",
            UNIT,
            "--kind",
            "commune",
            "--parent",
            "UBND tỉnh",
        ];
        self.admin(&[&commune[..], &["--email", CONTACT]].concat())?;
        self.set_policy(&json!({
            "files": { "watches": [{ "name": WATCH, "path": self.watched(), "severity": "critical" }] },
            "network": { "probes": [{
                "name": PROBE, "kind": "tcp", "target": format!("127.0.0.1:{}", self.ports.service),
                "interval_s": 1, "timeout_ms": 800, "threshold": 2, "severity": "high",
            }] },
        }))
    }

    /// Replaces the policy of the story's unit.
    ///
    /// # Errors
    /// It was refused.
    pub fn set_policy(&self, document: &Value) -> anyhow::Result<()> {
        let file = self.path("policy.json");
        fs::write(&file, policy::of_this_story_alone(document).to_string())?;
        let file = file.to_str().context("the story's folder has a plain name")?;
        self.admin(&["policy", "set", "--unit", UNIT, file])?;
        Ok(())
    }

    /// A new enrolment token for the story's unit.
    ///
    /// # Errors
    /// The command failed.
    pub fn token(&self) -> anyhow::Result<String> {
        let made = self.admin(&["token", "create", "--unit", UNIT, "--uses", "1", "--days", "1"])?;
        Ok(made["token"].as_str().context("a token is a string")?.to_owned())
    }

    /// Enrols the agent with a fresh token.
    ///
    /// # Errors
    /// It was refused.
    pub fn enrol(&self) -> anyhow::Result<()> {
        let said = self.enrol_command(&self.token()?)?.output()?;
        ensure!(
            said.status.success(),
            "enrol: {}",
            String::from_utf8_lossy(&said.stderr)
        );
        Ok(())
    }

    /// The agent's enrolment with a token, not yet run.
    ///
    /// # Errors
    /// The program is missing.
    pub fn enrol_command(&self, token: &str) -> anyhow::Result<Command> {
        let mut command = self.agent_command("enrol")?;
        command.env("VONG_AGENT_TOKEN", token);
        Ok(command)
    }

    /// What the agent's program is told to do, not yet done.
    ///
    /// # Errors
    /// The program is missing.
    pub fn agent_command(&self, verb: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(binary("vong-agent")?);
        command.arg(verb).arg("--config").arg(self.agent_config());
        Ok(command)
    }

    /// Starts the agent.
    ///
    /// # Errors
    /// The program is missing.
    pub fn start_agent(&mut self) -> anyhow::Result<()> {
        let command = self.agent_command("run")?;
        self.agent = Some(Running::start("agent", command, &self.path("agent.log"))?);
        Ok(())
    }

    /// Waits until the PC is connected and its policy in force.
    ///
    /// # Errors
    /// That did not come to pass.
    pub fn wait_until_watched(&mut self) -> anyhow::Result<()> {
        poll::until_true("the PC to be watched", poll::PATIENCE, || {
            self.must_live()?;
            let host = self.host()?;
            // A policy is applied before its folders have been looked at for the first time, and what is
            // written in between belongs to that first look.
            let looked = self
                .agent
                .as_ref()
                .is_some_and(|agent| agent.output().contains("watches=1"));
            Ok(looked && host["connected"] == true && host["policy_state"] == "applied")
        })
    }

    /// The story's PC, as the administrator's list shows it; null before it is enrolled.
    ///
    /// # Errors
    /// The command failed.
    pub fn host(&self) -> anyhow::Result<Value> {
        let hosts = self.admin(&["host", "list"])?;
        let items = hosts.get("items").unwrap_or(&hosts);
        Ok(items.get(0).cloned().unwrap_or(Value::Null))
    }

    /// Fails when agent or collector has ended although nobody asked it to.
    ///
    /// # Errors
    /// One has ended; the error holds the end of its output.
    pub fn must_live(&mut self) -> anyhow::Result<()> {
        self.agent
            .iter_mut()
            .chain(&mut self.collector)
            .try_for_each(Running::must_live)
    }

    /// Signs in as a new administrator.
    ///
    /// # Errors
    /// It was refused.
    pub fn sign_in(&self) -> anyhow::Result<Api> {
        let known = self.admin(&["user", "list"])?;
        let items = known.get("items").unwrap_or(&known);
        let name = format!("admin{}", items.as_array().map_or(0, Vec::len));
        let made = self.admin(&["user", "add", "--name", &name, "--role", "administrator"])?;
        Api::sign_in(
            &self.web(),
            &name,
            made["password"].as_str().context("a password is a string")?,
        )
    }

    /// The store of the running collector, asked from outside.
    ///
    /// # Errors
    /// The collector is not ready.
    pub fn store(&self) -> anyhow::Result<ClickHouse> {
        ClickHouse::new(self.ready()?.store)
    }

    /// Cuts the probed service.
    pub fn cut_service(&mut self) {
        self.service = None;
    }

    /// Mends the probed service.
    ///
    /// # Errors
    /// Its port was taken meanwhile.
    pub fn mend_service(&mut self) -> anyhow::Result<()> {
        self.service = Some(TcpListener::bind(("127.0.0.1", self.ports.service))?);
        Ok(())
    }
}

impl Drop for Stack {
    #[expect(clippy::print_stdout, reason = "for the person who asked to keep it")]
    fn drop(&mut self) {
        if std::env::var_os("VONG_KEEP_STORIES").is_some() {
            self.folder.disable_cleanup(true);
            println!("the story's folder is kept: {}", self.folder.path().display());
        }
    }
}

fn quoted(path: &Path) -> Value {
    json!(path)
}

/// A patience for things that take some retries, such as reconnecting with jitter.
pub const LONG: Duration = Duration::from_secs(180);
