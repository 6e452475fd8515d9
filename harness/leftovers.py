"""What a target holds and what it leaves upstream, as a scenario asks for it before a fault and after it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from harness.clock import now
from harness.errors import HarnessError
from harness.promises import Promises
from harness.target.holdings import Holdings, in_kernel, told
from harness.target.running import RunningTarget
from harness.toxiproxy.client import Link
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from harness.traffic.recording import Attempt

T = TypeVar("T")

QUIET_S = 0.3  # wall seconds without a byte; on a way that is not full there is one every few milliseconds
FULL_WITHIN_S = 20.0


class Leftovers(Promises):
    """Looks at ``target`` and ``origin``; what is counted at rest is what is there for good."""

    target: RunningTarget
    client: Client
    origin: Origin

    if TYPE_CHECKING:

        def link(self, hop: str) -> Link:
            """Whoever works with it says which links there are."""

        def until(self, ready: Callable[[], T | None], what: str, *, within_s: float = ...) -> T:
            """And how long it waits."""

    def held(self) -> Holdings:
        """What the target holds this very moment, by its own word and by the kernel's, as far as either is to be had.

        Before that the upstream closes what is kept for a next request; it may have gone or not when we look.
        Raises NotPromised for a target that neither tells nor was started by us.
        """
        self.origin.close_idle_connections()
        counts: dict[str, float] = {}
        if self.contract.gauges is not None:
            counts |= told(self.gauges, self.client.get(self.target.url + self.gauges.path))
        if self.target.started or not counts:
            counts |= in_kernel(self.target)
        return Holdings(counts)

    def at_rest(self) -> Holdings:
        """What the target holds when it has nothing to do, and no connection upstream is kept for later."""
        seen: list[Holdings] = [self.held()]

        def unchanged() -> Holdings | None:
            seen.append(self.held())
            return seen[-1] if seen[-1] == seen[-2] else None

        return self.until(unchanged, "what the target holds to stay the same")

    def seen_coming(self, key: str) -> Attempt | None:
        """The request's first try as soon as it is there; None when none comes in time."""
        with suppress(HarnessError):
            self.until(lambda: self._first_try(key), f"request {key} to reach the upstream")
        return self._first_try(key)

    def seen_leaving(self, key: str) -> Attempt | None:
        """The request's first try once the target has left it; as it stands when that does not happen in time."""

        def left() -> bool:
            seen = self._first_try(key)
            return seen is not None and seen.closed_by_peer_at is not None

        with suppress(HarnessError):
            self.until(left, f"the target to leave the upstream with request {key}")
        return self._first_try(key)

    def _first_try(self, key: str) -> Attempt | None:
        return next(iter(self.origin.attempts(key)), None)

    def until_stuck(self) -> None:
        """Return once the origin could not send a byte for `QUIET_S`."""
        seen = [(self.origin.bytes_sent(), now())]

        def stuck() -> bool:
            sent = self.origin.bytes_sent()
            if sent != seen[-1][0]:
                seen.append((sent, now()))
            return now() - seen[-1][1] >= QUIET_S

        self.until(stuck, "the way from the origin to be full", within_s=FULL_WITHIN_S)
