"""What a soak makes of its rounds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.soak.rounds import Rounds, exit_code


def _results(verdict: str, *, disturbed: bool = False) -> dict[str, Any]:
    case = {
        "id": "retry-reset",
        "case": "test_x",
        "verdict": verdict,
        "expected": "rain",
        "actual": "sun",
        "stall_s": 0.3 if disturbed else 0.01,
        "disturbed": disturbed,
    }
    return {"paths": [{"cases": [case]}]}


def _rounds(*results: dict[str, Any]) -> Rounds:
    rounds = Rounds()
    for one in results:
        rounds.add(one)
    return rounds


PASS, FAIL, INVALID = _results("pass"), _results("fail"), _results("invalid")
DISTURBED = _results("invalid", disturbed=True)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        pytest.param((PASS, PASS), 0, id="alike"),
        pytest.param((PASS, DISTURBED), 0, id="disturbed once"),
        pytest.param((PASS, FAIL), 1, id="accused once"),
        pytest.param((FAIL, FAIL), 1, id="accused always"),
        pytest.param((PASS, INVALID), 1, id="not judged once, without a stall"),
        pytest.param((DISTURBED, DISTURBED), 1, id="never judged"),
        pytest.param((PASS,), 1, id="a round is missing"),
        pytest.param((PASS, {"paths": []}), 1, id="a scenario is missing"),
    ],
)
def test_only_rounds_that_agree_and_accuse_nobody_are_good(results: tuple[dict[str, Any], ...], code: int) -> None:
    """
    A difference, an accusation and a missing verdict fail a soak; a measurement that a stall made void does not.
    """
    assert code == exit_code(_rounds(*results), asked=2)


@pytest.mark.parametrize(("disturbed", "code"), [(2, 0), (3, 1)])
def test_more_than_one_in_a_thousand_void_is_too_many(disturbed: int, code: int) -> None:
    """
    Where stalls make much void, that the rest agrees is no evidence.
    """
    results = [DISTURBED] * disturbed + [PASS] * (2000 - disturbed)

    assert code == exit_code(_rounds(*results), asked=2000)


def test_a_stall_is_told_with_how_often_and_how_long() -> None:
    """
    What was disturbed is reported, never dropped in silence.
    """
    rounds = _rounds(PASS, DISTURBED, DISTURBED)

    assert ["retry-reset test_x: 2 of 3, up to 0.300 s"] == list(rounds.stalls())
    assert 2 == rounds.disturbed
