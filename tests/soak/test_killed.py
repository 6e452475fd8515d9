"""A soak that is killed takes its round with it."""

from __future__ import annotations

import sys

from harness.clock import poll_until
from tests.patience import gone_within_s
from tests.runs.command import running, seldom

ROUND_S = 60.0  # until the round's run has a directory; 3 s on an idle machine


def test_a_killed_soak_leaves_no_round() -> None:
    """
    SIGKILL to the soak itself ends the round under way, with all that it started.
    """
    soak = ("-n", "1", "--only", "timeout-silent", "--workers", "1", "--speed", "real", "--no-hog")
    with running(*soak, program=(sys.executable, "-m", "tests.soak")) as command:
        rounds = command.place / "tmp"
        begun = seldom(lambda: list(rounds.glob("errorpath-*/tmp/errorpath-*/progress-*")))
        poll_until(begun, within_s=ROUND_S, what="a round to begin")

        command.process.kill()

        poll_until(seldom(lambda: not command.left()), within_s=gone_within_s(), what="the round to go with its soak")
