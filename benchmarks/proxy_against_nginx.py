"""The reference proxy on one core against nginx with one worker: the same forwarding to the same upstream.

On two cores: the proxy that is measured has core 0 for itself, upstream and load generator share core 1, so that both
proxies meet the same conditions.  The two are measured in turn, round by round.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

from benchmarks import nginx, wrk
from benchmarks.figure import Figure
from benchmarks.memory import growth_mib
from harness.environment import ports
from harness.environment.processes import start
from harness.environment.rundir import RunDirectory

PROXY_CORE, OTHER_CORE = 0, 1
KEEP_ALIVE = 32
SIZES = {"64 B": "/api/small", "64 KiB": "/api/large"}
RATIO, P99_MS, ADDED_MS = 0.15, 10.0, 1.0


def measure(*, rounds: int, seconds: int) -> list[Figure]:
    """The ratio at 32 connections, p99, latency added at one connection, and memory."""
    wrk.needed("nginx", "wrk", "taskset")
    with ExitStack() as stack:
        run = stack.enter_context(RunDirectory.create())
        upstream = nginx.start_nginx(run, "upstream", nginx.UPSTREAM, OTHER_CORE)
        theirs = nginx.start_nginx(run, "forward", nginx.FORWARD, PROXY_CORE, upstream=upstream)
        ours = _ours(run, upstream)
        figures = []
        for size, path in SIZES.items():
            figures += _throughput(size, _route(theirs, path), _route(ours, path), rounds, seconds)
        figures += _latency(_route(ours, SIZES["64 B"]), f"http://127.0.0.1:{upstream}/api/small", rounds, seconds)
    for direction in ("down", "up"):
        grown = [growth_mib(direction) for _ in range(min(rounds, 3))]
        figures.append(Figure.of(f"resident growth while 100 MiB pass {direction}", grown, "MiB", below=32))
    return figures


def _throughput(size: str, theirs: str, ours: str, rounds: int, seconds: int) -> list[Figure]:
    pairs = [
        tuple(wrk.run(url, connections=KEEP_ALIVE, seconds=seconds, core=OTHER_CORE) for url in (theirs, ours))
        for _ in range(rounds)
    ]
    ratios = [own.rate / other.rate for other, own in pairs]
    label = f"{size}, {KEEP_ALIVE} connections"
    return [
        Figure.of(f"{label}: nginx", [other.rate for other, _ in pairs], "req/s"),
        Figure.of(f"{label}: reference proxy", [own.rate for _, own in pairs], "req/s"),
        Figure.of(f"{label}: ratio to nginx, round by round", ratios, "", at_least=RATIO),
        Figure.of(f"{label}: p99 of nginx", [other.p99_ms for other, _ in pairs], "ms"),
        Figure.of(f"{label}: p99 of the reference proxy", [own.p99_ms for _, own in pairs], "ms", below=P99_MS),
    ]


def _latency(through: str, direct: str, rounds: int, seconds: int) -> list[Figure]:
    added = []
    for _ in range(rounds):
        bare = wrk.run(direct, connections=1, seconds=seconds, core=OTHER_CORE)
        proxied = wrk.run(through, connections=1, seconds=seconds, core=OTHER_CORE)
        added.append(proxied.p50_ms - bare.p50_ms)
    return [Figure.of("64 B, 1 connection: median latency added", added, "ms", below=ADDED_MS)]


def _route(port: int, path: str) -> str:
    return f"http://127.0.0.1:{port}/api/proxy{path.removeprefix('/api')}"


def _ours(run: RunDirectory, upstream: int) -> int:
    port = ports.choose()
    env = {"PORT": str(port), "NEXT_PUBLIC_API_URL": f"http://127.0.0.1:{upstream}"}
    start([*nginx.pinned(PROXY_CORE), sys.executable, "-m", "proxy_under_test"], run=run, name="ours", env=env)
    nginx.await_ok(f"http://127.0.0.1:{port}", "/api/proxy/small")
    return port
