"""A generated province that lives some days of five weeks, with a real collector and the agent's own uplinks.

The present is moved for the collector alone (tests/support/clock.c), so that PCs can have been away for weeks.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stack as vong
from machine import Failure, say
from processes import Started, wait_until

FLEET = Path(__file__).resolve().parents[1] / "fleet"
sys.path.insert(0, str(FLEET))

from counted import Truth
from session import Session

DAY_MS = 24 * 3_600_000
# Vietnam's clock is ahead of the world's by this; days are lived from ten in the morning on, far from midnight.
ZONE_MS = 7 * 3_600_000
MORNING_MS = 10 * 3_600_000
HEARD_SECONDS = 900
JUDGED_SECONDS = 300
FIGURE = re.compile(r"^vong_(\w+) (\d+)$", re.MULTILINE)


@dataclass
class AnotherDay(vong.Stack):
    """A collector that takes the present for another day (tests/support/clock.c)."""

    pcs: int = 0
    clock: Path = Path()
    shift_s: int = 0

    def secrets(self) -> dict[str, str]:
        return {**super().secrets(), "LD_PRELOAD": str(self.clock), "CLOCK_SHIFT_S": str(self.shift_s)}

    @property
    def program(self) -> str:
        return str(self.binaries / "vong-collector")


def lived(province: AnotherDay) -> tuple[Truth, Session]:
    """Lets all days pass; the answer is what was generated, and an administrator of the last day, whose PCs are there."""
    province.clock = province.folder / "clock.so"
    source = FLEET.parent / "support" / "clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", province.clock, source], check=True)
    began_ms = int(time.time() * 1000)
    now_ms = (began_ms + ZONE_MS - MORNING_MS) // DAY_MS * DAY_MS + MORNING_MS - ZONE_MS
    plan = province.folder / "province"
    subprocess.run([province.binaries / "vong-swarm", "plan", *which(province, now_ms)], check=True)
    truth = Truth(plan)
    for day, at_ms in enumerate(truth.days_ms):
        province.shift_s = (at_ms - began_ms) // 1000
        live(province, plan, day, now_ms)
    switch_on(province, plan, truth.today, now_ms, "--quiet")
    return truth, signed_in(province)


def which(province: AnotherDay, now_ms: int) -> list[str]:
    return ["--pcs", str(province.pcs), "--now-ms", str(now_ms), "--folder", str(province.folder / "province")]


def live(province: AnotherDay, plan: Path, day: int, now_ms: int) -> None:
    """A day, and the beginning of a second one on which the collector notes its numbers."""
    began = time.monotonic()
    province.start_collector()
    if day == 0:
        script(province, "people", "found", str(plan))
    swarm, said = switch_on(province, plan, day, now_ms)
    say(f"day {day}: {said['agents']:,} PCs were heard after {time.monotonic() - began:.0f} s")
    province.processes.stop(swarm)
    script(province, "people", "act", str(day), str(plan), web=True)
    restart(province)
    script(province, "recount", "noted", str(day), str(plan), web=True, check=False)
    if day < len(Truth(plan).days_ms) - 1:
        stop_collector(province)


def restart(province: AnotherDay) -> None:
    stop_collector(province)
    province.start_collector()


def stop_collector(province: AnotherDay) -> None:
    province.processes.stop(next(one for one in province.processes.started if one.name == "collector"))


def script(province: AnotherDay, name: str, verb: str, *arguments: str, web: bool = False, check: bool = True) -> None:
    """Runs one of the scripts in tests/fleet/ on the province's day."""
    last = [province.program, str(province.collector_config), *([province.web] if web else [])]
    argv = [sys.executable, "-B", str(FLEET / f"{name}.py"), verb, *arguments, *last]
    done = subprocess.run(argv, env=province.environment(), capture_output=True, text=True)
    if done.returncode != 0 and check:
        raise Failure(f"{name} {verb}: {done.stdout}{done.stderr}")
    if done.returncode != 0:
        say(f"{name} {verb}: {done.stdout[-2000:]}{done.stderr}")


def switch_on(province: AnotherDay, plan: Path, day: int, now_ms: int, *further: str) -> tuple[Started, dict[str, Any]]:
    """The PCs of a day; the answer comes when all of them have told everything and the rules have judged it."""
    name = f"day-{day}"
    argv = [province.binaries / "vong-swarm", "day", "--day", str(day), *which(province, now_ms), "--tokens", plan / "tokens.json", *further]
    started = province.processes.start(name, argv, province.log(name), province.secrets(), stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    said: dict[str, Any] = {}

    def listen() -> None:
        for line in started.process.stdout or ():
            said.update(json.loads(line))

    threading.Thread(target=listen, daemon=True).start()

    def heard() -> bool:
        if not started.running():
            raise Failure(f"{name} ended:\n{started.tail()}")
        return bool(said) and said["welcomed"] == said["agents"] and said["acknowledged"] == said["committed"]

    if not wait_until(heard, HEARD_SECONDS):
        raise Failure(f"the PCs of {name} were not heard in {HEARD_SECONDS} s: {said}")
    owned = position(province, "journal_position")
    if not wait_until(lambda: position(province, "rules_position") >= owned, JUDGED_SECONDS):
        raise Failure(f"what the PCs of {name} said was not judged in {JUDGED_SECONDS} s")
    return started, said


def position(province: AnotherDay, name: str) -> int:
    with urllib.request.urlopen(f"{province.web}/metrics") as answer:
        return int(dict(FIGURE.findall(answer.read().decode()))[name])


def signed_in(province: AnotherDay) -> Session:
    return Session(province.program, str(province.collector_config), province.web)
