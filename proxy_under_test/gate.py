"""Whether the backend may be asked: the decisions of the health gate, without I/O or clock.

Law: a state is the last thing known and when; every function here returns a new state or a verdict, and does nothing.
The guide, "Health Check Before Requests": checked before proxying, cached for five seconds.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from proxy_under_test.causes import Cause

OK_FROM, OK_BELOW = 200, 300  # statuses of a probe that mean "healthy"
LOOP_STATUS = 508  # RFC 5842 section 7.2; what this proxy answers to itself
SUCCESS_FROM, SUCCESS_BELOW = 200, 400  # statuses of a response that are as good as a probe


class Known(Enum):
    """What is known of the backend."""

    NOTHING = "unknown"
    GOOD = "up"
    BAD = "down"


class Health(NamedTuple):
    """The last thing known of the backend, since ``at`` (seconds on the caller's clock)."""

    known: Known = Known.NOTHING
    at: float = 0.0
    cause: Cause | None = None


class Verdict(Enum):
    """What to do with a request."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    REFUSE = "refuse"
    PROBE = "probe"


UNKNOWN = Health()


def judge(health: Health, now: float, ttl_s: float) -> Verdict:
    """Pass, refuse, or ask the backend first; what is ``ttl_s`` seconds old is no longer known."""
    if health.known is Known.NOTHING or now - health.at >= ttl_s:
        return Verdict.PROBE
    return Verdict.PASS if health.known is Known.GOOD else Verdict.REFUSE


def after_probe(now: float, status: int | None, cause: Cause | None) -> Health:
    """The state after a probe that got ``status``, or failed from ``cause``."""
    if status is not None and OK_FROM <= status < OK_BELOW:
        return Health(Known.GOOD, now)
    if status == LOOP_STATUS:
        return Health(Known.BAD, now, Cause.LOOP)
    return Health(Known.BAD, now, cause or Cause.UNAVAILABLE)


def after_response(health: Health, now: float, status: int) -> Health:
    """A success upstream is as good as a probe; a 4xx is said by anything that listens there."""
    return Health(Known.GOOD, now) if SUCCESS_FROM <= status < SUCCESS_BELOW else health


def after_failed_connect(health: Health) -> Health:
    """A failed connect forgets good news, so that the next request asks; bad news stays until it is old."""
    return UNKNOWN if health.known is Known.GOOD else health
