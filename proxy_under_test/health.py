"""The health gate: asks the backend when ``gate`` says so, once however many wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from proxy_under_test import gate
from proxy_under_test.causes import Cause, Refusal, UpstreamFailure
from proxy_under_test.gate import Health, Known, Verdict
from proxy_under_test.logs import JsonLogger
from proxy_under_test.metrics import Metrics
from proxy_under_test.transport import Header, Outgoing, Transport

BODY_LIMIT = 65_536  # a health answer is small; one that is not is not read to its end


class HealthGate:
    """What is known of the backend, and the one probe that finds out."""

    def __init__(
        self,
        transport: Transport,
        target: bytes,
        headers: list[Header],
        *,
        ttl_s: float,
        timeout_s: float,
        log: JsonLogger,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._target = target
        self._headers = headers
        self._ttl_s = ttl_s
        self._timeout_s = timeout_s
        self._log = log
        self._metrics = metrics
        self._clock = clock
        self._probe: asyncio.Task[Cause | None] | None = None
        self.health: Health = gate.UNKNOWN

    @property
    def passes(self) -> bool:
        """Whether ``admit`` would let a request pass at once; saves it a coroutine."""
        return gate.judge(self.health, self._clock(), self._ttl_s) is Verdict.PASS

    async def admit(self) -> None:
        """Return where the backend may be asked.

        Raises Refusal: UNAVAILABLE or LOOP where it may not, NO_CONNECTION_FREE where our own limit kept us from
        finding out, whatever was known before.
        """
        verdict = gate.judge(self.health, self._clock(), self._ttl_s)
        if verdict is Verdict.PASS:
            return
        if verdict is Verdict.PROBE and (hindered := await self._ask()):
            raise Refusal(hindered, "health check: not made")
        if self.health.known is Known.BAD:
            cause = Cause.LOOP if self.health.cause is Cause.LOOP else Cause.UNAVAILABLE
            raise Refusal(cause, f"health check: {self.health.cause}")

    def responded(self, status: int) -> None:
        """The upstream answered a request with ``status``."""
        self.health = gate.after_response(self.health, self._clock(), status)

    def connect_failed(self) -> None:
        """A connect to the upstream failed."""
        self.health = gate.after_failed_connect(self.health)

    async def aclose(self) -> None:
        """Cancel the probe, if one is under way."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.wait((self._probe,))

    async def _ask(self) -> Cause | None:
        if self._probe is None:
            self._probe = asyncio.get_running_loop().create_task(self._find_out())
            self._probe.add_done_callback(self._probed)
        # One waiter that leaves must not take the answer from the others.
        return await asyncio.shield(self._probe)

    def _probed(self, probe: asyncio.Task[Cause | None]) -> None:
        self._probe = None
        if not probe.cancelled() and probe.exception() is not None:
            self._log.error("health check crashed", error=repr(probe.exception()))

    async def _find_out(self) -> Cause | None:
        """Ask the backend; the cause where it could not be asked, so that nothing new is known of it."""
        status: int | None = None
        cause: Cause | None = None
        started = self._clock()
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._get()
        except TimeoutError:
            cause = Cause.DEADLINE
        except UpstreamFailure as failure:
            cause = failure.cause
            if cause is Cause.NO_CONNECTION_FREE:
                return cause
        before = self.health.known
        self.health = gate.after_probe(self._clock(), status, cause)
        self._metrics.probes[self.health.known.value] += 1
        tell = self._log.info if self.health.known is before else self._log.warning
        if before is Known.NOTHING and self.health.known is Known.GOOD:
            tell = self._log.info
        tell(
            "health check",
            state=self.health.known.value,
            status=status,
            cause=self.health.cause,
            duration_ms=round((self._clock() - started) * 1000, 1),
        )
        return None

    async def _get(self) -> int:
        # A new connection, so that an old one gone stale is not taken for a backend that is down.
        response = await self._transport.send(Outgoing("GET", self._target, self._headers, fresh=True))
        try:
            size = 0
            while chunk := await response.read():
                size += len(chunk)
                if size > BODY_LIMIT:
                    break
            return response.status
        finally:
            await response.aclose()
