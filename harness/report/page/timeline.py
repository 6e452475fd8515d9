"""Phases and fault windows on the time axis: where they are drawn, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from harness.report.page import words
from harness.report.page.scales import place

STACK = "the stack"  # what a fault without a hop is on
UNSEEN = "nothing shows that it hit"


@dataclass(frozen=True)
class Extent:
    """A stretch of the axis, in percent of its length."""

    left: float
    width: float

    @property
    def right(self) -> float:
        """Where it ends."""
        return round(self.left + self.width, 3)


@dataclass(frozen=True)
class Window:
    """A fault in force; windows of one fault in one phase share a number, and ``first`` is the first of them."""

    number: int
    first: bool
    extent: Extent
    phase: str
    fault: str
    hop: str
    what: str
    when: str
    witnessed: bool
    witness: str
    hits: int

    @property
    def said(self) -> str:
        """All of it in a sentence."""
        return f"Fault {self.number}: {self.fault} on {self.hop}, {self.when}, in {self.phase}. {self.witness}"


@dataclass(frozen=True)
class Phase:
    """A row of the timeline."""

    name: str
    kind: str
    extent: Extent
    when: str
    windows: Sequence[Window]

    @property
    def faults(self) -> str:
        """What was broken in it, each once."""
        return ", ".join(dict.fromkeys(f"{window.fault} on {window.hop}" for window in self.windows))

    @property
    def right(self) -> float:
        """Where the last of it ends: a fault is healed a moment after its phase."""
        return max([self.extent.right, *(window.extent.right for window in self.windows)])

    @property
    def label_after(self) -> bool:
        """Is there more room for its name after it than before?"""
        return self.extent.left + self.extent.right < 100


def end_s(data: Mapping[str, Any]) -> float:
    """Where the axis ends: with the run, or with the control where there is no run."""
    lasting = _lasting(data["phases"], data["series"])
    return lasting or (_lasting(data["control"]["phases"], data["control"]["series"]) if data["control"] else 0.0)


def _lasting(phases: Sequence[Mapping[str, Any]], series: Mapping[str, Any] | None) -> float:
    last = max((float(phase["to_s"]) for phase in phases), default=0.0)
    count = len(series["arrivals"]) if series else 0
    return last if count - 1 < last else float(count)


def extent(from_s: float, to_s: float | None, end: float) -> Extent:
    """Where a stretch of time is drawn; what is beyond the axis is left out."""
    left = place(from_s, end)
    right = place(end if to_s is None else to_s, end)
    return Extent(round(100 * left, 3), round(100 * max(right - left, 0.0), 3))


def windows(data: Mapping[str, Any], end: float) -> list[Window]:
    """Every fault window, in order."""
    return list(_numbered(data["windows"], end))


def _numbered(told: Sequence[Mapping[str, Any]], end: float) -> Iterator[Window]:
    same = groupby(told, key=lambda window: (window["phase"], window["fault"], window["hop"], window["what"]))
    for number, (_, group) in enumerate(same, start=1):
        for place_in_group, window in enumerate(group):
            yield Window(
                number=number,
                first=place_in_group == 0,
                extent=extent(window["from_s"], window["to_s"], end),
                phase=window["phase"],
                fault=window["fault"],
                hop=window["hop"] or STACK,
                what=window["what"],
                when=words.span(window["from_s"], window["to_s"]),
                witnessed=window["witnessed"],
                witness=window["witness"] or UNSEEN,
                hits=window["hits"],
            )


def phases(data: Mapping[str, Any], of_faults: Sequence[Window], end: float) -> list[Phase]:
    """Every phase of the run, with the windows that began in it; one that was cut short has only its windows."""
    ended = [
        Phase(
            name=phase["name"],
            kind=phase["kind"],
            extent=extent(phase["from_s"], phase["to_s"], end),
            when=words.span(phase["from_s"], phase["to_s"]),
            windows=[window for window in of_faults if window.phase == phase["name"]],
        )
        for phase in data["phases"]
    ]
    names = [phase.name for phase in ended]
    cut_short = {window.phase: window for window in reversed(of_faults) if window.phase not in names}
    return [*ended, *(_cut_short(first, of_faults) for first in reversed(cut_short.values()))]


def _cut_short(first: Window, of_faults: Sequence[Window]) -> Phase:
    own = [window for window in of_faults if window.phase == first.phase]
    return Phase(first.phase, "fault", first.extent, f"not measured to its end, {first.when}", own)
