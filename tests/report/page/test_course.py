"""The course of a run on its time axis: rates, worst times, windows and phases."""

from __future__ import annotations

from typing import Any

import pytest

from harness.report.page import course, timeline
from tests.report.page.a_run import a_run, cut_short


def _series(count: int, **changed: Any) -> dict[str, Any]:
    times = {f"{kind}{name}_ms": [5.0] * count for kind in ("", "service_") for name in course.QUANTILES}
    counts = {name: [10] * count for name in ("arrivals", "answered", "good")}
    attempts = {"reached": [10] * count, "refused": [0] * count}
    return {**times, **counts, "dropped": [0] * count, "errors": {}, "attempts": attempts, **changed}


def test_the_last_second_is_a_rate_of_what_was_measured_of_it() -> None:
    """
    A run that ends in the middle of a second does not seem to fall off there.
    """
    drawn = course.course(_series(3, arrivals=[10, 10, 8]), [{"to_s": 2.8}], 1)

    assert [10, 10, pytest.approx(10)] == drawn.arrivals


def test_a_tenth_of_a_second_says_nothing_about_a_rate() -> None:
    """
    The line ends before it; an error in it is still shown.
    """
    drawn = course.course(_series(3, errors={"503": [0, 0, 1]}), [{"to_s": 2.1}], 1)

    assert [10, 10, None] == drawn.good
    assert {"503": [0, 0, 2]} == drawn.errors


def test_a_long_run_keeps_its_worst_times_and_its_mean_rates() -> None:
    """
    A day is drawn with at most 600 points, and the one bad second of it is still there.
    """
    day = 24 * 3600
    bad = [5.0] * day
    bad[5000] = 3000.0

    drawn = course.course(_series(day, p95_ms=bad), [], course.grain(day))

    assert 600 == len(drawn.arrivals) == len(drawn.response["p95"])
    assert {10.0} == set(drawn.arrivals)
    assert 1 == drawn.response["p95"].count(3000.0)


def test_a_second_without_a_request_has_no_times() -> None:
    """
    Nothing measured stays nothing measured, also within a point of several seconds.
    """
    drawn = course.course(_series(4, p50_ms=[None, None, None, 7.0]), [], 2)

    assert [None, 7.0] == drawn.response["p50"]


def test_errors_are_stacked_with_the_most_frequent_at_the_bottom() -> None:
    """
    A class without an error is left out.
    """
    drawn = course.course(_series(2, errors={"502": [1, 0], "503": [2, 2], "reset": [0, 0]}), [], 1)

    assert ["503", "502"] == list(drawn.errors)
    assert {"503": 4, "502": 1} == drawn.error_totals


def test_windows_of_one_fault_in_one_phase_share_a_number() -> None:
    """
    What flaps is one fault with several windows, and only the first is labelled.
    """
    windows = timeline.windows(a_run(), 60)

    assert [1, 2, 3, 4, 4, 4] == [window.number for window in windows]
    assert [True, True, True, True, False, False] == [window.first for window in windows]


def test_a_window_that_was_never_healed_lasts_to_the_end() -> None:
    """
    Also when it began after the axis ends, it is drawn on the axis.
    """
    windows = timeline.windows(cut_short(a_run()), 20)

    assert 100 == pytest.approx(windows[1].extent.right)
    assert "18.7 s to the end" == windows[1].when


def test_a_phase_that_was_cut_short_is_still_in_the_timeline() -> None:
    """
    Its fault was in force, so it has a row, and the row says that it was not measured to its end.
    """
    data = cut_short(a_run())

    rows = timeline.phases(data, timeline.windows(data, 60), 60)

    assert ["after slow", "upstream refuses"] == [row.name for row in rows[-2:]]
    assert "not measured to its end, 18.7 s to the end" == rows[-1].when
    assert ["refused on upstream"] == [row.faults for row in rows[-1:]]


def test_a_run_cut_short_ends_with_its_series() -> None:
    """
    The axis is that of what was measured, not that of the phases which were ended.
    """
    data = cut_short(a_run())

    assert 60.0 == timeline.end_s(a_run())
    assert 60.0 == timeline.end_s(data)
    assert data["phases"][-1]["to_s"] == timeline.end_s({**data, "series": None})
    assert 0.0 == timeline.end_s({**data, "series": None, "phases": [], "control": None})
