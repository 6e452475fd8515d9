"""One toxic at work on one direction of one connection.

Law: events leave in the order they came, each exactly once or not at all; an event that is interrupted goes on with
what is left of it.  Nothing here waits: `put` returns at once, and the generator of the toxic is resumed by timers.
"""

from __future__ import annotations

import enum
import time
from collections import deque
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Protocol

from harness.toxiproxy.server.toxics.toxic import (
    ActsOnEnd,
    ActsWhenIdle,
    Buffered,
    Chunk,
    Cleanup,
    Memory,
    Moments,
    Toxic,
)

if TYPE_CHECKING:
    from harness.toxiproxy.server.timers import Alarm, Timers

HELD_BYTES = 64 << 10  # before the sender is stopped, where the toxic asks for no more


class End(enum.Enum):
    """How a sender ended its stream."""

    FIN = enum.auto()
    RST = enum.auto()
    CLOSED = enum.auto()  # by a toxic on the other direction


Event = Chunk | End


@dataclass
class Applied:
    """A toxic as it stands on a proxy: the value, its name and place, and how likely it hits a connection."""

    name: str
    type: str
    stream: str  # as the client wrote it; Toxiproxy keeps the case
    toxicity: float
    toxic: Toxic

    @property
    def direction(self) -> str:
        """``upstream`` or ``downstream``."""
        return self.stream.lower()


class Host(Protocol):
    """What a stage needs of the direction it stands in."""

    timers: Timers

    def emit(self, stage: Stage, event: Event) -> None:
        """Hand an event to whatever comes after ``stage``."""

    def touched(self, applied: Applied) -> None:
        """Note in the connection's record that the toxic did something."""

    def flooded(self, stage: Stage) -> None:
        """The stage holds as much as it may; stop the sender."""

    def drained(self, stage: Stage) -> None:
        """The stage holds less than it may."""

    def close_by(self, applied: Applied) -> None:
        """End the connection as a closing program does."""

    def reset_by(self, applied: Applied) -> None:
        """End the connection with a TCP reset."""


class Stage:
    """Runs a toxic over the events of one direction; it is the stub that the toxic sees."""

    def __init__(self, applied: Applied, host: Host, random: Random) -> None:
        self.applied = applied
        self.random = random
        self._host = host
        self._draw = random.random()  # drawn once: a toxicity that rises later only ever adds connections
        self._memory = Memory()
        self._queue: deque[Event] = deque()
        self._held = 0
        self._current: Event | None = None
        self._offset = 0
        self._moments: Moments | None = None
        self._alarm: Alarm | None = None
        self._gone = False
        self._configure()

    def _configure(self) -> None:
        toxic = self.applied.toxic
        self._active = self._draw < self.applied.toxicity
        self._idle = toxic if self._active and isinstance(toxic, ActsWhenIdle) else None
        self._limit = toxic.buffer_bytes if isinstance(toxic, Buffered) else HELD_BYTES

    # what the engine does with it

    def start(self) -> None:
        """Begin; whatever acts on silence counts from here."""
        self._next()

    def put(self, event: Event) -> None:
        """Take the next event."""
        if self._gone:
            return
        self._queue.append(event)
        if isinstance(event, Chunk):
            self._held += len(event.data)
            if self._held > self._limit:
                self._host.flooded(self)
        if self._current is None:
            self._stop_moments()
            self._next()

    def update(self) -> None:
        """The toxic has new attributes: what is held is decided anew."""
        rest = self._rest()
        self._stop_moments()
        if rest is not None:
            self._queue.appendleft(rest)
        self._current = None
        self._configure()
        if self._held <= self._limit:
            self._host.drained(self)
        self._next()

    def leave(self) -> None:
        """The toxic is removed: let it clean up, then let go of what is held."""
        if self._active and not self._gone and isinstance(self.applied.toxic, Cleanup):
            self.applied.toxic.removed(self)
        if self._gone:
            return
        rest = self._rest()
        events = [*([] if rest is None else [rest]), *self._queue]
        self.discard()
        for event in events:
            self._host.emit(self, event)

    def discard(self) -> None:
        """The connection is over: forget everything."""
        self._gone = True
        self._stop_moments()
        self._queue.clear()
        self._current = None
        self._held = 0
        self._host.drained(self)  # also where the last byte has just left: the sender still stands for it

    # what the toxic does

    def now(self) -> float:
        """Seconds, monotonic."""
        return time.monotonic()

    def forward(self, size: int | None = None) -> None:
        """Let the next ``size`` bytes of the chunk in hand pass, or all that is left."""
        if self._gone or not isinstance(self._current, Chunk):
            return
        chunk, start = self._current, self._offset
        end = len(chunk.data) if size is None else min(start + size, len(chunk.data))
        self._offset = end
        if end > start:
            if end - start < len(chunk.data):
                self._touch()
                chunk = Chunk(chunk.data[start:end], chunk.at)
            self._host.emit(self, chunk)

    def close(self) -> None:
        """End the connection as a closing program does."""
        self._touch()
        self._gone = True
        self._host.close_by(self.applied)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self._touch()
        self._gone = True
        self._host.reset_by(self.applied)

    # how the two meet

    def _next(self) -> None:
        """Take events in hand until one has to wait, or none is left."""
        while self._queue and not self._gone:
            self._current = self._queue.popleft()
            self._offset = 0
            self._moments = self._decide(self._current)
            if not self._resume():
                return
        if self._idle is not None and not self._gone and self._moments is None:
            self._moments = self._idle.idle(self)
            self._resume()

    def _decide(self, event: Event) -> Moments:
        toxic = self.applied.toxic
        if not self._active:
            return _pass(self)
        if isinstance(event, Chunk):
            return toxic.data(event, self, self._memory)
        return toxic.end(self) if isinstance(toxic, ActsOnEnd) else _pass(self)

    def _resume(self) -> bool:
        """Run the toxic until it waits (False) or is done with the event (True)."""
        assert self._moments is not None
        moment = next(self._moments, None)
        if moment is None:
            self._finish()
            return True
        if not self._gone:
            if self._current is not None:
                self._touch()
            self._alarm = self._host.timers.at(moment, self._wake)
        return False

    def _wake(self) -> None:
        self._alarm = None
        if not self._gone and self._resume():
            self._next()

    def _finish(self) -> None:
        """The toxic is done with the event: what it let pass has passed, the rest is dropped."""
        event, self._current, self._moments = self._current, None, None
        if self._gone:
            return
        if isinstance(event, Chunk):
            if self._offset < len(event.data):
                self._touch()
            flooded = self._held > self._limit
            self._held -= len(event.data)
            if flooded and self._held <= self._limit:
                self._host.drained(self)
        elif event is not None:
            self._host.emit(self, event)

    def _rest(self) -> Event | None:
        """What is left of the event in hand."""
        if isinstance(self._current, Chunk):
            self._held -= self._offset
            return Chunk(self._current.data[self._offset :], self._current.at)
        return self._current

    def _stop_moments(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._moments = None

    def _touch(self) -> None:
        self._host.touched(self.applied)


def _pass(stage: Stage) -> Moments:
    """Let whatever is in hand pass."""
    stage.forward()
    yield from ()
