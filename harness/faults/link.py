"""Faults of a hop: what a Toxiproxy link does to the connections through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.faults import Stage, Witness
from harness.faults.canary import refused_connect
from harness.traffic.refusals import Refusals

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Refused:
    """Connects to the hop are refused (ECONNREFUSED), and open connections are closed.

    Witnessed by the kernel's count of refused connects where the machine tells it, and everywhere by a connect of
    our own that must be refused: an enabled link with nothing behind it would accept it.
    """

    hop: str = "upstream"

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Disable the hop's link; enable it again on leaving."""
        link = stage.link(self.hop)
        with link.disabled():
            refused_connect(link.host, link.port)
            with Refusals(link.port) as refusals:
                counted = refusals.counts
                yield Witness(
                    detail=lambda: _refusals_told(self.hop, len(refusals.times()) if counted else None),
                    hits=lambda: len(refusals.times()) if counted else 1,
                    times=refusals.times,
                )


def _refusals_told(hop: str, count: int | None) -> str:
    if count is None:
        return f"a connect of our own to the {hop} link was refused"
    return f"a connect of our own to the {hop} link was refused, and {count} of the target's"
