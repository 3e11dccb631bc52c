"""What a large watched tree costs: the first look, an unchanged comparison, memory; beside openssl and AIDE."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import stack as vong
from agent import Agent
from figures import Bench, Figures, figure
from machine import CACHE, Failure, require_room, say
from public_api import Api

FILES = 100_000
BYTES = 4_000_000_000
FOLDERS = 1_000
MANY_FILES = 1_000_000
BLOCK_BYTES = 32 << 20
SEED = 20_261_101
FIRST_LOOK_SECONDS = 1_800
RECHECKS = 3
SETTLE_SECONDS = 5


def baseline(running: vong.Stack, _api: Api) -> Figures:
    """baseline_vs_openssl, recheck_cpu_s_per_100k, agent_rss_100k_mib …: 100,000 files of 4 GB, beside openssl and AIDE."""
    with tree("baseline", FILES, BYTES) as root:
        total = sum(file.stat().st_size for file in root.rglob("*.bin"))
        openssl = mb_per_cpu_s(total, hash_by_openssl(root))
        say(f"openssl hashes {openssl:.0f} MB per CPU-s")
        figures = look_and_compare(running, root, total, openssl)
        return figures | by_aide(running, root, total)


def look_and_compare(running: vong.Stack, root: Path, total: int, openssl: float) -> Figures:
    agent = Agent(running)
    before = agent.cpu_seconds()
    with agent.policy(agent.watching(root)):
        agent.wait_for_comparison(root, True, 0, FIRST_LOOK_SECONDS)
        first = agent.cpu_seconds() - before
        ours = mb_per_cpu_s(total, first)
        say(f"the first look took {first:.1f} CPU-s: {ours:.0f} MB per CPU-s")
        time.sleep(SETTLE_SECONDS)
        memory, peak = agent.memory_mib("Rss"), agent.peak_mib()
        rechecks = []
        for _ in range(RECHECKS):
            before = agent.cpu_seconds()
            agent.rescan(root, FIRST_LOOK_SECONDS)
            rechecks.append(agent.cpu_seconds() - before)
    return {
        "baseline_mb_per_cpu_s": figure(ours, "MB/CPU-s", "higher"),
        "baseline_vs_openssl": figure(ours / openssl, "ratio", "higher"),
        "openssl_mb_per_cpu_s": figure(openssl, "MB/CPU-s", "higher"),
        "recheck_cpu_s_per_100k": figure(sorted(rechecks)[RECHECKS // 2], "s"),
        "agent_rss_100k_mib": figure(memory, "MiB"),
        "agent_rss_100k_peak_mib": figure(peak, "MiB"),
    }


def million(running: vong.Stack, _api: Api) -> Figures:
    """agent_rss_1m_mib, _peak_mib: 1,000,000 small files, looked at for the first time and compared."""
    agent = Agent(running)
    with tree("million", MANY_FILES, 0) as root, agent.policy(agent.watching(root)):
        agent.wait_for_comparison(root, True, 0, FIRST_LOOK_SECONDS)
        agent.rescan(root, FIRST_LOOK_SECONDS)
        time.sleep(SETTLE_SECONDS)
        return {
            "agent_rss_1m_mib": figure(agent.memory_mib("Rss"), "MiB"),
            "agent_rss_1m_peak_mib": figure(agent.peak_mib(), "MiB"),
        }


@contextmanager
def tree(name: str, files: int, size: int) -> Iterator[Path]:
    """A tree of files that are the same every time and cannot be compressed; it is gone afterwards."""
    root = CACHE / "bench" / name
    shutil.rmtree(root, ignore_errors=True)
    require_room(CACHE, 2 * size + files * 8_192, f"the bench's tree of {files:,} files")
    chance = random.Random(SEED)
    block = chance.randbytes(BLOCK_BYTES)
    begun = time.monotonic()
    try:
        for folder in range(FOLDERS):
            place = root / f"phòng {folder % 10}" / f"hồ sơ {folder}"
            place.mkdir(parents=True)
            for number in range(files // FOLDERS):
                write(place / f"văn bản {number}.bin", chance, block, size // files)
        os.sync()
        say(f"made {files:,} files of {size / 1e9:.1f} GB in {time.monotonic() - begun:.0f} s")
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def write(path: Path, chance: random.Random, block: bytes, mean: int) -> None:
    """Most files are small and some are large, as in offices: exponentially distributed."""
    size = min(int(chance.expovariate(1 / mean)), BLOCK_BYTES // 2) if mean else 0
    start = chance.randrange(BLOCK_BYTES - size)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(descriptor, block[start : start + size])
    os.close(descriptor)


def hash_by_openssl(root: Path) -> float:
    names = b"\0".join(os.fsencode(file) for file in sorted(root.rglob("*.bin")))
    listed = root.parent / "names"
    listed.write_bytes(names)
    argv = ["xargs", "-0", "-a", str(listed), "openssl", "dgst", "-sha256"]
    # Once to have everything in memory, as it will be for all others.
    cpu_seconds_of(argv)
    seconds = cpu_seconds_of(argv)
    listed.unlink()
    return seconds


def by_aide(running: vong.Stack, root: Path, total: int) -> Figures:
    if shutil.which("aide") is None:
        say("AIDE is not installed (apt-get install aide): its figures are left out")
        return {}
    folder = running.folder / "aide"
    folder.mkdir()
    config, made, kept = folder / "aide.conf", folder / "new.db", folder / "old.db"
    rule = "p+i+u+g+s+m+c+sha256"
    config.write_text(f"database_in=file:{kept}\ndatabase_out=file:{made}\ngzip_dbout=no\nreport_url=file:{folder}/report\nVong = {rule}\n{str(root).replace(' ', chr(92) + ' ')} Vong\n")
    first = cpu_seconds_of(["aide", "--init", f"--config={config}"])
    made.rename(kept)
    check = cpu_seconds_of(["aide", "--check", f"--config={config}"], allowed=range(8))
    return {
        "aide_baseline_mb_per_cpu_s": figure(mb_per_cpu_s(total, first), "MB/CPU-s", "higher"),
        "aide_recheck_cpu_s_per_100k": figure(check, "s"),
    }


def cpu_seconds_of(argv: list[str], allowed: range = range(1)) -> float:
    before = os.times()
    done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after = os.times()
    if done.returncode not in allowed:
        raise Failure(f"{argv[0]} failed: {done.stderr.decode(errors='replace')[-500:]}")
    return after.children_user + after.children_system - before.children_user - before.children_system


def mb_per_cpu_s(size: int, seconds: float) -> float:
    return size / 1e6 / seconds


BENCHES: dict[str, Bench] = {"baseline": baseline, "million": million}
