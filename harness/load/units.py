"""Quantities as people write them, with their unit: "500 ms", "8 s", "2 min", "5 %"."""

from __future__ import annotations

import re
from collections.abc import Mapping

SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0}
WRITTEN = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>\S*)")


def seconds(value: object) -> float:
    """A duration in seconds.  Raises ValueError, whose message says what to write."""
    return _quantity(value, SECONDS, "8 s")


def share(value: object) -> float:
    """A share: 0.05 or "5 %".  Raises ValueError, whose message says what to write."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    return _quantity(value, {"%": 0.01}, "5 %")


def number(value: object) -> float:
    """A number without a unit.  Raises ValueError, whose message says what to write."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise ValueError(f"{value!r} is no number; write one without a unit, such as 1.5")


def _quantity(value: object, units: Mapping[str, float], example: str) -> float:
    found = WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'{value!r} is no quantity; write a number and its unit, such as "{example}"')
    if found["unit"] not in units:
        given = f"the unit {found['unit']!r} is not known here" if found["unit"] else "has no unit"
        raise ValueError(f'{value!r}: {given}; there are {", ".join(units)}, such as "{example}"')
    return float(found["number"]) * units[found["unit"]]


def plain(value_s: float) -> str:
    """A duration for a person: milliseconds below a second."""
    return f"{value_s * 1000:.0f} ms" if value_s < 1 else f"{value_s:.3g} s"
