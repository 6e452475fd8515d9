"""The command that shows a path again says all that was chosen, and does it from any folder."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from harness import program
from harness.choices import Choices
from harness.cli import load
from harness.cli.arguments import parse
from harness.plan import plan
from harness.plugin.outcomes import lost
from harness.report.results import Results
from harness.target.files import TARGETS
from tests.runs.command import ERRORPATH, checking, running

MINE = (TARGETS / "reference.toml").read_text("utf-8").replace('"reference"', '"mine"')
# what was chosen, and what the command says beside path and target
SAID: list[tuple[dict[str, Any], str]] = [
    ({}, "--seed 1"),
    ({"seed": 7, "speed": "10"}, "--speed 10 --seed 7"),
    ({"speed": "real", "out": "there", "only": ("cors-allowed", "retry-reset")}, "--speed real --seed 1"),
    ({"env": "containers", "toxiproxy": "[::1]:8474"}, "--env containers --toxiproxy '[::1]:8474' --seed 1"),
    ({"url": "http://localhost:80", "origin_port": 9000}, "--url http://localhost:80 --origin-port 9000 --seed 1"),
]


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A target file, in a folder with a space in its name, which is the current one."""
    file = tmp_path / "my targets" / "file.toml"
    file.parent.mkdir()
    file.write_text(MINE, "utf-8")
    monkeypatch.chdir(file.parent)
    return file


def told(choices: Choices) -> str:
    """The command in the results of a run with these choices."""
    chosen = plan(choices)
    results = Results(
        target=chosen.target.name,
        environment="embedded",
        toxiproxy="embedded",
        speed=chosen.clock.speed,
        seed=choices.seed,
        command=chosen.command(),
    )
    results.records.append(lost("retry-reset", "a scenario", "nobody ran it"))
    return str(results.paths()[0]["reproduce"])


@pytest.mark.parametrize(("chosen", "said"), SAID, ids=[said for _, said in SAID])
def test_what_was_chosen_is_in_the_command(chosen: dict[str, Any], said: str) -> None:
    """What is as usual is left out, but for the target and the seed."""
    assert told(Choices(**chosen)) == f"errorpath check --target reference {said} --only retry-reset"


@pytest.mark.parametrize("given", ["file.toml", "../my targets/file.toml", "{absolute}"])
def test_a_target_file_is_named_with_its_whole_path(mine: Path, given: str) -> None:
    """Not with the name that stands in it, by which nothing finds it."""
    command = told(Choices(target=given.replace("{absolute}", str(mine))))

    assert command == f"errorpath check --target '{mine}' --seed 1 --only retry-reset"


def test_a_target_of_the_checkout_is_named_by_its_name() -> None:
    """Also where it was given as a file."""
    file = os.path.relpath(TARGETS / "reference.toml")

    assert told(Choices(target=file)) == "errorpath check --target reference --seed 1 --only retry-reset"


def test_the_command_of_a_target_file_shows_the_path_again(mine: Path) -> None:
    """Run in another folder it checks the same target at the same speed with the same seed."""
    first = ("--target", mine.name, "--only", "cors-allowed", "--speed", "10", "--seed", "7", "-n", "0")
    with checking(*first, cwd=mine.parent) as run:
        assert run.ended() == 0, run.said
        before = run.results()

    again = shlex.split(program.typed(before["paths"][0]["reproduce"]))
    with running("--out", "{place}/out", "-n", "0", program=tuple(again), cwd=mine.parent.parent) as run:
        assert run.ended() == 0, run.said
        after = run.results()

    same = ("target", "environment", "toxiproxy", "speed", "seed", "summary")
    assert [before[key] for key in same] == [after[key] for key in same]
    assert [(path["id"], path["verdict"]) for path in after["paths"]] == [("cors-allowed", "pass")]


def test_the_command_of_a_load_names_its_files_with_their_whole_paths(mine: Path) -> None:
    """Target, schedule and gates are found from any folder."""
    arguments = parse(["load", "--target", "file.toml", "--schedule", "s.toml", "--gates", "g.toml", "--users", "3"])

    words = shlex.split(load._command(arguments, plan(Choices(target="file.toml", speed="real"))))

    files = {name: str(mine.with_name(file)) for name, file in (("schedule", "s.toml"), ("gates", "g.toml"))}
    assert words[:4] == ["errorpath", "load", "--target", str(mine)]
    assert {name: words[words.index(f"--{name}") + 1] for name in files} == files
    assert words[words.index("--users") + 1] == "3"


def test_the_command_names_the_program_as_a_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name where PATH leads to this very program, else by its whole path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    nowhere = program.words()
    (tmp_path / "errorpath").write_text("#!/bin/sh\n", "utf-8")
    (tmp_path / "errorpath").chmod(0o755)
    another = program.words()
    monkeypatch.setenv("PATH", str(Path(ERRORPATH).parent))
    here = program.words()

    assert (nowhere, another, here) == ([ERRORPATH], [ERRORPATH], ["errorpath"])


def test_a_program_without_a_script_beside_its_python_is_told_as_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `pip install --user` leaves it."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "a python"))

    assert program.words() == [str(tmp_path / "a python"), "-m", "harness"]
    assert program.typed("errorpath check --seed 1") == f"'{tmp_path}/a python' -m harness check --seed 1"
