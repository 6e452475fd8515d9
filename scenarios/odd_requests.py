"""Requests that two servers could read differently, as bytes; what may be done with each is the standard's.

An odd request carries ``body`` where it carries one; behind some of them another request lies hidden, which must be
neither forwarded nor answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import pytest

from harness.bytewise import says_last
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
    closed: bool = False  # whether a refusal must end the connection, as nobody can tell where the request ends
    last: bool = False  # whether the connection must not go on at all

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
    fields, name = tuple(f"Content-Length: {value}" for value in values), f"length {' and '.join(values)[:24]}"
    return Odd(name, fields, BODY, may_pass=may_pass, refusals=(400, 413), closed=True)


def _coding(*values: str, may_pass: bool = False, closed: bool = False) -> Odd:
    fields, name = tuple(f"Transfer-Encoding: {value}" for value in values), f"coding {' and '.join(values)!r}"
    return Odd(name, fields, CHUNKED, may_pass=may_pass, refusals=(400, 501), closed=closed)


def _chunks(name: str, body: bytes, *, may_pass: bool = False, refusals: tuple[int, ...] = (400,)) -> Odd:
    return Odd(name, ("Transfer-Encoding: chunked",), body, may_pass=may_pass, refusals=refusals, closed=True)


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

# RFC 9112 sections 6.1 and 6.3: 501 for a coding that is not understood; where chunked is not the last, the end.
CODINGS = [
    _coding("xchunked", closed=True),
    _coding("chunked, identity", closed=True),
    _coding("identity, chunked"),
    _coding("chunked", "chunked"),
    _coding("chunked, chunked"),
    _coding("chunked", "x", closed=True),
    _coding("\x0bchunked"),
    _coding("chunked\x00", may_pass=True),
    _coding('"chunked"', closed=True),
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

# RFC 9112 sections 2.2 and 5: 400 or, where may_pass, gone upstream or replaced by a space; a bare LF may end a line.
FIELDS = [
    _field("space before colon", "X-Odd : 1"),
    _field("tab before colon", "X-Odd\t: 1"),
    _field("no colon", "X-Odd", may_pass=True),
    _field("empty name", ": 1", may_pass=True),
    _field("odd name", "X(Odd): 1", may_pass=True),
    _field("folded line", "X-Odd: 1\r\n 2", may_pass=True),
    _field("fold at once", " X-Odd: 1"),
    _field("bare LF", "X-Odd: 1\nX-Other: 2", may_pass=True),
    _field("bare CR", "X-Odd: 1\rX-Other: 2", may_pass=True),
    _field("NUL", "X-Odd: 1\x002", may_pass=True),
]

# RFC 9112 section 7.1: the size is hexadecimal digits, its line ends with CR LF, and so do the data; a bare CR may
# become a space (section 2.2), and a size beyond every limit is also a body that is too large.
CHUNKS = [
    _chunks("prefixed size", b"0x4\r\nbody\r\n0\r\n\r\n"),
    _chunks("signed size", b"+4\r\nbody\r\n0\r\n\r\n"),
    _chunks("negative size", b"-4\r\nbody\r\n0\r\n\r\n"),
    _chunks("space before size", b" 4\r\nbody\r\n0\r\n\r\n"),
    _chunks("no size", b"\r\nbody\r\n0\r\n\r\n"),
    _chunks("endless size", b"f" * 40 + b"\r\nbody\r\n0\r\n\r\n", refusals=(400, 413)),
    _chunks("size beyond 64 bits", b"10000000000000004\r\nbody\r\n0\r\n\r\n", refusals=(400, 413)),
    _chunks("longer than its size", b"4\r\nbodyXX\r\n0\r\n\r\n"),
    _chunks("no CR LF after the data", b"4\r\nbody0\r\n\r\n"),
    _chunks("LF in an extension", b"4;a=\nb\r\nbody\r\n0\r\n\r\n"),
    _chunks("CR in an extension", b"4;a=\rb\r\nbody\r\n0\r\n\r\n", may_pass=True),
    _chunks("an extension", b"4;a=b\r\nbody\r\n0\r\n\r\n", may_pass=True),
    _chunks("space after size", b"4 \r\nbody\r\n0\r\n\r\n", may_pass=True),
    _chunks("a trailer that closes", b"4\r\nbody\r\n0\r\nConnection: close\r\n\r\n", may_pass=True),
    _chunks("trailers", b"4\r\nbody\r\n0\r\nHost: hidden.example\r\nContent-Length: 9\r\n\r\n", may_pass=True),
]

# RFC 9112 section 6.1: whatever is made of it, the connection is closed after it.
OLD = Odd("chunks in HTTP/1.0", ("Transfer-Encoding: chunked",), CHUNKED, version="1.0", may_pass=True, last=True)

ALL = [*TWO_FRAMINGS, *LENGTHS, *CODINGS, *HOSTS, *FIELDS, *CHUNKS, OLD]


MARKERS = 20  # behind each odd request; with all of them that makes more than a thousand


def each(odd: list[Odd]) -> list[Any]:
    """One parameter for each, named."""
    return [pytest.param(one, id=one.name) for one in odd]


def send(rig: Rig, odd: Odd) -> RawExchange:
    """Send it to a proxy that was proved healthy, with nothing recorded before."""
    rig.prove_healthy()
    rig.forget()
    return rig.provoke(odd.head_for(rig) + odd.rest_for(rig), closed=odd.closed, last=odd.last)


def foreign_answers(rig: Rig, odd: Odd, turn: int) -> list[str]:
    """Send ``odd``, a marked request behind it, and marked ones on a connection of their own; what is not theirs.

    The oddity comes after a first, harmless chunk where it can, when the request is under way upstream already.
    """
    own = [f"{rig.upstream_base}/marker-{turn}-{number}" for number in range(MARKERS)]
    heads = [rig.head(path=target.removeprefix(rig.upstream_base)) for target in own]
    first = b"5\r\nfirst\r\n" if odd in CHUNKS else b""
    same = rig.provoke(odd.head_for(rig) + first, odd.rest_for(rig) + heads[0], count=2)
    wrong = wrong_behind(odd, same, [f"{rig.upstream_base}/odd", own[0]])
    told = [_target(reply) for reply in rig.converse(heads)]
    wrong += [f"{_named(target)} for {wanted}" for target, wanted in zip_longest(told, own) if target != wanted]
    return [f"{odd.name}: {one}" for one in wrong]


def wrong_behind(odd: Odd, seen: RawExchange, own: list[str]) -> list[str]:
    """What is wrong with the answers to ``odd`` and to one request behind it, which ask for the targets ``own``.

    An answer for another target always is.  None at all is where the odd request was served and its connection goes
    on: behind a refusal nobody need find the next request, and behind an answer that says it is the last none is.
    """
    replies = [reply for reply in seen.replies() if reply.status >= 200]
    told = [_target(reply) for reply in replies]
    wrong = [(target, its) for target, its in zip_longest(told, own) if target not in (None, its)]
    goes_on = told[:1] == own[:1] and not odd.last and not says_last(replies[0])
    if goes_on and not wrong and told != own:
        wrong = [(None, own[1])]
    return [f"{_named(target)} for {its}" for target, its in wrong]


def _target(reply: RawReply) -> str | None:
    """The target that the origin's answer says it was asked for, "" where it does not; None for no whole 200."""
    if reply.status != 200 or not reply.complete:
        return None
    try:
        return str(json.loads(reply.body)["target"])
    except (ValueError, KeyError, TypeError):
        return ""


def _named(target: str | None) -> str:
    return "no answer" if target is None else target or "another answer"
