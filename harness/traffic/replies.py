"""Ready-made behaviours of the origin.  Adding one is adding a function here; nothing else knows them.

Every one reads the whole request first unless it says otherwise, so "the request reached the origin" is true.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace

from harness.traffic import steps
from harness.traffic.steps import (
    Behaviour,
    Fin,
    Hold,
    OnReuse,
    Pause,
    ReadBody,
    Repeat,
    Reply,
    Rst,
    Say,
    Silence,
    Step,
)

Headers = Sequence[tuple[str, str]]

OK_HEAD_100 = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n"
HALF_BODY = b"x" * 50
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSE_DELIMITED_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def after_request(name: str, *then: Step) -> Behaviour:
    """Read the whole request, then do ``then``: how any behaviour of your own is composed."""
    return Behaviour(name, (ReadBody(), *then))


def literal(data: bytes, *then: Step, name: str = "literal") -> Behaviour:
    """Exactly these bytes, then ``then`` (such as Fin() or Rst()); without, the connection is kept."""
    return after_request(name, Say(data), *then)


# Answers


def ok(body: bytes = b"ok", status: int = 200, headers: Headers = (("Content-Type", "text/plain"),)) -> Behaviour:
    """A well-formed answer of any status, the connection kept."""
    return after_request(str(status), Reply(status, tuple(headers), body))


def json_reply(value: object, status: int = 200, headers: Headers = ()) -> Behaviour:
    """A JSON answer."""
    return ok(json.dumps(value).encode(), status, (*steps.JSON, *headers))


def echo() -> Behaviour:
    """200 with what the origin was sent, see `steps.Echo`."""
    return after_request("200", steps.Echo())


def healthy() -> Behaviour:
    """The guide's healthy answer."""
    return after_request("healthy", steps.Healthy())


def unhealthy(status: int = 503) -> Behaviour:
    """A health answer that is not one."""
    return json_reply({"status": "error"}, status)


def interim(status: int = 103, headers: Headers = (("Link", "</s.css>; rel=preload"),), times: int = 1) -> Behaviour:
    """``times`` 1xx answers before the final 200."""
    head = steps.head_of(status, headers, None) * times
    return after_request(f"{status}, then 200", Say(head), Reply(200, (("Content-Type", "text/plain"),), b"ok"))


def big(total: int) -> Behaviour:
    """200 with ``total`` bytes of `pattern`."""
    head = steps.head_of(200, (("Content-Type", "application/octet-stream"),), total)
    return after_request("200", Say(head), steps.SayPattern(total))


def chunked(parts: Sequence[bytes], cut: bool = False) -> Behaviour:
    """200 in chunks; with ``cut`` the connection is closed instead of the last chunk."""
    end: tuple[Step, ...] = (Fin(),) if cut else (Say(LAST_CHUNK),)
    return after_request("cut chunked body" if cut else "200", Say(CHUNKED_HEAD + _chunks(parts)), *end)


def stream(parts: Sequence[bytes], every_s: float) -> Behaviour:
    """Server-sent events: a chunk for each part, ``every_s`` wall seconds apart."""
    timed = [step for part in parts for step in (Say(_chunks([part])), Pause(every_s))]
    return after_request("stream", Say(EVENTS_HEAD), *timed[:-1], Say(LAST_CHUNK))


def delayed(wall_s: float, reply: Behaviour) -> Behaviour:
    """``reply`` after ``wall_s`` wall seconds of silence; the request is read first."""
    return Behaviour(f"{reply.name} after {wall_s:g} s", (ReadBody(), Pause(wall_s), *reply.steps))


def held(event: threading.Event, reply: Behaviour) -> Behaviour:
    """``reply`` once ``event`` is set; the request is read first."""
    return Behaviour(f"{reply.name}, held back", (ReadBody(), Hold(event), *reply.steps))


def slow_reader(reply: Behaviour, piece: int = 4096, every_s: float = 0.01) -> Behaviour:
    """``reply`` after the request body was read ``piece`` bytes every ``every_s`` wall seconds."""
    return Behaviour(f"{reply.name}, reading slowly", (ReadBody(piece, every_s), *reply.steps))


# Nothing at all


def silent() -> Behaviour:
    """Read the request and never answer."""
    return after_request("silent", Silence())


def reset() -> Behaviour:
    """RST after the request was read, before a byte of the answer."""
    return after_request("reset", Rst())


def reset_on_accept() -> Behaviour:
    """RST as soon as the connection is accepted, which some clients notice in connect() already.

    Which request it would have carried cannot be known then, so a health probe takes it from the route's script, too.
    """
    return Behaviour("reset on accept", (Rst(),), at_accept=True)


def reset_mid_request(after: int = 1) -> Behaviour:
    """RST after the head and ``after`` bytes of the request body."""
    return Behaviour("reset mid-request", (ReadBody(at_most=after), Rst()))


def empty_reply() -> Behaviour:
    """FIN after the request was read, before a byte of the answer."""
    return after_request("empty reply", Fin())


def says_at_once(data: bytes) -> Behaviour:
    """These bytes as soon as the connection is accepted, before anything is asked, then FIN: another protocol."""
    return Behaviour("another protocol", (Say(data), Fin()), at_accept=True)


# Half an answer


def half_head() -> Behaviour:
    """Half a response head, then FIN."""
    return after_request("half head", Say(OK_HEAD_100[:40]), Fin())


def reset_mid_head() -> Behaviour:
    """Half a response head, then RST."""
    return after_request("reset mid-head", Say(OK_HEAD_100[:40]), Rst())


def stall_mid_head() -> Behaviour:
    """Half a response head, then silence."""
    return after_request("stall mid-head", Say(OK_HEAD_100[:40]), Silence())


def trickle_head(every_s: float) -> Behaviour:
    """A response head that never ends, one byte every ``every_s`` wall seconds."""
    return after_request("trickled head", Say(b"HTTP/1.1 200 OK\r\nX-Slow: "), Repeat(b"x", every_s))


def short_body(body: bytes = HALF_BODY, claimed: int = 100) -> Behaviour:
    """``body``, though the head claims ``claimed`` bytes, then FIN."""
    head = steps.head_of(200, (("Content-Type", "text/plain"),), claimed)
    return after_request("short body", Say(head + body), Fin())


def reset_after_head() -> Behaviour:
    """A whole response head, then RST before a byte of the body."""
    return after_request("reset after head", Say(OK_HEAD_100), Rst())


def reset_mid_body() -> Behaviour:
    """A head and half of the body, then RST.

    The RST waits 20 ms: sent at once it overtakes the head in the peer's kernel, which makes it `reset`.
    """
    return after_request("reset mid-body", Say(OK_HEAD_100 + HALF_BODY), Pause(0.02), Rst())


def stall_mid_body() -> Behaviour:
    """A head and half of the body, then silence."""
    return after_request("stalled mid-body", Say(OK_HEAD_100 + HALF_BODY), Silence())


def trickle_body(every_s: float) -> Behaviour:
    """A head, then one byte of a 100-byte body every ``every_s`` wall seconds."""
    return after_request("trickled body", Say(OK_HEAD_100), Repeat(b"x", every_s, times=100))


def close_delimited(body: bytes, cut: bool = False) -> Behaviour:
    """A body that ends where the connection does: with FIN, or with RST when ``cut``."""
    end: tuple[Step, ...] = (Pause(0.02), Rst()) if cut else (Fin(),)
    return after_request("close-delimited", Say(CLOSE_DELIMITED_HEAD + body), *end)


# Malformed answers


def garbage(data: bytes = b"\x16\x03\x01 this is not HTTP\r\n\r\n") -> Behaviour:
    """Something that is not HTTP, then FIN."""
    return after_request("garbage", Say(data), Fin())


def malformed(head: bytes, name: str = "malformed") -> Behaviour:
    """A broken answer, exactly as given, then FIN."""
    return after_request(name, Say(head), Fin())


def extra_bytes(extra: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison") -> Behaviour:
    """A complete answer and, in the same segment, bytes that belong to nothing; the connection is kept."""
    head = steps.head_of(200, (("Content-Type", "text/plain"),), 2)
    return after_request("extra bytes", Say(head + b"ok" + extra))


# Kept-alive connections


def close_after(reply: Behaviour, rst: bool = False) -> Behaviour:
    """``reply``, then the connection is closed without a word of it in the head."""
    return replace(reply, steps=(*reply.steps, Rst() if rst else Fin()))


def close_on_reuse(reply: Behaviour, rst: bool = False) -> Behaviour:
    """``reply``; the next request on the same connection is read and the connection closed: a stale keep-alive."""
    return replace(reply, steps=(*reply.steps, OnReuse(reset() if rst else empty_reply())))


def _chunks(parts: Sequence[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
