"""Load from wrk, and what it says of it.

wrk is a closed loop: each connection sends its next request when it has the answer to the one before.  It corrects
its latencies for that: one that took more than twice the usual time also counts for those that waited behind it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, UsageError

RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
QUANTILE = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)[ ]*$", re.MULTILINE)
REQUESTS = re.compile(r"(\d+) requests in")
TROUBLE = re.compile(r"(Socket errors:.*|Non-2xx or 3xx responses:.*)")
PATIENCE_S = 20  # an answer that is late is a figure; wrk's own 2 s would make it an error
TO_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
THINK = Path(__file__).with_name("think.lua")


@dataclass(frozen=True)
class Load:
    """How many requests, how many per second, and their latency in milliseconds."""

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float


def needed(*programs: str) -> None:
    """Raise UsageError for the first program that is missing."""
    for program in programs:
        if shutil.which(program) is None:
            raise UsageError(f"{program} is not on PATH; install it (Debian: apt-get install {program})")


def run(url: str, *, connections: int, seconds: int, core: int, think_ms: float = 0.0) -> Load:
    """Load ``url`` from one thread on one core.  HarnessError when a request failed: a figure of errors is none.

    Each connection waits ``think_ms`` before each request, on average; by default not at all.
    """
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["--timeout", f"{PATIENCE_S}s"]
    command += ["-s", str(THINK), url, "--", f"{think_ms:g}"] if think_ms else [url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + PATIENCE_S + 30, check=False)
    requests, rate = REQUESTS.search(done.stdout), RATE.search(done.stdout)
    trouble = TROUBLE.search(done.stdout)
    if requests is None or rate is None or trouble is not None:
        raise HarnessError(f"wrk on {url}: {trouble.group(1) if trouble else done.stdout + done.stderr}")
    if len(QUANTILE.findall(done.stdout)) != 2:
        raise HarnessError(f"wrk on {url} told no quantiles:\n{done.stdout}")
    quantiles = {name: float(value) * TO_MS[unit] for name, value, unit in QUANTILE.findall(done.stdout)}
    return Load(int(requests.group(1)), float(rate.group(1)), quantiles["50"], quantiles["99"])
