"""The standard's verdict beside the contract's."""

from __future__ import annotations

import pytest

from harness.contract.model import load_contract
from harness.verdicts.standard import (
    RECOMMENDED_STATUS,
    TYPES,
    disagreement,
    judge,
    judge_body,
    judge_refusal,
    judge_rule,
    loudest,
)


def test_the_standard_disagrees_with_the_guide_on_refused() -> None:
    """
    RFC 9209 recommends 502 for a refused connection; the guide's 503 is shown beside it, in words.
    """
    view = judge(("connection_refused",), 503, "connection_refused")

    assert ("connection_refused", 502, False, 503) == (view["type"], view["status"], view["agrees"], view["answered"])
    assert "RFC 9209 section 2.3 recommends 502 for connection_refused, the answer was 503" == disagreement(view)


def test_a_proxy_that_names_nothing_is_judged_by_its_status() -> None:
    """
    Proxy-Status is optional: without it, the type that recommends the status is taken.
    """
    view = judge(("connection_terminated", "http_response_timeout"), 504, None)

    assert ("http_response_timeout", True, "") == (view["type"], view["agrees"], disagreement(view))


def test_a_wrong_name_is_a_disagreement() -> None:
    """
    The right status under a name that belongs to another failure does not agree.
    """
    view = judge(("connection_refused",), 502, "dns_error")

    assert not view["agrees"]
    assert disagreement(view).endswith("the answer was 502, called dns_error")


@pytest.mark.parametrize("kind", TYPES)
def test_the_guide_agrees_with_the_standard_but_on_refused(kind: str) -> None:
    """
    Of the four documented errors only the refused one has another status than RFC 9209 recommends.
    """
    errors = load_contract({"extends": "guide"}, origin="x.toml").errors
    statuses = {RECOMMENDED_STATUS[type_] for type_ in TYPES[kind]}  # type: ignore[index]

    assert (kind == "refused") == (errors[kind].status not in statuses)  # type: ignore[index]


@pytest.mark.parametrize("broken", [True, False])
def test_a_cut_body_must_look_cut(broken: bool) -> None:
    """
    RFC 9112 section 8: once the head has gone there is no status left to disagree on, only the end of the body.
    """
    view = judge_body(None, broken=broken)

    assert (None, broken) == (view["status"], view["agrees"])
    assert broken == (disagreement(view) == "")


def test_a_rule_without_a_status_is_told_by_its_name() -> None:
    """
    The Fetch standard asks for headers, not for a status.
    """
    view = judge_rule("a readable error", "Fetch, CORS protocol", agrees=False)

    assert "Fetch, CORS protocol asks for a readable error" == disagreement(view)


@pytest.mark.parametrize(
    ("status", "named", "agrees"),
    [
        (400, None, True),
        (431, "http_request_error", True),
        (403, "http_request_denied", True),
        (501, None, True),
        (500, None, False),
        (502, "http_request_error", False),
        (400, "connection_refused", False),
    ],
)
def test_a_refused_request_is_the_clients_error(status: int, named: str | None, agrees: bool) -> None:
    """
    What the proxy itself refuses is answered with the 4xx that applies, never with a failure of the upstream.
    """
    assert agrees == judge_refusal(status, named)["agrees"]


def test_a_disagreement_speaks_for_several_failures() -> None:
    """
    Of several failures of one path the one that the standard would have otherwise is shown.
    """
    agreed, differing = judge(("dns_error",), 502, None), judge(("connection_refused",), 503, None)

    assert differing == loudest([agreed, differing, agreed])
    assert agreed == loudest([agreed])
    assert loudest([]) is None
