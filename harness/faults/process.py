"""Faults of the upstream's process: it is gone from one moment to the next, and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.faults import Stage, Witness
from harness.faults.canary import refused_connect


@dataclass(frozen=True)
class Killed:
    """The upstream's process is killed (SIGKILL), and begun again on its port when this is healed.

    The link in front of it refuses meanwhile, as a dead process's port does; left alone it would accept and close.
    Witnessed by the process being gone, and by a connect of our own that is refused.
    """

    hop: str = "upstream"

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Kill it, refuse; begin it again on leaving, then accept."""
        link = stage.link(self.hop)
        host, port = link.listen
        with link.disabled():
            gone = stage.kill_upstream()
            try:
                refused_connect(host, port)
                yield Witness(detail=lambda: f"{gone}; a connect of our own was refused", hits=lambda: 1)
            finally:
                stage.begin_upstream()
