"""The hooks a viewer of a run may implement."""

from __future__ import annotations

from typing import Any

import pytest

from harness.report.results import Record


def pytest_errorpath_started(config: pytest.Config) -> None:
    """The environment is up; ``config.stash[harness.plugin.session.RUN]`` is the run."""


def pytest_errorpath_record(record: Record) -> None:
    """A scenario left its record."""


def pytest_errorpath_finished(data: dict[str, Any]) -> None:
    """``results.json`` is written; ``data`` is what it holds."""
