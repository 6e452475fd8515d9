"""What a generator tells the harness, by two files: a line for each request, and a line for what happens to the run.

Moments are seconds since the epoch, because the generators may be on other machines.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

DROPPED = "dropped"
EPOCH = (
    time.time() - time.monotonic()
)  # from the monotonic clock; fixed once, so that a step of the clock moves nothing


def epoch(monotonic_s: float) -> float:
    """Seconds since the epoch of a moment of `harness.clock.now`."""
    return EPOCH + monotonic_s


class Told(NamedTuple):
    """One request, or an arrival that could not be sent.

    ``at`` is when it was to be sent, ``waited_ms`` how much later it was, ``service_ms`` how long the answer took
    from then on.  ``outcome`` is the status, or what came instead of one: refused, reset, closed, timeout, malformed,
    unfinished; or ``dropped`` for what was never sent.
    """

    id: str
    path: str
    at: float
    waited_ms: float
    service_ms: float
    outcome: str

    @property
    def response_ms(self) -> float:
        """What a person who came at ``at`` would have waited."""
        return self.waited_ms + self.service_ms

    @property
    def sent(self) -> bool:
        """Whether it was sent at all."""
        return self.outcome != DROPPED

    @property
    def good(self) -> bool:
        """Whether it was answered as a caller hopes (2xx or 3xx)."""
        return self.outcome[:1] in ("2", "3")


def lines(requests: Sequence[Sequence[Any]]) -> str:
    """Requests as CSV; no field needs a quote."""
    return "".join(f"{r[0]},{r[1]},{r[2]:.6f},{r[3]:.3f},{r[4]:.3f},{r[5]}\n" for r in requests)


def heading() -> str:
    """The first line of the file of requests."""
    return ",".join(Told._fields) + "\n"


def read_requests(path: Path) -> list[Told]:
    """What was told of each request, in order of arrival; a last line that was cut off is passed over."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows, None)
        told = [
            Told(r[0], r[1], float(r[2]), float(r[3]), float(r[4]), r[5]) for r in rows if len(r) == len(Told._fields)
        ]
    return sorted(told, key=lambda request: request.at)


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """What happened to the run so far."""
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                return  # the line is just being written
