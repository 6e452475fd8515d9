"""What a target file may say, and how one that is wrong is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.contract.model import load_contract
from harness.errors import UsageError
from harness.target.files import TARGETS, load_target

GOOD = """
name = "nginx"
[launch]
command = ["nginx", "-p", "{dir}", "-g", "daemon off;"]
env = { UPSTREAM = "{upstream_host}:{upstream_port}" }
files = { "nginx.conf" = "server { listen {port}; }" }
ready = "/api/proxy/health"
stop_signal = "SIGQUIT"
[routes]
base = "/"
upstream_base = "/api"
[settings]
request_timeout = { env = "REQUEST_TIMEOUT", unit = "ms" }
[contract]
retries = { max = 0, delays_s = [] }
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "some target.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_a_target_file_is_read_as_it_stands(tmp_path: Path) -> None:
    """Every table is there, what is left out has its default, and the contract is handed on raw."""
    target = load_target(written(tmp_path, GOOD))

    assert target.name == "nginx"
    assert target.launch.command[0] == "nginx"
    assert (target.launch.cwd, target.launch.speed, target.launch.stop_signal) == ("{here}", "real", "SIGQUIT")
    assert (target.routes.base, target.routes.upstream_base) == ("", "/api")
    assert target.settings["request_timeout"].unit == "ms"
    assert target.contract == {"retries": {"max": 0, "delays_s": []}}
    assert target.here == tmp_path


def test_the_reference_target_is_found_by_its_name() -> None:
    """``reference`` is the file in ``targets/``, and its contract is the guide's."""
    target = load_target("reference")

    contract = load_contract(target.contract, origin=str(target.path))
    assert target.path == TARGETS / "reference.toml"
    assert contract.retries is not None
    assert contract.retries.waits_s == (1, 2, 3)


def test_every_target_of_the_checkout_can_be_read() -> None:
    """The files in ``targets/`` are correct, and each has the name of its file."""
    for path in TARGETS.glob("*.toml"):
        assert load_target(path.stem).name == path.stem


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('ready = "', 'redy = "', "launch.redy: there is no such key"),
        ('name = "nginx"', "", "name: is missing"),
        ('name = "nginx"', 'name = "a/b"', "name: String should match"),
        ('command = ["nginx", "-p", "{dir}", "-g", "daemon off;"]', "", "launch.command: is missing"),
        ('"-g", "daemon off;"]', "7]", "launch.command.3: Input should be a valid string"),
        ('["nginx", "-p", "{dir}", "-g", "daemon off;"]', "[]", "launch.command: List should have at least 1 item"),
        ("{dir}", "{folder}", "launch.command.2: {folder} is no placeholder; there are port, upstream"),
        ("{upstream_host}", "{host}", "launch.env.UPSTREAM: {host} is no placeholder"),
        ("listen {port}", "listen 80", "launch: nothing uses {port}"),
        ("{upstream_host}:{upstream_port}", "x", "launch: nothing uses {upstream}"),
        ('"nginx.conf" =', '"../nginx.conf" =', "launch.files.../nginx.conf: must be a relative path"),
        ('"/api/proxy/health"', '"health"', 'launch.ready: must begin with "/"'),
        ('base = "/"', 'base = "/api/"', "routes.base: must begin with"),
        ('"SIGQUIT"', '"QUIT"', "launch.stop_signal: is no signal"),
        ('unit = "ms"', 'unit = "min"', "settings.request_timeout.unit: Input should be 'ms', 's'"),
        ('unit = "ms"', 'unit = "ms", scale = 2', "settings.request_timeout.scale: there is no such key"),
        ("[routes]", 'speed = "fast"\n[routes]', "launch.speed: Input should be 'settings', 'libfaketime' or 'real'"),
        ("[routes]", 'speed = "libfaketime"\n[routes]', 'launch.speed: "libfaketime" is not available yet'),
        ('name = "nginx"', 'name = "nginx"\npath = "x"', "path: there is no such key"),
        ('name = "nginx"', "name = nginx", "is not TOML"),
    ],
)
def test_a_wrong_target_file_is_named_with_its_key(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    """The message names the file, the key, and what is wrong with it."""
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new))

    with pytest.raises(UsageError) as refusal:
        load_target(path)

    assert path in str(refusal.value)
    assert complaint in str(refusal.value)


def test_a_missing_target_is_named_with_what_there_is() -> None:
    """A slip of the pen gets the target that was meant."""
    with pytest.raises(UsageError, match=r"--target referenec: .*did you mean reference\?.*one of: .*reference"):
        load_target("referenec")


def test_a_folder_is_not_a_target(tmp_path: Path) -> None:
    """A path that is no file is refused like one that does not exist."""
    with pytest.raises(UsageError, match="there is no such file"):
        load_target(str(tmp_path))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A file that is not UTF-8 is a UsageError, not a crash."""
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(UsageError, match="is not TOML"):
        load_target(str(path))
