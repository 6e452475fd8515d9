"""Scales, ticks and path data."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from harness.report.page import scales
from harness.report.page.scales import Scale

RATES = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=20)


@given(RATES)
def test_a_counting_scale_begins_at_nothing_and_holds_everything_in_two_to_four_steps(rates: list[float]) -> None:
    """
    Whatever the rates are, the ticks go from 0 to the top of the drawing, evenly, and no value is above it.
    """
    scale = scales.counting(rates, 150)

    ticks = scale.ticks()
    assert 0 == ticks[0]
    assert max(rates) <= scale.high * (1 + 1e-9)
    assert 2 <= len(ticks) - 1 <= 4
    assert [150.0, 0.0] == [scale.y(ticks[0]), scale.y(ticks[-1])]


@given(RATES)
def test_a_logarithmic_scale_holds_everything_and_marks_at_least_one_power_of_ten(times: list[float]) -> None:
    """
    Whatever the times are, the least and the greatest lie within it, in order.
    """
    scale = scales.logarithmic(times, 220)

    assert scale.low <= min(times) * (1 + 1e-9)
    assert max(times) <= scale.high * (1 + 1e-9)
    assert len(scale.ticks()) >= 1
    assert 220 >= scale.y(min(times)) >= scale.y(max(times)) >= 0


def test_a_decade_is_as_high_as_another_on_a_logarithmic_scale() -> None:
    """
    From 10 to 100 it is as far as from 100 to 1000, and what is outside lies on the edge.
    """
    scale = Scale(10, 1000, 200, log=True)

    assert [200, 100, 0] == [scale.y(10), scale.y(100), scale.y(1000)]
    assert [200, 0] == [scale.y(1), scale.y(1e6)]
    assert [10, 100, 1000] == scale.ticks()


def test_nothing_measured_still_has_a_scale() -> None:
    """
    With no value at all there are ticks to draw, and none is divided by nothing.
    """
    assert [0, 0.5, 1.0] == scales.counting([None], 150).ticks()
    assert [1.0, 10.0] == scales.logarithmic([None, 0.0], 150).ticks()


@given(st.floats(0, 1e7))
def test_the_time_axis_has_at_most_seven_round_steps(end_s: float) -> None:
    """
    However long a run is, the ticks begin at 0, are evenly apart and do not pass its end.
    """
    ticks = scales.time_ticks(end_s)

    assert 0 == ticks[0]
    assert ticks[-1] <= end_s
    assert len(ticks) <= 8
    assert len({later - earlier for earlier, later in itertools.pairwise(ticks)}) <= 1


def test_a_line_is_broken_where_nothing_was_measured_and_a_lone_point_is_a_dot() -> None:
    """
    A gap is not bridged: nobody knows what was there.
    """
    path = scales.line([10, 0, None, 5], 0.5, 1, 4, Scale(0, 10, 100))

    assert "M125.0 0.0 L375.0 100.0M875.0 50.0 h0" == path


def test_columns_stand_on_one_another_and_nothing_is_drawn_of_nothing() -> None:
    """
    Each column is as wide as its seconds and stands where the one below it ends.
    """
    path = scales.steps([0, 2, 4], [5, 2, 10], 1, 4, Scale(0, 10, 100))

    assert "M0.0 100.0V50.0H250.0V100.0ZM500.0 60.0V0.0H750.0V60.0Z" == path


def test_a_band_goes_there_above_and_back_below() -> None:
    """
    The room between two curves is closed, where both are known.
    """
    path = scales.band([0, 5, None], [10, 10, 10], 0.5, 1, 4, Scale(0, 10, 100))

    assert "M125.0 0.0 L375.0 0.0 L375.0 50.0 L125.0 100.0Z" == path


def test_a_moment_outside_the_axis_lies_on_its_edge() -> None:
    """
    Also where the axis has no length.
    """
    assert [0.0, 0.25, 1.0, 0.0] == [scales.place(at, 40) for at in (-5, 10, 99)] + [scales.place(3, 0)]
