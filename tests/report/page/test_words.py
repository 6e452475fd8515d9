"""Figures in words."""

from __future__ import annotations

from typing import Any

import pytest

from harness.report.page import words


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (words.ms(0.4), "0.40 ms"),
        (words.ms(8.655), "8.65 ms"),
        (words.ms(137.433), "137 ms"),
        (words.ms(999.6), "1.00 s"),
        (words.ms(3122.7), "3.12 s"),
        (words.ms(None), "–"),
        (words.percent(0.0), "0%"),
        (words.percent(0.00001), "<0.01%"),
        (words.percent(0.852761), "85.3%"),
        (words.percent(1.0), "100%"),
        (words.rate(39.585), "39.6"),
        (words.count(1650), "1,650"),
        (words.plural(1, "gate"), "1 gate"),
        (words.plural(2, "gate"), "2 gates"),
        (words.span(5.341, None), "5.3 s to the end"),
        (words.span(4932.6, 8575.2), "1:22:12–2:22:55"),
        (words.span(130.5, 165), "2:10–2:45"),
        (words.span(130.5, None), "2:10 to the end"),
        (words.clock(0, 40), "0"),
        (words.clock(20, 40), "20 s"),
        (words.clock(90, 600), "1:30"),
        (words.clock(3725, 86400), "1:02:05"),
        (words.outcomes({}), "–"),
    ],
)
def test_a_figure_has_as_many_digits_as_can_be_read_and_its_unit(said: str, expected: str) -> None:
    """
    Three digits, the unit that suits the size, and a dash for what was not measured.
    """
    assert expected == said


def _gate(**changed: Any) -> dict[str, Any]:
    usual = {"gate": "p95", "limit": 250.0, "bound": "at most", "actual": 300.0, "unit": "ms"}
    return {**usual, "expected": "at most 250 ms", "got": "300 ms", **changed}


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (_gate(), ("300 ms", "at most 250 ms")),
        (_gate(actual=250.4), ("250.4 ms", "at most 250 ms")),
        (_gate(actual=250.004), ("250.004 ms", "at most 250 ms")),
        (_gate(actual=None, got="nothing"), ("nothing", "at most 250 ms")),
        (_gate(gate="error_rate", limit=0.05, actual=0.852761, unit=""), ("85.3%", "at most 5%")),
        (_gate(gate="error_rate", limit=0.01, actual=0.010001, unit=""), ("1.0001%", "at most 1%")),
        (
            _gate(gate="throughput", bound="at least", limit=0.8, actual=0.9261, unit="of the control's"),
            ("92.6%", "at least 80% of the control's"),
        ),
        (
            _gate(gate="amplification", limit=1.05, actual=1.0, unit="attempts per request"),
            ("1.0", "at most 1.05 attempts per request"),
        ),
        (_gate(gate="statuses", expected="only 200, 503", got="3 × 502"), ("3 × 502", "only 200, 503")),
    ],
)
def test_a_gates_figure_never_looks_like_its_limit_when_it_is_another(
    gate: dict[str, Any], expected: tuple[str, str]
) -> None:
    """
    A figure gets as many digits as it takes to see that it is beyond its limit.
    """
    assert expected == words.gate_words(gate)
