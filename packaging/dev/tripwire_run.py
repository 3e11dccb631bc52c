"""One run of a command on a copy of documents under an agent's tripwire."""

from __future__ import annotations

import json
import os
import queue
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine import Failure

# Everything that a command starts inherits this, also what has left its group and session.
MARK = "VONG_TRIPWIRE_RUN"
ARM_SECONDS = 30
# What is on its way when the command has ended.
SETTLE_SECONDS = 1.5
CANARY_FOLDERS = ("!Vọng canh gác", "~Vọng canh gác")


@dataclass
class Run:
    """What came of it."""

    files: int
    lost_names: list[str] = field(default_factory=list)
    alarm: dict[str, Any] | None = None
    alarm_seconds: float = 0.0
    warning_seconds: float | None = None
    last: dict[str, Any] | None = None
    # The highest sum, also when nothing was told of it.
    highest: dict[str, Any] | None = None
    blind: list[str] = field(default_factory=list)
    outcome: str = ""
    exit_code: int | None = None
    said: str = ""

    @property
    def lost(self) -> int:
        return len(self.lost_names)

    def as_json(self) -> dict[str, Any]:
        return {
            "alarm": self.alarm is not None,
            "files": self.files,
            "files_lost": self.lost,
            "lost": self.lost_names,
            "seconds": round(self.alarm_seconds, 3) if self.alarm else None,
            "warning_seconds": round(self.warning_seconds, 3) if self.warning_seconds is not None else None,
            "score": (self.last or self.highest or {}).get("score", 0.0),
            "slow_score": self.last["slow_score"] if self.last else 0.0,
            "reasons": (self.last or self.highest or {}).get("reasons", []),
            "processes": self.last["processes"] if self.last else [],
            "blind": self.blind,
            "outcome": self.outcome,
        }


class Watcher:
    """The watching program and what it says."""

    def __init__(self, binary: Path, folder: Path, data: Path, canaries: bool) -> None:
        argv = [str(binary), str(folder), str(data), *([] if canaries else ["--without-canaries"])]
        self.log = data / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self._wait_until_armed(folder, canaries)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def _wait_until_armed(self, folder: Path, canaries: bool) -> None:
        until = time.monotonic() + ARM_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise Failure(f"the tripwire ended: {self.log.read_text(errors='replace').strip()[-500:]}")
            for line in self.said():
                if "unsupported" in line:
                    self.stop()
                    raise Failure(f"there can be no tripwire on {folder}: {line['unsupported']} (another file system, or root, is needed)")
            if self._is_marked() and (not canaries or self._has_canaries(folder)):
                return
            time.sleep(0.02)
        self.stop()
        raise Failure(f"the tripwire does not watch {folder} within {ARM_SECONDS} s")

    def _is_marked(self) -> bool:
        try:
            return any("fanotify sdev:" in one.read_text() for one in Path(f"/proc/{self.process.pid}/fdinfo").iterdir())
        except OSError:
            return False

    def _has_canaries(self, folder: Path) -> bool:
        try:
            return all(any(one.name.startswith(name) and len(list(one.iterdir())) >= 5 for one in folder.iterdir()) for name in CANARY_FOLDERS)
        except OSError:
            return False

    def freeze(self, group: int) -> None:
        """Stops this process group when an alarm is durable."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"freeze {group}\n".encode())
        self.process.stdin.flush()

    def said(self) -> Iterator[dict[str, Any]]:
        while True:
            try:
                yield self.lines.get_nowait()
            except queue.Empty:
                return

    def stop(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(5)


def run(binary: Path, corpus: Path, command: str, canaries: bool, seconds: float, where: Path | None = None) -> Run:
    """Copies the corpus, watches the copy, runs the command and compares."""
    check(corpus, command)
    with tempfile.TemporaryDirectory(prefix="vong-tripwire-", dir=where) as folder:
        copy, data = Path(folder) / corpus.resolve().name, Path(folder) / "agent"
        data.mkdir()
        copy_all(corpus, copy)
        watcher = Watcher(binary, copy, data, canaries)
        try:
            ended = carry_out(watcher, corpus, copy, command, seconds)
        finally:
            watcher.stop()
        for line in watcher.said():
            ended.highest = line.get("highest", ended.highest)
        return ended


def copy_all(corpus: Path, copy: Path) -> None:
    try:
        shutil.copytree(corpus, copy, symlinks=True)
    except (OSError, shutil.Error) as error:
        raise Failure(f"{corpus} cannot be copied: {str(error)[:300]}") from error


def check(corpus: Path, command: str) -> None:
    if not corpus.is_dir():
        raise Failure(f"{corpus} is no folder; give one with documents")
    if Path(tempfile.gettempdir()).resolve().is_relative_to(corpus.resolve()):
        raise Failure(f"{corpus} would hold its own copy; give a folder with documents and nothing else")
    if not any(one.is_file() for one in corpus.rglob("*")):
        raise Failure(f"{corpus} holds no files")
    if "{}" not in command and not names_folder(command):
        raise Failure("the command has no {} and no $FOLDER, which stand for the copy of the folder: it would work on something else")


def names_folder(command: str) -> bool:
    """Whoever writes $FOLDER keeps {} for find -exec and xargs."""
    return re.search(r"\$(FOLDER\b|\{FOLDER\b)", command) is not None


def carry_out(watcher: Watcher, corpus: Path, copy: Path, command: str, seconds: float) -> Run:
    ended = Run(files=sum(1 for one in corpus.rglob("*") if one.is_file() and not one.is_symlink()))
    mark = secrets.token_hex(8)
    environment = {**os.environ, MARK: mark, "FOLDER": str(copy)}
    spoken = command if names_folder(command) else command.replace("{}", shlex.quote(str(copy)))
    with (copy.parent / "said").open("wb") as said:
        argv = ["bash", "-c", spoken]
        began = time.time()
        process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
    try:
        watcher.freeze(process.pid)
        ended.outcome = follow(watcher, process, mark, seconds, began, ended)
        for pid in marked(mark):
            stop_quietly(pid, signal.SIGSTOP)
        ended.lost_names = compare(corpus, copy)
    finally:
        kill(process, mark)
    ended.exit_code = process.returncode
    ended.said = (copy.parent / "said").read_text(errors="replace").strip()[-400:] if ended.alarm is None else ""
    return ended


def follow(watcher: Watcher, process: subprocess.Popen[bytes], mark: str, seconds: float, began: float, ended: Run) -> str:
    """Waits for the alarm, or until all that the command has started has ended."""
    until = time.monotonic() + seconds
    quiet_since: float | None = None
    while time.monotonic() < until:
        take(watcher, began, ended)
        if ended.alarm is not None:
            return "was frozen"
        if process.poll() is not None and not marked(mark):
            quiet_since = quiet_since or time.monotonic()
            if time.monotonic() - quiet_since >= SETTLE_SECONDS:
                return f"ended with exit code {process.returncode}"
        time.sleep(0.005)
    return f"was still at work after {seconds:.0f} s"


def take(watcher: Watcher, began: float, ended: Run) -> None:
    for line in watcher.said():
        if "blind" in line:
            ended.blind.append(line["blind"])
            continue
        if "tripwire" not in line:
            continue
        ended.last = line["tripwire"]
        passed = line["at_ms"] / 1_000 - began
        if ended.last["level"] == "alarm" and ended.alarm is None:
            ended.alarm, ended.alarm_seconds = ended.last, passed
        elif ended.last["level"] == "warning" and ended.warning_seconds is None:
            ended.warning_seconds = passed


def marked(mark: str) -> list[int]:
    """The processes that the command has started, and theirs."""
    found = []
    needle = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if needle in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def kill(process: subprocess.Popen[bytes], mark: str) -> None:
    for _ in range(50):
        stop_quietly(-process.pid, signal.SIGKILL)
        left = marked(mark)
        for pid in left:
            stop_quietly(pid, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.02)
    process.wait()


def stop_quietly(pid: int, how: signal.Signals) -> None:
    try:
        if pid < 0:
            os.killpg(-pid, how)
        else:
            os.kill(pid, how)
    except ProcessLookupError:
        pass


def compare(corpus: Path, copy: Path) -> list[str]:
    """Names of files whose content can no longer be found under their name."""
    lost = []
    for original in sorted(corpus.rglob("*")):
        if not original.is_file() or original.is_symlink():
            continue
        name = original.relative_to(corpus)
        try:
            if (copy / name).read_bytes() != original.read_bytes():
                lost.append(str(name))
        except OSError:
            lost.append(str(name))
    return lost
