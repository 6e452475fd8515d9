"""A generator of ours against an origin, for so many seconds."""

from __future__ import annotations

from pathlib import Path

from harness.clock import Clock
from harness.environment.rundir import RunDirectory
from harness.load.locust_process import STEADY, Locust, Traffic
from harness.load.schedule import Phase, Schedule, Window
from harness.load.timeline import Timeline
from harness.load.told import Told, read_requests
from harness.toxiproxy.client import Link
from harness.traffic.origin import Origin

PLAIN = STEADY.with_name("one_path.py")


class Stage:
    """One link, as the stage of faults."""

    clock = Clock()

    def __init__(self, origin: Origin, link: Link | None = None) -> None:
        self.origin = origin
        self._link = link

    def link(self, hop: str) -> Link:
        assert self._link is not None
        return self._link

    def kill_upstream(self) -> str:
        raise AssertionError("no fault of these tests kills")

    def begin_upstream(self) -> None:
        raise AssertionError("no fault of these tests kills")


def one_phase(length_s: float, *windows: Window) -> Schedule:
    return Schedule((Phase("all", "fault" if windows else "steady", length_s, windows),), 1.0, Path("test"))


def generator(
    run: RunDirectory, traffic: Traffic, host: str, folder: Path, tag: str = "load", file: Path = PLAIN
) -> Locust:
    return Locust(run, traffic, host=host, base="", folder=folder, tag=tag, file=file)


def loaded(
    run: RunDirectory, traffic: Traffic, origin: Origin, folder: Path, length_s: float, file: Path = PLAIN
) -> tuple[list[Told], int | None]:
    """What the generator told, and how many requests were stuck at the end."""
    locust = generator(run, traffic, f"http://{origin.address}", folder, file=file)
    locust.await_users()
    Timeline(one_phase(length_s), Stage(origin), locust.check, lambda _: None).run()
    stuck = locust.end()
    return read_requests(locust.requests), stuck
