#!/usr/bin/env python3
"""Compares what a collector answers about a generated province with a count from the truth, for every unit.

Usage: recount.py noted DAY PROVINCE COLLECTOR CONFIG WEB   waits until the history of that day is the truth's
       recount.py all PROVINCE COLLECTOR CONFIG WEB         compares everything, on the last day

Prints each difference, and as the last line a JSON object with how much was compared and how much of it differed. Ends
with 1 when anything did.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from counted import HISTORY_SEEN_DAYS, THREATS_SHOWN, Truth, midnight_ms, vietnamese_day
from people import unit_ids
from session import Session

SEEN_DAYS = (1, 7, 30, 90)
LISTS = ("registered", "seen", "protected", "not_seen", "unprotected", "not_enrolled", "not_in_register", "excepted", "outdated", "mismatch")
NUMBERS = ("registered", "seen", "protected", "excepted", "protected_not_excepted", "outdated", "not_enrolled", "not_in_register", "mismatch", "pending")
HISTORY = ("registered", "seen", "protected", "excepted", "protected_not_excepted", "outdated")
PERIOD = ("registered", "seen", "protected", "outdated", "infected", "files_found", "files_handled")
WORDS = ("protected", "stale", "off", "missing", "unknown")
# A day's numbers are noted soon after the collector has started.
NOTED_SECONDS = 60
LOOK_SECONDS = 0.2
SHOWN_MAX = 40


def main() -> int:
    match sys.argv[1:]:
        case ["noted", day, province, program, config, web]:
            recount = Recount(Truth(Path(province)), Session(program, config, web))
            deadline = time.monotonic() + NOTED_SECONDS
            while recount.history(int(day)) and time.monotonic() < deadline:
                recount.differences.clear()
                recount.compared = 0
                time.sleep(LOOK_SECONDS)
        case ["all", province, program, config, web]:
            recount = Recount(Truth(Path(province)), Session(program, config, web))
            recount.all()
        case _:
            raise SystemExit(__doc__)
    return recount.end()


class Recount:
    def __init__(self, truth: Truth, session: Session) -> None:
        self.truth = truth
        self.session = session
        self.ids = unit_ids({"units": truth.units}, session)
        self.numbers_of = {there: number for number, there in self.ids.items()}
        self.compared = 0
        self.differences: list[str] = []

    def all(self) -> None:
        for seen_days in SEEN_DAYS:
            self.coverage(seen_days)
        for name in LISTS:
            self.list(name)
        self.counts()
        self.exceptions()
        for day in range(len(self.truth.days_ms)):
            self.history(day)
        for first, last in self.truth.periods():
            self.report(first, last)
        self.matrix()
        self.products()
        self.detections()
        self.unmanaged()
        self.certificates()

    def end(self) -> int:
        for difference in self.differences[:SHOWN_MAX]:
            print(difference)
        print(json.dumps({"compared": self.compared, "differences": len(self.differences)}))
        return 1 if self.differences else 0

    def same(self, what: str, truth: Any, answer: Any) -> None:
        self.compared += 1
        if truth != answer:
            self.differences.append(f"{what}: {truth} in truth, answered {answer}")

    def same_lists(self, what: str, truth: Iterable[Any], answer: Iterable[Any]) -> None:
        """Each thing as often there as here."""
        truth, answer = Counter(truth), Counter(answer)
        self.compared += max(truth.total(), 1)
        for missing in (truth - answer).elements():
            self.differences.append(f"{what}: {missing} is missing")
        for extra in (answer - truth).elements():
            self.differences.append(f"{what}: {extra} does not belong there")

    def same_share(self, what: str, part: int, whole: int, answer: float | None) -> None:
        self.compared += 1
        share = 100 * part / whole if whole else None
        if (share is None) != (answer is None) or (share is not None and answer is not None and abs(share - answer) > 1e-9):
            self.differences.append(f"{what}: {share} % in truth, answered {answer}")

    def same_tree(self, what: str, own: dict[int, Counter[str]], answered: list[dict[str, Any]], fields: Iterable[str]) -> None:
        """Own numbers and sums of every unit."""
        total = self.truth.rolled_up(own)
        self.same(f"{what}: units", len(total), len(answered))
        for row in answered:
            number = self.numbers_of[row["unit"]["id"]]
            for sort, numbers in (("own", own.get(number, Counter())), ("total", total[number])):
                for field in fields:
                    self.same(f"{what}: {sort} {field} of {row['unit']['name']}", numbers[field], row[sort][field])

    def coverage(self, seen_days: int) -> None:
        answer = self.session.get(f"/coverage?days={seen_days}")
        what = f"coverage, {seen_days} days"
        self.same_tree(what, self.truth.numbers(self.truth.today, seen_days), answer["units"], NUMBERS)
        for row in answer["units"]:
            for sort in ("own", "total"):
                it = row[sort]
                name = f"{what}: {sort} of {row['unit']['name']}"
                self.same_share(name, it["protected"], it["registered"], it["protected_percent"])
                left = it["registered"] - it["excepted"]
                self.same_share(f"{name} without exceptions", it["protected_not_excepted"], left, it["protected_percent_without_exceptions"])

    def list(self, name: str) -> None:
        """The PCs behind a number, with the unit at which each stands."""
        belongs = self.truth.lists(self.truth.today, 7)[name]
        truth = ((*pc.key, pc.unit) for pc in self.truth.known(self.truth.today) if belongs(pc))
        rows = list(self.session.pages(f"/coverage/pcs?of={name}"))
        self.same_lists(f"list {name}", truth, (self.key(row) for row in rows))

    def key(self, row: dict[str, Any]) -> tuple[Any, ...]:
        """What tells a known PC from another: the number of its line, or the name of a host without one."""
        is_line = row["asset_id"] is not None
        return ("line" if is_line else "host", row["asset_number"] if is_line else row["name"], self.numbers_of[row["unit"]["id"]])

    def counts(self) -> None:
        """How long each list of each unit is."""
        own = self.truth.numbers(self.truth.today, 7)
        lists = self.truth.lists(self.truth.today, 7)
        for pc in self.truth.known(self.truth.today):
            own[pc.unit].update(f"list {name}" for name in LISTS if lists[name](pc))
        total = self.truth.rolled_up(own)
        for number, there in self.ids.items():
            for name in LISTS:
                answer = self.session.get(f"/coverage/pcs/count?of={name}&unit={there}")
                self.same(f"length of list {name} of unit {number}", total[number][f"list {name}"], answer["count"])

    def exceptions(self) -> None:
        today = self.truth.today
        made = [(pc, one, self.truth.holds(one, today)) for pc in self.truth.pcs for one in pc["exceptions"]]
        for state, wanted in (("current", [True]), ("over", [False]), ("all", [True, False])):
            truth = ((self.about(pc), one["kind"], one["ends_ms"], one["ended"] is not None) for pc, one, holds in made if holds in wanted)
            rows = list(self.session.pages(f"/coverage/exceptions?state={state}"))
            answer = (
                ((row["asset_number"] if row["asset_id"] is not None else row["name"]), row["kind"], row["ends_ms"], row["ended_ms"] is not None)
                for row in rows
            )
            self.same_lists(f"exceptions, {state}", truth, answer)
            self.same(f"exceptions, {state}, without author", 0, sum(not row["created_by"] for row in rows))

    def about(self, pc: dict[str, Any]) -> str:
        return pc["asset"]["asset_number"] if pc["asset"] else pc["name"]

    def history(self, day: int) -> bool:
        """A day as it was noted, for every unit. Whether anything differs."""
        total = self.truth.rolled_up(self.truth.numbers(day, HISTORY_SEEN_DAYS))
        date = vietnamese_day(self.truth.days_ms[day])
        before = len(self.differences)
        for number, there in self.ids.items():
            days = self.session.get(f"/coverage/history?from={date}&to={date}&unit={there}")["days"]
            # A unit without PCs may have nothing to tell.
            answer = days[0] if days else dict.fromkeys(HISTORY, 0)
            for field in HISTORY:
                self.same(f"history of {date}: {field} of unit {number}", total[number][field], answer[field])
        return len(self.differences) > before

    def report(self, first: Any, last: Any) -> None:
        what = f"report {first} to {last}"
        answer = self.session.get(f"/coverage/report?from={first}&to={last}")
        own = self.truth.report(first, last)
        self.same_tree(what, own, answer["units"], PERIOD)
        for row in answer["units"]:
            it = row["total"]
            self.same_share(f"{what}: infected of {row['unit']['name']}", it["infected"], it["registered"], it["infected_percent"])
        self.threats(what, self.truth.detections(*span(first, last), self.truth.hosts()), answer["threats"])
        for number in (1, 3):
            part = self.session.get(f"/coverage/report?from={first}&to={last}&unit={self.ids[number]}")
            found = (one for one in self.truth.detections(*span(first, last), self.truth.hosts()) if number in self.truth.above(one[0]["unit"]))
            self.threats(f"{what}, unit {number}", found, part["threats"])

    def threats(self, what: str, found: Iterable[Any], rows: list[dict[str, Any]]) -> None:
        """Which of two equally frequent ones is the last that is shown is nobody's business."""
        truth = self.truth.threats(found)
        most = sorted((one["files"] for one in truth.values()), reverse=True)[:THREATS_SHOWN]
        self.same(f"{what}: files of the top threats", most, [row["files"] for row in rows])
        for row in rows:
            answer = {field: row[field] for field in ("files", "handled", "hosts")}
            self.same(f"{what}: {row['threat']}", truth.get(row["threat"]), answer)

    def matrix(self) -> None:
        self.same_tree("matrix", self.truth.matrix(), self.session.get("/protection/matrix")["units"], WORDS)

    def products(self) -> None:
        hosts, protected, ages = self.truth.products()
        answer = self.session.get("/protection/products")
        rows = {(row["product"], row["version"]): row for row in answer["products"]}
        for name in hosts.keys() | rows.keys():
            row = rows.get(name, {"hosts": 0, "protected": 0})
            self.same(f"product {name}", (hosts[name], protected[name]), (row["hosts"], row["protected"]))
        for name, count in answer["definitions"].items():
            self.same(f"age of definitions, {name}", ages[name], count)

    def detections(self) -> None:
        for first, last in self.truth.periods():
            from_ms, to_ms = span(first, last)
            asked = f"from_ms={from_ms}&to_ms={to_ms}"
            truth = list(self.truth.detections(from_ms, to_ms))
            rows = self.session.pages(f"/detections?{asked}")
            answer = ((row["host"]["name"], row["threat"], row["outcome"]) for row in rows)
            self.same_lists(f"detections {first} to {last}", ((pc["name"], threat, outcome) for pc, threat, outcome in truth), answer)
            self.threats(f"threats {first} to {last}", truth, self.session.get(f"/detections/threats?{asked}")["items"])
            for outcome in ("succeeded", "failed", "pending"):
                counted = sum(one == outcome and 3 in self.truth.above(pc["unit"]) for pc, _, one in truth)
                answered = self.session.get(f"/detections/count?{asked}&outcome={outcome}&unit={self.ids[3]}")["count"]
                self.same(f"detections {outcome} in unit 3, {first} to {last}", counted, answered)

    def unmanaged(self) -> None:
        truth = self.truth.unmanaged()
        # Whether a PC that is retired and still there is a stranger may be seen either way.
        retired = {pc["mac"] for pc in self.truth.pcs if pc["retired"]}
        rows = {row["mac"]: self.numbers_of[row["unit"]["id"]] for row in self.session.pages("/coverage/unmanaged") if row["mac"] not in retired}
        self.same_lists("unmanaged", truth.keys(), rows.keys())
        for mac, units in truth.items():
            if mac in rows:
                self.same(f"{mac} is seen by a unit that sees it", True, rows[mac] in units)

    def certificates(self) -> None:
        """A certificate says what the pages say: of the province, a department with offices, an empty unit."""
        numbers = self.truth.rolled_up(self.truth.numbers(self.truth.today, 7))
        empty = next(unit["number"] for unit in self.truth.units if unit["size"] == "empty")
        for number in (0, 1, 3, empty):
            answer = self.session.get(f"/coverage/certificate?unit={self.ids[number]}&days=7")
            truth = numbers[number]
            for field in NUMBERS:
                self.same(f"certificate of unit {number}: {field}", truth[field], answer["total"][field])
            lengths = {"not_seen": truth["registered"] - truth["seen"], "unprotected": truth["seen"] - truth["protected"]}
            for field, length in lengths.items():
                self.same(f"certificate of unit {number}: {field}", length, answer[field]["count"])
            chain = [self.truth.units[above]["name"] for above in self.truth.above(number)]
            self.same(f"certificate of unit {number}: chain", chain[::-1], [unit["name"] for unit in answer["chain"]])


def span(first: Any, last: Any) -> tuple[int, int]:
    """From the beginning of the first day to the end of the last."""
    return midnight_ms(first), midnight_ms(last) + 24 * 3_600_000


if __name__ == "__main__":
    sys.exit(main())
