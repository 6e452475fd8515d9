"""Where the time of a run went: the paths that took longest, and the one scenario of each that did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text


def durations(results: Mapping[str, Any], most: int) -> list[Text]:
    """Lines for the ``most`` slowest paths, in wall seconds of the worker, start-ups included."""
    slowest = sorted(results["paths"], key=lambda path: -float(path["wall_s"]))[: max(0, most)]
    if not slowest:
        return []
    total = sum(path["wall_s"] for path in results["paths"])
    width = max(len(path["id"]) for path in slowest)
    title = f"\nSlowest of {len(results['paths'])} paths, {total:.1f} s of the workers' time in all:"
    return [Text(title, style="bold"), *(_line(path, width, total) for path in slowest)]


def _line(path: Mapping[str, Any], width: int, total: float) -> Text:
    longest = max(path["cases"], key=lambda case: float(case["wall_s"]))
    share = path["wall_s"] / total if total else 0.0
    count = len(path["cases"])
    of_these = f"{count} scenarios, the longest {longest['wall_s']:.2f} s: {longest['case']}"
    what = longest["case"] if count == 1 else of_these
    return Text(f"  {path['id']:<{width}}  {path['wall_s']:7.2f} s  {share:4.0%}  {what}")
