"""A province of 5,000 PCs over five weeks: how long its pages take, and whether every number is true."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stack as vong
from figures import Bench, Figures, figure
from machine import Failure, say
from processes import Started, wait_until
from public_api import Api

FLEET = Path(__file__).resolve().parents[1] / "fleet"
sys.path.insert(0, str(FLEET))

from counted import Truth, vietnamese_day
from recount import Recount
from session import Refused, Session

# Of these, somewhat more than 5,000 are enrolled; the others are in the register only.
PCS = 5_450
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# Vietnam's clock is ahead of the world's by this; days are lived from ten in the morning on, far from midnight.
ZONE_MS = 7 * HOUR_MS
MORNING_MS = 10 * HOUR_MS
HEARD_SECONDS = 900
JUDGED_SECONDS = 300
TIMES = 20
LINES = (5_000, 100_000)
FIGURE = re.compile(r"^vong_(\w+) (\d+)$", re.MULTILINE)


@dataclass
class AnotherDay(vong.Stack):
    """A collector that takes the present for another day (tests/support/clock.c)."""

    clock: Path = Path()
    shift_s: int = 0

    def secrets(self) -> dict[str, str]:
        return {**super().secrets(), "LD_PRELOAD": str(self.clock), "CLOCK_SHIFT_S": str(self.shift_s)}

    @property
    def program(self) -> str:
        return str(self.binaries / "vong-collector")


def coverage(running: vong.Stack, _api: Api) -> Figures:
    """coverage_api_ms_p95, coverage_recount_differences, register_import_s: 5,000 PCs of a province, over five weeks."""
    with tempfile.TemporaryDirectory(prefix="vong-coverage-") as folder:
        province = AnotherDay(Path(folder), vong.Ports.free(), running.binaries, running.engine)
        try:
            return measured(province)
        finally:
            province.stop()


def measured(province: AnotherDay) -> Figures:
    province.clock = province.folder / "clock.so"
    source = FLEET.parent / "support" / "clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", province.clock, source], check=True)
    began_ms = int(time.time() * 1000)
    now_ms = (began_ms + ZONE_MS - MORNING_MS) // DAY_MS * DAY_MS + MORNING_MS - ZONE_MS
    plan = province.folder / "province"
    subprocess.run([province.binaries / "vong-swarm", "plan", *which(plan, now_ms)], check=True)
    truth = Truth(plan)
    for day, at_ms in enumerate(truth.days_ms):
        province.shift_s = (at_ms - began_ms) // 1000
        live(province, plan, day, now_ms)
    switch_on(province, plan, truth.today, now_ms, "--quiet")
    session = signed_in(province)
    figures = pages(session, truth, Recount(truth, session).ids)
    recount = Recount(truth, session)
    recount.all()
    for difference in recount.differences[:20]:
        say(difference)
    say(f"{recount.compared:,} numbers and lines of lists were compared with the truth")
    return {
        **figures,
        "coverage_recount_compared": figure(recount.compared, "comparisons", "higher"),
        "coverage_recount_differences": figure(len(recount.differences), "differences"),
        **imports(session),
    }


def which(plan: Path, now_ms: int) -> list[str]:
    return ["--pcs", str(PCS), "--now-ms", str(now_ms), "--folder", str(plan)]


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
    argv = [province.binaries / "vong-swarm", "day", "--day", str(day), *which(plan, now_ms), "--tokens", plan / "tokens.json", *further]
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


def pages(session: Session, truth: Truth, ids: dict[int, int]) -> Figures:
    """How long each answer takes for the whole province, 20 times."""
    first, last = truth.periods()[0]
    today = vietnamese_day(truth.now_ms())
    period = f"from={first}&to={last}"
    asked = {
        "numbers": "/coverage?days=7",
        "pcs": "/coverage/pcs?of=registered",
        "pcs_unprotected": "/coverage/pcs?of=unprotected",
        "pcs_search": "/coverage/pcs?of=registered&search=ke%20toan",
        "pcs_count": "/coverage/pcs/count?of=unprotected",
        "exceptions": "/coverage/exceptions",
        "unmanaged": "/coverage/unmanaged",
        "unmanaged_count": "/coverage/unmanaged/count",
        "history": f"/coverage/history?from={today.replace(year=today.year - 1)}&to={today}",
        "report": f"/coverage/report?{period}",
        "certificate": f"/coverage/certificate?unit={ids[0]}",
        "matrix": "/protection/matrix",
        "products": "/protection/products",
        "detections": "/detections",
        "detections_count": "/detections/count",
        "threats": "/detections/threats",
        "hosts": "/hosts?protection=stale",
    }
    worst: tuple[float, str] = (0, "")
    for name, path in asked.items():
        times = sorted(timed(session, path) for _ in range(TIMES))
        p50, p95 = times[TIMES // 2], times[TIMES * 95 // 100 - 1]
        say(f"{name:<18} p50 {p50:6.1f} ms   p95 {p95:6.1f} ms")
        worst = max(worst, (p95, name))
    say(f"the slowest answer is {worst[1]}")
    for path in ("/coverage/pcs.csv", f"/coverage/report.csv?{period}"):
        say(f"{path.partition('?')[0]:<24} {timed(session, path):8.1f} ms")
    return {"coverage_api_ms_p95": figure(worst[0], "ms")}


def timed(session: Session, path: str) -> float:
    began = time.monotonic()
    session.get(path)
    return (time.monotonic() - began) * 1000


def imports(session: Session) -> Figures:
    """How long registers take that are new to the collector."""
    unit = session.get("/units")["items"][0]["name"]
    figures: Figures = {}
    for count in LINES:
        mac = f"5254{count // LINES[0]:02x}"
        lines = (f"N{count}-{number},Máy {count}-{number},{unit},Tầng 1,Nguyễn Thị Lan,{mac}{number:06x}\n" for number in range(count))
        file = ("Mã tài sản,Tên máy,Đơn vị,Vị trí,Người sử dụng,Địa chỉ MAC\n" + "".join(lines)).encode()
        for dry in ("true", "false"):
            began = time.monotonic()
            try:
                report = session.send("POST", f"/assets/import?dry_run={dry}", file)
            except Refused as refused:
                # What was measured before is worth keeping.
                say(f"{count:,} lines, dry run {dry}: {refused}")
                return figures
            seconds = time.monotonic() - began
            if report["added"] != count:
                raise Failure(f"of {count} lines {report['added']} were taken: {str(report)[:2000]}")
            say(f"{count:,} lines, dry run {dry}: {seconds:.1f} s")
        figures[f"register_import_{count}_s"] = figure(seconds, "s")
    return figures


BENCHES: dict[str, Bench] = {"coverage": coverage}
