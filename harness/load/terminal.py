"""A run of load on the terminal: broken gates first, then every phase in a line, then who worked how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.load.measures import ALL
from harness.load.schedule import WARM_UP

SAID = {
    0: ("green", "every gate held"),
    1: ("bold red", "a gate is broken"),
    3: ("bold magenta", "invalid"),
}

COLUMNS = ("phase", "requests", "good/s", "errors", "p50 ms", "p95 ms", "p99 ms", "tries", "recovered", "what came")


def summary(data: Mapping[str, Any], folder: Path, console: Console) -> None:
    """All of it."""
    console.print()
    for trouble in data["troubles"]:
        console.print(Text(f"? {trouble}", style="bold magenta"))
    for gate in data["gates"]:
        if not gate["held"]:
            console.print(_gate(gate))
    console.print(_phases(data))
    for window in data["windows"]:
        console.print(_window(window))
    _cpu(data, console)
    console.print(_closing(data, folder))


def _gate(gate: Mapping[str, Any]) -> Text:
    where = f"{gate['phase']}, {gate['path']}"
    return Text(f"✗ {gate['gate']} of {where}: expected {gate['expected']}, got {gate['got']}", style="bold red")


def _phases(data: Mapping[str, Any]) -> Text:
    control = data["control"] or {"phases": []}
    rows = [list(COLUMNS)]
    rows += [_row(phase) for phase in [*control["phases"], *data["phases"]] if phase["kind"] != WARM_UP]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = [_line(row, widths) for row in rows]
    return Text("\n").join([Text(lines[0], style="bold"), *map(Text, lines[1:])])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """The first and the last column to the left, the figures between them to the right."""
    figures = [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *figures, row[-1]])


def _row(phase: Mapping[str, Any]) -> list[str]:
    row = next(row for row in phase["paths"] if row["path"] == ALL)
    times = [_number(row["response_ms"][name]) for name in ("p50", "p95", "p99")]
    rate = "" if row["error_rate"] is None else f"{row['error_rate']:.2%}"
    tries = "" if row["attempts"]["per_request"] is None else f"{row['attempts']['per_request']:.2f}"
    outcomes = " ".join(f"{outcome}×{count}" for outcome, count in row["outcomes"].items())
    good = f"{row['good_per_s']:.1f}"
    return [phase["name"], str(row["requests"]), good, rate, *times, tries, _recovered(phase, row), outcomes]


def _recovered(phase: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    if phase["kind"] != "recovery":
        return ""
    return "never" if row["recovered_s"] is None else f"{row['recovered_s']:.2f} s"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _window(window: Mapping[str, Any]) -> Text:
    span = f"{window['from_s']:.1f}–{window['to_s'] if window['to_s'] is None else round(window['to_s'], 1)} s"
    seen = window["witness"] or "nothing shows that it hit"
    return Text(f"  {window['fault']} on {window['hop'] or 'the stack'}, {span}: {seen}", style="dim")


def _cpu(data: Mapping[str, Any], console: Console) -> None:
    if data["cpu"] is None:
        return
    used = ", ".join(f"{row['name']} {row['cores']:.2f}" for row in data["cpu"]["processes"] if row["cores"] >= 0.005)
    console.print(Text(f"cores: {used or 'not measured'}"))
    console.print(Text(f"bottleneck: {data['cpu']['bottleneck']}"))


def _closing(data: Mapping[str, Any], folder: Path) -> Text:
    style, said = SAID.get(data["exit"], ("bold magenta", "interrupted; this is what was measured until then"))
    held = sum(gate["held"] for gate in data["gates"])
    return Text(f"{said}: {held} of {len(data['gates'])} in {data['wall_s']:.1f} s; results in {folder}", style=style)
