"""Load from wrk, and what it says of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from harness.errors import HarnessError, UsageError

RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
QUANTILE = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)[ ]*$", re.MULTILINE)
TROUBLE = re.compile(r"(Socket errors:.*|Non-2xx or 3xx responses:.*)")
TO_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Load:
    """Requests per second, and latency in milliseconds."""

    rate: float
    p50_ms: float
    p99_ms: float


def needed(*programs: str) -> None:
    """Raise UsageError for the first program that is missing."""
    for program in programs:
        if shutil.which(program) is None:
            raise UsageError(f"{program} is not on PATH; install it (Debian: apt-get install {program})")


def run(url: str, *, connections: int, seconds: int, core: int) -> Load:
    """Load ``url`` from one thread on one core.  HarnessError when a request failed: a figure of errors is none."""
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
    rate = RATE.search(done.stdout)
    trouble = TROUBLE.search(done.stdout)
    if rate is None or trouble is not None:
        raise HarnessError(f"wrk on {url}: {trouble.group(1) if trouble else done.stdout + done.stderr}")
    if len(QUANTILE.findall(done.stdout)) != 2:
        raise HarnessError(f"wrk on {url} told no quantiles:\n{done.stdout}")
    quantiles = {name: float(value) * TO_MS[unit] for name, value, unit in QUANTILE.findall(done.stdout)}
    return Load(float(rate.group(1)), quantiles["50"], quantiles["99"])
