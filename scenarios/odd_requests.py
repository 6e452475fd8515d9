"""Requests that two servers could read differently, as bytes; what may be done with each is the standard's.

An odd request carries ``body`` where it carries one; behind some of them another request lies hidden, which must be
neither forwarded nor answered.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from harness.rig import Rig
from harness.traffic.raw import RawExchange
from harness.traffic.raw_reply import RawReply
from harness.verdicts.frontdoor import HIDDEN

BODY = b"body"
CHUNKED = b"4\r\nbody\r\n0\r\n\r\n"
BASE, ALL_OF_IT = b"<the proxy's base>", "<the length of all that follows>"
LATER = b"GET %b/%b HTTP/1.1\r\nHost: x\r\n\r\n" % (BASE, HIDDEN.encode())


@dataclass(frozen=True)
class Odd:
    """``fields`` and what follows the head; ``refusals`` are the statuses the standard knows for it."""

    name: str
    fields: tuple[str, ...]
    rest: bytes = b""
    method: str = "POST"
    version: str = "1.1"
    host: bool = True
    refusals: tuple[int, ...] = (400,)
    may_pass: bool = False  # whether the standard also allows it to be read as one request with the body `BODY`
    last: bool = False  # whether the connection must not go on then

    @property
    def passing(self) -> bytes | None:
        """The body with which it may reach the upstream, None where it must not."""
        return BODY if self.may_pass else None

    def rest_for(self, rig: Rig) -> bytes:
        """What follows the head."""
        return self.rest.replace(BASE, rig.path("").encode())

    def head_for(self, rig: Rig) -> bytes:
        """The head."""
        host = [f"Host: {rig.authority}"] if self.host else []
        fields = [field.replace(ALL_OF_IT, str(len(self.rest_for(rig)))) for field in self.fields]
        return rig.line(self.method, rig.path("/odd"), *host, *fields, version=self.version)


def _length(*values: str, may_pass: bool = False) -> Odd:
    fields = tuple(f"Content-Length: {value}" for value in values)
    return Odd(f"length {' and '.join(values)[:24]}", fields, BODY, may_pass=may_pass, refusals=(400, 413))


def _coding(*values: str, may_pass: bool = False) -> Odd:
    fields = tuple(f"Transfer-Encoding: {value}" for value in values)
    return Odd(f"coding {' and '.join(values)!r}", fields, CHUNKED, may_pass=may_pass, refusals=(400, 501))


def _chunks(name: str, body: bytes, *, may_pass: bool = False) -> Odd:
    return Odd(name, ("Transfer-Encoding: chunked",), body, may_pass=may_pass)


def _field(name: str, *fields: str, may_pass: bool = False) -> Odd:
    return Odd(name, (*fields, "Content-Length: 4"), BODY, may_pass=may_pass)


_TWO = f"Content-Length: {ALL_OF_IT}", "Transfer-Encoding: chunked"

# RFC 9112 section 6.1: either refuse, or believe Transfer-Encoding and close; the rest is never a request.
TWO_FRAMINGS = [
    Odd("length, chunks", _TWO, CHUNKED + LATER, may_pass=True, last=True),
    Odd("chunks, length", _TWO[::-1], CHUNKED + LATER, may_pass=True, last=True),
    Odd("short length, chunks", ("Content-Length: 4", _TWO[1]), CHUNKED + LATER, may_pass=True, last=True),
    Odd("no length, chunks", ("Content-Length: 0", _TWO[1]), CHUNKED + LATER, may_pass=True, last=True),
]

# RFC 9112 section 6.3, rule 5: only repetitions of one valid value may be taken for it.
LENGTHS = [
    _length("4", "5"),
    _length("5", "4"),
    _length("4", "4", may_pass=True),
    _length("4, 4", may_pass=True),
    _length("4, 5"),
    _length("+4"),
    _length("-4"),
    _length("0x4"),
    _length("4_0"),
    _length("4 0"),
    _length("4.0"),
    _length(""),
    _length("9" * 30),
    _length(str(2**64 + 4)),
]

# RFC 9112 section 6.1: 501 for a coding that is not understood, 400 where chunked is not the last.
CODINGS = [
    _coding("xchunked"),
    _coding("chunked, identity"),
    _coding("identity, chunked"),
    _coding("chunked", "chunked"),
    _coding("chunked, chunked"),
    _coding("chunked", "x"),
    _coding("\x0bchunked"),
    _coding("chunked\x00"),
    _coding('"chunked"'),
    _coding("\tchunked", may_pass=True),
    _coding("chunked,", may_pass=True),
    _coding("CHUNKED", may_pass=True),
]

# RFC 9112 section 3.2: a request without exactly one valid Host is 400.
HOSTS = [
    Odd("no host", (), method="GET", host=False),
    Odd("two hosts", ("Host: other.example",), method="GET"),
    Odd("host with a path", ("Host: a/b",), method="GET", host=False),
    Odd("host with a space", ("Host: a b",), method="GET", host=False),
    Odd("host with a user", ("Host: user@a",), method="GET", host=False),
    Odd("host with a bad port", ("Host: a:b",), method="GET", host=False),
]

# RFC 9112 sections 2.2 and 5: 400 or, where may_pass, replaced by a space; a bare LF may end a line.
FIELDS = [
    _field("space before colon", "X-Odd : 1"),
    _field("tab before colon", "X-Odd\t: 1"),
    _field("no colon", "X-Odd"),
    _field("empty name", ": 1"),
    _field("odd name", "X(Odd): 1"),
    _field("folded line", "X-Odd: 1\r\n 2", may_pass=True),
    _field("fold at once", " X-Odd: 1"),
    _field("bare LF", "X-Odd: 1\nX-Other: 2", may_pass=True),
    _field("bare CR", "X-Odd: 1\rX-Other: 2", may_pass=True),
    _field("NUL", "X-Odd: 1\x002", may_pass=True),
]

# RFC 9112 section 7.1: the size is hexadecimal digits, its line ends with CR LF, and so do the data.
CHUNKS = [
    _chunks("prefixed size", b"0x4\r\nbody\r\n0\r\n\r\n"),
    _chunks("signed size", b"+4\r\nbody\r\n0\r\n\r\n"),
    _chunks("negative size", b"-4\r\nbody\r\n0\r\n\r\n"),
    _chunks("space before size", b" 4\r\nbody\r\n0\r\n\r\n"),
    _chunks("no size", b"\r\nbody\r\n0\r\n\r\n"),
    _chunks("endless size", b"f" * 40 + b"\r\nbody\r\n0\r\n\r\n"),
    _chunks("size beyond 64 bits", b"10000000000000004\r\nbody\r\n0\r\n\r\n"),
    _chunks("longer than its size", b"4\r\nbodyXX\r\n0\r\n\r\n"),
    _chunks("no CR LF after the data", b"4\r\nbody0\r\n\r\n"),
    _chunks("LF in an extension", b"4;a=\nb\r\nbody\r\n0\r\n\r\n"),
    _chunks("CR in an extension", b"4;a=\rb\r\nbody\r\n0\r\n\r\n"),
    _chunks("an extension", b"4;a=b\r\nbody\r\n0\r\n\r\n", may_pass=True),
    _chunks("space after size", b"4 \r\nbody\r\n0\r\n\r\n", may_pass=True),
    _chunks("trailers", b"4\r\nbody\r\n0\r\nHost: hidden.example\r\nContent-Length: 9\r\n\r\n", may_pass=True),
]

OLD = Odd("chunks in HTTP/1.0", ("Transfer-Encoding: chunked",), CHUNKED, version="1.0", may_pass=True)

ALL = [*TWO_FRAMINGS, *LENGTHS, *CODINGS, *HOSTS, *FIELDS, *CHUNKS, OLD]


MARKERS = 20  # behind each odd request; with all of them that makes more than a thousand


def each(odd: list[Odd]) -> list[Any]:
    """One parameter for each, named."""
    return [pytest.param(one, id=one.name) for one in odd]


def send(rig: Rig, odd: Odd) -> RawExchange:
    """Send it to a proxy that was proved healthy, with nothing recorded before."""
    rig.prove_healthy()
    rig.forget()
    return rig.provoke(odd.head_for(rig) + odd.rest_for(rig), last=odd.last)


def foreign_answers(rig: Rig, odd: Odd, turn: int) -> list[str]:
    """Send ``odd``, a marked request behind it, and marked ones on a connection of their own; what is not theirs.

    The oddity comes after a first, harmless chunk where it can, when the request is under way upstream already.
    """
    own = [f"{rig.upstream_base}/marker-{turn}-{number}" for number in range(MARKERS)]
    heads = [rig.head(path=target.removeprefix(rig.upstream_base)) for target in own]
    first = b"5\r\nfirst\r\n" if odd in CHUNKS else b""
    same = rig.provoke(odd.head_for(rig) + first, odd.rest_for(rig) + heads[0]).replies()
    other = rig.converse(heads)
    wrong = [target for target in _asked(same) if target not in (f"{rig.upstream_base}/odd", own[0])]
    wrong += [target for target, wanted in zip(_asked(other), own, strict=False) if target != wanted]
    if len(_asked(other)) != len(own):
        wrong.append(f"{len(_asked(other))} answers to {len(own)} requests")
    return [f"{odd.name}: {one}" for one in wrong]


def _asked(replies: Sequence[RawReply]) -> list[str]:
    """The targets that the origin's answers say they were asked for."""
    return [json.loads(reply.body)["target"] for reply in replies if reply.status == 200 and reply.complete]
