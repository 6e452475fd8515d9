"""The guide to a target of one's own: what it shows can be read, and what a contract leaves out accuses nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.contract.catalogue import CATALOGUE
from harness.contract.model import load_contract
from harness.target.files import SETTINGS, load_target
from tests.runs.command import checking

PAGE = Path(__file__).parents[2] / "docs" / "add-a-target.md"

# The reference, but for a name of its upstream that leads nowhere: then it refuses to start, as nginx does.
STARTS_OR_NOT = """
name = "careful"
[launch]
command = ["{python}", "-c", '''
import os, runpy, sys
if ".invalid" in os.environ["NEXT_PUBLIC_API_URL"]:
    sys.exit("host not found in upstream")
runpy.run_module("proxy_under_test", run_name="__main__", alter_sys=True)
''']
env = { PORT = "{port}", NEXT_PUBLIC_API_URL = "{upstream}", PYTHONPATH = "ROOT" }
[contract.errors.failed]
status = 502
error = "Proxy Request Failed"
details = ["errorCode"]
""".replace("ROOT", str(PAGE.parents[1]))


def test_the_target_shown_can_be_read_and_promises_what_it_says(tmp_path: Path) -> None:
    """
    It owes a time and one status, and no path that needs more: no banner, health check, retry or detail.
    """
    shown = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    file = tmp_path / "my-nginx.toml"
    file.write_text(shown[0], "utf-8")

    target = load_target(str(file))
    contract = load_contract(target.contract, origin=str(file))
    owed = {need for path in CATALOGUE for need in path.needs if contract.promises(need)}

    assert "my-nginx" == target.name
    assert {"timeout"} == owed
    assert 502 == contract.errors["failed"].status


def test_every_setting_is_documented() -> None:
    """
    The page names each setting that a scenario or the contract sets.
    """
    page = PAGE.read_text("utf-8")

    assert [] == [name for name in SETTINGS if f"`{name}`" not in page]


@pytest.mark.parametrize("path", ["startup-banner", "error-other"])
def test_what_the_contract_leaves_out_is_nobodys_fault(path: str, tmp_path: Path) -> None:
    """
    No banner is missed where none is promised, and no start with an unknown upstream asked for without a way to ask.
    """
    file = tmp_path / "careful.toml"
    file.write_text(STARTS_OR_NOT, "utf-8")

    with checking("--target", str(file), "--only", path, "-n", "0") as command:
        assert 0 == command.ended()
        (row,) = command.results()["paths"]

    assert row["verdict"] == ("n/a" if path == "startup-banner" else "pass")
