"""Mistakes about retries: how often, how long after one another, after what, and for whom."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from proxy_under_test import app, policy
from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.forward import Exchange, Forwarder, Parts
from proxy_under_test.policy import Retry, Rules
from proxy_under_test.record import Record
from proxy_under_test.transport import Incoming, Outgoing
from proxy_under_test.transport.connection import Connection
from proxy_under_test.transport.pool import Pool
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around, deciding, parts, replace, settings


@mutant("retry-exhausted retry-count-setting write-idempotent-lost")
def five_tries() -> None:
    """The limit is compared by one too late, so there is a fifth try."""

    @around(app, "Rules")
    def _(make: Change, retries: int, *rest: Any) -> Rules:
        rules: Rules = make(retries + 1, *rest)
        return rules


def _waiting(change: Any) -> None:
    @deciding
    def _(decide: Change, rules: Rules, *args: Any, tries: int, **more: Any) -> Any:
        step = decide(rules, *args, tries=tries, **more)
        return Retry(change(rules.retry_delay_s, tries)) if isinstance(step, Retry) else step


@mutant("retry-exhausted retry-recovers")
def waits_1_1_1() -> None:
    """The wait does not grow with the tries."""
    _waiting(lambda delay_s, _: delay_s)


@mutant("retry-exhausted")
def waits_1_2_4() -> None:
    """The wait is doubled each time, as many libraries do, where 1, 2, 3 s are documented."""
    _waiting(lambda delay_s, tries: delay_s * 2 ** (tries - 1))


@mutant("retry-exhausted retry-reset")
def no_wait_at_all() -> None:
    """The wait is computed and never awaited."""
    _waiting(lambda _, __: 0.0)


@mutant("retry-exhausted")
def full_jitter() -> None:
    """The wait is drawn between nothing and its documented length, to spread retries, against the document."""
    _waiting(lambda delay_s, tries: random.uniform(0.0, delay_s * tries))  # noqa: S311 - nothing secret


@mutant("retry-not-for-status forward-statuses")
def retried_after_500() -> None:
    """A status the backend chose is taken for a failure of the network and tried again."""

    @around(Pool, "send")
    async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
        response: Incoming = await send(self, request)
        if response.status >= 500:
            await response.aclose()
            request.attempt.answered = False
            raise UpstreamFailure(Cause.RESET, f"status {response.status}")
        return response


@mutant("retry-reset retry-empty-reply retry-body-intact")
def only_refused_is_retried() -> None:
    """Only ECONNREFUSED is looked for; a connection that is reset or closed is given up."""
    replace(policy, "WORTH_RETRYING", policy.WORTH_RETRYING - {Cause.RESET, Cause.CLOSED})


@mutant("retry-count-setting")
def retry_count_is_a_constant() -> None:
    """MAX_RETRIES is read, and three retries are made all the same."""
    settings(max_retries=3)


@mutant("retry-within-deadline timeout-covers-retries")
def deadline_for_each_try() -> None:
    """The timeout is set anew for each try, so that all tries together may take many times as long."""

    @around(Forwarder, "_next_wait")
    def _(next_wait: Change, self: Forwarder, exchange: Exchange, *rest: Any) -> float | None:
        deadlines, deadline = self.parts.timing.deadlines, exchange.deadline
        deadlines.end(deadline)
        deadline.at = deadlines.loop.time() + deadlines.timeout_s
        deadlines.begin(deadline)
        wait_s: float | None = next_wait(self, exchange, *rest)
        return wait_s


@mutant("retry-exhausted retry-amplification retry-count-setting")
def library_retries_too() -> None:
    """The HTTP library's own retry was left on below ours, so each of our tries is two."""

    @around(Pool, "send")
    async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
        try:
            response: Incoming = await send(self, request)
        except UpstreamFailure:
            response = await send(self, request)
        return response


@mutant("retry-stops-with-client")
def goes_on_for_nobody() -> None:
    """The work runs in a task of its own, which nobody cancels when the client leaves."""

    @around(Forwarder, "_try")
    async def _(tries: Change, *args: Any) -> Incoming:
        response: Incoming = await asyncio.shield(asyncio.ensure_future(tries(*args)))
        return response


@mutant("retry-empty-reply")
def stale_connection_is_an_error() -> None:
    """That a kept-alive connection may be closed by the other side at any time was not thought of."""

    @around(Pool, "send")
    async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
        try:
            response: Incoming = await send(self, request)
        except UpstreamFailure as failure:
            if request.attempt.reused:
                raise UpstreamFailure(Cause.HEAD_MALFORMED, "unexpected end") from failure
            raise
        return response

    replace(Connection, "is_alive", lambda self: not self.lost)


@mutant("error-refused retry-exhausted")
def tries_told_as_retries() -> None:
    """The error counts the first try among the retries."""
    replace(Record, "retries", property(lambda self: len(self.attempts)))


@mutant("retry-exhausted retry-reset write-recovers")
def never_retries() -> None:
    """The retries are configured, and the code path to them is never taken."""

    @parts
    def _(made: Parts) -> None:
        made.rules = Rules(max_retries=0)


@mutant("retry-methods")
def client_named_again_at_each_retry() -> None:
    """The client's address is appended as a try is sent, to a list of fields that all tries of a request share."""

    @around(Pool, "send")
    async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
        if request.attempt.number > 1:
            request.headers = [
                (name, value + b", 127.0.0.1" if name == b"x-forwarded-for" else value)
                for name, value in request.headers
            ]
        response: Incoming = await send(self, request)
        return response
