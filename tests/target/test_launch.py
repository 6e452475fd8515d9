"""How a target is started, reached, restarted, and reported when it cannot be."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from harness.clock import Clock
from harness.environment import ports
from harness.environment.rundir import RunDirectory
from harness.errors import HarnessError, NotPromised
from harness.target.launch import launch, reach, spawn
from tests.target.tiny import Write

UPSTREAM = "http://127.0.0.1:3101"
READY = 'ready = "/health"\n'
SETTINGS = '[settings]\nmax_retries = { env = "MAX_RETRIES", unit = "count" }\n'


def told(url: str) -> dict[str, Any]:
    """The environment that the tiny proxy sees."""
    environment: dict[str, Any] = httpx.get(url, trust_env=False).json()
    return environment


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which somebody listens, outside the ephemeral range."""
    with socket.socket() as listener:
        port = ports.choose()
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield port


def test_a_target_is_told_where_to_listen_and_where_to_forward(target_of: Write, run: RunDirectory) -> None:
    """The placeholders are filled, the settings and the extra environment are there, and it answers at its base."""
    file = target_of(READY + SETTINGS)

    target = launch(
        file, upstream=UPSTREAM, run=run, clock=Clock(1), settings={"max_retries": 2}, extra_env={"MORE": "this"}
    )

    environment = told(target.base_url)
    target.stop()
    assert target.base_url == f"http://127.0.0.1:{target.port}/api/proxy"
    assert environment["PORT"] == str(target.port)
    assert (environment["UPSTREAM"], environment["MAX_RETRIES"], environment["MORE"]) == (UPSTREAM, "2", "this")
    assert environment["CWD"] == str(file.here)


def test_files_are_written_before_the_start(target_of: Write, run: RunDirectory) -> None:
    """A file of the target has its placeholders filled and keeps all other braces."""
    file = target_of('files = { "conf/tiny.conf" = "server { listen {port}; root {dir}; }" }\ncwd = "{dir}"\n')

    target = launch(file, upstream=UPSTREAM, run=run, clock=Clock(1))

    folder = told(target.url)["CWD"]
    text = (run.path / folder / "conf" / "tiny.conf").read_text("utf-8")
    target.stop()
    assert text == f"server {{ listen {target.port}; root {folder}; }}"
    assert not (run.path / folder).exists()


def test_an_answer_of_503_is_an_answer(target_of: Write, run: RunDirectory) -> None:
    """A proxy whose upstream is down serves, too: whoever launches it may have broken the upstream on purpose."""
    target = launch(target_of(READY), upstream=UPSTREAM, run=run, clock=Clock(1), extra_env={"MODE": "unavailable"})

    assert target.process.alive()
    target.stop()


def test_a_target_that_exits_is_reported_with_its_last_words(target_of: Write, run: RunDirectory) -> None:
    """The message has the exit code and what the target said."""
    with pytest.raises(HarnessError, match=r"tiny exited with 1 .*(\n.*)*bad setting UPSTREAM: not today"):
        launch(target_of(READY), upstream=UPSTREAM, run=run, clock=Clock(1), extra_env={"MODE": "broken"})


def test_a_program_that_does_not_exist_is_reported(target_of: Write, run: RunDirectory) -> None:
    """A command that is not installed is named."""
    file = target_of()
    broken = file.model_copy(update={"launch": file.launch.model_copy(update={"command": ["no-such-proxy"]})})

    with pytest.raises(HarnessError, match="tiny cannot start: no-such-proxy: No such file"):
        launch(broken, upstream=UPSTREAM, run=run, clock=Clock(1))


def test_another_port_is_tried_when_the_first_is_taken(
    target_of: Write, run: RunDirectory, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is faster on a port costs a second try, not the run."""
    free = ports.choose()
    choices = iter([taken_port, free])
    monkeypatch.setattr(ports, "choose", lambda: next(choices))

    target = launch(target_of(READY), upstream=UPSTREAM, run=run, clock=Clock(1))

    target.stop()
    assert target.port == free


def test_the_target_of_another_run_is_not_taken_for_ours(
    target_of: Write, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another run was faster on our port its target answers, and still we try another port."""
    with RunDirectory.create() as other_run:
        other = launch(target_of(READY), upstream=UPSTREAM, run=other_run, clock=Clock(1))
        free = ports.choose()
        choices = iter([other.port, free])
        monkeypatch.setattr(ports, "choose", lambda: next(choices))

        target = launch(target_of(READY), upstream=UPSTREAM, run=run, clock=Clock(1))

    target.stop()
    assert target.port == free


def test_spawn_does_not_wait(target_of: Write, run: RunDirectory, taken_port: int) -> None:
    """What a target does on a port that is taken can be watched: it ends, and says why."""
    process = spawn(target_of(READY), port=taken_port, upstream=UPSTREAM, run=run, clock=Clock(1))

    assert process.wait(within_s=10) == 1
    assert ports.says_taken(process.output())


def test_output_is_decoded_line_by_line(target_of: Write, run: RunDirectory) -> None:
    """A line that is a JSON object comes as one; any other as text."""
    target = launch(target_of(READY), upstream=UPSTREAM, run=run, clock=Clock(1))

    lines = target.lines()
    target.stop()
    assert lines == ["listening", {"event": "request", "path": "/health"}]


def test_what_a_target_holds_can_be_measured(target_of: Write, run: RunDirectory) -> None:
    """Memory is that of its processes."""
    target = launch(target_of(), upstream=UPSTREAM, run=run, clock=Clock(1))

    resident = target.resident_bytes()
    target.stop()
    assert 5 << 20 < resident < 200 << 20
    with pytest.raises(HarnessError, match="has gone"):
        target.resident_bytes()


def test_a_restart_keeps_the_port_and_changes_the_process(target_of: Write, run: RunDirectory) -> None:
    """A restarted target is at the same address, with new settings over the old ones."""
    target = launch(
        target_of(READY + SETTINGS), upstream=UPSTREAM, run=run, clock=Clock(1), extra_env={"MORE": "this"}
    )
    port, pid = target.port, target.pid

    target.restart({"max_retries": 1})

    environment = told(target.base_url)
    target.stop()
    assert (environment["MAX_RETRIES"], environment["MORE"]) == ("1", "this")
    assert target.port == port
    assert target.pid != pid


def test_a_target_that_somebody_else_started_is_reached(target_of: Write, taken_port: int) -> None:
    """Its address is known, and nothing is claimed of its process."""
    target = reach(target_of(), url=f"http://127.0.0.1:{taken_port}", origin_port=3101)

    assert target.base_url == f"http://127.0.0.1:{taken_port}/api/proxy"
    with pytest.raises(NotPromised, match="was not started by us"):
        target.resident_bytes()


def test_a_proxy_that_is_not_there_is_no_verdict(target_of: Write) -> None:
    """Nothing can be said about a proxy that nobody started."""
    with pytest.raises(HarnessError, match="nothing takes a connection"):
        reach(target_of(), url=f"http://127.0.0.1:{ports.choose()}", origin_port=3101)
