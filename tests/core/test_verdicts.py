"""Verdicts: whose fault it is, which one speaks, and the exit code."""

from __future__ import annotations

import pytest

from harness.errors import (
    ContractViolation,
    Disturbed,
    EnvironmentUnavailable,
    FaultNotWitnessed,
    HarnessError,
    NotPromised,
    UsageError,
)
from harness.verdicts.standard import RECOMMENDED_STATUS, error_type
from harness.verdicts.verdict import Verdict, exit_code, verdict_of, worst


def test_nothing_raised_is_a_pass() -> None:
    """
    A scenario that ends is a promise kept.
    """
    assert verdict_of(None) is Verdict.PASS


def test_a_violation_is_the_proxys() -> None:
    """
    Only a ContractViolation is a fail.
    """
    assert verdict_of(ContractViolation("200", "500")) is Verdict.FAIL


@pytest.mark.parametrize(
    "raised",
    [
        HarnessError("x"),
        FaultNotWitnessed("x"),
        Disturbed("x"),
        EnvironmentUnavailable("x"),
        UsageError("x"),
        AssertionError("x"),
        TimeoutError("x"),
        KeyError("x"),
        ZeroDivisionError(),
    ],
    ids=lambda raised: type(raised).__name__,
)
def test_everything_else_is_ours(raised: Exception) -> None:
    """
    A crash of the harness is invalid, never booked against the proxy, and never a pass.
    """
    assert verdict_of(raised) is Verdict.INVALID


def test_what_is_not_promised_is_nobodys() -> None:
    """
    NotPromised is n/a.
    """
    assert verdict_of(NotPromised("retries")) is Verdict.NOT_PROMISED


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([Verdict.PASS, Verdict.FAIL, Verdict.INVALID], Verdict.FAIL),
        ([Verdict.PASS, Verdict.INVALID], Verdict.INVALID),
        ([Verdict.PASS, Verdict.NOT_PROMISED], Verdict.PASS),
        ([Verdict.NOT_PROMISED], Verdict.NOT_PROMISED),
        ([], Verdict.INVALID),
    ],
)
def test_the_worst_verdict_speaks(verdicts: list[Verdict], expected: Verdict) -> None:
    """
    A broken promise is broken whatever else happened; nothing seen is no pass.
    """
    assert worst(verdicts) is expected


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([Verdict.PASS, Verdict.NOT_PROMISED], 0),
        ([Verdict.NOT_PROMISED], 0),
        ([Verdict.PASS, Verdict.FAIL, Verdict.INVALID], 1),
        ([Verdict.PASS, Verdict.INVALID], 3),
        ([], 3),
    ],
)
def test_the_exit_code_says_it(verdicts: list[Verdict], expected: int) -> None:
    """
    0 every promise kept, 1 a promise broken, 3 the harness could not tell.
    """
    assert expected == exit_code(verdicts)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("errorpath-proxy; error=connection_refused", "connection_refused"),
        ("a, b;received-status=200;error=http_response_incomplete", "http_response_incomplete"),
        ("errorpath-proxy", None),
        (None, None),
    ],
)
def test_the_error_type_is_read_from_proxy_status(field: str | None, expected: str | None) -> None:
    """
    RFC 9209: the error is a parameter of the member.
    """
    assert expected == error_type(field)


def test_every_recommended_status_is_an_error() -> None:
    """
    RFC 9209's table has 4xx and 5xx only.
    """
    assert [] == [kind for kind, status in RECOMMENDED_STATUS.items() if not 400 <= status <= 599]
