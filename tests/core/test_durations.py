"""Where the time of a run went."""

from __future__ import annotations

from typing import Any

from harness.report.durations import durations


def _path(name: str, *times: float) -> dict[str, Any]:
    cases = [{"case": f"test_{number}", "wall_s": wall_s} for number, wall_s in enumerate(times)]
    return {"id": name, "wall_s": sum(times), "cases": cases}


RESULTS = {"paths": [_path("quick", 1.0), _path("slow", 2.0, 4.0), _path("middling", 3.0)]}


def test_the_slowest_come_first_with_their_share_and_their_longest_scenario() -> None:
    """
    As many paths as were asked for, slowest first; of several scenarios the longest is named.
    """
    title, *lines = [text.plain for text in durations(RESULTS, 2)]

    assert "\nSlowest of 3 paths, 10.0 s of the workers' time in all:" == title
    assert [
        "  slow         6.00 s   60%  2 scenarios, the longest 4.00 s: test_1",
        "  middling     3.00 s   30%  test_0",
    ] == lines


def test_a_run_without_paths_has_nothing_to_tell() -> None:
    """
    Nothing was checked, so nothing is listed.
    """
    assert [] == durations({"paths": []}, 5)
