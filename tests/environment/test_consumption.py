"""What a process waited for a core, as the kernel tells it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.clock import poll_until
from harness.environment.consumption import waited_for_cpu_s

LOOP = "import os; os.sched_setaffinity(0, {int(os.sys.argv[1])})\nwhile True: pass"


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="no schedstat: not Linux")
def test_a_process_that_shares_its_core_is_seen_waiting() -> None:
    """Two programs that never rest take turns on one core: each waits for the other."""
    core = str(min(os.sched_getaffinity(0)))
    with ExitStack() as stack:
        pair = [stack.enter_context(subprocess.Popen([sys.executable, "-c", LOOP, core])) for _ in range(2)]
        for each in pair:
            stack.callback(each.kill)

        poll_until(lambda: all(waited_for_cpu_s(each.pid) > 0.1 for each in pair), within_s=20, what="both to wait")


def test_one_that_has_gone_waits_no_more() -> None:
    """No process, no figure, and no error."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    assert waited_for_cpu_s(process.pid) == 0
