"""The figures of requests: exact percentiles, the right phase and second, what recovery is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.attempts import attempts
from harness.load.measures import ALL, Attempts, by_path, quantile, recovered_s, series
from harness.load.told import DROPPED, Told, heading, lines, read_requests

NONE = Attempts({}, ())


def told(
    at: float, outcome: str = "200", service_ms: float = 10.0, waited_ms: float = 0.0, path: str = "GET /a"
) -> Told:
    return Told(f"load-0.0-{at}", path, at, waited_ms, service_ms, outcome)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1.0))
def test_a_percentile_is_a_value_that_was_seen(values: list[float], share: float) -> None:
    """
    At least the share of all values is at most the percentile, and no smaller value of them will do.
    """
    ordered = sorted(values)

    found = quantile(ordered, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


def test_a_request_belongs_to_when_it_was_to_be_sent() -> None:
    """
    One that came in the phase counts there although it was answered long after; one before or after does not.
    """
    requests = [told(9.9), told(10.0, "504", service_ms=30_000.0), told(11.0), told(12.0)]

    row = by_path(requests, [], 10.0, 12.0, NONE)[0]

    assert {"504": 1, "200": 1} == row["outcomes"]
    assert 30_000.0 == row["response_ms"]["max"]
    assert 0.5 == row["good_per_s"]


def test_what_was_never_sent_is_no_request() -> None:
    """
    A dropped arrival is counted as such, and in nothing else.
    """
    row = by_path([told(1.0), told(1.5, DROPPED)], [], 0.0, 2.0, NONE)[0]

    assert (1, 1, 0.0) == (row["requests"], row["dropped"], row["error_rate"])


def test_response_time_counts_from_the_arrival_and_service_time_from_the_sending() -> None:
    """
    Both are told.
    """
    row = by_path([told(1.0, waited_ms=400.0, service_ms=100.0)], [], 0.0, 2.0, NONE)[0]

    assert (500.0, 100.0) == (row["response_ms"]["p50"], row["service_ms"]["p50"])


def test_attempts_are_those_that_came_and_those_refused() -> None:
    """
    Two requests, one of them tried twice and a connect refused: two attempts for each.
    """
    requests = [told(1.0), told(1.5)]
    came = Attempts({requests[0].id: 2, requests[1].id: 1}, (1.0, 1.2, 1.5), refused=(1.1, 9.0))

    row = by_path(requests, ["GET /a"], 0.0, 2.0, came)

    assert {"reached": 3, "refused": 1, "per_request": 2.0} == row[0]["attempts"]
    assert {"reached": 3, "refused": None, "per_request": 1.5} == row[1]["attempts"]


def test_the_backends_log_tells_the_attempts(tmp_path: Path) -> None:
    """
    By the generator's ids alone, begun when the line says less its duration; other lines are passed over.
    """
    log = tmp_path / "combined.log"
    stamp, late = "1970-01-01T00:00:10Z", "1970-01-01T00:00:12Z"
    rows = [
        {"event": "request", "request_id": "load-0.0-1", "timestamp": stamp, "duration_ms": 500.0},
        {"event": "request", "request_id": "load-0.0-1", "timestamp": late, "duration_ms": 0.0},
        {"event": "request", "request_id": "control-0.0-1", "timestamp": stamp, "duration_ms": 0.0},
        {"event": "redis is back", "request_id": "load-0.0-1", "timestamp": stamp},
    ]
    log.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows) + '{"event":"request","req')

    found = attempts(log, "load", [3.0], answered=1)

    assert {"load-0.0-1": 2} == found.by_id
    assert [9.5, 12.0] == list(found.times)
    assert found.counted


def test_ids_that_are_not_handed_on_are_not_counted_as_nothing(tmp_path: Path) -> None:
    """
    With answers and no id at the backend, the attempts are unknown, not 0.
    """
    found = attempts(tmp_path / "none.log", "load", [], answered=5)

    assert by_path([told(1.0)], [], 0.0, 2.0, found)[0]["attempts"]["per_request"] is None


RECOVERY = [
    ([told(10 + i / 10) for i in range(40)], 0.0),  # at once
    ([told(10 + i / 10, "503" if i < 15 else "200") for i in range(40)], 1.5),  # once the failures have ended
    ([told(10 + i / 10, service_ms=5000.0 if i < 20 else 10.0) for i in range(40)], 2.0),  # once it is quick again
    ([told(10 + i / 10, "503" if i % 5 == 0 else "200") for i in range(40)], None),  # never a whole second
    ([], None),  # nobody asked
]


@pytest.mark.parametrize(("requests", "expected"), RECOVERY)
def test_recovery_is_a_calm_second(requests: list[Told], expected: float | None) -> None:
    """
    The time from healing to the first second without a failure and with the usual times; None when none came.
    """
    assert pytest.approx(expected) == recovered_s(requests, 10.0, 14.0, usual_p95_ms=20.0)


def test_the_course_has_a_number_for_each_second() -> None:
    """
    Arrivals by when they came, answers by when they were given, errors by class.
    """
    requests = [told(100.2), told(100.9, service_ms=1500.0), told(102.1, "503"), told(102.2, DROPPED)]

    course = series(requests, 100.0, 103.0, Attempts({}, (100.5, 102.5), refused=(101.5,)))

    assert [2, 0, 2] == course["arrivals"]
    assert [1, 0, 2] == course["answered"]
    assert [0, 0, 1] == course["dropped"]
    assert {"503": [0, 0, 1]} == course["errors"]
    assert [1500.0, None, 10.0] == course["p99_ms"]
    assert {"reached": [1, 0, 1], "refused": [0, 1, 0]} == course["attempts"]


def test_the_file_of_requests_reads_back(tmp_path: Path) -> None:
    """
    In order of arrival; a last line that was cut off is passed over.
    """
    file = tmp_path / "requests.csv"
    file.write_text(heading() + lines([told(2.0), told(1.0, "reset")]) + "load-0.0-9,GET /a,3.0")

    assert ["reset", "200"] == [request.outcome for request in read_requests(file)]


def test_all_paths_together_come_first() -> None:
    """
    Then each path of the traffic, also one that nobody asked for.
    """
    rows = by_path([told(1.0)], ["GET /a", "GET /b"], 0.0, 2.0, NONE)

    assert [(ALL, 1), ("GET /a", 1), ("GET /b", 0)] == [(row["path"], row["requests"]) for row in rows]
