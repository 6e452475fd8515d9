"""What a program waited for a core is told of a window, and only of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from harness.clock import now, poll_until
from harness.target.core_wait import CoreWait

WAITED_S = 0.05  # of which two that share a core have each as much after a tenth of a second
# Ends with whoever started it, however that ends.
BUSY = (
    "import os; os.sched_setaffinity(0, {int(os.environ['CORE'])})\nwhile os.getppid() == int(os.environ['US']): pass"
)


@pytest.fixture
def rivals() -> Iterator[list[int]]:
    """Two programs that want the same core all the time."""
    told = {"CORE": str(min(os.sched_getaffinity(0))), "US": str(os.getpid())}
    with ExitStack() as stack:
        busy = [subprocess.Popen([sys.executable, "-I", "-S", "-c", BUSY], env=told) for _ in range(2)]
        for one in busy:
            stack.callback(one.wait)
            stack.callback(one.kill)
        yield [one.pid for one in busy]


def test_two_that_share_a_core_wait_for_each_other(rivals: list[int]) -> None:
    """Each waits while the other runs; a window that was over before has nothing of it."""
    with CoreWait() as waits:
        waits.watch(rivals[0])
        began = now()

        poll_until(lambda: waits.most(began) >= WAITED_S, within_s=10, what="one to wait for the other")

        assert waits.most(until=began - 1) == 0.0
        assert waits.most(began) <= now() - began


def test_who_is_gone_or_unknown_waits_for_nothing() -> None:
    """A process that has ended stays as it was, and one that never was is none."""
    ended = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    with CoreWait() as waits:
        waits.watch(ended.pid)
        ended.wait()
        waits.watch(2**22 + 1)

        before = waits.most()
        waits.sample(now())

        assert waits.most() == before < 5
