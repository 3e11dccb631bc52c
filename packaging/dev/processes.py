"""The processes that a script starts, and the promise that none outlives it.

Each process gets a group of its own and a mark in its environment that its children inherit. Stopping
means: ask each group to end, in the reverse order of starting; after a grace, end it by force; then look
for the mark among all processes of this user, because a child may have left its group. Should the script
itself be killed, the kernel asks the processes to end in its place.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from machine import Failure

MARK = "VONG_RUN_ID"
# The collector flushes its journal and stops the engine in this time; what takes longer is stuck.
GRACE_SECONDS = 15
POLL_SECONDS = 0.02
LOG_TAIL_LINES = 15
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass
class Started:
    """One process of ours, and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join(f"    {line}" for line in lines) or "    (it said nothing)"

    def running(self) -> bool:
        return self.process.poll() is None


class Processes:
    """All processes of one run, which keeps its files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = secrets.token_hex(8)
        self.started: list[Started] = []

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        log: Path,
        environment: dict[str, str] | None = None,
        folder: Path | None = None,
        stdout: int | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> Started:
        """Starts one; its output is appended to the log, its standard output to `stdout` if given."""
        log.parent.mkdir(parents=True, exist_ok=True)
        variables = {**os.environ, **(environment or {}), MARK: self.mark}
        parent = os.getpid()
        with log.open("ab") as output:
            try:
                process = subprocess.Popen(
                    list(map(str, argv)),
                    stdin=stdin,
                    stdout=output if stdout is None else stdout,
                    stderr=output,
                    env=variables,
                    cwd=folder,
                    start_new_session=True,
                    preexec_fn=lambda: die_with(parent),
                )
            except OSError as error:
                raise Failure(f"cannot start {name} ({argv[0]}): {error.strerror}") from error
        started = Started(name, process, log)
        self.started.append(started)
        return started

    def first_dead(self) -> Started | None:
        """A process that ended although nobody asked it to."""
        return next((one for one in self.started if not one.running()), None)

    def stop(self, one: Started) -> None:
        """Stops one process and its group, and forgets it."""
        signal_group(one, signal.SIGTERM)
        if not wait_until(lambda: not one.running(), GRACE_SECONDS):
            signal_group(one, signal.SIGKILL)
            one.process.wait()
        self.started.remove(one)

    def stop_all(self) -> list[int]:
        """Stops everything; the answer is the ids of processes that nothing could end."""
        for one in reversed(self.started[:]):
            self.stop(one)
        # Children that left their parent's group end by themselves when the parent goes, or are ended here.
        wait_until(lambda: not self.marked(), GRACE_SECONDS / 3)
        for pid in self.marked():
            end_by_force(pid)
        wait_until(lambda: not self.marked(), GRACE_SECONDS / 3)
        return self.marked()

    def marked(self) -> list[int]:
        """Every living process that carries this run's mark, or has its folder among its arguments."""
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
        return [pid for pid in pids if pid != os.getpid() and self.is_ours(pid)]

    def is_ours(self, pid: int) -> bool:
        mark, folder = f"{MARK}={self.mark}".encode(), os.fsencode(self.folder)
        try:
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                return True
            # The engine is started without an environment, but with its folder.
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            return any(b"vong-" in arguments[0] and one.startswith(folder + b"/") for one in arguments[1:])
        except OSError:
            return False  # It has just ended, or belongs to somebody else.


def die_with(parent: int) -> None:
    """Runs in the child: the kernel sends SIGTERM when the parent is gone."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # It went before we asked.
        os._exit(1)


def signal_group(one: Started, number: signal.Signals) -> None:
    try:
        os.killpg(one.process.pid, number)
    except ProcessLookupError:
        pass


def end_by_force(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
