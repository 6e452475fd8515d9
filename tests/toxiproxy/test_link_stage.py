"""One direction with its toxics, without a network: whatever is done to it, bytes keep their order and number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import poll_until_async
from harness.toxiproxy.server.connection import Connection
from harness.toxiproxy.server.flow import Flow
from harness.toxiproxy.server.report import Bytes, Record
from harness.toxiproxy.server.stage import Applied, End
from harness.toxiproxy.server.timers import Timers
from harness.toxiproxy.server.toxics.bandwidth import Bandwidth
from harness.toxiproxy.server.toxics.latency import Latency
from harness.toxiproxy.server.toxics.limit_data import LimitData
from harness.toxiproxy.server.toxics.noop import Noop
from harness.toxiproxy.server.toxics.reset_peer import Reset
from harness.toxiproxy.server.toxics.slicer import Slicer
from harness.toxiproxy.server.toxics.slow_close import SlowClose
from harness.toxiproxy.server.toxics.toxic import Toxic

# toxics that lose nothing, at sizes and rates that finish in milliseconds
LOSSLESS: list[Toxic] = [
    Noop(),
    Latency(1),
    Latency(60_000),
    Latency(2, 2),
    Bandwidth(0),
    Bandwidth(1000),
    Slicer(3, 1, 0),
    Slicer(0, 0, 0),
    Slicer(2, 9, 10),
    SlowClose(1),
    SlowClose(60_000),
    LimitData(1 << 40),
    Reset(60_000),
]


class Ear:
    """Stands for a transport and for the connection; remembers what it was told."""

    def __init__(self) -> None:
        self.record = Record(1, "", 0.0)
        self.heard = bytearray()
        self.end: End | None = None
        self.reading = True

    def write(self, data: bytes) -> None:
        assert self.end is None
        self.heard += data

    def stream_over(self, _flow: Flow, how: End) -> None:
        self.end = how

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True


made: list[Timers] = []


def unconnected(ear: Ear) -> Flow:
    """A flow of its own chance and timers, which `run` closes."""
    made.append(Timers(asyncio.get_running_loop()))
    return Flow(cast("Connection", ear), Bytes(), made[-1], lambda name: Random(name))  # noqa: S311


def flow_to(ear: Ear) -> Flow:
    """A connected flow without toxics."""
    flow = unconnected(ear)
    flow.connect(cast("asyncio.Transport", ear), cast("asyncio.Transport", ear), [])
    return flow


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner() as runner:
        try:
            runner.run(main)
        finally:
            while made:
                made.pop().close()


MOVES = ["send", "send", "add", "remove", "update", "turn"]


class Player:
    """Does one thing after the other to a flow, as hypothesis says."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.ear = Ear()
        self.flow = flow_to(self.ear)
        self.sent = bytearray()
        self.present: list[Applied] = []

    async def send(self, step: int) -> None:
        piece = bytes([step]) * self.data.draw(st.integers(1, 40))
        self.sent += piece
        self.flow.feed(piece)

    async def add(self, step: int) -> None:
        toxicity = self.data.draw(st.sampled_from([0, 0.5, 1]))
        toxic = self.data.draw(st.sampled_from(LOSSLESS))
        self.present.append(Applied(str(step), "any", "upstream", toxicity, toxic))
        self.flow.add(self.present[-1])

    async def remove(self, _step: int) -> None:
        if self.present:
            self.flow.remove(self.present.pop(self.data.draw(st.integers(0, len(self.present) - 1))))

    async def update(self, _step: int) -> None:
        if self.present:
            applied = self.data.draw(st.sampled_from(self.present))
            applied.toxic = self.data.draw(st.sampled_from(LOSSLESS))
            self.flow.update(applied)

    async def turn(self, _step: int) -> None:
        await asyncio.sleep(0)

    def finish(self) -> None:
        self.flow.end(End.FIN)
        for applied in self.present:
            self.flow.remove(applied)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_toxics_that_come_and_go_lose_nothing(data: st.DataObject) -> None:
    """Adding, changing and removing toxics while bytes flow keeps every byte, in order, and the end after them."""

    async def scenario() -> None:
        player = Player(data)
        for step in range(data.draw(st.integers(1, 25))):
            await getattr(player, data.draw(st.sampled_from(MOVES)))(step)
        player.finish()
        ear = player.ear
        assert (bytes(ear.heard), ear.end) == (bytes(player.sent), End.FIN)
        assert ear.reading
        assert player.flow.bytes == Bytes(len(player.sent), len(player.sent))

    run(scenario())


def test_a_held_stream_stops_its_sender() -> None:
    """When a toxic holds more than it may the sender is stopped, and it goes on when the toxic lets go."""

    async def scenario() -> None:
        ear = Ear()
        flow = flow_to(ear)
        stall = Applied("stall", "bandwidth", "upstream", 1, Bandwidth(0))
        flow.add(stall)
        flow.feed(b"x" * (64 << 10))
        before = ear.reading
        flow.feed(b"x")
        stopped = not ear.reading
        flow.remove(stall)
        assert (before, stopped, ear.reading) == (True, True, True)

    run(scenario())


def test_what_comes_before_both_ends_are_there_is_kept() -> None:
    """An upstream that speaks first is heard, even if the client's side is not set up yet."""

    async def scenario() -> None:
        ear = Ear()
        flow = unconnected(ear)
        flow.feed(b"early ")
        flow.feed(b"bird")
        flow.end(End.FIN)
        transport = cast("asyncio.Transport", ear)
        flow.connect(transport, transport, [Applied("l", "latency", "upstream", 1, Latency(1))])
        await poll_until_async(lambda: ear.end, within_s=5, what="the end")
        assert bytes(ear.heard) == b"early bird"

    run(scenario())


@pytest.mark.parametrize("how", [End.RST, End.CLOSED])
def test_a_reset_follows_a_fin_and_nothing_follows_a_reset(how: End) -> None:
    """A peer that closed its half and is then gone is reported as gone; after that its stream is over for good."""

    async def scenario() -> None:
        ear = Ear()
        flow = flow_to(ear)
        ends: list[End | None] = []
        for given_end in (End.FIN, how, End.FIN, End.RST):
            ear.end = None
            flow.end(given_end)
            ends.append(ear.end)
        assert ends == [End.FIN, how, None, None]

    run(scenario())


@pytest.mark.parametrize("change", [Flow.remove, Flow.update], ids=["removed", "updated"])
def test_a_sender_goes_on_when_what_it_stood_for_has_just_left(change: Callable[[Flow, Applied], None]) -> None:
    """A toxic that holds too much only until a piece is done with, and is changed then, keeps nobody waiting."""

    async def scenario() -> None:
        ear = Ear()
        flow = flow_to(ear)
        slicer = Applied("s", "slicer", "upstream", 1, Slicer(1 << 20, 0, 60_000_000))
        flow.add(slicer)
        flow.feed(b"x" * (90 << 10))
        assert (len(ear.heard), ear.reading) == (32 << 10, False)  # a piece has passed, and the slicer waits a minute

        change(flow, slicer)

        assert ear.reading
        flow.discard()

    run(scenario())


@given(st.integers(1, 5000), st.integers(-5, 3000), st.integers(-5, 3000), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_slices_are_whole_and_small(total: int, average: int, variation: int, random: Random) -> None:
    """Whatever the sizes say, slices are not empty, add up to the whole, and are no larger than asked."""
    sizes = list(Slicer(average, variation)._sizes(total, random))

    assert sum(sizes) == total
    assert min(sizes) >= 1
    assert max(sizes) <= max(average + variation, 1)
