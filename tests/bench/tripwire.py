"""How many documents are lost before the tripwire's alarm, and what honest programs it takes for ransomware."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import machine
import stack as vong
import tripwire_loads as loads
from figures import Bench, Figures, figure
from machine import ROOT, Failure, say
from public_api import Api
from tripwire_run import Run, run

DOCUMENTS = 1_000
# Each mode meets as many corpora.
SEEDS = (1, 2, 3)
BENIGN_DOCUMENTS = 300
COMMAND_SECONDS = 180
SLOW_SECONDS = 1_800
WRITER = ROOT / "tests" / "support" / "documents.py"


def tripwire(running: vong.Stack, _api: Api) -> Figures:
    """tripwire_files_lost_median, _p95 of fast modes, with canaries and without; base64 and one archive apart; false alerts."""
    machine.ensure((machine.ENCRYPTORS, machine.BENIGN))
    machine.ensure_documents()
    binary = running.binaries / "vong-tripwire"
    with tempfile.TemporaryDirectory(prefix="vong-corpora-", dir=running.folder) as folder:
        corpora = [corpus(Path(folder) / f"hồ sơ {seed}", DOCUMENTS, seed) for seed in SEEDS]
        honest = corpus(Path(folder) / "tài liệu", BENIGN_DOCUMENTS, 9)
        figures: Figures = {}
        for canaries, suffix in ((True, ""), (False, "_without_canaries")):
            fast = lost(binary, corpora, loads.FAST_TUNED | loads.FAST_HELD_OUT, canaries)
            figures[f"tripwire_files_lost_median{suffix}"] = figure(statistics.median(fast), "files")
            figures[f"tripwire_files_lost_p95{suffix}"] = figure(percentile(fast, 95), "files")
            base64 = lost(binary, corpora, loads.BASE64, canaries)
            figures[f"tripwire_base64_files_lost{suffix}"] = figure(statistics.median(base64), "files")
            archive = lost(binary, corpora[:1], loads.ARCHIVE, canaries)
            figures[f"tripwire_one_archive_files_lost{suffix}"] = figure(statistics.median(archive), "files")
        alarms, warnings = false_alerts(binary, honest)
    figures["tripwire_false_alerts"] = figure(alarms, "loads")
    figures["tripwire_warnings_benign"] = figure(warnings, "loads")
    return figures


def corpus(folder: Path, documents: int, seed: int) -> Path:
    argv = [str(machine.DOCUMENTS_PYTHON), str(WRITER), str(folder), str(documents), str(seed)]
    made = subprocess.run(argv, capture_output=True, text=True)
    if made.returncode != 0:
        raise Failure(f"documents cannot be made: {made.stderr[-500:]}")
    return folder


def lost(binary: Path, corpora: Iterable[Path], modes: Mapping[str, str], canaries: bool) -> list[int]:
    counts = []
    for name, command in modes.items():
        for one in corpora:
            ended = run(binary, one, command, canaries, COMMAND_SECONDS)
            counts.append(ended.lost)
            say(f"  {name:<24} {'canaries' if canaries else 'no canaries':<12} {told(ended)}")
    return counts


def told(ended: Run) -> str:
    if ended.alarm is None:
        return f"NO ALARM, {ended.lost} of {ended.files} lost: {ended.outcome} {ended.said}"
    reasons = ", ".join(f"{reason['code']} {reason['score']:.1f}" for reason in ended.alarm["reasons"])
    return f"{ended.lost:>4} lost, {ended.alarm_seconds:6.3f} s, {reasons}"


def false_alerts(binary: Path, honest: Path) -> tuple[int, int]:
    alarms = warnings = 0
    for name, command in loads.benign(ROOT, machine.DOCUMENTS_PYTHON).items():
        ended = run(binary, honest, command, True, COMMAND_SECONDS)
        alarms += ended.alarm is not None
        warnings += ended.warning_seconds is not None
        failed = "" if ended.exit_code == 0 or ended.alarm else f" (the load failed: {ended.outcome} {ended.said})"
        score = ended.last["score"] if ended.last else 0.0
        say(f"  {name:<24} {'ALARM ' + told(ended) if ended.alarm else 'warning' if ended.warning_seconds is not None else 'quiet'} {score:.1f}{failed}")
    return alarms, warnings


def percentile(counts: list[int], percent: int) -> float:
    ordered = sorted(counts)
    return float(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)])


def tripwire_slow(running: vong.Stack, _api: Api) -> Figures:
    """tripwire_slow_files_lost: one file a minute, without canaries; takes ten minutes."""
    machine.ensure((machine.ENCRYPTORS,))
    machine.ensure_documents()
    with tempfile.TemporaryDirectory(prefix="vong-corpora-", dir=running.folder) as folder:
        documents = corpus(Path(folder) / "hồ sơ", 100, 5)
        ended = run(running.binaries / "vong-tripwire", documents, loads.SLOW, False, SLOW_SECONDS)
        say(f"  slow {told(ended)}")
    return {"tripwire_slow_files_lost": figure(ended.lost, "files")}


BENCHES: dict[str, Bench] = {"tripwire": tripwire, "tripwire_slow": tripwire_slow}
