"""What watching files costs a PC while it is used: a change, a burst, a build, and nothing at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import machine
import stack as vong
from agent import FLAT_OUT, Agent, paused_collector
from figures import Bench, Figures, figure
from machine import Failure, say
from processes import wait_until
from public_api import Api

CHANGES = 200
PAUSE_SECONDS = 0.05
LOOK_SECONDS = 0.0005
PATIENCE_SECONDS = 60
BURST = 20_000
BURST_SECONDS = 10
BURST_NAME = re.compile(rb"burst/th\xc6\xb0 (\d+)\.txt")
REST_SECONDS = 300
# Until the policy has come into force and its last trace is on the disk.
SETTLE_SECONDS = 15


def spooled(running: vong.Stack, _api: Api) -> Figures:
    """write_to_spooled_ms_p50, _p95: write() -> the event is durable in the agent's spool, over 200 changes."""
    agent = Agent(running)
    folder = made(running.folder / "spooled")
    with agent.policy(agent.watching(folder)), agent.spool() as spool:
        agent.wait_for_comparison(folder, True, 0, PATIENCE_SECONDS)
        delays = []
        for number in range(CHANGES):
            before = written(spool)
            (folder / f"đo {number}.txt").write_text(f"{number}\n")
            begun = time.monotonic()
            while written(spool) == before:
                if time.monotonic() - begun > PATIENCE_SECONDS:
                    raise Failure(f"change {number} was never kept")
                time.sleep(LOOK_SECONDS)
            delays.append((time.monotonic() - begun) * 1000)
            time.sleep(PAUSE_SECONDS)
    delays.sort()
    return {
        "write_to_spooled_ms_p50": figure(delays[len(delays) // 2], "ms"),
        "write_to_spooled_ms_p95": figure(delays[len(delays) * 95 // 100], "ms"),
    }


def written(spool: object) -> int:
    return spool.execute("SELECT sum(next) FROM lanes").fetchone()[0]  # type: ignore[attr-defined]


def burst(running: vong.Stack, _api: Api) -> Figures:
    """burst_accounted_pct, burst_agent_cpu_s: 20,000 files are made in 10 s; how many have an event, at what price."""
    agent = Agent(running)
    folder = made(running.folder / "burst")
    with agent.policy(agent.watching(folder)):
        agent.wait_for_comparison(folder, True, 0, PATIENCE_SECONDS)
        with paused_collector(running):
            before = agent.cpu_seconds()
            begun = time.monotonic()
            for number in range(BURST):
                (folder / f"thư {number}.txt").write_bytes(b"%d\n" % number)
                ahead = begun + BURST_SECONDS * number / BURST - time.monotonic()
                if ahead > 0.005:
                    time.sleep(ahead)
            say(f"{BURST:,} files were made in {time.monotonic() - begun:.1f} s")
            wait_until(lambda: accounted(agent) >= BURST, PATIENCE_SECONDS)
            count, cpu = accounted(agent), agent.cpu_seconds() - before
    return {
        "burst_accounted_pct": figure(100 * count / BURST, "%", "higher"),
        "burst_agent_cpu_s": figure(cpu, "s"),
    }


def accounted(agent: Agent) -> int:
    """How many of the files are named in events that the spool keeps."""
    with agent.spool() as spool:
        if spool.execute("SELECT sum(next - 1 - acked) FROM lanes").fetchone()[0] < BURST:
            return 0
        names = {int(name) for (event,) in spool.execute("SELECT bytes FROM events WHERE kind = 'file'") for name in BURST_NAME.findall(event)}
    return len(names)


def rest_all(running: vong.Stack, _api: Api) -> Figures:
    """agent_idle_rss_mib, _pss_mib, _cpu_pct: all sensors but probes, over five minutes in which nothing happens to them."""
    agent = Agent(running)
    usual = json.loads((running.folder / "policy.json").read_text(encoding="utf-8"))
    with agent.policy({"files": usual["files"], "budget": FLAT_OUT}):
        time.sleep(SETTLE_SECONDS)
        # The first look at the standard places, flat out, is over when the agent has used hardly anything for a while.
        wait_until(lambda: is_calm(agent), PATIENCE_SECONDS * 20)
        say(f"letting the agent idle for {REST_SECONDS} s …")
        before, threads_before, begun = agent.cpu_seconds(), agent.seconds_by_thread(), time.monotonic()
        time.sleep(REST_SECONDS)
        used, passed = agent.cpu_seconds() - before, time.monotonic() - begun
        # What others do on this machine wakes the readers of the system's queues, and shows here.
        say(f"the agent used {used:.3f} s of {passed:.0f}: {listed(agent.seconds_by_thread() - threads_before)}")
        return {
            "agent_idle_rss_mib": figure(agent.memory_mib("Rss"), "MiB"),
            "agent_idle_pss_mib": figure(agent.memory_mib("Pss"), "MiB"),
            "agent_idle_cpu_pct": {**figure(0, "%"), "value": round(100 * used / passed, 4)},
        }


def is_calm(agent: Agent) -> bool:
    before = agent.cpu_seconds()
    time.sleep(10)
    return agent.cpu_seconds() - before < 0.03


def building(running: vong.Stack, _api: Api) -> Figures:
    """agent_cpu_during_build_pct: what the agent uses while cargo builds on a watched file system, of the build's own CPU."""
    agent = Agent(running)
    folder = made(running.folder / "beside")
    target = Path(tempfile.mkdtemp(prefix="vong-bench-build-", dir=running.folder))
    # As on a PC: a folder of its own, all standard places, and the tripwire.
    watches = agent.watching(folder)["files"]["watches"]
    with agent.policy({"files": {"watches": watches}, "budget": FLAT_OUT}):
        agent.wait_for_comparison(folder, True, 0, PATIENCE_SECONDS)
        wait_until(lambda: is_calm(agent), PATIENCE_SECONDS * 20)
        before, threads_before = agent.cpu_seconds(), agent.seconds_by_thread()
        used = build(target)
        cpu, threads = agent.cpu_seconds() - before, agent.seconds_by_thread() - threads_before
    shutil.rmtree(target)
    say(f"the build took {used:.1f} CPU-s, the agent {cpu:.2f} meanwhile: {listed(threads)}")
    return {"agent_cpu_during_build_pct": figure(100 * cpu / used, "%")}


def listed(threads: Counter[str]) -> str:
    return ", ".join(f"{name} {seconds:.3f} s" for name, seconds in threads.most_common() if seconds >= 0.0005)


def build(target: Path) -> float:
    """Builds some crates of ours from nothing; the CPU time of all that this started."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    argv = ["cargo", "build", "--quiet", "--offline", "-p", "vong-proto", "-p", "vong-os"]
    before = os.times()
    if subprocess.run(argv, cwd=machine.ROOT, env=environment).returncode != 0:
        raise Failure("the build that was to be measured failed")
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


BENCHES: dict[str, Bench] = {"spooled": spooled, "burst": burst, "building": building, "resting": rest_all}
