"""Which attempt gets which behaviour."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from harness.errors import HarnessError
from harness.traffic.steps import Behaviour


class Script:
    """Behaviours in order: each attempt takes the next, the last one repeats.

    With ``each_request`` every request key has its own place in the list, so fifty clients each meet the same story.
    """

    def __init__(self, behaviours: Sequence[Behaviour], *, each_request: bool = False) -> None:
        if not behaviours:
            raise HarnessError("a script needs at least one behaviour")
        self._behaviours = tuple(behaviours)
        self._each_request = each_request
        self._taken: dict[str | None, int] = {}
        self._lock = threading.Lock()

    def take(self, key: str | None) -> Behaviour:
        """The behaviour for the next attempt of the request ``key``."""
        place = key if self._each_request else None
        with self._lock:
            taken = self._taken.get(place, 0)
            self._taken[place] = taken + 1
        return self._behaviours[min(taken, len(self._behaviours) - 1)]

    def take_at_accept(self) -> Behaviour | None:
        """The next behaviour if it is one to be played at accept; then it is taken."""
        with self._lock:
            taken = self._taken.get(None, 0)
            behaviour = self._behaviours[min(taken, len(self._behaviours) - 1)]
            if not behaviour.at_accept:
                return None
            self._taken[None] = taken + 1
            return behaviour
