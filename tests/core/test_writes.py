"""What a client may think of its write, against what the database holds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.case import Case
from harness.contract.catalogue import BY_ID
from harness.errors import ContractViolation
from harness.traffic.exchange import ErrorWord, Exchange
from harness.verdicts.expect import Expect
from harness.verdicts.writes import answered


def _exchange(status: int | None, method: str = "POST", error: ErrorWord | None = None) -> Exchange:
    return Exchange("k", method, "/", 0.0, 1.0, status, error=error)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (200, None, "acknowledged"),
        (204, None, "acknowledged"),
        (200, "incomplete body", "unknown"),
        (409, None, "failed"),
        (503, None, "failed"),
        (500, None, "unknown"),
        (502, None, "unknown"),
        (504, None, "unknown"),
        (None, "reset", "unknown"),
    ],
)
def test_an_answer_tells_what_became_of_a_write(status: int | None, error: ErrorWord | None, expected: str) -> None:
    """
    2xx acknowledges, 4xx and 503 say that nothing was done, and everything else leaves it open.
    """
    assert expected == answered(_exchange(status, error=error))


@pytest.mark.parametrize(
    ("status", "method", "told", "claimed", "found"),
    [
        (200, "POST", "acknowledged", (0, 9), 0),
        (200, "POST", "acknowledged", (0, 9), 2),
        (503, "POST", "failed", (0, 9), 1),
        (502, "PATCH", "unknown", (0, 9), 2),
        (502, "PUT", "unknown", (0, 1), 2),
        (502, "POST", "acknowledged", (0, 9), 1),
    ],
)
def test_what_does_not_go_together_is_a_violation(
    status: int, method: str, told: Any, claimed: tuple[int, int], found: int
) -> None:
    """
    A write acknowledged and not there, told failed and there, or executed twice, is broken whatever was claimed.
    """
    rig: Any = SimpleNamespace(case=Case(BY_ID["write-acknowledged"], "test"), executions=lambda _: found)

    with pytest.raises(ContractViolation):
        Expect(rig).write(rig, _exchange(status, method), told, claimed)
