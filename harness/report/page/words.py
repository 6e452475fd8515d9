"""Figures in words: as many digits as can be read at a glance, and a unit with each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOTHING = "–"
SHORT_S = 120  # seconds are easier to read than minutes up to here
TIMES = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}"


def count(value: float | None) -> str:
    """``1,650``."""
    return NOTHING if value is None else f"{value:,.0f}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 gate``, ``2 gates``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def rate(value: float | None) -> str:
    """``5.5``, ``39``: three digits at the most are worth reading."""
    return NOTHING if value is None else _digits(value)


def ms(value: float | None) -> str:
    """A time in milliseconds: ``8.7 ms``, ``137 ms``, ``3.12 s``."""
    if value is None:
        return NOTHING
    return f"{_digits(value)} ms" if value < 999.5 else f"{_digits(value / 1000)} s"


def seconds(value: float | None) -> str:
    """``0.12 s``, ``75.5 s``."""
    return NOTHING if value is None else f"{value:,.2f} s" if value < 10 else f"{value:,.1f} s"


def clock(value: int, end_s: float) -> str:
    """A moment on the axis: seconds in short runs, minutes and hours in longer ones."""
    if end_s <= SHORT_S:
        return f"{value} s" if value else "0"
    hours, rest = divmod(value, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if end_s > 7200 else f"{value // 60}:{left:02d}"


def span(from_s: float, to_s: float | None) -> str:
    """``5.3–9.4 s``, ``2:10–2:45`` in a longer run; an open end is said to be one."""
    last = from_s if to_s is None else to_s
    if last > SHORT_S:
        return f"{clock(int(from_s), last)}{' to the end' if to_s is None else f'–{clock(int(last), last)}'}"
    return f"{from_s:.1f} s to the end" if to_s is None else f"{from_s:.1f}–{to_s:.1f} s"


def percent(share: float | None) -> str:
    """``0%``, ``0.84%``, ``85.3%``; a little is never said to be nothing."""
    if share is None:
        return NOTHING
    hundredths = share * 100
    return "<0.01%" if 0 < hundredths < 0.01 else f"{_digits(hundredths)}%"


def outcomes(counted: Mapping[str, int]) -> str:
    """``503 × 119, 200 × 17``."""
    return ", ".join(f"{outcome}{TIMES}{number:,}" for outcome, number in counted.items()) or NOTHING


def _digits(value: float) -> str:
    size = abs(value)
    decimals = 0 if size >= 99.95 or value == int(value) else 1 if size >= 9.995 else 2
    return f"{value:,.{decimals}f}"


def short(text: str, most: int = 26) -> str:
    """The beginning of a long name: in a narrow drawing there is room for ``most`` characters beside a bar."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


SHARES = ("error_rate", "throughput")


def gate_words(gate: Mapping[str, Any]) -> tuple[str, str]:
    """What was measured and what was the limit, with so many digits that the two are seen to differ if they do."""
    if gate["actual"] is None or gate["gate"] == "statuses":
        return str(gate["got"]), str(gate["expected"])
    factor, unit = (100.0, "%") if gate["gate"] in SHARES else (1.0, f" {gate['unit']}".rstrip())
    actual, limit = factor * gate["actual"], factor * gate["limit"]
    of_what = " of the control's" if gate["gate"] == "throughput" else ""
    bound = f"{gate['bound']} {limit:,.10g}{unit}{of_what}"
    got_unit = unit if gate["unit"] in ("ms", "s", "") or gate["gate"] in SHARES else ""
    return f"{actual:,.{_telling(actual, limit)}f}{got_unit}", bound


def _telling(actual: float, limit: float) -> int:
    """The fewest decimals that are within 0.2 percent, and do not make unequal figures look equal."""
    for decimals in range(6):
        shown = round(actual, decimals)
        if abs(shown - actual) <= 0.002 * abs(actual) and (shown != round(limit, decimals) or actual == limit):
            return decimals
    return 6
