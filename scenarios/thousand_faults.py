"""A round of requests at once, each meeting a fault; told in numbers, so that a thousand take a few seconds."""

from __future__ import annotations

from itertools import cycle, islice

from harness.bytewise import answered
from harness.faults import Fault
from harness.faults.link import BlackHole, Refused
from harness.faults.origin import Route
from harness.rig import Rig
from harness.verdicts.expect import Expect
from scenarios.every_fault import CUT, ENDLESS, ODD

MIXED, STALLED, REFUSED = 150, 50, 50  # requests that meet broken answers, a black hole, a refusing port
ROUND = MIXED + STALLED + REFUSED
ROUNDS = 4
WARM_UPS = 3  # rounds at most; a round takes 2 s
WITHIN_S = 10.0  # wall seconds; the deadline is a fraction of one


def one_round(rig: Rig, expect: Expect, times: int = 1) -> int:
    """``times`` `ROUND` requests and as many faults, each kind recovered from; how many of them came to an end."""
    mixed = Route(*islice(cycle((*CUT, *ODD, *ENDLESS)), times * MIXED))
    rounds: list[tuple[Fault, int]] = [
        (mixed, times * MIXED),
        (BlackHole("upstream"), times * STALLED),
        (Refused(), times * REFUSED),
    ]
    ended = 0
    for fault, count in rounds:
        expect.recovers(rig)
        with rig.broken(fault, prove=False), rig.crowd(count, within_s=WITHIN_S) as clients:
            for client in clients:
                client.send(rig.head("POST", "/items", "Content-Length: 2") + b"{}")
            for client in clients:
                answered(client)
            ended += sum(1 for client in clients if client.received or client.end in ("fin", "reset"))
    return ended


def warm_up(rig: Rig, expect: Expect) -> None:
    """Rounds for what is made once and kept: one of twice as many, then others until one leaves memory as it was.

    How many answers a proxy holds at once at most is chance, and its heap keeps that peak.  A leak goes on growing,
    and is told by the rounds that follow.
    """
    one_round(rig, expect, times=2)
    for _ in range(WARM_UPS):
        before = rig.target.resident_bytes()
        one_round(rig, expect)
        if rig.target.resident_bytes() <= before:
            return
