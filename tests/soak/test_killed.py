"""A soak that is killed takes its round with it."""

from __future__ import annotations

import signal
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


def test_an_interrupted_soak_tells_of_the_rounds_that_were_finished() -> None:
    """
    Ctrl-C ends the round under way and the soak, in order, and what is known so far is said.
    """
    soak = ("-n", "2", "--only", "timeout-silent", "--workers", "1", "--speed", "real")
    with running(*soak, program=(sys.executable, "-m", "tests.soak")) as command:
        rounds = command.place / "tmp"
        begun = seldom(lambda: list(rounds.glob("errorpath-*/tmp/errorpath-*/progress-*")))
        poll_until(begun, within_s=ROUND_S, what="a round to begin")

        command.signal_group(signal.SIGINT)

        assert 130 == command.ended()
        assert "0 of 2 rounds" in command.said
        assert "Traceback" not in command.said


def test_a_soak_of_no_rounds_is_refused() -> None:
    """
    It would say that nothing differs.
    """
    with running("-n", "0", program=(sys.executable, "-m", "tests.soak")) as command:
        assert 2 == command.ended()
        assert "-n 0: write how many rounds, at least 1" in command.said
