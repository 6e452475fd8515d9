"""A run on the terminal: live lines while it goes, a table at the end.

On a terminal one block shows what each worker checks, what it waits for and why; elsewhere (CI, a pipe) each
finished path is a line, and every 10 s one says what is still awaited.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

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
    """The table at the end: every path, and in full what is not a pass."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("path", "kind", "verdict", "seconds", "what was seen"):
        table.add_column(column, justify="right" if column == "seconds" else "left", overflow="fold")
    for path in results["paths"]:
        verdict = path["verdict"]
        mark = Text(f"{MARK[verdict]} {verdict}", style=STYLE[verdict])
        table.add_row(path["id"], path["kind"], mark, f"{path['wall_s']:.2f}", Text(_told(path)))
    console.print(table)


def _told(path: Mapping[str, Any]) -> str:
    if path["verdict"] == "pass":
        return _short(str(path["actual"]))
    return f"expected {path['expected']}, got {path['actual']}\n  again: {path['reproduce']}"


def _short(text: str, width: int = 90) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def closing_line(results: Mapping[str, Any], folder: object) -> Text:
    """The last line: the counts, the time, and where the results are."""
    summary = results["summary"]
    counts = ", ".join(f"{count} {verdict}" for verdict, count in summary.items() if count)
    style = "green" if results["exit"] == 0 else "bold red" if results["exit"] == 1 else "bold magenta"
    how = f"in {results['wall_s']:.1f} s at speed {results['speed']:g}; results in {folder}"
    return Text(f"{counts or 'nothing was checked'} {how}", style=style)
