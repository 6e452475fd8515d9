"""Load that does not wait, and room for many connections."""

from __future__ import annotations

import resource
from functools import partial

import pytest

from harness.clock import now, poll_until
from harness.errors import HarnessError
from harness.traffic import replies
from harness.traffic.client import Client
from harness.traffic.crowd import room_for
from harness.traffic.open_load import OpenLoad
from harness.traffic.origin import Origin

EVERY_S = 0.02


def test_requests_begin_by_the_clock_while_nothing_is_answered() -> None:
    """Twenty requests begin though the upstream answers none of them, and each has its exchange at the end."""
    with Origin.start() as origin, Client(origin.url) as client:
        origin.script(route=[replies.silent()])
        began = now()
        with OpenLoad(partial(client.begin, "GET", "/x", within_s=3), EVERY_S, most=100) as load:
            poll_until(lambda: load.begun() >= 20, within_s=5, what="20 requests")
            took_s = now() - began
            origin.close()

    assert took_s >= 19 * EVERY_S
    assert len(load.exchanges) == load.begun() >= 20
    assert {exchange.status for exchange in load.exchanges} == {None}


def test_a_load_that_cannot_be_made_is_ours() -> None:
    """Whoever leaves the block is told."""

    def fail() -> None:
        raise OSError("no more sockets")

    with pytest.raises(HarnessError, match="no more sockets"), OpenLoad(fail, EVERY_S, most=1):  # type: ignore[arg-type]
        pass


def test_room_is_made_as_far_as_the_system_lets_us() -> None:
    """The soft limit rises with the need; beyond the hard one it is said."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 900), hard))
        room_for(1000)

        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 2000
        with pytest.raises(HarnessError, match="ulimit -Hn"):
            room_for(hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
