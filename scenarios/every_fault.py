"""Every kind of fault there is, once each, on the proxy's upstream: after each of them all is to be as before."""

from __future__ import annotations

import pytest

from harness.faults import Fault, NoFault
from harness.faults.link import (
    AnswerCut,
    AnswerLost,
    AnswerReset,
    BlackHole,
    Latency,
    Refused,
    RequestCut,
    RequestReset,
)
from harness.faults.origin import Probe, Route
from harness.faults.port import FullBacklog
from harness.faults.process import Killed
from harness.traffic.replies import (
    big,
    chunked,
    close_after,
    close_delimited,
    close_on_reuse,
    empty_reply,
    extra_bytes,
    garbage,
    half_head,
    interim,
    ok,
    reset,
    reset_after_head,
    reset_mid_body,
    reset_mid_head,
    reset_on_accept,
    short_body,
    silent,
    stall_mid_body,
    stall_mid_head,
    unhealthy,
)

# What an upstream may say, or not say: answers that break off, that are none, and that never end.
CUT = (
    reset(),
    short_body(),
    empty_reply(),
    chunked([b"a", b"b"], cut=True),
    reset_mid_body(),
    half_head(),
    reset_after_head(),
    reset_mid_head(),
    close_delimited(b"cut", cut=True),
)
ODD = (
    garbage(),
    extra_bytes(),
    interim(times=3),
    ok(b"x", status=503),
    close_after(ok(), rst=True),
    close_on_reuse(ok()),
    big(1 << 20),
)
ENDLESS = (silent(), stall_mid_head(), stall_mid_body())

FAULTS: dict[str, Fault] = {
    "nothing": NoFault(),
    "refused": Refused(),
    "killed": Killed(),
    "full backlog": FullBacklog(),
    "request reset": RequestReset(),
    "request cut": RequestCut(),
    "answer reset": AnswerReset(),
    "answer cut": AnswerCut(),
    "answer lost": AnswerLost(),
    "latency": Latency("upstream", 60),
    "black hole": BlackHole("upstream"),
    "reset on accept": Route(reset_on_accept()),
    "unhealthy": Probe(unhealthy()),
    "cut answers": Route(*CUT),
    "odd answers": Route(*ODD),
    "endless answers": Route(*ENDLESS),
}

EVERY_FAULT = [pytest.param(fault, id=name) for name, fault in FAULTS.items()]
