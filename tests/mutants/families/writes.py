"""Mistakes about writes: executed twice, not at all, or with another body."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from proxy_under_test import headers, policy
from proxy_under_test.body import Body
from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.forward import Parts
from proxy_under_test.transport import Incoming, Outgoing
from proxy_under_test.transport.pool import Pool
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around, deciding, parts, replace, settings


@mutant("write-acknowledged")
def writes_mirrored() -> None:
    """Writes are sent twice, to compare the answers of two backends, and there is only one."""

    @around(Pool, "send")
    async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            mirrored: Incoming = await send(self, dataclasses.replace(request, fresh=True))
            await mirrored.aclose()
        response: Incoming = await send(self, request)
        return response


@mutant("retry-write-after-commit write-before-commit")
def post_replayed_after_a_reset() -> None:
    """Every method is retried after a reset, also one that the backend may have executed."""
    replace(policy, "IDEMPOTENT", policy.IDEMPOTENT | {"POST", "PATCH"})


@mutant("retry-write-after-commit")
def patch_taken_for_idempotent() -> None:
    """PATCH is thought to be idempotent because PUT is."""
    replace(policy, "IDEMPOTENT", policy.IDEMPOTENT | {"PATCH"})


@mutant("retry-write-refused")
def unsent_writes_given_up() -> None:
    """No POST is ever tried again, not even one that was refused and so never left."""
    settings(retry_unsent_writes=False)


@mutant("write-unsent-setting")
def unsent_setting_ignored() -> None:
    """RETRY_UNSENT_WRITES is read and nothing is done with it."""
    settings(retry_unsent_writes=True)


@mutant("write-stale-connection")
def stale_write_sent_again() -> None:
    """Whatever a stale connection swallowed is sent again on another, a write as well."""

    @around(Pool, "send")
    async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
        try:
            response: Incoming = await send(self, dataclasses.replace(request, fresh=False))
        except UpstreamFailure:
            if not request.attempt.reused:
                raise
            response = await send(self, dataclasses.replace(request, fresh=True))
        return response


@mutant("retry-write-with-key write-recovers")
def key_ignored() -> None:
    """An Idempotency-Key is passed on and plays no part in the decision to retry."""

    @deciding
    def _(decide: Change, rules: policy.Rules, request: policy.Request, *args: Any, **more: Any) -> Any:
        return decide(rules, dataclasses.replace(request, keyed=False), *args, **more)


@mutant("retry-write-with-key write-recovers")
def key_not_passed_on() -> None:
    """The retry relies on the Idempotency-Key, which a list of allowed headers keeps from the backend."""
    replace(headers, "REQUEST_DROPPED", headers.REQUEST_DROPPED | {b"idempotency-key"})


@mutant("retry-body-intact")
def body_empty_at_the_second_try() -> None:
    """The body is a stream, the first try has read it, and the second sends what is left of it: nothing."""

    @around(Body, "whole")
    def _(whole: Change, self: Body) -> bytes | None:
        body: bytes | None = whole(self)
        if body is not None:
            self._kept.clear()
        return body

    @around(Body, "chunks")
    async def _(chunks: Change, self: Body) -> Any:
        async for chunk in chunks(self):
            yield chunk
        self._kept.clear()
        self.length = None


@mutant("timeout-write retry-write-after-commit")
def silence_taken_for_unsent() -> None:
    """A timeout is retried without asking whether the request had been sent."""

    @parts
    def _(made: Parts) -> None:
        third_s = made.timing.deadlines.timeout_s / 3

        @around(Pool, "send")
        async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
            try:
                async with asyncio.timeout(third_s):
                    response: Incoming = await send(self, request)
                    return response
            except TimeoutError as exc:
                request.attempt.sent = False
                raise UpstreamFailure(Cause.CONNECT_TIMEOUT) from exc
