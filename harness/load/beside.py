"""Drives a schedule of faults beside a Locust that somebody else runs: ``python -m harness.load.beside``.

``locustfiles/under_fault.py`` starts it when a test starts, on the master only.  It goes through the schedule again
and again until its standard input ends, which it also does when Locust dies, or a signal comes; then it heals all.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from harness.clock import Clock
from harness.errors import ErrorpathError, HarnessError, UsageError
from harness.load.fault_names import HOPS
from harness.load.schedule import Schedule, load_schedule
from harness.load.timeline import Past, Timeline
from harness.toxiproxy.client import Link, LinkServer
from harness.traffic.origin import Origin


class Over(ErrorpathError):
    """Whoever started us wants no more faults."""


class Links:
    """The links of a Toxiproxy that runs already, as the stage of faults."""

    clock = Clock()

    def __init__(self, links: Mapping[str, Link]) -> None:
        self._links = links

    @property
    def origin(self) -> Origin:
        """There is none here.  Raises HarnessError."""
        raise HarnessError("there is no scripted origin beside a Locust that somebody else runs")

    def link(self, hop: str) -> Link:
        """The link of a hop.  Raises HarnessError when none was named."""
        try:
            return self._links[hop]
        except KeyError:
            raise HarnessError(f"no link was named for the hop {hop!r}; name it: --links {hop}=NAME") from None

    def kill_upstream(self) -> str:
        """Its process is somebody else's.  Raises HarnessError."""
        raise HarnessError("the upstream's process was not started here, so it cannot be killed")

    def begin_upstream(self) -> None:
        """Nothing was killed."""


def main(argv: list[str] | None = None) -> int:
    """Apply faults until told to stop; exit codes as errorpath's."""
    parser = argparse.ArgumentParser(prog="python -m harness.load.beside", description=__doc__)
    parser.add_argument("--schedule", required=True, type=Path)
    parser.add_argument("--toxiproxy", required=True, metavar="HOST:PORT")
    parser.add_argument("--links", default=",".join(f"{hop}={hop}" for hop in HOPS), help="HOP=NAME[,HOP=NAME…]")
    given = parser.parse_args(argv)
    try:
        schedule = load_schedule(given.schedule)
        stage = Links(_links(given.toxiproxy, given.links, schedule))
        _until_over(schedule, stage)
    except UsageError as exc:
        return _say(str(exc), 2)
    except HarnessError as exc:
        return _say(str(exc), 3)
    return _say("over; every fault is healed", 0)


def _links(endpoint: str, named: str, schedule: Schedule) -> dict[str, Link]:
    """The links of the hops that the schedule breaks."""
    server = LinkServer(endpoint)
    pairs = dict(pair.split("=", 1) for pair in named.split(",") if "=" in pair)
    broken = {window.hop for phase in schedule.phases for window in phase.windows if window.hop}
    for hop in broken - set(pairs):
        raise UsageError(f"--links {named}: no link is named for the hop {hop!r}, which the schedule breaks")
    return {hop: server.link(pairs[hop]) for hop in broken}


def _until_over(schedule: Schedule, stage: Links) -> None:
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())  # nothing is raised, so healing is never cut short
    threading.Thread(target=_wait_for_the_end_of_input, args=(over,), daemon=True).start()

    def watch() -> None:
        if over.is_set():
            raise Over

    while True:
        timeline = Timeline(schedule, stage, watch, lambda what: print(what, file=sys.stderr, flush=True))
        try:
            timeline.run()
        except Over:
            return
        finally:
            for past in timeline.windows:
                _say(_told(past), 0)


def _wait_for_the_end_of_input(over: threading.Event) -> None:
    sys.stdin.buffer.read()
    over.set()


def _told(past: Past) -> str:
    return f"{past.window.name} on {past.window.hop}: {past.evidence or past.trouble or 'nothing shows that it hit'}"


def _say(what: str, code: int) -> int:
    print(f"faults: {what}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
