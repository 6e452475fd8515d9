"""The reference proxy on one core against nginx with one worker: the same forwarding to the same upstream.

On two cores: the proxy that is measured has core 0 for itself, upstream and load generator share core 1, so that both
proxies meet the same conditions.  The two are measured in turn, round by round.

At full load, latency says again what throughput says: 32 connections that never pause wait for 32 requests' work on
average, and p99 lies above that.  So p99 is measured a second time where nothing is saturated: the same connections,
each of which thinks before every request, so that together they ask no less often than the ratio demands.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import nginx, wrk
from benchmarks.figure import Figure
from benchmarks.memory import growth_mib
from harness.environment import ports
from harness.environment.processes import start
from harness.environment.rundir import RunDirectory

PROXY_CORE, OTHER_CORE = 0, 1
KEEP_ALIVE = 32
SIZES = {"64 B": "/api/small", "64 KiB": "/api/large"}
THINK_MS = {"64 B": 4.0, "64 KiB": 10.0}  # 32 connections ask some 4500 and 2500 times a second then
RATIO, P99_MS, ADDED_MS = 0.15, 10.0, 1.0


@dataclass(frozen=True)
class Measured:
    """A load on one of the proxies, and the CPU time that the proxy took for each request of it, in microseconds."""

    load: wrk.Load
    cpu_us: float


Pairs = list[tuple[Measured, Measured]]  # of nginx and of the reference proxy, by round


def measure(*, rounds: int, seconds: int) -> list[Figure]:
    """Throughput, CPU time and p99 at 32 connections, latency added at one connection, and memory."""
    wrk.needed("nginx", "wrk", "taskset")
    with ExitStack() as stack:
        run = stack.enter_context(RunDirectory.create())
        upstream = nginx.start_nginx(run, "upstream", nginx.UPSTREAM, OTHER_CORE).port
        theirs = nginx.start_nginx(run, "forward", nginx.FORWARD, PROXY_CORE, upstream=upstream)
        ours = _ours(run, upstream)
        figures = []
        for size, path in SIZES.items():
            label = f"{size}, {KEEP_ALIVE} connections"
            full = _pairs(theirs, ours, path, rounds, seconds)
            thinking = _pairs(theirs, ours, path, rounds, seconds, THINK_MS[size])
            figures += _full(label, full)
            figures += _thinking(f"{label} that think {THINK_MS[size]:g} ms", thinking, full)
        figures += _latency(_route(ours, SIZES["64 B"]), f"http://127.0.0.1:{upstream}/api/small", rounds, seconds)
    for direction in ("down", "up"):
        grown = [growth_mib(direction) for _ in range(min(rounds, 3))]
        figures.append(Figure.of(f"resident growth while 100 MiB pass {direction}", grown, "MiB", below=32))
    return figures


def _pairs(
    theirs: nginx.Server, ours: nginx.Server, path: str, rounds: int, seconds: int, think_ms: float = 0.0
) -> Pairs:
    def load(server: nginx.Server) -> Measured:
        before = _cpu_s(server)
        found = wrk.run(
            _route(server, path), connections=KEEP_ALIVE, seconds=seconds, core=OTHER_CORE, think_ms=think_ms
        )
        return Measured(found, (_cpu_s(server) - before) / found.requests * 1e6)

    return [(load(theirs), load(ours)) for _ in range(rounds)]


def _full(label: str, pairs: Pairs) -> list[Figure]:
    ratios = [own.load.rate / other.load.rate for other, own in pairs]
    return [
        Figure.of(f"{label}: nginx", [other.load.rate for other, _ in pairs], "req/s"),
        Figure.of(f"{label}: reference proxy", [own.load.rate for _, own in pairs], "req/s"),
        Figure.of(f"{label}: ratio to nginx, round by round", ratios, "", at_least=RATIO),
        Figure.of(f"{label}: CPU per request, nginx", [other.cpu_us for other, _ in pairs], "us"),
        Figure.of(f"{label}: CPU per request, reference proxy", [own.cpu_us for _, own in pairs], "us"),
        *_tails(label, pairs),
    ]


def _thinking(label: str, pairs: Pairs, full: Pairs) -> list[Figure]:
    parts = [own.load.rate / other.load.rate for (_, own), (other, _) in zip(pairs, full, strict=True)]
    return [
        Figure.of(f"{label}: reference proxy", [own.load.rate for _, own in pairs], "req/s"),
        Figure.of(f"{label}: ratio to nginx at full load, round by round", parts, "", at_least=RATIO),
        *_tails(label, pairs),
    ]


def _tails(label: str, pairs: Pairs) -> list[Figure]:
    ratios = [own.load.p99_ms / other.load.p99_ms for other, own in pairs]
    return [
        Figure.of(f"{label}: p99 of nginx", [other.load.p99_ms for other, _ in pairs], "ms"),
        Figure.of(f"{label}: p99 of the reference proxy", [own.load.p99_ms for _, own in pairs], "ms", below=P99_MS),
        Figure.of(f"{label}: p99, ratio to nginx, round by round", ratios, ""),
    ]


def _latency(through: str, direct: str, rounds: int, seconds: int) -> list[Figure]:
    added = []
    for _ in range(rounds):
        bare = wrk.run(direct, connections=1, seconds=seconds, core=OTHER_CORE)
        proxied = wrk.run(through, connections=1, seconds=seconds, core=OTHER_CORE)
        added.append(proxied.p50_ms - bare.p50_ms)
    return [Figure.of("64 B, 1 connection: median latency added", added, "ms", below=ADDED_MS)]


def _route(server: nginx.Server, path: str) -> str:
    return f"http://127.0.0.1:{server.port}/api/proxy{path.removeprefix('/api')}"


def _cpu_s(server: nginx.Server) -> float:
    user, system = Path(f"/proc/{server.pid}/stat").read_text("utf-8").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _ours(run: RunDirectory, upstream: int) -> nginx.Server:
    port = ports.choose()
    env = {"PORT": str(port), "NEXT_PUBLIC_API_URL": f"http://127.0.0.1:{upstream}"}
    command = [*nginx.pinned(PROXY_CORE), sys.executable, "-m", "proxy_under_test"]
    started = start(command, run=run, name="ours", env=env)
    nginx.await_ok(f"http://127.0.0.1:{port}", "/api/proxy/small")
    return nginx.Server(port, started.pid)
