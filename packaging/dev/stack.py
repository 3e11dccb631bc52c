"""Vọng as a whole on this machine: collector with its engine, agent, mail sink, a service to probe.

`make run` starts one in ./.vong and keeps it; `make prove`, `make bench` and `make screenshot` start their
own in a temporary folder when they need one. Every step can be repeated: what is there already is kept.

    FOLDER/collector/   the collector's data, with collector.toml beside it
    FOLDER/agent/       the agent's data, with agent.toml beside it
    FOLDER/mail/        caught mails
    FOLDER/demo/        the watched folder
    FOLDER/logs/        what each process said
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import machine
from machine import DEV, Failure
from processes import Processes, Started, wait_until

PROVINCE = "UBND tỉnh (mẫu)"
DEPARTMENT = "Sở Tài chính"
COMMUNE = "UBND xã Bình Minh"
# (name, kind, parent, contact): a small piece of a province; the last one is where this PC stands.
UNITS = (
    (PROVINCE, "province", None, "truc-ban@tinh.example"),
    (DEPARTMENT, "department", PROVINCE, "cntt@sotaichinh.example"),
    ("Sở Nội vụ", "department", PROVINCE, "cntt@sonoivu.example"),
    (COMMUNE, "commune", PROVINCE, "cntt@binhminh.example"),
)
HOME_UNIT = COMMUNE
DUTY = "truc-ban@tinh.example"
DUTY_PHONE = "0200 000 0000 (số mẫu)"
ADMINISTRATOR = "admin"
WATCH = "Hồ sơ mẫu"
PROBE = "Cổng dịch vụ công (mẫu)"
START_SECONDS = 60


@dataclass(frozen=True)
class Ports:
    web: int
    intake: int
    service: int

    @staticmethod
    def free() -> Ports:
        """Three that nobody uses now; held together, so that they differ."""
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        numbers = [one.getsockname()[1] for one in sockets]
        for one in sockets:
            one.close()
        return Ports(*numbers)


@dataclass
class Stack:
    """One running Vọng. `mail` says how the sink is reached, or is empty when a real server is configured."""

    folder: Path
    ports: Ports
    binaries: Path
    engine: Path
    processes: Processes = field(init=False)
    mail: dict[str, Any] = field(default_factory=dict)
    ready: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.processes = Processes(self.folder)

    @property
    def demo(self) -> Path:
        return self.folder / "demo" / "hồ sơ"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.ports.web}"

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def start(self) -> str | None:
        """Starts everything in order. The answer is the administrator's one-time password, if there is one."""
        self.demo.mkdir(parents=True, exist_ok=True)
        if not os.environ.get("VONG_COLLECTOR__MAIL__HOST"):
            self.start_sink()
        self.start_service()
        self.start_collector()
        password = self.administrator()
        self.seed_units()
        self.set_policy()
        self.enrol()
        self.start_agent()
        return password

    def start_sink(self, switches: Sequence[str] = ()) -> Started:
        """The mail server; it keeps its port and password, so that it may be stopped and started again."""
        port = str(self.mail.get("port", 0))
        argv: list[str | Path] = [machine.VENV_PYTHON, DEV / "smtp_sink.py", "--directory", self.folder / "mail", "--port", port]
        sink = self.processes.start("mail sink", [*argv, *switches], self.log("mail"), stdout=subprocess.PIPE)
        line = sink.process.stdout.readline() if sink.process.stdout else b""
        if not line:
            raise Failure(f"the mail sink did not start:\n{sink.tail()}")
        self.mail = json.loads(line)
        return sink

    def start_service(self) -> Started:
        argv: list[str | Path] = [machine.VENV_PYTHON, DEV / "demo_service.py", str(self.ports.service)]
        return self.processes.start("demo service", argv, self.log("service"))

    def service_pid(self) -> int:
        return next(one.process.pid for one in self.processes.started if one.name == "demo service")

    def start_collector(self) -> Started:
        self.write_collector_config()
        ready_file = self.folder / "collector" / "ready.json"
        ready_file.unlink(missing_ok=True)
        argv: list[str | Path] = [self.binaries / "vong-collector", "run", "--config", self.collector_config, "--ready-file", ready_file]
        collector = self.processes.start("collector", argv, self.log("collector"), self.secrets())
        wait_until(lambda: ready_file.exists() or not collector.running(), START_SECONDS)
        if not ready_file.exists():
            how = "did not become ready" if collector.running() else "ended at once"
            raise Failure(f"the collector {how}; the end of {collector.log}:\n{collector.tail()}")
        self.ready = json.loads(ready_file.read_text())
        return collector

    @property
    def collector_config(self) -> Path:
        return self.folder / "collector.toml"

    def write_collector_config(self) -> None:
        data = self.folder / "collector"
        data.mkdir(parents=True, exist_ok=True)
        sections: dict[str, dict[str, Any]] = {
            "": {"data": str(data)},
            "intake": {
                "listen": f"127.0.0.1:{self.ports.intake}",
                "address": f"127.0.0.1:{self.ports.intake}",
            },
            "web": {"listen": f"127.0.0.1:{self.ports.web}", "url": self.web, "insecure_cookies": True},
            "store": {"engine_library": str(self.engine)},
        }
        if self.mail:
            sections["mail"] = self.mail_section()
        self.collector_config.write_text(toml(sections), encoding="utf-8")

    def mail_section(self) -> dict[str, Any]:
        password_file = self.folder / "mail" / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.mail["password"])
        return {
            "host": self.mail["host"],
            "port": self.mail["port"],
            "tls": "starttls",
            "user": self.mail["user"],
            "password_file": str(password_file),
            "ca_file": self.mail["ca"],
            "from": "vong@tinh.example",
            "sender_name": "Trung tâm giám sát an toàn thông tin",
            "duty": [DUTY],
            "duty_phone": DUTY_PHONE,
        }

    def secrets(self) -> dict[str, str]:
        """Nothing of the caller's own configuration may leak in."""
        return {"VONG_COLLECTOR_CONFIG": str(self.collector_config)}

    def admin(self, *arguments: str) -> Any:
        """Runs an administrator's command beside the collector and reads its JSON."""
        argv: list[str | Path] = [self.binaries / "vong-collector", *arguments, "--config", self.collector_config, "--json"]
        result = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=self.environment())
        if result.returncode != 0:
            raise Failure(f"vong-collector {' '.join(arguments[:2])} failed: {result.stderr.strip()}")
        return json.loads(result.stdout) if result.stdout.strip() else None

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.secrets()}

    def seed_units(self) -> None:
        known = {unit["name"] for unit in items(self.admin("unit", "list"))}
        for name, kind, parent, contact in UNITS:
            if name in known:
                continue
            where = ["--parent", parent] if parent else []
            self.admin("unit", "add", "--name", name, "--kind", kind, *where, "--email", contact)

    def administrator(self) -> str | None:
        """A password that is good once, as long as the administrator has not chosen one."""
        users = {user["name"]: user for user in items(self.admin("user", "list"))}
        if ADMINISTRATOR not in users:
            return self.admin("user", "add", "--name", ADMINISTRATOR, "--role", "administrator")["password"]
        if users[ADMINISTRATOR]["must_change_password"]:
            return self.admin("user", "reset-password", ADMINISTRATOR)["password"]
        return None

    def set_policy(self) -> None:
        document = {
            "files": {
                "watches": [{"name": WATCH, "path": str(self.demo), "severity": "critical", "exclude": ["?Vọng canh gác*"]}],
                # This is somebody's own PC: reading all of its programs is not what they asked for.
                "standard": {"system_binaries": "off", "ssh_keys": "off", "web_roots": "off"},
            },
            # Nor are canaries in their home.
            "tripwire": {"paths": [str(self.demo)]},
            "network": {
                "probes": [
                    {
                        "name": PROBE,
                        "kind": "tcp",
                        "target": f"127.0.0.1:{self.ports.service}",
                        "interval_s": 1,
                        "timeout_ms": 800,
                        "threshold": 2,
                        "severity": "high",
                    }
                ]
            },
        }
        file = self.folder / "policy.json"
        ours = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        if self.admin("policy", "show", "--unit", HOME_UNIT)["own"] != ours:
            machine.say(f"the policy of {HOME_UNIT} was changed by somebody else and is left as it is")
            return
        file.write_text(json.dumps(document, ensure_ascii=False, indent=2), encoding="utf-8")
        self.admin("policy", "set", "--unit", HOME_UNIT, str(file))

    @property
    def agent_config(self) -> Path:
        return self.folder / "agent.toml"

    def enrol(self) -> None:
        data = self.folder / "agent"
        if (data / "identity.json").exists():
            return
        data.mkdir(parents=True, exist_ok=True)
        self.agent_config.write_text(toml({"": {"data": str(data)}}), encoding="utf-8")
        token = self.admin("token", "create", "--unit", HOME_UNIT, "--uses", "1", "--days", "1")["token"]
        # The token is a secret: it goes by environment, not by an argument that `ps` shows.
        argv: list[str | Path] = [self.binaries / "vong-agent", "enrol", "--config", self.agent_config]
        environment = {**os.environ, "VONG_AGENT_TOKEN": token}
        result = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment)
        if result.returncode != 0:
            raise Failure(f"the agent could not be enrolled: {result.stderr.strip() or result.stdout.strip()}")

    def start_agent(self) -> Started:
        log = self.log("agent")
        said_before = log.stat().st_size if log.exists() else 0
        argv: list[str | Path] = [self.binaries / "vong-agent", "run", "--config", self.agent_config]
        agent = self.processes.start("agent", argv, log)
        self.wait_for("this PC to be watched", lambda: self.host_is_watched(agent, said_before))
        return agent

    def host_is_watched(self, agent: Started, said_before: int) -> bool:
        """Connected, its policy applied, and its folder looked at once: what is written before belongs to that look."""
        if not agent.running():
            raise Failure(f"the agent ended at once; the end of {agent.log}:\n{agent.tail()}")
        if b"watches=1" not in agent.log.read_bytes()[said_before:]:
            return False
        hosts = items(self.admin("host", "list"))
        return any(host["connected"] and host["policy_state"] == "applied" for host in hosts)

    def wait_for(self, what: str, condition, seconds: float = START_SECONDS) -> None:
        if not wait_until(condition, seconds):
            raise Failure(f"waited {seconds:.0f} s in vain for {what}; the logs lie in {self.folder / 'logs'}")

    def stop(self) -> None:
        left = self.processes.stop_all()
        if left:
            raise Failure(f"these processes could not be ended: {' '.join(map(str, left))}")


def items(answer: Any) -> list[dict[str, Any]]:
    """Lists come as a JSON array, or as an object with `items`."""
    return answer["items"] if isinstance(answer, dict) else answer


def toml(sections: dict[str, dict[str, Any]]) -> str:
    """Our few kinds of values; JSON's spelling of strings, numbers and lists is TOML's too."""
    lines: list[str] = []
    for name, values in sections.items():
        lines += [f"\n[{name}]"] if name else []
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def build(profile: str = "dev") -> tuple[Path, Path]:
    """Builds binaries and dashboard and fetches the engine; the answer is where binaries and engine lie."""
    machine.ensure_toolchains()
    machine.ensure_venv()
    machine.require_room(machine.target_folder(), 4_000_000_000, "building")
    machine.run([str(DEV / "fetch-engine")], "fetching the engine")
    engine = subprocess.run([DEV / "fetch-engine", "--print-path"], capture_output=True, text=True, check=True)
    build_dashboard()
    build_programs(profile, "vong-agent", "vong-collector")
    # Cargo's folder for the profile "dev" is called "debug".
    return machine.target_folder() / {"dev": "debug"}.get(profile, profile), Path(engine.stdout.strip())


def build_programs(profile: str, *packages: str) -> None:
    started = time.monotonic()
    environment = {**os.environ, "CARGO_TARGET_DIR": str(machine.target_folder())}
    named = [argument for package in packages for argument in ("-p", package)]
    machine.run(["cargo", "build", "--quiet", "--profile", profile, "--bins", *named], "building", environment)
    machine.say(f"{' and '.join(packages)} are built ({time.monotonic() - started:.1f} s)")


def build_dashboard() -> None:
    """Only when something changed: `make run` should start in seconds the second time."""
    dashboard = machine.ROOT / "dashboard"
    installed = dashboard / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (dashboard / "package-lock.json").stat().st_mtime:
        machine.say("installing what the dashboard is built with (npm ci)")
        machine.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], "npm ci", folder=dashboard)
    bundle = dashboard / "dist" / "index.html"
    if not bundle.exists() or bundle.stat().st_mtime < newest_source(dashboard):
        machine.say("building the dashboard")
        machine.run(["npm", "run", "--silent", "build"], "building the dashboard", folder=dashboard)


def newest_source(dashboard: Path) -> float:
    sources = [path for path in (dashboard / "src").rglob("*") if path.is_file()]
    tops = [path for path in dashboard.iterdir() if path.is_file()]
    return max(path.stat().st_mtime for path in [*sources, *tops])
