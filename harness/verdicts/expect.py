"""Expectations over what the client saw and what the origin saw.

Law: each expectation records what was expected and what was, in words and units, whether it holds or not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from harness.clock import Clock
from harness.contract.model import Contract, ErrorKind, ErrorPromise
from harness.errors import NotPromised
from harness.traffic.exchange import Exchange
from harness.verdicts.case import Case
from harness.verdicts.standard import error_type, judge

T = TypeVar("T")

# Wall seconds by which a promise may be late before it counts as broken. Three processes (client, proxy, upstream)
# share a CI machine's two cores with the other workers; the lag guard bounds what each may be held up, and at real
# speed this is under one percent of the guide's 30 s.
SCHEDULING_S = 0.25
EARLY_S = 0.005  # wall seconds; clocks of two processes are read at slightly different moments


class Expect:
    """Expectations of one scenario."""

    def __init__(
        self, case: Case, contract: Contract, clock: Clock, tries: Callable[[Exchange], list[float]]
    ) -> None:
        self._case = case
        self._contract = contract
        self._clock = clock
        self._tries = tries

    def that(self, holds: bool, expected: str, actual: str) -> None:
        """A claim in words."""
        self._case.claim(holds=holds, expected=expected, actual=actual)

    def equal(self, what: str, expected: T, actual: T) -> None:
        """``what`` is exactly ``expected``."""
        self.that(expected == actual, f"{what} {_shown(expected)}", f"{what} {_shown(actual)}")

    def one_of(self, what: str, allowed: Collection[T], actual: T) -> None:
        """``what`` is one of ``allowed``."""
        words = " or ".join(_shown(value) for value in allowed)
        self.that(actual in allowed, f"{what} {words}", f"{what} {_shown(actual)}")

    def between(self, what: str, low: float, high: float, actual: float, unit: str = "") -> None:
        """``what`` lies between two bounds, both included."""
        self.that(low <= actual <= high, f"{what} {low:g} to {high:g}{unit}", f"{what} {actual:g}{unit}")

    def status(self, exchange: Exchange, status: int) -> None:
        """The client saw this status, and a whole answer."""
        self.that(exchange.status == status and exchange.complete, f"status {status}", seen(exchange))

    def served(self, exchange: Exchange) -> None:
        """The client saw 200 and a whole body."""
        self.status(exchange, 200)

    def broken_body(self, exchange: Exchange) -> None:
        """The client could tell that the body is not whole (RFC 9112 section 8)."""
        self.that(not exchange.complete and exchange.error is not None, "a visibly broken body", seen(exchange))

    def error(self, exchange: Exchange, kind: ErrorKind) -> dict[str, Any]:
        """The contract's error of this kind: status, title, code and details; returns the details.

        Also judges the answer by RFC 9209, which decides nothing.  Raises NotPromised when the contract has none.
        """
        promise = self._contract.errors.get(kind)
        if promise is None:
            raise NotPromised(f"errors.{kind} is not in the target's contract")
        self.status(exchange, promise.status)
        self._standard(exchange)
        return self._body(exchange, promise)

    def _standard(self, exchange: Exchange) -> None:
        named = error_type(exchange.headers.get("proxy-status"))
        if named:
            self._case.standards.append(judge(named, exchange.status))

    def _body(self, exchange: Exchange, promise: ErrorPromise) -> dict[str, Any]:
        if promise.error is None:
            return {}
        body = exchange.json() if _is_json(exchange) else {}
        details = body.get("details") if isinstance(body, dict) else None
        details = details if isinstance(details, dict) else {}
        self.equal("error", promise.error, body.get("error") if isinstance(body, dict) else None)
        if promise.code is not None:
            self.equal("errorCode", promise.code, details.get("errorCode"))
        missing = [name for name in promise.details if name not in details]
        self.that(not missing, f"details {', '.join(promise.details)}", f"details {', '.join(details) or 'none'}")
        return details

    def took(self, exchange: Exchange, at_least_s: float, at_most_s: float) -> None:
        """The client waited between two bounds, in target seconds, to the end of the answer."""
        self.lasted("answered after", exchange.took_s, at_least_s, at_most_s)

    def lasted(self, what: str, wall_s: float, at_least_s: float, at_most_s: float) -> None:
        """``wall_s`` wall seconds lie between two bounds in target seconds.

        The lower bound proves that the fault was real; the upper one is the promise plus `SCHEDULING_S`.
        """
        low = self._clock.wall(at_least_s) - EARLY_S
        high = self._clock.wall(at_most_s) + SCHEDULING_S
        self.that(
            low <= wall_s <= high,
            f"{what} {at_least_s:g} s to {at_most_s:g} s (+ {SCHEDULING_S:g} s of scheduling)",
            f"{what} {self._clock.target(wall_s):.2f} s ({wall_s:.3f} s of our clock)",
        )

    def tries(self, exchange: Exchange, count: int) -> None:
        """The upstream met this many tries for the request."""
        times = self._tries(exchange)
        self.that(len(times) == count, f"{_tries(count)} upstream", f"{_tries(len(times))} upstream")

    def spacing(self, times: Sequence[float], waits_s: Sequence[float]) -> None:
        """Between the tries lie these waits, in target seconds."""
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        told = ", ".join(f"{self._clock.target(gap):.2f}" for gap in gaps)
        expected = f"waits of {', '.join(f'{wait:g}' for wait in waits_s)} s"
        self.that(len(gaps) == len(waits_s), expected, f"waits of {told or 'none'} s")
        for gap, wait in zip(gaps, waits_s, strict=True):
            held = self._clock.wall(wait) - EARLY_S <= gap <= self._clock.wall(wait) + SCHEDULING_S
            self.that(held, expected, f"waits of {told} s")

    def note(self, figure: str) -> None:
        """Record a figure that decides nothing."""
        self._case.note(figure)


def seen(exchange: Exchange) -> str:
    """What the client saw, in words."""
    if exchange.status is None:
        return f"no answer ({exchange.error})"
    whole = "" if exchange.complete else f" and then {exchange.error or 'an incomplete body'}"
    title = ""
    if exchange.status >= 400 and _is_json(exchange) and isinstance(body := exchange.json(), dict):
        title = f" {body.get('error', '')!r}"
    return f"status {exchange.status}{title}{whole}"


def _is_json(exchange: Exchange) -> bool:
    return exchange.complete and (exchange.headers.get("content-type") or "").startswith("application/json")


def _tries(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"


def _shown(value: object, width: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= width else f"{text[:width]}… ({len(text)} characters)"
