"""The single things an origin can do with a connection, and a behaviour: a name and a list of them.

Law: a step is a frozen value that is called with the stage, and the engine knows no step by name; a new one is a
class here, or anywhere else.
"""

# ruff: noqa: D102 - the docstring of a step's class says what calling it does

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

from harness.clock import POLL_EVERY_S
from harness.traffic.pattern import pattern
from harness.traffic.request import Head, Tally
from harness.traffic.wire import PeerGone, Wire

HeaderFields = tuple[tuple[str, str], ...]

NO_BODY_STATUSES = frozenset({204, 304})
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Stage(Protocol):
    """What a step may touch: the connection, and the request that is being answered."""

    wire: Wire
    head: Head | None
    tally: Tally
    next_on_connection: Behaviour | None

    async def read_body(self, piece: int, every_s: float, at_most: int | None) -> None:
        """Read the request body, ``piece`` bytes every ``every_s`` wall seconds, at most ``at_most`` bytes."""


class Step(Protocol):
    """One thing to do."""

    async def __call__(self, stage: Stage) -> None:
        """Do it; raises PeerGone when the peer has left."""


@dataclass(frozen=True)
class Behaviour:
    """What the origin does with one attempt: ``steps`` in order, recorded under ``name``."""

    name: str
    steps: tuple[Step, ...]
    at_accept: bool = False  # played when the connection is accepted, before anything is read


@dataclass(frozen=True)
class ReadBody:
    """Read the request body (all of it by default), slowly if asked, after inviting it where 100 is expected."""

    piece: int = 1 << 16
    every_s: float = 0.0
    at_most: int | None = None

    async def __call__(self, stage: Stage) -> None:
        if stage.head is not None and stage.head.expects_continue():
            await stage.wire.write(CONTINUE)
        await stage.read_body(self.piece, self.every_s, self.at_most)


@dataclass(frozen=True)
class Say:
    """Write exactly these bytes."""

    data: bytes

    async def __call__(self, stage: Stage) -> None:
        await stage.wire.write(self.data)


@dataclass(frozen=True)
class Pause:
    """Say nothing for so many wall seconds; over at once when the peer leaves."""

    wall_s: float

    async def __call__(self, stage: Stage) -> None:
        if await stage.wire.gone(self.wall_s):
            raise PeerGone


@dataclass(frozen=True)
class Hold:
    """Say nothing until ``event`` is set, by whichever thread; over at once when the peer leaves."""

    event: threading.Event

    async def __call__(self, stage: Stage) -> None:
        while not self.event.is_set():
            if await stage.wire.gone(POLL_EVERY_S):
                raise PeerGone


@dataclass(frozen=True)
class Silence:
    """Say nothing until the peer leaves."""

    async def __call__(self, stage: Stage) -> None:
        await stage.wire.gone()
        raise PeerGone


@dataclass(frozen=True)
class Fin:
    """Close the connection in order."""

    async def __call__(self, stage: Stage) -> None:
        await stage.wire.fin()


@dataclass(frozen=True)
class Rst:
    """Reset the connection."""

    async def __call__(self, stage: Stage) -> None:
        await stage.wire.rst()


@dataclass(frozen=True)
class Repeat:
    """Write ``data`` every ``every_s`` wall seconds, ``times`` over or until the peer leaves."""

    data: bytes
    every_s: float
    times: int | None = None

    async def __call__(self, stage: Stage) -> None:
        done = 0
        while self.times is None or done < self.times:
            await stage.wire.write(self.data)
            done += 1
            if await stage.wire.gone(self.every_s):
                raise PeerGone


@dataclass(frozen=True)
class SayPattern:
    """Write the first ``total`` bytes of `pattern`, as fast as the peer takes them."""

    total: int

    async def __call__(self, stage: Stage) -> None:
        for block in pattern(self.total):
            await stage.wire.write(block)
            await asyncio.sleep(0)  # the kernel may take megabytes without ever making us wait; others want a turn


@dataclass(frozen=True)
class Reply:
    """A well-formed response; HEAD, 204 and 304 get no body, and the length is stated unless ``headers`` state it."""

    status: int = 200
    headers: HeaderFields = ()
    body: bytes = b""

    async def __call__(self, stage: Stage) -> None:
        silent = self.status in NO_BODY_STATUSES or (stage.head is not None and stage.head.method == "HEAD")
        await stage.wire.write(head_of(self.status, self.headers, len(self.body)) + (b"" if silent else self.body))


@dataclass(frozen=True)
class Echo:
    """Answer with what came: method, target, headers as [name, value], body_length and body_sha256, in JSON."""

    async def __call__(self, stage: Stage) -> None:
        if stage.head is None:
            return
        seen = {
            "method": stage.head.method,
            "target": stage.head.target,
            "headers": [[key.decode("latin-1"), value.decode("latin-1")] for key, value in stage.head.headers],
            "body_length": stage.tally.length,
            "body_sha256": stage.tally.sha256,
        }
        await Reply(200, JSON, json.dumps(seen).encode())(stage)


@dataclass(frozen=True)
class Healthy:
    """Answer a health probe: 200 and {"status": "ok", "timestamp": now}, as the guide's example does."""

    async def __call__(self, stage: Stage) -> None:
        body = {"status": "ok", "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds")}
        await Reply(200, JSON, json.dumps(body).encode())(stage)


@dataclass(frozen=True)
class OnReuse:
    """The next request on this connection gets ``behaviour`` and takes none from the script."""

    behaviour: Behaviour

    async def __call__(self, stage: Stage) -> None:
        stage.next_on_connection = self.behaviour


JSON: HeaderFields = (("Content-Type", "application/json"),)


def head_of(status: int, headers: Sequence[tuple[str, str]], length: int | None) -> bytes:
    """The bytes of a response head; ``length`` becomes Content-Length unless ``headers`` frame the body already."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unassigned"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    framed = {name.lower() for name, _ in headers} & {"content-length", "transfer-encoding"}
    if length is not None and status != HTTPStatus.NO_CONTENT and not framed:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
