"""What the whole stack says of the API's health."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from harness import system as module
from harness.case import Case
from harness.contract.catalogue import BY_ID
from harness.errors import ContractViolation, HarnessError
from harness.system import System
from harness.traffic.exchange import Exchange, Headers


def told(status: int, word: str) -> Exchange:
    return Exchange("k", "GET", "/", 0.0, 0.1, status, Headers([]), body=json.dumps({"status": word}).encode())


def asked(health: Callable[[], Exchange]) -> Any:
    """As much of a system as is asked for the API's health."""
    says = SimpleNamespace(say=lambda _what: None)
    case = Case(BY_ID["database-down"], "test")
    return SimpleNamespace(case=case, progress=says, backend=SimpleNamespace(health=health))


def test_health_is_asked_until_it_says_so() -> None:
    """
    What came first does not count, and nothing is claimed about time.
    """
    answers = iter([told(200, "ok"), told(503, "down"), told(503, "unhealthy")])
    system = asked(lambda: next(answers))

    assert "unhealthy" == System.until_health(system, 503, status="unhealthy").json()["status"]
    assert [] == system.case.timed


def test_health_that_does_not_come_is_a_claim_about_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    So a machine that stalled meanwhile excuses it; what fails in our own client accuses nobody.
    """
    monkeypatch.setattr(module, "SETTLE_S", 0.02)
    system = asked(lambda: told(200, "ok"))

    def ours() -> Exchange:
        raise HarnessError("the client could not make the request")

    with pytest.raises(ContractViolation, match="backend health 503"):
        System.until_health(system, 503)
    assert system.case.timed
    with pytest.raises(HarnessError, match="could not make"):
        System.until_health(asked(ours), 503)
