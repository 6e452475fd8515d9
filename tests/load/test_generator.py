"""Locust with our users, for real, against an origin that answers at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.environment.rundir import RunDirectory
from harness.environment.servers import toxiproxy
from harness.faults.link import BlackHole
from harness.load.locust_process import STEADY, Traffic
from harness.load.schedule import Window
from harness.load.timeline import Timeline
from harness.load.told import DROPPED, Told, read_requests
from harness.toxiproxy.client import LinkServer
from harness.traffic import replies
from harness.traffic.origin import Origin
from tests.load.loading import Stage, generator, loaded, one_phase

STALL_S = 5.0
USERS = 5


def test_a_stall_counts_for_everybody_who_came_meanwhile(
    run_directory: RunDirectory, origin: Origin, tmp_path: Path
) -> None:
    """
    Under a 5 s stall at 100 requests/s the p90 of an open model is at least 2 s; a closed model, beside it, measures
    one request of each user and sees tens of milliseconds.
    """
    server = toxiproxy(run_directory)
    link = LinkServer(f"127.0.0.1:{server.port}").create("stall", origin.address)
    flags = ("--arrivals", "steady")
    locusts = {
        model: generator(
            run_directory,
            Traffic(USERS, 100, 1, model=model, flags=flags),
            "http://{}:{}".format(*link.listen),
            tmp_path / model,
            model,
        )
        for model in ("open", "closed")
    }
    stall = Window(BlackHole("upstream"), "black-hole", 3.0, 3.0 + STALL_S)
    timeline = Timeline(one_phase(16.0, stall), Stage(origin, link), lambda: None, lambda _: None)
    for locust in locusts.values():
        locust.await_users()

    timeline.run()
    stuck = {model: locust.end() for model, locust in locusts.items()}
    server.process.stop()

    seen = {model: read_requests(locust.requests) for model, locust in locusts.items()}
    late = {model: sum(request.response_ms > 1000 for request in told) for model, told in seen.items()}
    assert {"open": 0, "closed": 0} == stuck
    assert timeline.windows[0].evidence is not None
    assert _p90_ms(seen["open"]) >= 2000
    assert _p90_ms(seen["closed"]) < 500  # 15 ms on an idle machine, and never the stall
    assert late["closed"] <= 2 * USERS
    assert late["open"] >= 0.9 * 100 * (STALL_S - 1)
    assert max(request.waited_ms for request in seen["open"]) < 1000  # all were sent meanwhile


def _p90_ms(told: list[Told]) -> float:
    return sorted(request.response_ms for request in told)[int(0.9 * len(told))]


def test_a_request_is_sent_once(run_directory: RunDirectory, origin: Origin, tmp_path: Path) -> None:
    """
    A connection that is closed instead of an answer is told as such; the generator does not ask again.
    """
    origin.script(route=[replies.empty_reply()])

    told, _ = loaded(run_directory, Traffic(2, 30, 1), origin, tmp_path, 2.0)

    assert {"closed"} == {request.outcome for request in told}
    assert len(told) == len(origin.attempts())


def test_what_could_not_be_sent_or_never_ends_is_counted(
    run_directory: RunDirectory, origin: Origin, tmp_path: Path
) -> None:
    """
    With one request under way at most and a silent upstream, whoever comes later is told as dropped, and the one
    that is unanswered 31 s after the end as stuck and unfinished.
    """
    origin.script(route=[replies.silent()])

    traffic = Traffic(1, 20, 1, flags=("--most-in-flight", "1"))
    told, stuck = loaded(run_directory, traffic, origin, tmp_path, 2.0)

    outcomes = [request.outcome for request in told]
    assert 1 == stuck
    assert 1 == outcomes.count("unfinished") == len(origin.attempts())
    assert len(outcomes) - 1 == outcomes.count(DROPPED) > 10
    assert next(r for r in told if r.outcome == "unfinished").service_ms > 31_000


def _process(request: Told) -> str:
    return request.id.split("-")[1].split(".")[0]


@pytest.mark.parametrize(
    "traffic",
    [Traffic(4, 60, 1), Traffic(4, 60, 1, workers=2), Traffic(4, 60, 1, processes=2)],
    ids=["one", "workers", "forks"],
)
def test_everything_sent_is_told(
    traffic: Traffic, run_directory: RunDirectory, origin: Origin, tmp_path: Path
) -> None:
    """
    One process, a master with two workers, or two forks: what they tell together is what came to the origin.
    """
    told, stuck = loaded(run_directory, traffic, origin, tmp_path, 3.0)

    assert 0 == stuck
    assert {attempt.key for attempt in origin.attempts()} == {request.id for request in told}
    assert {"200"} == {request.outcome for request in told}
    assert (traffic.workers + traffic.processes or 1) == len(
        {request.id.split("-")[1].split(".")[0] for request in told}
    )
    assert {"locust.html", "locust_stats.csv", "requests.csv"} <= {path.name for path in tmp_path.iterdir()}


def test_the_seed_decides_what_each_user_asks_for(
    run_directory: RunDirectory, origin: Origin, tmp_path: Path
) -> None:
    """
    Two runs of the guide's traffic with one seed: each user asks for the same things in the same order; with another
    seed for others.
    """
    origin.script(route=[replies.ok(headers=[("Set-Cookie", "token=x; Path=/")])])

    orders = [
        _orders(loaded(run_directory, Traffic(3, 90, seed), origin, tmp_path / str(number), 2.0, STEADY)[0])
        for number, seed in enumerate((7, 7, 8))
    ]

    first, again, other = orders
    assert all(_same_beginning(first[user], again[user]) for user in first)
    assert not any(_same_beginning(first[user], other[user]) for user in first)


def _orders(told: list[Told]) -> dict[str, list[str]]:
    users: dict[str, dict[int, str]] = {}
    for request in told:
        _, user, number = request.id.split("-")
        users.setdefault(user, {})[int(number)] = request.path
    return {user: [paths[number] for number in sorted(paths)] for user, paths in users.items()}


def _same_beginning(one: list[str], other: list[str]) -> bool:
    shorter = min(len(one), len(other))
    assert shorter >= 20
    return one[:shorter] == other[:shorter]
