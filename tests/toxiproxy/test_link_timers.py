"""Alarms ring at their moment, never early, once, and not at all when they are called off."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from time import monotonic
from typing import Any

import pytest
import uvloop

from harness.clock import poll_until_async
from harness.toxiproxy.server import timers as timers_module
from harness.toxiproxy.server.timers import Timers
from harness.toxiproxy.server.wakeup import LINUX, KernelClock, LoopClock

CLOCKS = [LoopClock, KernelClock] if LINUX else [LoopClock]
Scenario = Callable[[Timers], Coroutine[Any, Any, None]]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner


@pytest.fixture(params=CLOCKS, ids=lambda clock: clock.__name__)
def run(
    request: pytest.FixtureRequest, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Scenario], None]:
    """Run a scenario on each event loop, woken by each clock."""
    monkeypatch.setattr(timers_module, "clock", request.param)

    async def main(scenario: Scenario) -> None:
        timers = Timers(asyncio.get_running_loop())
        try:
            await scenario(timers)
        finally:
            timers.close()

    def run(scenario: Scenario) -> None:
        runner.run(main(scenario))

    return run


def note(rung: list[tuple[float, float]], moment: float) -> None:
    """When it was to ring, and when it rang."""
    rung.append((moment, monotonic()))


def test_alarms_ring_in_order_and_never_early(run: Callable[[Scenario], None]) -> None:
    """Whatever order they are set in, each rings after its moment, the earlier ones first."""

    async def scenario(timers: Timers) -> None:
        rung: list[tuple[float, float]] = []
        start = monotonic() + 0.2  # all are set by then
        moments = [start + wait_s for wait_s in (0.0073, 0.0031, 0.0129, 0.0031)]
        for moment in moments:
            timers.at(moment, partial(note, rung, moment))
        await poll_until_async(lambda: len(rung) == len(moments), within_s=5, what="all to ring")

        assert [moment for moment, _ in rung] == sorted(moments)
        assert all(at >= moment for moment, at in rung)

    run(scenario)


def test_an_alarm_that_is_called_off_does_not_ring(run: Callable[[Scenario], None]) -> None:
    """One in time, one whose moment has come, one that another alarm calls off as it rings."""

    async def scenario(timers: Timers) -> None:
        soon, rung = monotonic() + 0.005, list[str]()
        timers.at(soon, lambda: rung.append("later")).cancel()
        timers.at(0, lambda: rung.append("now")).cancel()
        timers.at(soon, lambda: second.cancel())
        second = timers.at(soon + 1e-6, lambda: rung.append("second"))
        timers.at(soon + 0.005, lambda: rung.append("last"))
        await poll_until_async(lambda: rung, within_s=5, what="the last to ring")

        assert rung == ["last"]

    run(scenario)


def test_what_is_called_off_is_dropped(run: Callable[[Scenario], None]) -> None:
    """A toxic that sets an alarm anew for each chunk does not fill the memory; the others still ring."""

    async def scenario(timers: Timers) -> None:
        rung = list[float]()
        far = monotonic() + 3600
        for number in range(5_000):
            timers.at(far + number, lambda: None).cancel()
            if number % 1000 == 0:
                timers.at(monotonic() + 0.001, lambda: rung.append(monotonic()))

        assert len(timers._heap) < 200
        await poll_until_async(lambda: len(rung) == 5, within_s=5, what="the others to ring")

    run(scenario)


def test_never_is_never_and_the_end_of_time_is_no_error(run: Callable[[Scenario], None]) -> None:
    """Infinity takes no place, and a moment beyond what a clock can hold is waited for all the same."""

    async def scenario(timers: Timers) -> None:
        rung = list[str]()
        timers.at(math.inf, lambda: rung.append("never")).cancel()
        timers.at(float(1 << 62), lambda: rung.append("late"))
        timers.at(monotonic() + 0.002, lambda: rung.append("soon"))
        await poll_until_async(lambda: rung, within_s=5, what="the one to ring")

        assert rung == ["soon"]

    run(scenario)


def test_an_alarm_that_fails_does_not_silence_the_others(run: Callable[[Scenario], None]) -> None:
    """The event loop is told of the defect, and the next alarm rings."""

    async def scenario(timers: Timers) -> None:
        told, rung = list[str](), list[str]()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context["exception"])))
        soon = monotonic() + 0.002
        timers.at(soon, lambda: [].pop())
        timers.at(soon, lambda: rung.append("next"))
        await poll_until_async(lambda: rung, within_s=5, what="the next to ring")

        assert told == ["pop from empty list"]

    run(scenario)
