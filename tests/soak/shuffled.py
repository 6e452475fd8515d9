"""A pytest plugin: the scenarios in an order drawn from ``--seed``, the same in every worker, as xdist demands."""

from __future__ import annotations

import random

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle."""
    random.Random(config.getoption("--seed")).shuffle(items)  # noqa: S311 - an order, reproducible by its seed
