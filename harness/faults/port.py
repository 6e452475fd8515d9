"""Faults of a port itself: a SYN that nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.faults import Stage, Witness
from harness.traffic.ports import FullBacklog as HeldPort


@dataclass(frozen=True)
class FullBacklog:
    """A SYN to the hop is never answered: a listener whose accept queue is full holds the link's port.

    Toxiproxy itself cannot do this: it accepts first.  So the link is disabled, and its port held by us meanwhile.
    Witnessed by a connect of our own that must stay unanswered before the block is entered.
    """

    hop: str = "upstream"

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Disable the hop's link and hold its port; give the port back and enable the link on leaving."""
        link = stage.link(self.hop)
        host, port = link.listen
        with link.disabled():
            held = HeldPort(port, host)
            try:
                yield Witness(
                    detail=lambda: f"a SYN of our own to the {self.hop} link's port was not answered",
                    hits=lambda: 1,
                )
            finally:
                held.close()
