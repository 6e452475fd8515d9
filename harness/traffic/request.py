"""A request parser that is small, exact and forgiving of nothing (RFC 9112).

It keeps the bytes as they came: header order, case, repetition.  What the standard forbids is ``MalformedRequest``,
so a proxy that forwards such a thing is seen doing it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Protocol

HEAD_LIMIT = 1 << 20
LINE_LIMIT = 1 << 16
BODY_KEPT = 4 << 20

RequestHeaders = list[tuple[bytes, bytes]]

REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\x00-\x20\x7f]+) HTTP/(\d\.\d)")
REQUEST_LINE_BEGIN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]")
HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\x00]*?)[ \t]*")
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?")


class MalformedRequest(Exception):
    """The peer sent something that is not an HTTP/1 request; the message says what."""


class Cut(Exception):
    """The peer closed in the middle of a message."""


class Source(Protocol):
    """Where bytes come from; both raise Cut when the peer closes first."""

    async def until(self, mark: bytes, limit: int) -> bytes:
        """Bytes up to and including ``mark``; MalformedRequest past ``limit`` bytes."""

    async def some(self, most: int) -> bytes:
        """At least one byte and at most ``most``."""


@dataclass(frozen=True)
class Head:
    """A request head, parsed and as it came."""

    raw: bytes
    method: str
    target: str
    version: str
    headers: RequestHeaders

    def all(self, name: bytes) -> list[bytes]:
        """Every value of the header ``name``, in order; names are compared without case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def first(self, name: bytes) -> bytes | None:
        """The first value of the header ``name``."""
        return next(iter(self.all(name)), None)

    def keeps_alive(self) -> bool:
        """Whether the client wants the connection kept (RFC 9112 9.3)."""
        options = {option.strip().lower() for value in self.all(b"connection") for option in value.split(b",")}
        if b"close" in options:
            return False
        return self.version == "1.1" or b"keep-alive" in options

    def expects_continue(self) -> bool:
        """Whether the client waits for 100 (RFC 9110 10.1.1)."""
        return (self.first(b"expect") or b"").lower() == b"100-continue"


async def read_head(source: Source) -> bytes:
    """The bytes of the next head, its empty line included.

    Raises MalformedRequest as soon as they cannot become one (a TLS handshake, a line that ends without CR), so that
    nobody waits for the end of something that has none; and Cut.
    """
    raw = bytearray(await source.some(1))
    if not REQUEST_LINE_BEGIN.match(raw):
        raise MalformedRequest(f"begins with {bytes(raw)!r}")
    while not raw.endswith(b"\r\n\r\n"):
        line = await source.until(b"\n", HEAD_LIMIT)
        raw += line
        if not raw.endswith(b"\r\n"):
            raise MalformedRequest(f"a line without CR, {line[:200]!r}")
        if len(raw) > HEAD_LIMIT:
            raise MalformedRequest(f"a head of more than {HEAD_LIMIT} bytes")
    return bytes(raw)


def parse_head(raw: bytes) -> Head:
    """The head in ``raw``, which ends with an empty line; raises MalformedRequest."""
    first, *lines = raw[:-4].split(b"\r\n")
    matched = REQUEST_LINE.fullmatch(first)
    if matched is None:
        raise MalformedRequest(f"request line {first[:200]!r}")
    method, target, version = (
        part.decode("ascii" if i != 1 else "latin-1") for i, part in enumerate(matched.groups())
    )
    return Head(raw, method, target, version, parse_fields(lines))


def parse_fields(lines: list[bytes]) -> RequestHeaders:
    """Header or trailer fields, one a line; raises MalformedRequest."""
    fields: RequestHeaders = []
    for line in lines:
        matched = HEADER_LINE.fullmatch(line)
        if matched is None:
            raise MalformedRequest(f"header line {line[:200]!r}")
        fields.append((matched[1], matched[2]))
    return fields


def body_framing(head: Head) -> int | None:
    """The length of the body in bytes, or None when it is chunked (RFC 9112 6.3); raises MalformedRequest."""
    codings, lengths = head.all(b"transfer-encoding"), head.all(b"content-length")
    if codings and lengths:
        raise MalformedRequest("Content-Length and Transfer-Encoding together")
    if codings:
        if [coding.lower() for coding in codings] != [b"chunked"] or head.version != "1.1":
            raise MalformedRequest(f"Transfer-Encoding {codings!r} with HTTP/{head.version}")
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not re.fullmatch(rb"\d{1,18}", lengths[0]):
        raise MalformedRequest(f"Content-Length {lengths!r}")
    return int(lengths[0])


class BodyReader:
    """Takes the body of one request from ``source``; `ended` once all of it came, chunked trailers included."""

    def __init__(self, head: Head, source: Source) -> None:
        length = body_framing(head)
        self._source = source
        self._chunked = length is None
        self._left = length or 0
        self.ended = length == 0
        self.trailers: RequestHeaders = []

    async def next(self, most: int) -> bytes:
        """At least one byte and at most ``most``, or none at the end; raises Cut and MalformedRequest."""
        if self._chunked and not self.ended and not self._left:
            await self._open_chunk()
        if self.ended:
            return b""
        piece = await self._source.some(min(most, self._left))
        self._left -= len(piece)
        if not self._left:
            await self._close_part()
        return piece

    async def _open_chunk(self) -> None:
        line = await self._source.until(b"\r\n", LINE_LIMIT)
        matched = CHUNK_LINE.fullmatch(line[:-2])
        if matched is None:
            raise MalformedRequest(f"chunk size {line[:200]!r}")
        self._left = int(matched[1], 16)
        if not self._left:
            await self._read_trailers()

    async def _close_part(self) -> None:
        if not self._chunked:
            self.ended = True
            return
        for expected in (b"\r", b"\n"):
            if await self._source.some(1) != expected:
                raise MalformedRequest("a chunk does not end where its size says")

    async def _read_trailers(self) -> None:
        lines = []
        while (line := await self._source.until(b"\r\n", LINE_LIMIT)) != b"\r\n":
            lines.append(line[:-2])
        self.trailers = parse_fields(lines)
        self.ended = True


@dataclass
class Tally:
    """What is remembered of a body: its length and sha256 always, its bytes while they fit in ``keep``."""

    keep: int = BODY_KEPT
    length: int = 0
    _kept: bytearray | None = field(default_factory=bytearray)
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, piece: bytes) -> None:
        """Count ``piece``."""
        self.length += len(piece)
        self._hash.update(piece)
        if self._kept is not None:
            self._kept += piece
        if self.length > self.keep:
            self._kept = None

    @property
    def body(self) -> bytes | None:
        """All of the body, or None when it outgrew ``keep``."""
        return None if self._kept is None else bytes(self._kept)

    @property
    def sha256(self) -> str:
        """Of what has come so far, in hex."""
        return self._hash.hexdigest()
