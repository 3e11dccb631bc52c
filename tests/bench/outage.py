"""What a long run of the chaos loses, and what it stores twice."""

from __future__ import annotations

import re
import subprocess

import stack as vong
from figures import Bench, Figures, figure
from machine import DEV, Failure, say
from public_api import Api

ROUNDS = 300
SUM = re.compile(r"chaos: expected (\d+), stored (\d+), declared gaps (\d+), lost (\d+), twice (\d+)")


def outage(_running: vong.Stack, _api: Api) -> Figures:
    """outage_lost, outage_duplicated: over 300 rounds in which everything fails at random; takes hours."""
    chaos = subprocess.Popen([DEV / "chaos", "--rounds", str(ROUNDS)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    last = None
    for line in chaos.stdout or ():
        say(line.rstrip())
        last = SUM.search(line) or last
    if last is None:
        raise Failure("the chaos came to no end; its output says why")
    expected, _stored, gaps, lost, twice = map(int, last.groups())
    # Losses make the story fail; here they are a figure.
    chaos.wait()
    return {
        "outage_rounds": figure(ROUNDS, "rounds", "higher"),
        "outage_expected": figure(expected, "files", "higher"),
        "outage_declared_gaps": figure(gaps, "events"),
        "outage_lost": figure(lost, "events"),
        "outage_duplicated": figure(twice, "events"),
    }


BENCHES: dict[str, Bench] = {"outage": outage}
