"""The failures every error path's shape is checked with: one of each documented error, and how to cause it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from harness.contract.model import ErrorKind, Happened
from harness.faults import Fault
from harness.faults.link import Refused
from harness.faults.origin import Probe, Route
from harness.rig import Rig
from harness.traffic.exchange import Exchange
from harness.traffic.replies import garbage, half_head, reset, silent, unhealthy


@dataclass(frozen=True)
class Failure:
    """A cause, the documented error it must end in, what logs say of it, and the RFC 9209 types that name it."""

    name: str
    kind: ErrorKind
    happened: Happened
    fault: Fault
    types: tuple[str, ...]
    cold: bool = False  # let the health result expire first
    lasts_s: float = 0.0  # target seconds that it takes at least

    def __str__(self) -> str:
        return self.name


_FAILURES = [
    Failure("refused", "refused", "refused", Refused(), ("connection_refused",), lasts_s=6),
    Failure(
        "unavailable", "unavailable", "unavailable", Probe(unhealthy(503)), ("destination_unavailable",), cold=True
    ),
    Failure("silent", "timeout", "timeout", Route(silent()), ("http_response_timeout",), lasts_s=30),
    Failure("reset", "failed", "reset", Route(reset()), ("connection_terminated",)),
    Failure("cut", "failed", "cut", Route(half_head()), ("http_response_incomplete",)),
    Failure("garbage", "failed", "malformed", Route(garbage()), ("http_protocol_error",)),
]


FAILURES = [
    pytest.param(
        failure,
        id=failure.name,
        marks=[pytest.mark.lasts(failure.lasts_s), *([pytest.mark.expiring_health] if failure.cold else [])],
    )
    for failure in _FAILURES
]


def met(rig: Rig, happened: Happened) -> Happened:
    """What the proxy meets of what happened upstream, where a link may end in order what was reset."""
    return "closed" if happened == "reset" and not rig.link("upstream").passes_resets else happened


def fail(rig: Rig, failure: Failure, **request: Any) -> Exchange:
    """Cause the failure with a request that may be retried, and return what the client saw.

    NotPromised where it is the health check that fails and the contract has none.
    """
    rig.prove_healthy()
    if failure.cold and rig.health:
        rig.cold()
    with rig.broken(failure.fault, prove=False):
        return rig.get("/items", **request)
