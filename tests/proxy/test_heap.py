"""What bodies cost in memory: pages that are kept, not faulted in anew."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

BURSTS, BODIES = 10, 32
PAGES = BURSTS * BODIES * 16  # of all bodies

# As 32 connections do it: bodies of 64 KiB that are there together, and then gone.
CODE = f"""
import resource
from proxy_under_test.server import life
if KEEP: life.keep_heap()
def burst(): return [b"x" * n for n in range(65536, 65536 + {BODIES})]
burst()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({BURSTS}): burst()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what is kept here is glibc's heap")
def test_bodies_find_the_memory_of_those_before() -> None:
    """Hardly a page is faulted in for a body of 64 KiB; without the proxy's preparation all are, each time."""
    kept, given_back = (_faults(keep) for keep in ("True", "False"))

    assert (kept < PAGES / 20, given_back > PAGES / 2) == (True, True), (kept, given_back)


def _faults(keep: str) -> int:
    code = CODE.replace("KEEP", keep)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)
