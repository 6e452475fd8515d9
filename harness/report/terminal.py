"""The lines of a run on the terminal: one for each finished path, the table at the end, the last line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from harness import program

STYLE = {"pass": "green", "fail": "bold red", "invalid": "bold magenta", "n/a": "dim"}
MARK = {"pass": "✓", "fail": "✗", "invalid": "?", "n/a": "–"}


def finished_line(record: Mapping[str, Any]) -> Text:
    """One finished scenario as a line."""
    verdict = record["verdict"]
    line = Text(f"{MARK[verdict]} {verdict:<7} {record['id']:<26} {record['wall_s']:6.2f} s  ", style=STYLE[verdict])
    if verdict in ("fail", "invalid"):
        line.append(f"expected {record['expected']}, got {record['actual']}")
    return line


def summary_table(results: Mapping[str, Any], console: Console) -> None:
    """The table at the end: a line for every path, then in full what is not a pass."""
    width = max((len(path["id"]) for path in results["paths"]), default=4)
    console.print(Text(f"\n{'path':<{width}}  kind  {'verdict':<9}  seconds  what was seen", style="bold"))
    for path in results["paths"]:
        verdict = path["verdict"]
        line = Text(f"{path['id']:<{width}}  {path['kind']:<4}  ")
        line.append(f"{MARK[verdict]} {verdict:<7}", style=STYLE[verdict])
        line.append(f"  {path['wall_s']:7.2f}  {_one_line(path['actual'])}")
        console.print(line, no_wrap=True, overflow="ellipsis")
    for path in results["paths"]:
        if path["verdict"] in ("fail", "invalid"):
            console.print(_in_full(path))


def standards_view(results: Mapping[str, Any], console: Console) -> None:
    """Where the standard would have it otherwise than the contract: one line each, for a reader to decide."""
    differing = results["disagreements"]
    if not differing:
        return
    width = max(len(one["id"]) for one in differing)
    count = "1 path" if len(differing) == 1 else f"{len(differing)} paths"
    console.print(Text(f"\nThe standard would have it otherwise on {count}; nothing fails by this:", style="bold"))
    for one in differing:
        console.print(Text(f"  {one['id']:<{width}}  {one['says']}"), soft_wrap=True)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _in_full(path: Mapping[str, Any]) -> Text:
    verdict = path["verdict"]
    told = Text(f"\n{MARK[verdict]} {verdict} {path['id']} ({path['source']})", style=STYLE[verdict])
    shown = {**path, "reproduce": program.typed(path["reproduce"])}
    for name in ("expected", "actual", "witness", "reproduce"):
        told.append(f"\n  {name:<10}{shown[name]}", style="none")
    return told


def closing_line(results: Mapping[str, Any], folder: object, lost: str = "") -> Text:
    """The last line: the counts, the time, and where the results are, or why they are ``lost``."""
    summary = results["summary"]
    counts = ", ".join(f"{count} {verdict}" for verdict, count in summary.items() if count)
    style = "green" if results["exit"] == 0 else "bold red" if results["exit"] == 1 else "bold magenta"
    how = f"in {results['wall_s']:.1f} s at speed {results['speed']:g}; {lost or f'results in {folder}'}"
    return Text(f"{counts or 'nothing was checked'} {how}", style=style)
