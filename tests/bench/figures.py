"""What a bench is and what it answers: named values with a unit and the direction that is better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import stack as vong
from public_api import Api

Figures = dict[str, dict[str, Any]]
Bench = Callable[[vong.Stack, Api], Figures]


def figure(value: float, unit: str, better: Literal["lower", "higher"] = "lower") -> dict[str, Any]:
    return {"value": round(value, 2), "unit": unit, "better": better}
