"""The doing: gate, tries, relay, all under one deadline.  What to do is asked of ``policy``, ``gate`` and ``errors``.

Law: whatever happens, one request ends in exactly one record, and its upstream connection is given back or closed.
The server cancels this task when the client leaves, so every ``await`` here is a place where that is noticed.
"""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from proxy_under_test import headers, policy
from proxy_under_test.body import Body, ClientGone, Receive
from proxy_under_test.causes import CONNECTING, Cause, Refusal, UpstreamFailure
from proxy_under_test.cors import Cors
from proxy_under_test.deadlines import Deadline, Deadlines
from proxy_under_test.errors import ANSWERS, Answer, Circumstances, ErrorWriter
from proxy_under_test.headers import Header, Identity, RequestIds
from proxy_under_test.health import HealthGate
from proxy_under_test.policy import GiveUp, Rules
from proxy_under_test.record import Journal, Record
from proxy_under_test.reply import LEFT, Reply, Send, common_headers, date, refusal_in
from proxy_under_test.target import bypasses_gate, upstream_target
from proxy_under_test.transport import Incoming, Outgoing, Transport, Try


@dataclass(slots=True)
class Arrival:
    """A request that the front door has let in.  ``found`` has each header once; ``fused`` as in ``reply.FUSED``."""

    method: str
    target: bytes
    headers: Sequence[Header]
    found: dict[bytes, bytes]
    client: str
    fused: bool = False
    version: str = "1.1"


@dataclass(frozen=True, slots=True)
class Timing:
    """Bounds of one exchange: its deadline, and bytes of request body."""

    deadlines: Deadlines
    body_buffer_limit: int
    body_limit: int | None


@dataclass(slots=True)
class Parts:
    """What forwarding is made of; each part can be replaced by itself."""

    transport: Transport
    gate: HealthGate
    rules: Rules
    timing: Timing
    identity: Identity
    cors: Cors
    writer: ErrorWriter
    journal: Journal
    prefix: bytes
    upstream_url: str
    request_ids: RequestIds = field(default_factory=RequestIds)
    decide: Callable[..., policy.Retry | GiveUp] = policy.decide
    answers: Mapping[Cause, Answer] = field(default_factory=lambda: ANSWERS)
    forward_request: Callable[..., list[Header]] = headers.forward_request
    forward_response: Callable[..., list[Header]] = headers.forward_response
    stopping: bool = False


@dataclass(slots=True)
class Exchange:
    """One request on its way."""

    arrival: Arrival
    reply: Reply
    record: Record
    request_id: bytes
    deadline: Deadline
    body: Body | None = None


class Forwarder:
    """Serves arrivals."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._draw = random.Random()  # noqa: S311 - spreads retries; nothing secret

    async def __call__(self, arrival: Arrival, receive: Receive, send: Send) -> None:
        """Serve one arrival; returns without completing the response where that is broken and must look so."""
        exchange = self._open(arrival, send)
        record = exchange.record
        failure: BaseException | None = None
        try:
            with exchange.deadline:
                await self._serve(exchange, receive)
        except TimeoutError as exc:
            record.cause, failure = _cause_of_deadline(exchange), exc
        except (UpstreamFailure, Refusal) as exc:
            record.cause, failure = exc.cause, exc
        except ClientGone:
            record.cause = Cause.CLIENT_GONE
        except asyncio.CancelledError as exc:
            failure = refusal_in(exc)
            if failure is None and (not self.parts.stopping or exc.args == LEFT):
                record.cause = Cause.CLIENT_GONE
                self._close(exchange, time.monotonic())
                raise
            record.cause, failure = (failure.cause, failure) if failure is not None else (Cause.STOPPING, exc)
        except Exception as exc:  # noqa: BLE001 - our own fault; it is answered, logged and counted as such
            record.cause, failure = Cause.INTERNAL, exc
        if failure is not None:
            await self._answer(exchange, failure)
            failure = None  # its traceback leads back to this very frame: a circle for every failed request
        self._close(exchange, time.monotonic())

    def _open(self, arrival: Arrival, send: Send) -> Exchange:
        parts = self.parts
        deadline = Deadline(parts.timing.deadlines)
        found = arrival.found
        request_id = parts.request_ids(found.get(b"x-request-id"))
        record = Record(arrival.method, arrival.target, request_id, deadline.began, arrival.client)
        common = common_headers(request_id, parts.cors.headers(found.get(b"origin")))
        return Exchange(arrival, Reply(send, common, fused=arrival.fused), record, request_id, deadline)

    async def _serve(self, exchange: Exchange, receive: Receive) -> None:
        parts, arrival = self.parts, exchange.arrival
        target = self._plan(exchange, receive)
        if not parts.gate.passes and not bypasses_gate(arrival.target):
            await parts.gate.admit()
        if exchange.body is not None:
            await exchange.body.prefetch()
        response = await self._try(exchange, target)
        parts.gate.responded(response.status)
        await self._relay(exchange, response)

    def _plan(self, exchange: Exchange, receive: Receive) -> bytes:
        """The upstream's target; decides what is to be forwarded, and logs the start, of a refusal too."""
        parts, arrival, record = self.parts, exchange.arrival, exchange.record
        found = arrival.found
        try:
            target = upstream_target(arrival.target, parts.prefix)
            record.upstream = parts.upstream_url + target.partition(b"?")[0].decode("latin-1")
            record.forwarded = parts.forward_request(
                arrival.headers, found, parts.identity, arrival.client, exchange.request_id, arrival.version
            )
            if b"content-length" in found or b"transfer-encoding" in found:
                length = found.get(b"content-length")
                record.declared = None if length is None else int(length)
                timing = parts.timing
                exchange.body = Body(receive, record.declared, keep=timing.body_buffer_limit, limit=timing.body_limit)
        finally:
            parts.journal.started(record)
        return target

    async def _try(self, exchange: Exchange, target: bytes) -> Incoming:
        """Try until there is a response, or the policy gives up.  Raises UpstreamFailure."""
        parts, arrival, record = self.parts, exchange.arrival, exchange.record
        keyed = _keyed(arrival.found)
        safe = keyed or arrival.method in policy.IDEMPOTENT
        while True:
            attempt = Try(len(record.attempts) + 1, started=time.monotonic())
            record.attempts.append(attempt)
            # A write that must not be repeated, and a repetition, do not risk a connection gone stale.
            fresh = not safe or attempt.number > 1
            try:
                response = await parts.transport.send(
                    Outgoing(arrival.method, target, record.forwarded, exchange.body, fresh, attempt)
                )
            except UpstreamFailure as failure:
                attempt.ended, attempt.outcome = time.monotonic(), failure.cause
                wait_s = self._next_wait(exchange, failure, attempt, keyed)
                if wait_s is None:
                    raise
            else:
                attempt.ended, attempt.outcome = time.monotonic(), response.status
                return response
            await asyncio.sleep(wait_s)

    def _next_wait(self, exchange: Exchange, failure: UpstreamFailure, attempt: Try, keyed: bool) -> float | None:
        """Seconds to the next try, None to give up."""
        parts, record = self.parts, exchange.record
        if failure.cause in CONNECTING and failure.cause is not Cause.NO_CONNECTION_FREE:
            parts.gate.connect_failed()
        body = exchange.body
        step = parts.decide(
            parts.rules,
            policy.Request(exchange.arrival.method, keyed, body is None or body.replayable),
            policy.Failure(failure.cause, attempt.sent, attempt.answered),
            tries=attempt.number,
            now=attempt.ended,
            deadline=exchange.deadline.at,
            draw=self._draw.uniform(-1.0, 1.0),
        )
        if isinstance(step, GiveUp):
            record.detail = step.because
            return None
        parts.journal.retrying(record, failure.cause, step.after_s)
        return step.after_s

    async def _relay(self, exchange: Exchange, response: Incoming) -> None:
        """Pass the response on, byte for byte, at the client's pace."""
        parts, reply = self.parts, exchange.reply
        if response.until_close:
            exchange.record.detail = "the body has no length: its end cannot be told from a cut"
        try:
            passed = parts.forward_response(response.headers, parts.identity.via, response.status, date)
            finished = False
            if response.ready:
                chunk = await response.read()
                finished = response.finished
                await reply.first(response.status, passed, chunk, more=not finished)
            else:
                await reply.start(response.status, passed)
            while not finished:
                chunk = await response.read()
                finished = response.finished
                if chunk or finished:
                    await reply.body(chunk, more=not finished)
        finally:
            await response.aclose()

    async def _answer(self, exchange: Exchange, failure: BaseException) -> None:
        """Answer with the error the cause has, where nothing was answered yet."""
        parts, record, reply = self.parts, exchange.record, exchange.reply
        cause = record.cause or Cause.INTERNAL
        if cause is Cause.INTERNAL:
            record.detail = "".join(traceback.format_exception(failure))
        if reply.started:
            return
        now = time.monotonic()
        about = Circumstances(
            duration_ms=(now - record.started) * 1000,
            timeout_ms=parts.timing.deadlines.timeout_s * 1000,
            retries=record.retries if record.attempts else None,
            stack="" if parts.writer.production else "".join(traceback.format_exception(failure)),
            maybe_executed=_maybe_executed(exchange),
        )
        await reply.error(parts.writer, parts.answers[cause], about)

    def _close(self, exchange: Exchange, now: float) -> None:
        record = exchange.record
        for attempt in record.attempts[-1:]:
            if attempt.outcome is None:
                attempt.ended, attempt.outcome = now, record.cause
        record.status = exchange.reply.status or ANSWERS[record.cause or Cause.INTERNAL].status
        record.bytes_out = exchange.reply.bytes_out
        record.bytes_in = exchange.body.read if exchange.body is not None else 0
        self.parts.journal.finished(record, now)


def _keyed(found: Mapping[bytes, bytes]) -> bool:
    """Whether there is an Idempotency-Key by which a backend can tell a repetition; commas join empty ones."""
    key = found.get(b"idempotency-key")
    return key is not None and bool(key.strip(b" \t,"))


def _maybe_executed(exchange: Exchange) -> bool:
    arrival = exchange.arrival
    repeatable = arrival.method in policy.IDEMPOTENT or _keyed(arrival.found)
    return not repeatable and any(attempt.sent for attempt in exchange.record.attempts)


def _cause_of_deadline(exchange: Exchange) -> Cause:
    """Who was waited for: the client, where the next bytes of its body were, and no answer had begun."""
    latest, body = exchange.record.attempts[-1:], exchange.body
    if any(attempt.outcome is not None for attempt in latest):
        return Cause.DEADLINE
    if any(not attempt.connected for attempt in latest):
        return Cause.DEADLINE_CONNECTING
    return Cause.BODY_TOO_SLOW if body is not None and body.awaited else Cause.DEADLINE
