"""Faults: small values, applied with ``with``, healed by leaving, and believed only with a witness.

Law: nothing outside a fault's own file knows it by name.  A fault says where it acts (a hop's link, the origin, a
process) and what shows that it hit; whoever applies it needs no more.  ``docs/add-a-fault.md`` shows one from end
to end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from harness.clock import Clock, now, poll_until

if TYPE_CHECKING:
    from harness.toxiproxy.client import Link
    from harness.traffic.origin import Origin


class Stage(Protocol):
    """What a fault may act on."""

    @property
    def clock(self) -> Clock:
        """The target's clock, for faults whose length is a promise's."""

    @property
    def origin(self) -> Origin:
        """The scripted upstream."""

    def link(self, hop: str) -> Link:
        """The link of a hop: ``upstream``, ``postgres`` or ``redis``."""

    def kill_upstream(self) -> str:
        """End the upstream as SIGKILL does; says in words what shows it."""

    def begin_upstream(self) -> None:
        """Begin it again where it was; returns once it serves."""


@dataclass
class Witness:
    """Whether a fault hit, told by the wire.

    ``hits`` counts what the fault did so far, ``times`` says when (`harness.clock.now`), ``detail`` says it in words.
    A fault with fewer hits than ``required`` was not witnessed.
    """

    detail: Callable[[], str]
    hits: Callable[[], int]
    times: Callable[[], list[float]] = list
    counted: bool = True  # whether every hit is counted; else ``hits`` only says that there was one
    required: int = 1  # hits without which the fault was not witnessed; 0 where applying it proved it
    began: float = field(default_factory=now)
    ended: float | None = None

    def wait_for(self, hits: int, *, within_s: float) -> None:
        """Return when the fault has hit so often; HarnessError after ``within_s`` wall seconds."""
        poll_until(lambda: self.hits() >= hits, within_s=within_s, what=f"the fault to hit {hits} times")

    def evidence(self) -> str | None:
        """What shows that the fault hit, or None."""
        return self.detail() if self.hits() >= self.required else None


class Fault(Protocol):
    """A value that can be applied to a stage."""

    def inject(self, stage: Stage) -> AbstractContextManager[Witness]:
        """Apply it; leaving the block heals.  Raises HarnessError when it cannot be applied or healed."""


@dataclass(frozen=True)
class NoFault:
    """The fault that does nothing: the control."""

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Witnessed by definition: nothing was to happen."""
        yield Witness(detail=lambda: f"nothing was injected (speed {stage.clock.speed:g})", hits=lambda: 1)
