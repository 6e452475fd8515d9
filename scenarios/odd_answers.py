"""Answers that are odd but end where they should, and how a client is to see them."""

from __future__ import annotations

from harness.faults.origin import Route
from harness.rig import Rig
from harness.traffic.exchange import Exchange
from harness.traffic.raw import RawExchange
from harness.traffic.steps import Behaviour
from harness.verdicts.aftermath import NEXT
from harness.verdicts.expect import Expect

MIB = 1 << 20
SPACED = b"X-Before : 1"
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </%b.css>\r\n\r\n" % (b"x" * 1000)
ANSWER = b"HTTP/1.1 %b\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n"


def ended_there(rig: Rig, expect: Expect, broken: Behaviour, method: str, status: int, body: bytes = b"") -> Exchange:
    """What is behind ``broken`` reaches nobody: asked byte by byte on a connection that goes on, and by a library."""
    with rig.broken(Route(broken, NEXT)):
        expect.alone(rig, method, status, body)
    with rig.broken(Route(broken)):
        exchange = rig.request(method, "/items")

    expect.status(exchange, status)
    expect.equal("body", body, exchange.body)
    return exchange


def big_head_passed(expect: Expect, raw: RawExchange, fields: int) -> bool:
    """Whether a head of a MiB was passed on, with every field and byte then; no library would show us one."""
    reply = raw.reply
    if reply is None or reply.status != 200:
        return False
    expect.answered(raw, (200,))
    passed = [value for name, value in reply.headers if name.lower().startswith("x-big-")]
    expect.equal("fields, and bytes in them", (fields, MIB), (len(passed), len("".join(passed))))
    return True
