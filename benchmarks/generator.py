"""What the load generator alone can do, beside wrk: so that a limit of its own is never read as the proxy's.

Both ask nginx, which answers at once and has core 0 for itself, from core 1: wrk with 32 connections, one Locust
process with 32 of our users who wait for each answer, and the same with an open model at a part of that rate, which
shows how punctually it sends.  They are measured in turn, round by round.
"""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks import nginx, wrk
from benchmarks.figure import Figure
from harness.clock import now, poll_until
from harness.environment.rundir import RunDirectory
from harness.load.locust_process import STEADY, Locust, Traffic
from harness.load.measures import times_ms
from harness.load.told import Told, epoch, read_requests

ORIGIN_CORE, OTHER_CORE = 0, 1
USERS = 32
UNBOUNDED = 1e6  # per second: whoever waits for each answer never gets there
PART = 0.7  # of what it can do at most
PATH = "/api/small"
LEAST_PER_S = 1000.0  # what the stack behind it is to bear, so that one process is enough for it
LATE_MS = 10.0


def measure(*, rounds: int, seconds: int) -> list[Figure]:
    """Requests per second of both, the ratio, and how late the open model sends."""
    wrk.needed("nginx", "wrk", "taskset")
    theirs, ours, late = [], [], []
    with ExitStack() as stack:
        run = stack.enter_context(RunDirectory.create())
        port = nginx.start_nginx(run, "upstream", nginx.UPSTREAM, ORIGIN_CORE).port
        host = f"http://127.0.0.1:{port}"
        for _ in range(rounds):
            theirs.append(wrk.run(host + PATH, connections=USERS, seconds=seconds, core=OTHER_CORE).rate)
            ours.append(len(_told(run, host, "closed", UNBOUNDED, seconds)) / seconds)
            open_model = _told(run, host, "open", PART * ours[-1], seconds)
            late.append(times_ms(request.waited_ms for request in open_model)["p99"] or 0.0)
    ratios = [own / other for other, own in zip(theirs, ours, strict=True)]
    return [
        Figure.of(f"wrk, {USERS} connections", theirs, "req/s"),
        Figure.of(f"one Locust process, {USERS} users, closed model", ours, "req/s", at_least=LEAST_PER_S),
        Figure.of("ratio to wrk, round by round", ratios, ""),
        Figure.of(f"open model at {PART:.0%} of that: p99 of sending late", late, "ms", below=LATE_MS),
    ]


def _told(run: RunDirectory, host: str, model: str, rate_per_s: float, seconds: int) -> list[Told]:
    """What one Locust process on its core told of so many seconds in the middle of its life."""
    traffic = Traffic(
        USERS, rate_per_s, 1, model=model, flags=("--path", PATH), prefix=tuple(nginx.pinned(OTHER_CORE))
    )
    folder = run.folder("generator")
    locust = Locust(
        run, traffic, host=host, base="", folder=folder, tag="bench", file=STEADY.with_name("one_path.py")
    )
    locust.await_users()
    begin = now() + 1.0  # past the first connects
    poll_until(lambda: now() >= begin + seconds, within_s=seconds + 60, what="the end of a round")
    locust.end()
    began = epoch(begin)
    return [request for request in read_requests(locust.requests) if began <= request.at < began + seconds]
