"""What an agent asks of its PC's disk: how fast its spool keeps, and that it rests when nothing happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import stack as vong
from figures import Bench, Figures, figure
from machine import Failure, say
from public_api import Api

EVENTS = 200_000
IDLE_SECONDS = 60
# Until a policy has come into force and its last trace is on the disk.
SETTLE_SECONDS = 5
SYNCS = ("fsync", "fdatasync", "sync", "syncfs", "msync", "sync_file_range")


def spool(running: vong.Stack, _api: Api) -> Figures:
    """spool_events_per_s, spool_events_per_s_slow_disk: an agent's own spool; with fsync slowed by 30 ms."""
    with tempfile.TemporaryDirectory(prefix="vong-spool-", dir=running.folder) as folder:
        library = Path(folder) / "slow_disk.so"
        source = Path(__file__).with_name("slow_disk.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
        return {
            "spool_events_per_s": figure(fill(running, Path(folder) / "fast.db", {}), "events/s", "higher"),
            "spool_events_per_s_slow_disk": figure(fill(running, Path(folder) / "slow.db", {"LD_PRELOAD": str(library)}), "events/s", "higher"),
        }


def fill(running: vong.Stack, file: Path, environment: dict[str, str]) -> float:
    argv = [running.binaries / "vong-spool-load", file, str(EVENTS)]
    said = subprocess.run(argv, env={**os.environ, **environment}, capture_output=True, text=True)
    if said.returncode != 0:
        raise Failure(f"the spool could not be filled: {said.stderr}")
    return float(said.stdout)


def rest(running: vong.Stack, _api: Api) -> Figures:
    """agent_idle_fsyncs_per_min: of an agent that is connected, watches a folder and probes nothing."""
    agent = next(one.process.pid for one in running.processes.started if one.name == "agent")
    argv = ["strace", "-f", "-q", "-e", f"trace={','.join(SYNCS)}", "-o", running.folder / "syncs", "-p", str(agent)]
    with without_probes(running):
        say(f"watching the agent rest for {IDLE_SECONDS} s …")
        try:
            tracer = subprocess.Popen(list(map(str, argv)), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        except FileNotFoundError as missing:
            raise Failure("strace is not installed: apt-get install strace") from missing
        time.sleep(IDLE_SECONDS)
        if tracer.poll() is not None:
            raise Failure(f"strace ended: {tracer.stderr.read().decode() if tracer.stderr else ''}")
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
    syncs = [line for line in (running.folder / "syncs").read_text().splitlines() if "sync" in line]
    return {"agent_idle_fsyncs_per_min": figure(len(syncs) * 60 / IDLE_SECONDS, "fsyncs")}


@contextmanager
def without_probes(running: vong.Stack) -> Iterator[None]:
    """A probe's summary is an event every five minutes; here nothing happens at all."""
    usual = running.folder / "policy.json"
    idle = running.folder / "policy-idle.json"
    document = json.loads(usual.read_text(encoding="utf-8"))
    idle.write_text(json.dumps({part: document[part] for part in ("files", "tripwire")}), encoding="utf-8")
    set_policy(running, idle)
    try:
        yield
    finally:
        set_policy(running, usual)


def set_policy(running: vong.Stack, file: Path) -> None:
    running.admin("policy", "set", "--unit", vong.HOME_UNIT, str(file))
    time.sleep(SETTLE_SECONDS)


BENCHES: dict[str, Bench] = {"spool": spool, "rest": rest}
