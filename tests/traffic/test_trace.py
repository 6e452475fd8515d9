"""A trace puts both ends, the refusals and the faults on one clock."""

from __future__ import annotations

from harness.clock import Clock
from harness.traffic.exchange import Exchange
from harness.traffic.recording import Attempt
from harness.traffic.trace import FaultWindow, Trace

EXCHANGE = Exchange("k", "GET", "/api/x", started=100.0, ended=100.4, status=502)


def attempt(key: str, at: float, outcome: str, left: float | None = None) -> Attempt:
    return Attempt(key, at, "GET", "/api/x", [], 1, outcome=outcome, closed_by_peer_at=left)


def trace() -> Trace:
    return Trace.of(
        EXCHANGE,
        Clock(speed=10),
        attempts=[
            attempt("k", 100.3, "silent", 100.35),
            attempt("other", 100.2, "200"),
            attempt("k", 100.1, "reset"),
        ],
        refusals=[99.0, 100.2, 101.0],
        faults=[
            FaultWindow("reset", 99.9, 100.25),
            FaultWindow("silence", 100.26),
            FaultWindow("before", 90, 91),
            FaultWindow("after", 101),
        ],
    )


def test_only_what_belongs_to_the_exchange_is_kept() -> None:
    """Attempts by key, refusals and faults by time."""
    kept = trace()

    assert {one.key for one in kept.attempts} == {"k"}
    assert kept.refusals == (100.2,)
    assert [fault.fault for fault in kept.faults] == ["reset", "silence"]


def test_tries_are_in_order_and_in_target_seconds() -> None:
    """Refusals stand between the attempts the origin saw."""
    assert trace().tries() == [
        {"at_s": 1.0, "outcome": "reset"},
        {"at_s": 2.0, "outcome": "refused"},
        {"at_s": 3.0, "outcome": "silent"},
    ]
    assert trace().gaps_s() == [1.0, 1.0]


def test_the_time_of_the_client_is_in_target_seconds() -> None:
    """0.4 s of ours at speed 10 are 4 s."""
    assert round(trace().took_s, 6) == 4.0


def test_the_timeline_can_be_read() -> None:
    """Everything in order, one line each."""
    assert str(trace()) == (
        "   -1.000 s  reset began\n"
        "   +0.000 s  client asked GET /api/x\n"
        "   +1.000 s  reset\n"
        "   +2.000 s  refused\n"
        "   +2.500 s  reset healed\n"
        "   +2.600 s  silence began\n"
        "   +3.000 s  silent\n"
        "   +3.500 s  proxy left the origin\n"
        "   +4.000 s  client saw 502"
    )
