"""Lag is measured, and decides whether a time claim can be judged."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from harness.clock import now, poll_until
from harness.errors import Disturbed
from harness.traffic.lag import LagMonitor, Lateness

STOPPED_S = 0.3

# Enters a monitor, says so, and is stopped from outside; then tells the worst lag it has seen.
CHILD = """
import sys
from harness.traffic.lag import Lateness, LagMonitor
with LagMonitor() as lag:
    print("entered", flush=True)
    sys.stdin.readline()
    print(lag.worst(), flush=True)
"""


def test_a_process_that_was_stopped_knows_it() -> None:
    """A SIGSTOP of 0.3 s is a lag of about 0.3 s, whoever asks and however soon."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()

        child.send_signal(signal.SIGSTOP)
        began = now()
        poll_until(lambda: now() - began >= STOPPED_S, within_s=5, what="the stop to last")
        child.send_signal(signal.SIGCONT)
        child.stdin.write("\n")
        child.stdin.flush()
        worst = float(child.stdout.readline())

    assert STOPPED_S - 0.05 <= worst < STOPPED_S + 2


def test_a_window_sees_its_own_lag_only() -> None:
    """What is late now is not counted in a window that was over before."""
    with LagMonitor() as lag:
        before = now()
        lag.worst()

    assert lag.worst(until=before - 1) == 0.0


def test_too_much_lag_makes_a_measurement_invalid() -> None:
    """The check raises Disturbed with both figures, and says nothing when the lag is allowed."""
    with LagMonitor() as lag:
        lag.check(most_s=60)

        with pytest.raises(Disturbed, match=r"stalled for .* s; the measurement allows -1.000 s"):
            lag.check(most_s=-1)


def test_short_stalls_add_up() -> None:
    """
    Two stalls of a window are told together, each as far as it lies in the window.
    """
    monitor = LagMonitor()
    monitor._late.extend([Lateness(10.0, 0.2), Lateness(11.0, 0.3), Lateness(20.0, 0.5)])

    assert 0.5 == pytest.approx(monitor.lost(9.0, 12.0))
    assert 0.35 == pytest.approx(monitor.lost(9.95, 12.0))
    assert 0.0 == monitor.lost(12.0, 19.0)
