"""A load that is ended, or loses a part, heals every fault, tells what was measured, and leaves nothing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

import harness.load
from harness.clock import now, poll_until
from harness.environment.rundir import RUN_ID
from tests.patience import gone_within_s
from tests.runs.command import Command, running, seldom

HERE = Path(__file__).parent
SCHEMA = json.loads((Path(harness.load.__file__).with_name("load.schema.json")).read_text("utf-8"))
EVENT_S = 120.0  # the fault comes after 12 s on an idle machine


@contextmanager
def broken(*more: str) -> Iterator[Command]:
    """A load in the middle of a fault."""
    files = ("--schedule", str(HERE / "short.toml"), "--gates", str(HERE / "gates.toml"))
    with running("load", "--out", "{place}/out", "--users", "4", "--rate", "20", *files, *more) as run:
        poll_until(seldom(lambda: "· refused" in run.said), within_s=EVENT_S, what=f"the fault: {run.said}")
        soon = now() + 1.0
        poll_until(lambda: now() > soon, within_s=5, what="some requests under the fault")
        yield run


def loaded(run: Command) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((run.out / "load.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    return data


def leaves_nothing(run: Command, run_id: str) -> None:
    deadline = now() + gone_within_s()
    poll_until(seldom(lambda: now() > deadline or not run.left(run_id)), within_s=60, what="a look")
    assert run.left(run_id) == [], run.said


def process_of(run_id: str, *words: str) -> psutil.Process:
    """The process of a run in whose command line these words are."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_ID) == run_id and all(word in process.cmdline() for word in words):
                return process
        except psutil.Error:
            continue
    raise AssertionError(f"no process of {run_id} has {words}")


def fork_of(run_id: str, *words: str) -> psutil.Process:
    return process_of(run_id, *words).children()[0]


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_an_interrupted_load_tells_what_was_measured(number: int, code: int, word: str) -> None:
    """
    Ctrl-C and SIGTERM heal the fault, write load.json and Locust's files, exit with 130 and 143, and leave nothing.
    """
    with broken() as run:
        run_id = run.run_id
        assert run_id is not None

        os.kill(run.process.pid, number)

        assert code == run.ended(), run.said
        leaves_nothing(run, run_id)
        data = loaded(run)
        phases = {phase["name"]: phase["paths"][0]["requests"] for phase in data["phases"]}
        assert code == data["exit"]
        assert {"warm-up", "slow", "refused"} == set(phases)
        assert all(count > 0 for count in phases.values())
        assert all(window["to_s"] is not None and window["witnessed"] for window in data["windows"])
        assert (run.out / "locust.html").exists()
        assert f"errorpath: {word}" == run.said.splitlines()[-1]
        assert "Traceback" not in run.said


def test_a_killed_load_leaves_nothing() -> None:
    """
    SIGKILL of the harness ends Locust, the proxy and the servers.
    """
    with broken("--workers", "2") as run:
        run_id = run.run_id
        assert run_id is not None

        run.process.kill()

        assert -signal.SIGKILL == run.ended()
        leaves_nothing(run, run_id)


PARTS: dict[str, tuple[tuple[str, ...], Callable[[str], psutil.Process], str]] = {
    "proxy": ((), lambda run: process_of(run, "proxy_under_test"), "reference died under load"),
    "backend": ((), lambda run: process_of(run, "harness.backend"), "the backend died under load"),
    "worker": (("--workers", "2"), lambda run: process_of(run, "locust", "--worker"), "is lost"),
    "fork": (
        ("--processes", "2"),
        lambda run: fork_of(run, "locust", "--processes"),
        "a Locust worker is lost: 1 of 2",
    ),
    "master": (("--workers", "2"), lambda run: process_of(run, "locust", "--master"), "locust (pid"),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_lost_part_is_reported(part: str) -> None:
    """
    A proxy, backend, worker or master that dies ends the load with exit code 3 and one message that names it.
    """
    flags, find, message = PARTS[part]
    with broken(*flags) as run:
        run_id = run.run_id
        assert run_id is not None

        find(run_id).kill()

        assert 3 == run.ended(), run.said
        leaves_nothing(run, run_id)
        data = loaded(run)
        assert 1 == len(data["troubles"])
        assert message in data["troubles"][0]
        assert data["troubles"][0].splitlines()[0] in run.said
        assert all(window["to_s"] is not None for window in data["windows"])
        assert "Traceback" not in run.said
