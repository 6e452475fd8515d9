"""``errorpath up``: any target of ours, single keys, and an end that leaves nothing."""

from __future__ import annotations

import os
import pty
import select
import sys
from pathlib import Path

import pytest

from harness.cli.keys import Keys
from harness.clock import Clock, poll_until
from harness.environment import ports
from harness.environment.rundir import RunDirectory
from harness.errors import HarnessError
from harness.target import launch
from harness.target.files import load_target
from tests.runs.command import running, seldom
from tests.target.tiny import FILE

UP_S = 90.0  # 4 s on an idle machine


def test_a_target_without_a_good_health_route_is_up_until_ctrl_c(tmp_path: Path) -> None:
    """Any answer will do, as in a check; Ctrl-C stops everything, says so, and ends with 130."""
    file = tmp_path / "tiny.toml"
    file.write_text(FILE.replace("UPSTREAM =", 'MODE = "unavailable", UPSTREAM ='), "utf-8")
    flags = [f"--{hop}-port={ports.choose()}" for hop in ("proxy", "upstream", "postgres", "redis")]

    with running("up", "--target", str(file), *flags) as run:
        poll_until(seldom(lambda: "Ctrl-C stops" in run.said), within_s=UP_S, what=f"the stack: {run.said}")
        run.process.send_signal(2)

        assert run.ended() == 130, run.said
        assert run.said.splitlines()[-2:] == ["stopped; nothing is left", "errorpath: interrupted"]
        assert run.left() == []


def test_a_target_that_never_serves_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a port of one's own as on a chosen one."""
    file = tmp_path / "mute.toml"
    mute = "import sys; print('no time, no time', flush=True); sys.stdin.read() or __import__('signal').pause()"
    words = f'command = ["{{python}}", "-c", "{mute}"]'
    text = "\n".join(words if line.startswith("command") else line for line in FILE.splitlines())
    file.write_text(text, "utf-8")
    monkeypatch.setattr(launch, "START_S", 3.0)

    with RunDirectory.create() as run, pytest.raises(HarnessError, match=r"(?s)waited 3 s.*no time, no time"):
        launch.serve(
            load_target(str(file)), port=ports.choose(), upstream="http://127.0.0.1:9", run=run, clock=Clock(1)
        )


def test_two_quick_keys_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was pressed before the first key was obeyed is not kept back in a buffer."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        with Keys() as keys:
            os.write(ours, b"1h")
            first = keys.read()
            waiting = select.select([terminal], [], [], 0)[0]
            assert (first, waiting) == ("1", [terminal])
            assert keys.read() == "h"
    os.close(ours)
