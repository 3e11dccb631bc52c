"""One PC and its collector: memory at rest, the way to the first mail, the way to a visible row."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import stack as vong
from figures import Bench, Figures, figure
from machine import Failure, say
from public_api import Api

CHANGES = 200
PAUSE_SECONDS = 0.05
IDLE_SECONDS = 60
LOOK_SECONDS = 0.002
PATIENCE_SECONDS = 60
T = TypeVar("T")


def idle(running: vong.Stack, _api: Api) -> Figures:
    """collector_, engine_idle_rss_mib: resident memory after a minute in which nothing happens."""
    # First of all benches: later measurements leave memory warm.
    say(f"letting it idle for {IDLE_SECONDS} s …")
    time.sleep(IDLE_SECONDS)
    pids = {one.name: one.process.pid for one in running.processes.started}
    engine = next(pid for pid in running.processes.marked() if "engine" in arguments_of(pid))
    return {
        "collector_idle_rss_mib": figure(rss_mib(pids["collector"]), "MiB"),
        "engine_idle_rss_mib": figure(rss_mib(engine), "MiB"),
    }


def arguments_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[1:2]


def rss_mib(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def first_alert(running: vong.Stack, _api: Api) -> Figures:
    """first_alert_ms: file change -> mail accepted by the sink."""
    path = running.demo / "cảnh báo đầu tiên.txt"
    path.write_text("đã sửa\n")
    written_ms = time.time() * 1000
    received_ms = wait_for("the mail about the file", lambda: received(Path(running.mail["mails"]), path.name))
    return {"first_alert_ms": figure(received_ms - written_ms, "ms")}


def received(mails: Path, name: str) -> float | None:
    """When the first mail that names the file was accepted; this PC's antivirus may have mails of its own."""
    for line in lines(mails / "index.jsonl"):
        mail = json.loads(line)
        if name in mail["subject"]:
            return mail["received_ms"]
    return None


def lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def visible(running: vong.Stack, api: Api) -> Figures:
    """write_to_visible_ms_p50, _p95: write() -> the row is found by a query, over 200 changes, one at a time."""
    host = api.items("/hosts")[0]["id"]
    delays = sorted(one_change(running, api, host, number) for number in range(CHANGES))
    return {
        "write_to_visible_ms_p50": figure(delays[len(delays) // 2], "ms"),
        "write_to_visible_ms_p95": figure(delays[len(delays) * 95 // 100], "ms"),
    }


def one_change(running: vong.Stack, api: Api, host: int, number: int) -> float:
    path = running.demo / f"đo {number}.txt"
    path.write_text(f"{number}\n")
    written = time.monotonic()
    question = f"/hosts/{host}/events?kind=file&limit=20"

    def found() -> bool:
        return any(row["file"]["path"]["text"] == str(path) for row in api.items(question))

    wait_for(f"change {number} to be visible", found)
    delay = (time.monotonic() - written) * 1000
    time.sleep(PAUSE_SECONDS)
    return delay


def wait_for(what: str, ask: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise Failure(f"waited {PATIENCE_SECONDS} s in vain for {what}")
        time.sleep(LOOK_SECONDS)
    return answer


BENCHES: dict[str, Bench] = {"idle": idle, "first_alert": first_alert, "visible": visible}
