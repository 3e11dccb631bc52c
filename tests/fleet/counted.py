"""A province counted from its truth, by the written definitions and with nothing of the collector's code.

A PC of the truth can be up to two *known PCs* of a day: an active host, and a line of the register that nothing joins
to it. `Known` is one of them as it stood when the day was looked at last.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
VIETNAM = timezone(timedelta(hours=7))
OUTDATED_MS = 15 * DAY_MS
# The register is brought in on this day.
REGISTER_DAY = 1
# A history's day counts as seen what was heard of within so many days.
HISTORY_SEEN_DAYS = 7
THREATS_SHOWN = 20
# What makes a PC better comes first.
ORDER = ("protected", "unknown", "stale", "off")


@dataclass(frozen=True)
class Known:
    key: tuple[str, ...]
    unit: int
    is_host: bool
    is_listed: bool
    last_seen_ms: int | None
    protection: str | None
    built_ms: int | None
    excepted: bool
    mismatch: bool


def verdict(product: dict[str, Any], asked: dict[str, Any], at_ms: int) -> str:
    """How far one product protects."""
    if product["health"] == "installed_only" or product["engine"] == "unknown":
        return "unknown"
    if product["engine"] != "on" or product["mode"] == "passive":
        return "off"
    if asked["real_time_required"] and product["real_time"] in ("off", "snoozed", "expired"):
        return "off"
    if product["freshness"] == "stale":
        return "stale"
    if product["built_ms"] is None:
        return "protected" if product["freshness"] == "fresh" else "unknown"
    return "stale" if at_ms - product["built_ms"] > asked["definitions_warn_days"] * DAY_MS else "protected"


def judged(said: dict[str, Any] | None, at_ms: int) -> tuple[str, dict[str, Any] | None]:
    """The best product's verdict, and that product; of equals one that has not stepped back, then the most up to date."""
    if said is None:
        return "unknown", None
    if not said["products"]:
        return "missing", None
    verdicts = [(verdict(product, said["expectations"], at_ms), product) for product in said["products"]]
    return min(verdicts, key=lambda one: (ORDER.index(one[0]), one[1]["mode"] == "passive", -(one[1]["built_ms"] or 0)))


class Truth:
    def __init__(self, province: Path) -> None:
        truth = json.loads((province / "truth.json").read_text(encoding="utf-8"))
        self.days_ms: list[int] = truth["days_ms"]
        self.units: list[dict[str, Any]] = truth["units"]
        self.pcs: list[dict[str, Any]] = truth["pcs"]
        self.today = len(self.days_ms) - 1

    def now_ms(self) -> int:
        return self.days_ms[-1]

    def above(self, unit: int) -> Iterator[int]:
        """The unit and those above it."""
        at: int | None = unit
        while at is not None:
            yield at
            at = self.units[at]["parent"]

    def rolled_up(self, own: dict[int, Counter[str]]) -> dict[int, Counter[str]]:
        """Each unit's numbers and those of the units below it."""
        total: dict[int, Counter[str]] = {unit["number"]: Counter() for unit in self.units}
        for unit, numbers in own.items():
            for above in self.above(unit):
                total[above].update(numbers)
        return total

    # What a PC is on a day.

    def has_host(self, pc: dict[str, Any], day: int) -> bool:
        """Enrolled, approved, and not retired."""
        is_enrolled = pc["enrolled"] is not None and pc["enrolled"] <= day and pc["like"] is None
        return is_enrolled and not (pc["retired"] and day == self.today)

    def is_listed(self, pc: dict[str, Any], day: int) -> bool:
        return pc["asset"] is not None and day >= REGISTER_DAY

    def is_joined(self, pc: dict[str, Any], day: int) -> bool:
        if not (self.has_host(pc, day) and self.is_listed(pc, day) and pc["asset"]["joins"]):
            return False
        # The number is noted at the host on the last day.
        return pc["asset"]["joins"] != "asset_number" or day == self.today

    def heard(self, pc: dict[str, Any], day: int) -> list[int]:
        return [online for online in pc["online"] if online <= day]

    def state(self, pc: dict[str, Any], day: int) -> tuple[str, dict[str, Any] | None]:
        """What its last word by then amounts to."""
        said = [one for one in pc["said"] if one["day"] <= day]
        return judged(said[-1] if said else None, self.days_ms[said[-1]["day"]] if said else 0)

    def is_excepted(self, pc: dict[str, Any], day: int) -> bool:
        return any(self.holds(exception, day) for exception in pc["exceptions"])

    def holds(self, exception: dict[str, Any], day: int) -> bool:
        is_made = exception["made"] <= day and self.days_ms[day] < exception["ends_ms"]
        return is_made and not (exception["ended"] is not None and exception["ended"] <= day)

    # All known PCs of a day.

    def known(self, day: int) -> Iterator[Known]:
        for pc in self.pcs:
            has_host, is_listed = self.has_host(pc, day), self.is_listed(pc, day)
            is_one = self.is_joined(pc, day)
            # An exception is made for the line of the register where there is one.
            excepted = self.is_excepted(pc, day)
            if has_host:
                yield self.host(pc, day, is_one, excepted and (is_one or pc["asset"] is None))
            if is_listed and not is_one:
                yield Known(listed_key(pc), pc["asset"]["unit"], False, True, None, None, None, excepted, False)

    def host(self, pc: dict[str, Any], day: int, is_joined: bool, excepted: bool) -> Known:
        heard = self.heard(pc, day)
        protection, product = self.state(pc, day)
        return Known(
            key=listed_key(pc) if is_joined else host_key(pc),
            unit=pc["unit"],
            is_host=True,
            is_listed=is_joined,
            last_seen_ms=self.days_ms[heard[-1]] if heard else None,
            protection=protection,
            built_ms=product["built_ms"] if product else None,
            excepted=excepted,
            mismatch=is_joined and pc["asset"]["unit"] != pc["unit"],
        )

    def lists(self, day: int, seen_days: int) -> dict[str, Callable[[Known], bool]]:
        """Which known PCs stand behind each number."""
        now_ms = self.days_ms[day]

        def seen(pc: Known) -> bool:
            return pc.last_seen_ms is not None and pc.last_seen_ms >= now_ms - seen_days * DAY_MS

        def protected(pc: Known) -> bool:
            return seen(pc) and pc.protection == "protected"

        return {
            "registered": lambda pc: True,
            "seen": seen,
            "protected": protected,
            "not_seen": lambda pc: not seen(pc),
            "unprotected": lambda pc: seen(pc) and not protected(pc),
            "not_enrolled": lambda pc: not pc.is_host,
            "not_in_register": lambda pc: not pc.is_listed,
            "excepted": lambda pc: pc.excepted,
            "outdated": lambda pc: seen(pc) and pc.built_ms is not None and now_ms - pc.built_ms > OUTDATED_MS,
            "mismatch": lambda pc: pc.mismatch,
            "protected_not_excepted": lambda pc: protected(pc) and not pc.excepted,
        }

    def numbers(self, day: int, seen_days: int) -> dict[int, Counter[str]]:
        """Each unit's own numbers."""
        lists = self.lists(day, seen_days)
        own: dict[int, Counter[str]] = defaultdict(Counter)
        for pc in self.known(day):
            own[pc.unit].update(name for name, belongs in lists.items() if belongs(pc))
        for pc in self.pcs:
            if pc["like"] is not None and pc["enrolled"] is not None and pc["enrolled"] <= day:
                own[pc["unit"]]["pending"] += 1
        return own

    # Antivirus now.

    def hosts(self) -> Iterator[dict[str, Any]]:
        """PCs with an active host today."""
        return (pc for pc in self.pcs if self.has_host(pc, self.today))

    def matrix(self) -> dict[int, Counter[str]]:
        own: dict[int, Counter[str]] = defaultdict(Counter)
        for pc in self.hosts():
            own[pc["unit"]][self.state(pc, self.today)[0]] += 1
        return own

    def products(self) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]], Counter[str]]:
        """Hosts by product and version, the protected among them, and all by the age of their definitions."""
        hosts: Counter[tuple[str, str]] = Counter()
        protected: Counter[tuple[str, str]] = Counter()
        ages: Counter[str] = Counter()
        for pc in self.hosts():
            protection, product = self.state(pc, self.today)
            name = (product["product"], product["version"]) if product else ("", "")
            hosts[name] += 1
            protected[name] += protection == "protected"
            ages[age(self.now_ms() - product["built_ms"] if product and product["built_ms"] is not None else None)] += 1
        return hosts, protected, ages

    # Malware.

    def detections(self, from_ms: int, to_ms: int, pcs: Iterable[dict[str, Any]] | None = None) -> Iterator[tuple[dict[str, Any], str, str]]:
        """The PC, the threat and the last outcome of what was found within these moments."""
        for pc in self.pcs if pcs is None else pcs:
            for found in pc["detections"]:
                found_ms = found["found_ms"] if found["found_ms"] is not None else self.days_ms[found["words"][0]["day"]]
                if from_ms <= found_ms < to_ms:
                    yield pc, found["threat"], found["words"][-1]["outcome"]

    def threats(self, found: Iterable[tuple[dict[str, Any], str, str]]) -> dict[str, dict[str, int]]:
        """Files, handled files and hosts of each threat."""
        files: Counter[str] = Counter()
        handled: Counter[str] = Counter()
        hosts: dict[str, set[int]] = defaultdict(set)
        for pc, threat, outcome in found:
            files[threat] += 1
            handled[threat] += outcome == "succeeded"
            hosts[threat].add(pc["number"])
        return {threat: {"files": files[threat], "handled": handled[threat], "hosts": len(hosts[threat])} for threat in files}

    # A period.

    def periods(self) -> list[tuple[date, date]]:
        """The calendar month of the day before last but one, the time before the register, a day, all of it."""
        days = [vietnamese_day(at_ms) for at_ms in self.days_ms]
        first = days[1].replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        return [
            (first, last),
            (days[0] - timedelta(days=7), days[1] - timedelta(days=1)),
            (days[2], days[2]),
            (days[3] - timedelta(days=60), days[3]),
        ]

    def report(self, first: date, last: date) -> dict[int, Counter[str]]:
        """Each unit's own numbers of a period; every PC counts where it stands now."""
        begin_ms, end_ms = midnight_ms(first), midnight_ms(last + timedelta(days=1))
        within = [day for day, at_ms in enumerate(self.days_ms) if begin_ms <= at_ms < end_ms]
        own: dict[int, Counter[str]] = defaultdict(Counter)
        for pc in self.pcs:
            is_listed = pc["asset"] is not None and self.days_ms[REGISTER_DAY] < end_ms
            has_host = self.has_host(pc, self.today)
            is_host = has_host and self.days_ms[pc["enrolled"]] < end_ms
            is_one = self.is_joined(pc, self.today)
            if is_host or (is_one and is_listed):
                own[pc["unit"]]["registered"] += 1
            if is_listed and not is_one:
                own[pc["asset"]["unit"]]["registered"] += 1
            seen = [day for day in within if day in pc["online"]]
            if has_host and seen:
                own[pc["unit"]].update(self.seen_in_period(pc, seen[-1]))
        infected: dict[int, int] = {}
        for pc, _, outcome in self.detections(begin_ms, end_ms, self.hosts()):
            infected[pc["number"]] = pc["unit"]
            own[pc["unit"]]["files_found"] += 1
            own[pc["unit"]]["files_handled"] += outcome == "succeeded"
        for unit in infected.values():
            own[unit]["infected"] += 1
        return own

    def seen_in_period(self, pc: dict[str, Any], day: int) -> Iterator[str]:
        protection, product = self.state(pc, day)
        yield "seen"
        if protection == "protected":
            yield "protected"
        if product and product["built_ms"] is not None and self.days_ms[day] - product["built_ms"] > OUTDATED_MS:
            yield "outdated"

    # Strangers.

    def unmanaged(self) -> dict[str, set[int]]:
        """Hardware addresses that nobody knows, with the units of the PCs that see them."""
        known = {pc["mac"] for pc in self.pcs if pc["enrolled"] is not None}
        known |= {plain(pc["asset"]["mac"]) for pc in self.pcs if pc["asset"] and pc["asset"]["mac"]}
        seen: dict[str, set[int]] = defaultdict(set)
        for pc in self.pcs:
            for mac in pc["neighbours"]:
                if mac not in known and self.has_host(pc, self.today):
                    seen[mac].add(pc["unit"])
        return seen


def listed_key(pc: dict[str, Any]) -> tuple[str, ...]:
    return ("line", pc["asset"]["asset_number"])


def host_key(pc: dict[str, Any]) -> tuple[str, ...]:
    return ("host", pc["name"])


def plain(mac: str) -> str:
    """A hardware address in one spelling."""
    digits = "".join(char for char in mac.lower() if char in "0123456789abcdef")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def age(age_ms: int | None) -> str:
    if age_ms is None:
        return "unknown"
    if age_ms > OUTDATED_MS:
        return "days_over_15"
    days = max(age_ms // DAY_MS, 0)
    return f"days_{days}" if days <= 3 else "days_4_to_7" if days <= 7 else "days_8_to_15"


def vietnamese_day(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(VIETNAM).date()


def midnight_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=VIETNAM).timestamp() * 1000)
