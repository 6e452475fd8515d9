"""What a target logged, read by the names of its contract."""

from __future__ import annotations

from typing import Any, cast

import pytest

from harness.contract.model import load_contract
from harness.errors import NotPromised
from harness.journal import Journal, is_object
from harness.target.running import RunningTarget
from harness.traffic.exchange import Exchange, Headers


class Wrote:
    """A target that wrote these lines."""

    def __init__(self, *lines: dict[str, Any] | str) -> None:
        self._lines = list(lines)

    def lines(self) -> list[dict[str, Any] | str]:
        return self._lines


def _journal(contract: dict[str, Any], *lines: dict[str, Any] | str) -> Journal:
    return Journal(load_contract(contract, origin="x.toml"), cast("RunningTarget", Wrote(*lines)))


def _exchange(path: str, request_id: str | None = None) -> Exchange:
    headers = Headers([("X-Request-ID", request_id)] if request_id else [])
    return Exchange("key", "GET", path, 0.0, 1.0, 200 if request_id else None, headers)


ENDED = {"event": "request finished", "request_id": "1", "path": "/api/proxy/a", "status": 200, "attempts": 1}
OTHER = {"event": "request finished", "request_id": "2", "path": "/api/proxy/b", "status": 502, "attempts": 4}


def test_a_line_is_found_by_the_request_id_of_the_answer() -> None:
    """
    Of two requests to one path, the answer's X-Request-ID tells which line is whose.
    """
    journal = _journal({"extends": "guide"}, "a banner", ENDED, OTHER | {"path": "/api/proxy/a"})

    lines = journal.lines("end", _exchange("/a", "2"))

    assert [(502, 4)] == [(line["status"], line["attempts"]) for line in lines]


def test_a_line_is_found_by_its_path_where_no_answer_came() -> None:
    """
    A client that left has no X-Request-ID; its path tells its lines, also those without a path.
    """
    retry = {"event": "retry", "request_id": "2", "retry": 1, "cause": "reset"}
    journal = _journal({"extends": "guide"}, ENDED, OTHER, retry)

    assert ["2"] == [line["request_id"] for line in journal.lines("end", _exchange("/b"))]
    assert ["reset"] == [line["cause"] for line in journal.lines("retry", _exchange("/b"))]


def test_another_targets_names_are_ours() -> None:
    """
    A contract says which field is which, also inside objects; one that is not there is None.
    """
    fields = {"request_id": "ctx.id", "path": "http.path", "status": "http.status", "outcome": "nowhere"}
    contract = {"logging": {"end": {"where": {"msg": "done"}, "fields": fields}}}
    line = {"msg": "done", "ctx": {"id": "x"}, "http": {"path": "/p/a", "status": 204}}

    (found,) = _journal(contract, line).lines("end", _exchange("/a"))

    assert {"request_id": "x", "path": "/p/a", "status": 204, "outcome": None} == found


def test_a_line_that_is_not_promised_is_nobodys_fault() -> None:
    """
    Asking for a line that the contract does not have is NotPromised.
    """
    with pytest.raises(NotPromised, match="retry is not in"):
        _journal({}).lines("retry", _exchange("/a"))


def test_a_line_is_found_by_a_request_id_alone() -> None:
    """
    What a raw client got tells the lines of its request, of whatever path.
    """
    journal = _journal({"extends": "guide"}, ENDED, OTHER)

    told = journal.id_in(Headers([("x-request-id", "2")]))

    assert "2" == told
    assert ["/api/proxy/b"] == [line["path"] for line in journal.of_id("2")]
    assert journal.id_in(Headers()) is None


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ('{"path": "/a", "status": 200}', True),
        ('{"path": "/",""\\"}', False),
        ('{"path": "/", "path": "/forged"}', False),
        ('{"request": {"path": "/", "path": "/forged"}}', False),
        ('{"path": "/a"} {}', False),
        ('{"path": "/a"', False),
        ('["/a"]', False),
        ("", False),
    ],
)
def test_a_forged_line_is_no_object(line: str, holds: bool) -> None:
    """
    A line is a whole JSON object and nothing more, and no name stands in it twice, at whatever depth.
    """
    assert holds == is_object(line)
