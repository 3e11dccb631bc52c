"""The agent of a running Vọng as a bench sees it: what it is told to watch, what it has said, what it has used."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import stack as vong
from machine import Failure
from processes import Started, wait_until

MIB = 1 << 20
APPLIED_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")
# Long work as fast as it can be; the standing budgets of a PC would make a bench of minutes one of hours.
FLAT_OUT = {
    "cpu_percent": 400,
    "memory_mib": 4096,
    "disk_mib_s": 10_000,
    "background_cpu_percent": 0,
    "background_disk_mib_s": 0,
    "background_on_battery": True,
}
PLACES = ("system_binaries", "boot", "services", "scheduled", "hosts", "accounts", "ssh_keys", "web_roots")
COMPARED = re.compile(r"compared root=(?P<root>.+) files=(?P<files>\d+) mib=\d+ first=(?P<first>true|false)")


class Agent:
    """The stack's agent."""

    def __init__(self, running: vong.Stack) -> None:
        self.running = running

    @property
    def started(self) -> Started:
        return next(one for one in self.running.processes.started if one.name == "agent")

    @property
    def pid(self) -> int:
        return self.started.process.pid

    def cpu_seconds(self) -> float:
        """User and system time so far, as precise as the kernel counts for its scheduler."""
        nanoseconds = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            nanoseconds += int((task / "schedstat").read_text().split()[0])
        # Threads that have ended are counted in the process's figures only.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return max(nanoseconds / 1e9, (int(fields[11]) + int(fields[12])) / TICKS)

    def seconds_by_thread(self) -> Counter[str]:
        """The CPU time of each thread so far, by its name: who was it?"""
        seconds: Counter[str] = Counter()
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            seconds[(task / "comm").read_text().strip()] += int((task / "schedstat").read_text().split()[0]) / 1e9
        return seconds

    def memory_mib(self, what: str) -> float:
        """`Rss` and `Pss` as the kernel adds them up now."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1024
        raise Failure(f"the kernel does not tell {what}")

    def peak_mib(self) -> float:
        line = next(line for line in Path(f"/proc/{self.pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def written(self) -> int:
        """How many events its spool has ever taken, whatever became of them."""
        with self.spool() as spool:
            return spool.execute("SELECT sum(next - 1) FROM lanes").fetchone()[0]

    @contextmanager
    def spool(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(f"file:{self.running.folder / 'agent' / 'spool.db'}?mode=ro", uri=True)
        try:
            yield connection
        finally:
            connection.close()

    def comparisons(self, root: Path, first: bool) -> int:
        said = COMPARED.finditer(self.running.log("agent").read_text(errors="replace"))
        return sum(1 for one in said if one["root"] == str(root) and one["first"] == str(first).lower())

    def wait_for_comparison(self, root: Path, first: bool, before: int, seconds: float) -> None:
        def is_there() -> bool:
            if not self.started.running():
                raise Failure(f"the agent ended:\n{self.started.tail()}")
            return self.comparisons(root, first) > before

        if not wait_until(is_there, seconds):
            raise Failure(f"{root} was not compared in {seconds:.0f} s; the log lies in {self.running.folder / 'logs'}")

    def rescan(self, root: Path, seconds: float) -> None:
        """Compares everything once more, by order."""
        before = self.comparisons(root, first=False)
        host = str(vong.items(self.running.admin("host", "list"))[0]["id"])
        self.running.admin("command", "rescan", "--host", host)
        self.wait_for_comparison(root, False, before, seconds)

    @contextmanager
    def policy(self, document: dict[str, Any]) -> Iterator[None]:
        """Another policy for a while."""
        usual = self.running.folder / "policy.json"
        other = self.running.folder / "policy-bench.json"
        other.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        self.set_policy(other)
        try:
            yield
        finally:
            self.set_policy(usual)

    def set_policy(self, file: Path) -> None:
        self.running.admin("policy", "set", "--unit", vong.HOME_UNIT, str(file))
        time.sleep(0.2)

        def is_applied() -> bool:
            return vong.items(self.running.admin("host", "list"))[0]["policy_state"] == "applied"

        if not wait_until(is_applied, APPLIED_SECONDS):
            raise Failure("the agent does not apply a bench's policy")

    def watching(self, folder: Path, name: str = "bench") -> dict[str, Any]:
        """A policy that watches this folder alone, flat out."""
        files = {
            "watches": [{"name": name, "path": str(folder)}],
            "standard": {place: "off" for place in PLACES},
            "recheck_hours": 0,
            "rehash_days": 0,
        }
        return {"files": files, "budget": FLAT_OUT}


@contextmanager
def paused_collector(running: vong.Stack) -> Iterator[None]:
    """While it stands still the agent's events stay in its spool, and its work disturbs nobody's figures."""
    pid = next(one.process.pid for one in running.processes.started if one.name == "collector")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
