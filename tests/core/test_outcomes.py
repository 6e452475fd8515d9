"""What a stall of this machine excuses, and what it does not."""

from __future__ import annotations

import math

import pytest

from harness.case import Case
from harness.contract.catalogue import BY_ID
from harness.errors import ContractViolation, Disturbed
from harness.plugin.outcomes import _judged
from harness.verdicts.verdict import Verdict, verdict_of

STALL_S = 0.4


def _case() -> Case:
    """A scenario with a claim about time, during which the machine stalled."""
    case = Case(BY_ID["timeout-write"], "test")
    case.stall_s = lambda *_: STALL_S
    case.time(0.0, 1.0)
    case.claim(holds=True, expected="504 after 30 s", actual="504 after 30.1 s")
    return case


def _broken(case: Case, *, excusable: bool) -> ContractViolation:
    with pytest.raises(ContractViolation) as raised:
        case.claim(holds=False, expected="1 execution", actual="2 executions", excusable=excusable)
    return raised.value


def test_what_is_done_twice_is_a_fail_on_a_machine_that_stalled() -> None:
    """
    A claim that no stall can break is judged, whatever was timed before it.
    """
    case = _case()
    violation = _broken(case, excusable=False)

    assert _judged(case, violation) is violation
    assert verdict_of(violation) is Verdict.FAIL


def test_what_a_stall_may_explain_is_void_and_told() -> None:
    """
    Any other claim says nothing then; what was seen is kept beside the stall.
    """
    case = _case()
    judged = _judged(case, _broken(case, excusable=True))

    assert isinstance(judged, Disturbed)
    assert "stalled for 0.400 s" in str(judged)
    assert "expected 1 execution, got 2 executions" in str(judged)


@pytest.mark.parametrize(
    ("late_s", "verdict"), [(0.1, Verdict.INVALID), (0.3, Verdict.FAIL), (math.inf, Verdict.FAIL)]
)
def test_what_the_target_waited_for_a_core_excuses_what_is_late(late_s: float, verdict: Verdict) -> None:
    """
    It does where it is more than the lateness, or than what is allowed for, and never what is too early.
    """
    case = Case(BY_ID["timeout-write"], "test", waited_s=lambda *_: 0.2)
    case.time(0.0, 1.0, late_s=late_s)

    assert verdict_of(_judged(case, _broken(case, excusable=True))) is verdict


@pytest.mark.parametrize(("deadline_s", "verdict"), [(2 * STALL_S - 0.1, Verdict.INVALID), (2.0, Verdict.FAIL)])
def test_a_stall_of_half_the_deadline_excuses_what_is_no_time(deadline_s: float, verdict: Verdict) -> None:
    """
    The target's own deadline may have passed in it; a shorter one excuses only what was timed.
    """
    case = Case(BY_ID["timeout-write"], "test", stall_s=lambda *_: STALL_S, spoiling_s=deadline_s / 2)

    assert verdict_of(_judged(case, _broken(case, excusable=True))) is verdict
    assert verdict_of(_judged(case, _broken(case, excusable=False))) is Verdict.FAIL
    assert _judged(case, None) is None


def test_a_kept_claim_about_time_is_void_as_well() -> None:
    """
    A stall voids the lower bound, too.
    """
    assert isinstance(_judged(_case(), None), Disturbed)
