"""Faults of the upstream's own making: what it says instead of an answer, or does not say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.faults import Stage, Witness
from harness.traffic.replies import echo, healthy

if TYPE_CHECKING:
    from harness.traffic.recording import Attempt
    from harness.traffic.steps import Behaviour


@dataclass(frozen=True)
class Route:
    """The next attempts meet these behaviours, in order; the last one repeats."""

    behaviours: tuple[Behaviour, ...]

    def __init__(self, *behaviours: Behaviour) -> None:
        object.__setattr__(self, "behaviours", behaviours)

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Witnessed by the origin's record of the attempts that met them."""
        stage.origin.script(route=list(self.behaviours))
        before = len(stage.origin.attempts())
        try:
            yield Witness(
                detail=lambda: _told(stage.origin.attempts()[before:]),
                hits=lambda: len(stage.origin.attempts()) - before,
            )
        finally:
            stage.origin.script(route=[echo()])


@dataclass(frozen=True)
class Probe:
    """The next health probes meet these behaviours, in order; the last one repeats."""

    behaviours: tuple[Behaviour, ...]

    def __init__(self, *behaviours: Behaviour) -> None:
        object.__setattr__(self, "behaviours", behaviours)

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Witnessed by the origin's record of the probes that met them."""
        stage.origin.script(health=list(self.behaviours))
        before = len(stage.origin.probes())
        try:
            yield Witness(
                detail=lambda: _told(stage.origin.probes()[before:]),
                hits=lambda: len(stage.origin.probes()) - before,
            )
        finally:
            stage.origin.script(health=[healthy()])


def _told(attempts: list[Attempt]) -> str:
    outcomes = ", ".join(dict.fromkeys(attempt.outcome for attempt in attempts))
    return f"the origin met {len(attempts)} with: {outcomes}"
