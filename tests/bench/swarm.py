"""Thousands of PCs, in some processes of the program vong-swarm: ordered about, and asked how far they are."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections import Counter
from pathlib import Path

import stack as vong
from machine import Failure
from processes import Started, wait_until

# Enrolling is one durable transaction after the other.
ENROL_SECONDS = 600
STOP_SECONDS = 10


class Part:
    """One process, and the last that it said of its PCs."""

    def __init__(self, running: vong.Stack, first: int, agents: int, folder: Path, token: str) -> None:
        argv: list[str | Path] = [running.binaries / "vong-swarm", "load", "--agents", str(agents), "--first", str(first), "--folder", folder]
        name = f"swarm-{first}"
        secret = {"VONG_AGENT_TOKEN": token}
        self.agents = agents
        self.said: Counter[str] = Counter()
        self.started: Started = running.processes.start(name, argv, running.log(name), secret, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        assert self.started.process.stdout
        for line in self.started.process.stdout:
            self.said = Counter(json.loads(line))

    def order(self, text: str) -> None:
        assert self.started.process.stdin
        self.started.process.stdin.write(f"{text}\n".encode())
        self.started.process.stdin.flush()


class Swarm:
    """Its identities lie in memory: what is measured is the collector, not the disk of thousands of PCs."""

    def __init__(self, running: vong.Stack, parts: list[int]) -> None:
        self.running = running
        self.agents = sum(parts)
        self.folder = tempfile.TemporaryDirectory(prefix="vong-swarm-", dir="/dev/shm")
        token = running.admin("token", "create", "--unit", vong.HOME_UNIT, "--uses", str(self.agents), "--days", "1")["token"]
        firsts = [sum(parts[:index]) for index in range(len(parts))]
        self.parts = [Part(running, first, agents, Path(self.folder.name), token) for first, agents in zip(firsts, parts, strict=True)]

    def said(self, what: str, parts: list[Part] | None = None) -> int:
        return sum(part.said[what] for part in parts or self.parts)

    def wait_for(self, what: str, count: int, seconds: float, parts: list[Part] | None = None) -> None:
        def reached() -> bool:
            if dead := next((part for part in self.parts if not part.started.running()), None):
                raise Failure(f"{dead.started.name} ended:\n{dead.started.tail()}")
            return self.said(what, parts) >= count

        if not wait_until(reached, seconds):
            raise Failure(f"only {self.said(what, parts)} of {count} {what} after {seconds:.0f} s")

    def wait_until_welcomed(self, seconds: float = ENROL_SECONDS) -> None:
        self.wait_for("welcomed", self.agents, seconds)

    def order(self, text: str, parts: list[Part] | None = None) -> None:
        for part in parts or self.parts:
            part.order(text)

    def cpu_seconds(self) -> float:
        return sum(cpu_seconds(part.started.process.pid) for part in self.parts)

    def stop(self) -> None:
        for part in self.parts:
            self.running.processes.stop(part.started)
        self.folder.cleanup()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
