"""What becomes of errors for the external service when the proxy ends."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

from proxy_under_test.metrics import Metrics
from proxy_under_test.sink import ErrorSink
from proxy_under_test.transport import Outgoing

OFFERED = 3


class Silent:
    """A way to a service that never answers."""

    open_connections = 0
    idle_connections = 0

    async def send(self, request: Outgoing) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError

    async def aclose(self) -> None:
        return


class Told:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))


def test_errors_that_are_not_delivered_at_the_end_are_counted_and_told() -> None:
    """Each error has one fate: a service that does not answer leaves none of them untold."""
    metrics, log = Metrics(), Told()

    async def act() -> None:
        sink = ErrorSink("http://sink.test/", Silent(), timeout_s=0.1, log=log, metrics=metrics)  # type: ignore[arg-type]
        for number in range(OFFERED):
            sink.offer({"number": number})
        await sink.aclose()

    asyncio.run(act())

    dropped = metrics.sink["dropped"]
    assert sum(metrics.sink.values()) == OFFERED
    assert dropped >= 1
    assert ("error sink stopped", {"dropped": dropped}) in log.lines
