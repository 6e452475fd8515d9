"""What a stack refuses to pretend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.case import Case
from harness.choices import Choices
from harness.contract.catalogue import BY_ID
from harness.errors import NotPromised
from harness.plan import plan
from harness.stack import Stack

TARGET = """
name = "mine"
[launch]
command = ["mine", "{port}", "{upstream}"]
[routes]
upstream_base = "/"
"""
CASE = Case(BY_ID["retry-reset"], "test")


def stack(**chosen: Any) -> Stack:
    """One that has started nothing yet."""
    nothing: Any = None
    return Stack(plan(Choices(**chosen)), nothing, "main", nothing, nothing)


def test_no_api_stands_behind_a_target_that_forwards_elsewhere(tmp_path: Path) -> None:
    """
    Ours has its routes below /api: of another base it says nothing, and "/" is nothing before a path.
    """
    file = tmp_path / "mine.toml"
    file.write_text(TARGET, "utf-8")
    mine = stack(target=str(file))

    assert "" == mine.plan.target.routes.upstream_base
    with pytest.raises(NotPromised, match=r"our API has its routes below /api, and in .* routes.upstream_base is /$"):
        mine.system(CASE)


def test_a_proxy_started_elsewhere_has_no_other_upstream() -> None:
    """
    What a scenario would say of another upstream would be said of its own.
    """
    elsewhere = stack(url="http://127.0.0.1:9", origin_port=9)

    with pytest.raises(NotPromised, match="was not started by us, so its upstream cannot be another"):
        elsewhere.rig(CASE, upstream="http://localhost:9")
