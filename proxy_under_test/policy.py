"""Try, wait, or give up: a function of what happened and when.  No I/O, no clock, no randomness of its own.

The guide's "Automatic Retry Mechanism", read as ``docs/contract.md`` says (1 and 3):

1. One first try and at most ``max_retries`` more, after 1, 2 and 3 delays.
2. Only a network failure before the first byte of a response is retried, never a status the backend chose.
3. A request that may have been executed is repeated only where that is harmless (RFC 9110 section 9.2.2): its method
is    idempotent or it carries an Idempotency-Key.  A connect that failed executed nothing.
4. A body is replayed intact or not at all.
5. No wait reaches the deadline: what could not be tried in time is answered now, with the failure that is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy_under_test.causes import CONNECTING, Cause

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})

# A second try can end otherwise.  A certificate, a protocol mismatch or our own connection limit stays what it is.
WORTH_RETRYING = frozenset(
    {
        Cause.REFUSED,
        Cause.CONNECT_TIMEOUT,
        Cause.UNROUTABLE,
        Cause.DNS,
        Cause.DNS_TIMEOUT,
        Cause.RESET,
        Cause.CLOSED,
    }
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings allow.  ``jitter`` is the largest fraction by which a wait is shortened or lengthened."""

    max_retries: int = 3
    retry_delay_s: float = 1.0
    retry_unsent_writes: bool = True
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request matters here.  ``replayable``: its body can be sent again from its first byte."""

    method: str
    keyed: bool = False
    replayable: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """How one try ended.  ``sent``: a byte of the request may have left; ``answered``: a byte came back."""

    cause: Cause
    sent: bool
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """Wait ``after_s`` seconds, then try again."""

    after_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Answer with ``cause`` now; ``because`` is for the log."""

    cause: Cause
    because: str


def decide(
    rules: Rules, request: Request, failure: Failure, *, tries: int, now: float, deadline: float, draw: float = 0.0
) -> Retry | GiveUp:
    """What to do after the ``tries``-th try ended in ``failure``.

    ``now`` and ``deadline`` are seconds on one clock; ``draw`` is uniform in [-1, 1] and scaled by ``rules.jitter``.
    """
    because = _forbidden(rules, request, failure)
    if because:
        return GiveUp(failure.cause, because)
    if tries > rules.max_retries:
        return GiveUp(failure.cause, "tries used up")
    wait = rules.retry_delay_s * tries * (1.0 + rules.jitter * draw)
    if now + wait >= deadline:
        return GiveUp(failure.cause, "the next try would begin after the deadline")
    return Retry(wait)


def _forbidden(rules: Rules, request: Request, failure: Failure) -> str:
    if failure.cause not in WORTH_RETRYING:
        return "another try would end the same"
    if failure.answered:
        return "a response had begun"
    if not request.replayable:
        return "the body cannot be sent again"
    if request.method in IDEMPOTENT or request.keyed:
        return ""
    if failure.sent or failure.cause not in CONNECTING:
        return "the write may have been executed"
    return "" if rules.retry_unsent_writes else "unsent writes are not to be retried"
