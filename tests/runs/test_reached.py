"""A proxy that somebody else has started is checked where it is."""

from __future__ import annotations

from harness.clock import Clock
from harness.environment import ports
from harness.environment.rundir import RunDirectory
from harness.target.files import load_target
from harness.target.launch import launch
from tests.runs.command import checking

PATHS = ("connect-dual-stack", "cors-allowed", "error-other", "forward-query", "retry-count-setting", "retry-reset")


def test_a_proxy_that_runs_already_is_checked_as_far_as_it_can_be() -> None:
    """
    Faults reach it through the port it forwards to; what needs another setting, upstream or a start of it is n/a.
    """
    port = ports.choose()
    with RunDirectory.create() as run:
        target = launch(
            load_target("reference").unasked(), upstream=f"http://127.0.0.1:{port}", run=run, clock=Clock()
        )
        choices = ["--url", target.url, "--origin-port", str(port), "--only", ",".join(PATHS)]
        with checking(*choices) as command:
            code = command.ended()
            verdicts = {path["id"]: path["verdict"] for path in command.results()["paths"]}

    assert code == 0
    assert verdicts == {
        "connect-dual-stack": "n/a",
        "cors-allowed": "pass",
        "error-other": "pass",
        "forward-query": "pass",
        "retry-count-setting": "n/a",
        "retry-reset": "pass",
    }


def test_a_proxy_that_runs_already_is_not_shared_by_workers() -> None:
    """
    Two workers would break its one upstream for each other.
    """
    with checking(
        "--url", "http://127.0.0.1:9", "--origin-port", "9", "--only", "cors-allowed", "-n", "2"
    ) as command:
        assert command.ended() == 2
        assert "--url: one proxy that runs already is checked by one worker; use -n 0" in command.said
