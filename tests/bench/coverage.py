"""A province of 5,000 PCs over five weeks: how long its pages take, and whether every number is true."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import stack as vong
from figures import Bench, Figures, figure
from machine import Failure, say
from province import AnotherDay, lived
from public_api import Api

from counted import Truth, vietnamese_day
from recount import Recount
from session import Refused, Session

# Of these, somewhat more than 5,000 are enrolled; the others are in the register only.
PCS = 5_450
TIMES = 20
LINES = (5_000, 100_000)


def coverage(running: vong.Stack, _api: Api) -> Figures:
    """coverage_api_ms_p95, coverage_recount_differences, register_import_s: 5,000 PCs of a province, over five weeks."""
    with tempfile.TemporaryDirectory(prefix="vong-coverage-") as folder:
        province = AnotherDay(Path(folder), vong.Ports.free(), running.binaries, running.engine, pcs=PCS)
        try:
            return measured(province)
        finally:
            province.stop()


def measured(province: AnotherDay) -> Figures:
    truth, session = lived(province)
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
