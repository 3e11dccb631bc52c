#!/usr/bin/env python3
"""What people do with a generated province: found its offices, bring in its register, make exceptions.

Usage: people.py found PROVINCE COLLECTOR CONFIG       offices and their enrolment tokens, before the first day
       people.py act DAY PROVINCE COLLECTOR CONFIG WEB what they do on one of its days, once its PCs have spoken

PROVINCE is the folder of truth.json. What a collector answers is not compared here but in recount.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from session import Session

TOKEN_DAYS = "400"
# The register comes on this day; on each later day it is brought in again, and says nothing new.
REGISTER_DAY = 1
REASON = "Theo quyết định của UBND tỉnh"


def main() -> None:
    match sys.argv[1:]:
        case ["found", province, program, config]:
            found(Path(province), program, config)
        case ["act", day, province, program, config, web]:
            act(int(day), Path(province), Session(program, config, web))
        case _:
            raise SystemExit(__doc__)


def read(province: Path) -> dict[str, Any]:
    return json.loads((province / "truth.json").read_text(encoding="utf-8"))


def found(province: Path, program: str, config: str) -> None:
    truth = read(province)

    def admin(*arguments: str) -> Any:
        done = subprocess.run([program, *arguments, "--config", config, "--json"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    uses = str(len(truth["pcs"]) + 1)
    ids: list[str] = []
    tokens = {}
    for unit in truth["units"]:
        above = [] if unit["parent"] is None else ["--parent", ids[unit["parent"]]]
        ids.append(str(admin("unit", "add", "--name", unit["name"], "--kind", unit["kind"], *above)["id"]))
        tokens[unit["number"]] = admin("token", "create", "--unit", ids[-1], "--uses", uses, "--days", TOKEN_DAYS)["token"]
    file = province / "tokens.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(tokens))


def act(day: int, province: Path, session: Session) -> None:
    truth = read(province)
    if day == len(truth["days_ms"]) - 1:
        change_hosts(truth, session)
    if day >= REGISTER_DAY:
        bring_in(day, truth, province, session)
    except_some(day, truth, session)


def change_hosts(truth: dict[str, Any], session: Session) -> None:
    ids = {host["name"]: str(host["id"]) for host in session.pages("/hosts")}
    for pc in truth["pcs"]:
        if pc["numbered"] and pc["enrolled"] is not None:
            session.admin("host", "set", ids[pc["name"]], "--asset-number", pc["asset"]["asset_number"])
        if pc["retired"]:
            session.admin("host", "retire", ids[pc["name"]])


def bring_in(day: int, truth: dict[str, Any], province: Path, session: Session) -> None:
    """First the report, then the change, which must be what the report said; the lines of later days are known."""
    ids = unit_ids(truth, session)
    files = {"register.csv": ""} | {f"register-{unit['number']}.csv": f"&unit={ids[unit['number']]}" for unit in truth["units"] if unit["ambiguous"]}
    listed = taken = 0
    for name, unit in files.items():
        content = (province / name).read_bytes()
        dry = session.send("POST", f"/assets/import?dry_run=true{unit}", content)
        real = session.send("POST", f"/assets/import?dry_run=false{unit}", content)
        differ = [key for key in ("lines", "added", "changed", "unchanged", "removed", "bad_lines") if dry[key] != real[key]]
        if differ or real["bad_lines"]:
            raise SystemExit(f"{name} on day {day}: reported {dry}, done {real}")
        listed += real["lines"]
        taken += real["added"] + real["changed"]
    expected = sum(pc["asset"] is not None for pc in truth["pcs"])
    if listed != expected or taken != (expected if day == REGISTER_DAY else 0):
        raise SystemExit(f"on day {day} {listed} of {expected} lines were read, and {taken} changed something")


def unit_ids(truth: dict[str, Any], session: Session) -> dict[int, int]:
    """The collector's number of each unit, found by name and place."""
    there = {(unit["name"], unit["parent_id"]): unit["id"] for unit in session.get("/units")["items"]}
    ids: dict[int, int] = {}
    for unit in truth["units"]:
        above = None if unit["parent"] is None else ids[unit["parent"]]
        ids[unit["number"]] = there[unit["name"], above]
    return ids


def except_some(day: int, truth: dict[str, Any], session: Session) -> None:
    due = [(pc, exception) for pc in truth["pcs"] for exception in pc["exceptions"] if day in (exception["made"], exception["ended"])]
    if not due:
        return
    rows = list(session.pages("/coverage/pcs?of=registered&days=90"))
    assets = {row["asset_number"]: row["asset_id"] for row in rows if row["asset_id"] is not None}
    hosts = {row["name"]: row["host_id"] for row in rows if row["asset_id"] is None}
    for pc, exception in due:
        about = {"asset_id": assets[pc["asset"]["asset_number"]]} if pc["asset"] else {"host_id": hosts[pc["name"]]}
        if exception["made"] == day:
            session.send("POST", "/coverage/exceptions", {**about, "kind": exception["kind"], "reason": REASON, "ends_ms": exception["ends_ms"]})
        else:
            field, number = next(iter(about.items()))
            held = next(row["id"] for row in session.pages("/coverage/exceptions?state=current") if row[field] == number)
            session.send("POST", f"/coverage/exceptions/{held}/end")


if __name__ == "__main__":
    main()
