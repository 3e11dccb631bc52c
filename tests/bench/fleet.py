"""A province of PCs at one collector: how many it holds, how it survives their return, how much it takes in."""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.request
from typing import Any

import stack as vong
from figures import Bench, Figures, figure
from machine import Failure, say
from one_pc import arguments_of, rss_mib
from processes import wait_until
from public_api import Api
from swarm import Swarm, cpu_seconds

# The collector lets 19,000 connections in; one is the agent's of the stack itself.
PARTS = [4_625, 4_625, 4_625, 4_625, 499]
# Heartbeats go every 30 s: after a minute every connection has been used in both directions.
WARM_SECONDS = 60
STORM_SECONDS = 300
START_SECONDS = 60
# The load comes from the last part alone: some hundred PCs with a backlog, while thousands are just there.
EVENTS_OF_A_PC = 8_000
EVENTS_AT_REST_OF_A_PC = 100
INGEST_SECONDS = 900
SLICES = 16
# The stack's own agent was enrolled first, and says something every five minutes.
OF_THE_SWARM = "host > 1"

held: list[Swarm] = []


def everybody(running: vong.Stack) -> Swarm:
    """All PCs, connected; benches of one run share them."""
    if not held:
        say(f"enrolling {sum(PARTS):,} PCs …")
        began = time.monotonic()
        held.append(Swarm(running, PARTS))
        held[0].wait_for("enrolled", sum(PARTS), 600)
        enrolled = time.monotonic() - began
        held[0].wait_until_welcomed()
        say(f"enrolled in {enrolled:.0f} s, all connected {time.monotonic() - began:.0f} s after the beginning")
    return held[0]


def swarm(running: vong.Stack, _api: Api) -> Figures:
    """agents_connected, collector_rss_connected_mib, reconnect_storm_s, reconnect_attempts_per_agent."""
    fleet = everybody(running)
    fleet.order("make 10")
    fleet.wait_for("acknowledged", 10 * fleet.agents, INGEST_SECONDS)
    say(f"letting heartbeats go for {WARM_SECONDS} s …")
    before = cpu_seconds(pid_of(running, "collector"))
    time.sleep(WARM_SECONDS)
    busy = (cpu_seconds(pid_of(running, "collector")) - before) / WARM_SECONDS
    connected = sum(host["connected"] for host in vong.items(running.admin("host", "list")))
    memory = rss_mib(pid_of(running, "collector"))
    seconds = storm(running, fleet)
    return {
        "agents_connected": figure(connected, "agents", "higher"),
        "collector_rss_connected_mib": figure(memory, "MiB"),
        "collector_connected_idle_cpu_percent": figure(100 * busy, "% of a core"),
        "reconnect_storm_s": figure(seconds, "s"),
        "reconnect_attempts_per_agent": figure(fleet.said("attempts") / fleet.agents, "attempts"),
    }


def storm(running: vong.Stack, fleet: Swarm) -> float:
    """Kills the collector and starts it again; the answer is after how long the last PC was back."""
    collector = next(one for one in running.processes.started if one.name == "collector")
    fleet.order("count")
    if not wait_until(lambda: fleet.said("attempts") == 0, START_SECONDS):
        raise Failure("the swarm does not begin to count")
    began = time.monotonic()
    collector.process.kill()
    collector.process.wait()
    running.processes.started.remove(collector)
    running.start_collector()
    say(f"the collector was back after {time.monotonic() - began:.1f} s")
    fleet.wait_until_welcomed(STORM_SECONDS)
    return time.monotonic() - began


def ingest(running: vong.Stack, _api: Api) -> Figures:
    """ingest_durable_events_per_s, ingest_cpu_s_per_million, stored_bytes_per_event: the fixed mix, rules on."""
    fleet = everybody(running)
    senders = fleet.parts[-1:]
    wait_until_settled(running)
    # The first rows of a table cost more than all others.
    load(running, fleet, senders, 500)
    figures = load(running, fleet, senders, EVENTS_OF_A_PC)
    small = load(running, fleet, fleet.parts, EVENTS_AT_REST_OF_A_PC)
    return {
        **figures,
        "ingest_small_batches_events_per_s": small["ingest_durable_events_per_s"],
        "ingest_small_batches_cpu_s_per_million": small["ingest_cpu_s_per_million"],
        **stored_bytes(running),
    }


def load(running: vong.Stack, fleet: Swarm, senders: list[Any], events_of_a_pc: int) -> Figures:
    """Lets these PCs commit so many events each, and measures until all of them are stored and judged."""
    pids = {"collector": pid_of(running, "collector"), "engine": engine_pid(running)}
    acknowledged, stored = fleet.said("acknowledged"), count(running)
    before = {name: cpu_seconds(pid) for name, pid in pids.items()} | {"swarm": fleet.cpu_seconds()}
    events = events_of_a_pc * sum(part.agents for part in senders)
    began = time.monotonic()
    fleet.order(f"make {events_of_a_pc}", senders)
    fleet.wait_for("acknowledged", acknowledged + events, INGEST_SECONDS)
    owned = time.monotonic() - began
    wait_until_settled(running)
    seconds = time.monotonic() - began
    spent = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()} | {"swarm": fleet.cpu_seconds() - before["swarm"]}
    told = ", ".join(f"{name} {used:.1f}" for name, used in spent.items())
    say(f"{events:,} events: acknowledged after {owned:.1f} s, stored and judged after {seconds:.1f} s; CPU-seconds: {told}")
    if count(running) != stored + events or distinct(running) != count(running):
        raise Failure(f"of {events} events {count(running) - stored} are stored, {distinct(running)} of all are distinct")
    ours = spent["collector"] + spent["engine"]
    return {
        "ingest_durable_events_per_s": figure(events / seconds, "events/s", "higher"),
        "ingest_acknowledged_events_per_s": figure(events / owned, "events/s", "higher"),
        "ingest_cpu_s_per_million": figure(ours / events * 1e6, "CPU-s"),
        "ingest_collector_cpu_s_per_million": figure(spent["collector"] / events * 1e6, "CPU-s"),
        "ingest_engine_cpu_s_per_million": figure(spent["engine"] / events * 1e6, "CPU-s"),
        "ingest_load_cpu_s_per_million": figure(spent["swarm"] / events * 1e6, "CPU-s"),
        "ingest_events_per_cpu_s": figure(events / ours, "events/CPU-s", "higher"),
    }


def wait_until_settled(running: vong.Stack) -> None:
    """Until store and rules have passed what the journal holds; time itself adds a fact every 15 s."""
    journal = running.folder / "collector" / "journal.db"

    def settled() -> bool:
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT count(*) FROM entries WHERE kind = 1").fetchone()[0] == 0

    if not wait_until(settled, INGEST_SECONDS):
        raise Failure("the journal is not emptied")


def stored_bytes(running: vong.Stack) -> Figures:
    """Bytes on disk after merging, indexes included: of each table, and of file events alone."""
    sizes = {}
    for table, kind in (("samples", "samples"), ("events", "other")):
        ask(running, f"OPTIMIZE TABLE {table} FINAL")
        sizes[kind] = size(running, table)
    rows = {one["kind"]: one["n"] for one in ask(running, "SELECT kind, count() AS n FROM events GROUP BY kind")}
    ask(running, "CREATE TABLE bench_files AS events")
    try:
        ask(running, "INSERT INTO bench_files SELECT * FROM events WHERE kind = 'file'")
        ask(running, "OPTIMIZE TABLE bench_files FINAL")
        files = size(running, "bench_files")
    finally:
        ask(running, "DROP TABLE bench_files")
    samples = sizes["samples"]
    of_all = (samples[0] + sizes["other"][0]) / (samples[1] + sizes["other"][1])
    say(f"rows: {samples[1]:,} samples, {rows}")
    return {
        "stored_bytes_per_event": figure(of_all, "bytes"),
        "stored_bytes_per_sample": figure(samples[0] / samples[1], "bytes"),
        "stored_bytes_per_file_event": figure(files[0] / files[1], "bytes"),
    }


def size(running: vong.Stack, table: str) -> tuple[int, int]:
    question = f"SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS n FROM system.parts WHERE active AND database = currentDatabase() AND table = '{table}'"
    answer = ask(running, question)[0]
    return answer["bytes"], answer["n"]


def count(running: vong.Stack) -> int:
    return sum(ask(running, f"SELECT count() AS n FROM {table} WHERE {OF_THE_SWARM}")[0]["n"] for table in ("events", "samples"))


def distinct(running: vong.Stack) -> int:
    """A slice at a time: the engine's memory is bounded."""
    slices = [f"FROM {table} WHERE {OF_THE_SWARM} AND cityHash64(stream) % {SLICES} = {one}" for table in ("events", "samples") for one in range(SLICES)]
    return sum(ask(running, f"SELECT count() AS n FROM (SELECT DISTINCT stream, lane, seq {one})")[0]["n"] for one in slices)


def ask(running: vong.Stack, sql: str) -> list[dict[str, Any]]:
    """Over ClickHouse's own HTTP interface; rows as objects."""
    store = running.ready["store"]
    text = f"{sql} FORMAT JSONEachRow" if sql.startswith("SELECT") else sql
    headers = {"X-ClickHouse-User": store["user"], "X-ClickHouse-Key": store["password"]}
    url = f"{store['url']}/?output_format_json_quote_64bit_integers=0"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, text.encode(), headers), timeout=INGEST_SECONDS) as answer:
            return [json.loads(line) for line in answer.read().splitlines() if line]
    except urllib.error.HTTPError as error:
        raise Failure(f"{sql}: {error.read().decode(errors='replace')}") from error


def pid_of(running: vong.Stack, name: str) -> int:
    return next(one.process.pid for one in running.processes.started if one.name == name)


def engine_pid(running: vong.Stack) -> int:
    return next(pid for pid in running.processes.marked() if "engine" in arguments_of(pid))


BENCHES: dict[str, Bench] = {"swarm": swarm, "ingest": ingest}
