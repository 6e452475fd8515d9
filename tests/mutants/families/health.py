"""Mistakes about the health check: when it is made, what it means, and how long that is believed."""

from __future__ import annotations

import math
from typing import Any

import proxy_under_test.__main__ as program
from proxy_under_test import forward, gate
from proxy_under_test.causes import CONNECTING, UpstreamFailure
from proxy_under_test.errors import ErrorWriter
from proxy_under_test.forward import Forwarder, Parts
from proxy_under_test.gate import Health, Known, Verdict
from proxy_under_test.health import HealthGate
from proxy_under_test.settings import Settings
from proxy_under_test.target import HEALTH
from proxy_under_test.transport import Outgoing
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around, parts, replace, settings


@mutant("health-cached")
def health_never_cached() -> None:
    """Every request is preceded by a probe; the cache was forgotten."""
    settings(health_check_ttl=0)


@mutant("health-cached")
def health_kept_for_two_seconds() -> None:
    """Two seconds were thought to be enough, where five are documented."""

    @around(program, "load_settings")
    def _(load: Change) -> Settings:
        read: Settings = load()
        return read.model_copy(update={"health_check_ttl": read.health_check_ttl * 2 / 5})


@mutant("health-expires")
def health_cached_for_ever() -> None:
    """The result of the first probe is kept for as long as the process lives."""

    @parts
    def _(made: Parts) -> None:
        made.gate._ttl_s = math.inf


@mutant("health-recovers")
def bad_news_kept_for_ever() -> None:
    """Only good results expire; a backend that was down once is down until the proxy is restarted."""

    @around(gate, "judge")
    def _(judge: Change, health: Health, *rest: Any) -> Verdict:
        verdict: Verdict = Verdict.REFUSE if health.known is Known.BAD else judge(health, *rest)
        return verdict


@mutant("health-one-probe")
def probe_stampede() -> None:
    """Requests that meet an expired result all probe by themselves."""

    @around(HealthGate, "_ask")
    async def _(_: Change, self: HealthGate) -> None:
        await self._find_out()


@mutant("health-lookalike")
def whatever_says_health_is_free() -> None:
    """The health route is recognised by the word in the path, so /healthy and /x/health pass the gate, too."""
    replace(forward, "bypasses_gate", lambda target: b"health" in target.lower())


@mutant("health-lookalike")
def prefix_of_health_is_free() -> None:
    """The health route is recognised by its beginning, so /healthy passes the gate, too."""
    replace(forward, "bypasses_gate", lambda target: target.startswith(HEALTH))


@mutant("health-bypass")
def health_route_gated() -> None:
    """The health route is gated like any other, so nobody can ask why the backend is down."""
    replace(forward, "bypasses_gate", lambda _: False)


@mutant("health-slow")
def probe_waits_for_ever() -> None:
    """The probe has no time limit of its own."""

    @parts
    def _(made: Parts) -> None:
        made.gate._timeout_s = made.timing.deadlines.timeout_s


@mutant("health-error-status error-unavailable health-lookalike database-down database-full database-read-only")
def any_answer_is_healthy() -> None:
    """That the probe was answered counts, not with what; a 503 is healthy."""
    replace(gate, "OK_FROM", 100)
    replace(gate, "OK_BELOW", 600)


@mutant("health-error-status")
def a_connect_is_healthy() -> None:
    """A backend is thought healthy when its port takes a connection, whatever it says then."""

    @around(HealthGate, "_get")
    async def _(get: Change, self: HealthGate) -> int:
        try:
            await get(self)
        except UpstreamFailure as failure:
            if failure.cause in CONNECTING:
                raise
        return 200


@mutant("health-down health-goes-down")
def never_probed() -> None:
    """The health check is written and never called."""
    replace(HealthGate, "passes", property(lambda _: True))


@mutant("error-unavailable error-refused backend-starting")
def no_retry_after() -> None:
    """A 503 does not say when to come back."""

    @around(ErrorWriter, "headers")
    def _(write: Change, *args: Any) -> list[tuple[bytes, bytes]]:
        return [header for header in write(*args) if header[0] != b"retry-after"]


@mutant("health-bypass health-same-body")
def answers_health_itself() -> None:
    """The proxy answers the health route by itself: it is well, whatever the backend is."""

    @around(Forwarder, "__call__")
    async def _(call: Change, self: Forwarder, arrival: forward.Arrival, receive: Any, send: Any) -> None:
        if arrival.target != HEALTH:
            await call(self, arrival, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"15")]})
        await send({"type": "http.response.body", "body": b'{"status":"ok"}'})


@mutant("health-same-body")
def health_rewritten() -> None:
    """The proxy puts its own idea of a health answer into the place of the backend's."""

    @around(Forwarder, "_relay")
    async def _(relay: Change, self: Forwarder, exchange: forward.Exchange, response: Any) -> None:
        if exchange.arrival.target != HEALTH:
            await relay(self, exchange, response)
            return
        await response.aclose()
        await exchange.reply.start(response.status, [(b"content-length", b"16")])
        await exchange.reply.body(b'{"healthy":true}', more=False)


@mutant("recovery-served")
def bad_news_kept_longer() -> None:
    """A backend that failed its health check is left alone for four times as long as good news are kept."""

    @around(gate, "judge")
    def _(judge: Change, health: gate.Health, now: float, ttl_s: float) -> gate.Verdict:
        verdict: gate.Verdict = judge(health, now, ttl_s * (4 if health.known is gate.Known.BAD else 1))
        return verdict


@mutant("health-fails-fast")
def bad_news_kept_for_one_second() -> None:
    """Bad news is doubted sooner than good: the backend is asked again after a fifth of the time."""

    @around(gate, "judge")
    def _(judge: Change, health: gate.Health, now: float, ttl_s: float) -> gate.Verdict:
        verdict: gate.Verdict = judge(health, now, ttl_s / (5 if health.known is gate.Known.BAD else 1))
        return verdict


@mutant("redis-down redis-slow")
def degraded_is_down() -> None:
    """The gate wants "ok" in the body, so a backend that does without its cache is taken down with it."""

    @around(HealthGate, "_get")
    async def _(_: Change, self: HealthGate) -> int:
        response = await self._transport.send(Outgoing("GET", self._target, self._headers, fresh=True))
        body = b""
        while chunk := await response.read():
            body += chunk
        await response.aclose()
        return response.status if b'"status":"ok"' in body else 503
