"""Our link server against the real Toxiproxy: pass-through without toxics, and the accuracy of a latency toxic.

The link server that is measured has core 0 for itself; nginx behind it and wrk in front of it share core 1.  The two
are measured in turn, round by round.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks import nginx, wrk
from benchmarks.figure import Figure
from harness.clock import poll_until
from harness.environment import ports
from harness.environment.processes import start
from harness.environment.rundir import RunDirectory
from harness.errors import EnvironmentUnavailable, UsageError
from harness.toxiproxy.client import Link, LinkServer

LINK_CORE, OTHER_CORE = 0, 1
CONNECTIONS = (1, 64)
HALF = 0.5
LATENCY_MS, ACCURACY_MS = 50, 1.0
START_S = 15.0
MIB = 1 << 20


def measure(*, rounds: int, seconds: int) -> list[Figure]:
    """Messages per second, MiB per second, added latency and a toxic's error: ours, theirs, and the ratio."""
    wrk.needed("nginx", "wrk", "taskset")
    binary = _real()
    with ExitStack() as stack:
        run = stack.enter_context(RunDirectory.create())
        upstream = nginx.start_nginx(run, "upstream", nginx.UPSTREAM, OTHER_CORE).port
        ours = _link(run, "ours", [sys.executable, "-m", "harness.toxiproxy"], upstream)
        theirs = _link(run, "theirs", [binary], upstream)
        figures = []
        for connections in CONNECTIONS:
            figures += _small(ours, theirs, upstream, connections, rounds, seconds)
            figures += _bulk(ours, theirs, connections, rounds, seconds)
        figures += _accuracy("ours", ours, upstream, rounds, seconds, ACCURACY_MS)
        figures += _accuracy("Toxiproxy 2.12", theirs, upstream, rounds, seconds, None)
    return figures


def _real() -> str:
    binary = os.environ.get("ERRORPATH_TOXIPROXY_BINARY") or shutil.which("toxiproxy-server")
    if binary is None:
        raise UsageError(
            "toxiproxy-server is not on PATH; with Go: "
            "CGO_ENABLED=0 go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0, "
            "then ERRORPATH_TOXIPROXY_BINARY=$(go env GOPATH)/bin/server"
        )
    return binary


def _link(run: RunDirectory, name: str, command: list[str], upstream: int) -> Link:
    port = ports.choose()
    start([*nginx.pinned(LINK_CORE), *command, "-host", "127.0.0.1", "-port", str(port)], run=run, name=name)

    def server() -> LinkServer | None:
        try:
            return LinkServer(f"127.0.0.1:{port}")
        except EnvironmentUnavailable:
            return None

    found = poll_until(server, within_s=START_S, what=f"{name} to answer")
    return found.create(name, f"127.0.0.1:{upstream}", listen=f"127.0.0.1:{ports.choose()}")


def _url(link: Link, path: str) -> str:
    host, port = link.listen
    return f"http://{host}:{port}{path}"


def _pairs(
    ours: Link, theirs: Link, rounds: int, load: Callable[[Link], wrk.Load]
) -> list[tuple[wrk.Load, wrk.Load]]:
    return [(load(ours), load(theirs)) for _ in range(rounds)]


def _small(ours: Link, theirs: Link, upstream: int, connections: int, rounds: int, seconds: int) -> list[Figure]:
    def load(link: Link) -> wrk.Load:
        return wrk.run(_url(link, "/api/small"), connections=connections, seconds=seconds, core=OTHER_CORE)

    direct = f"http://127.0.0.1:{upstream}/api/small"
    bare = wrk.run(direct, connections=connections, seconds=seconds, core=OTHER_CORE)
    pairs = _pairs(ours, theirs, rounds, load)
    label = f"64 B, {connections} connections"
    return [
        Figure.of(f"{label}: ours", [own.rate for own, _ in pairs], "msg/s"),
        Figure.of(f"{label}: Toxiproxy 2.12", [real.rate for _, real in pairs], "msg/s"),
        Figure.of(
            f"{label}: ratio, round by round", [own.rate / real.rate for own, real in pairs], "", at_least=HALF
        ),
        Figure.of(f"{label}: ours, median added", [own.p50_ms - bare.p50_ms for own, _ in pairs], "ms"),
        Figure.of(f"{label}: Toxiproxy, median added", [real.p50_ms - bare.p50_ms for _, real in pairs], "ms"),
        Figure.of(f"{label}: ours, p99 added", [own.p99_ms - bare.p99_ms for own, _ in pairs], "ms"),
        Figure.of(f"{label}: Toxiproxy, p99 added", [real.p99_ms - bare.p99_ms for _, real in pairs], "ms"),
    ]


def _bulk(ours: Link, theirs: Link, connections: int, rounds: int, seconds: int) -> list[Figure]:
    def load(link: Link) -> wrk.Load:
        return wrk.run(_url(link, "/api/huge"), connections=connections, seconds=seconds, core=OTHER_CORE)

    per_answer = nginx.HUGE / MIB
    pairs = _pairs(ours, theirs, rounds, load)
    label = f"bulk, {connections} connections"
    return [
        Figure.of(f"{label}: ours", [own.rate * per_answer for own, _ in pairs], "MiB/s"),
        Figure.of(f"{label}: Toxiproxy 2.12", [real.rate * per_answer for _, real in pairs], "MiB/s"),
        Figure.of(
            f"{label}: ratio, round by round", [own.rate / real.rate for own, real in pairs], "", at_least=HALF
        ),
    ]


def _accuracy(
    name: str, link: Link, upstream: int, rounds: int, seconds: int, target_ms: float | None
) -> list[Figure]:
    direct = f"http://127.0.0.1:{upstream}/api/small"
    median, tail = [], []
    for _ in range(rounds):
        bare = wrk.run(direct, connections=1, seconds=1, core=OTHER_CORE)
        with link.toxic("latency", latency=LATENCY_MS):
            slow = wrk.run(_url(link, "/api/small"), connections=1, seconds=seconds, core=OTHER_CORE)
        median.append(abs(slow.p50_ms - bare.p50_ms - LATENCY_MS))
        tail.append(abs(slow.p99_ms - bare.p50_ms - LATENCY_MS))
    label = f"latency of {LATENCY_MS} ms, {name}"
    return [
        Figure.of(f"{label}: error at the median", median, "ms", below=target_ms),
        Figure.of(f"{label}: error at p99", tail, "ms"),
    ]
