"""``python -m harness.toxiproxy`` as a program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.environment.rundir import RunDirectory
from harness.toxiproxy.client import LinkServer
from tests.toxiproxy.conftest import serve
from tests.toxiproxy.rig import Api

COMMAND = [sys.executable, "-m", "harness.toxiproxy"]


def refused(*flags: str) -> str:
    """What the program says when it cannot start."""
    done = subprocess.run([*COMMAND, *flags], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


def test_a_port_that_is_taken_is_named(embedded: Api) -> None:
    """It exits 2, names the address and says what to do."""
    port = embedded.endpoint.rsplit(":", 1)[1]

    said = refused("--port", port)

    assert f"127.0.0.1:{port}" in said
    assert "--port" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        ("{", "unexpected EOF"),
        ('[{"name": "a"}]', "missing required field: upstream at proxy 1"),
        ('[{"name": "a", "upstream": "u", "listen": "192.0.2.1:0"}]', "cannot assign requested address"),
    ],
)
def test_a_bad_config_file_is_named(tmp_path: Path, content: str | None, reason: str) -> None:
    """It exits 2 and names the file and what is wrong with it."""
    config = tmp_path / "proxies.json"
    if content is not None:
        config.write_text(content)

    said = refused("--port", "0", "--config", str(config))

    assert str(config) in said
    assert reason in said


@pytest.mark.parametrize("flags", [["--port", "65536"], ["--port", "x"], ["--nope"], ["--seed", "x"]])
def test_a_bad_flag_is_named(flags: list[str]) -> None:
    """It exits 2 and names the flag."""
    assert flags[0] in refused(*flags)


def test_a_config_file_makes_proxies(link_run: RunDirectory) -> None:
    """The proxies of the file are there when the server says that it is ready."""
    config = link_run.folder("config") / "proxies.json"
    config.write_text(json.dumps([{"name": "made", "upstream": "127.0.0.1:1", "listen": "127.0.0.1:0"}]))

    process, endpoint = serve(link_run, "--config", str(config))

    assert LinkServer(endpoint).names() == ["made"]
    process.stop()


def test_a_polite_signal_ends_it_with_success(link_run: RunDirectory) -> None:
    """SIGTERM ends it with exit code 0 and nothing on its standard error."""
    process, endpoint = serve(link_run)
    LinkServer(endpoint).create("open", "127.0.0.1:1")

    process.stop()

    assert process.exit_code() == 0
    assert process.output() == f"listening on {endpoint}\n"


def test_it_takes_toxiproxys_own_flags() -> None:
    """One dash will do, as for the real server, and ``-version`` says whose behaviour this is."""
    done = subprocess.run([*COMMAND, "-version"], capture_output=True, text=True, timeout=20, check=True)

    assert done.stdout == "toxiproxy-server version 2.12.0\n"
