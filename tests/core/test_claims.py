"""Claims: what each of them accepts and refuses, on a rig whose answers are written down here."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from harness.case import Case
from harness.clock import Clock
from harness.contract.catalogue import BY_ID
from harness.contract.model import load_contract
from harness.errors import ContractViolation, HarnessError, NotInTime, NotPromised
from harness.rig import SETTLE_S
from harness.traffic.exchange import Exchange, Headers
from harness.verdicts.expect import Expect
from harness.verdicts.timing import EARLY_S, SCHEDULING_S

SPEED = 20.0
ERROR = {
    "error": "Backend API Connection Refused",
    "message": "The backend refused.",
    "details": {"apiUrl": "http://x", "errorCode": "ECONNREFUSED", "suggestion": "s", "retries": 3, "duration": 6000},
}


@pytest.fixture
def case() -> Case:
    """A case to record in."""
    return Case(BY_ID["retry-exhausted"], "test")


@pytest.fixture
def expect(case: Case) -> Expect:
    """Expectations over a rig that has seen four tries, 1, 2 and 3 target seconds apart."""
    rig: Any = SimpleNamespace(
        case=case,
        clock=Clock(SPEED),
        contract=load_contract({"extends": "guide"}, origin="test"),
        tries=lambda _exchange: [0.0, 0.05, 0.15, 0.30],
        tries_countable=True,
        origin_tries=lambda _exchange: [],
    )
    return Expect(rig)


def _exchange(status: int | None = 200, body: object = None, wall_s: float = 0.1, **more: Any) -> Exchange:
    data = b"" if body is None else json.dumps(body).encode()
    headers = Headers([("Content-Type", "application/json"), *more.pop("headers", [])])
    return Exchange("k", "GET", "/", 0.0, wall_s, status, headers, body=data, **more)


REFUSED = _exchange(503, ERROR)

BROKEN: list[tuple[str, Callable[[Expect], object]]] = [
    ("another status", lambda e: e.served(_exchange(500))),
    ("a 200 that is cut off", lambda e: e.served(_exchange(200, error="incomplete body"))),
    ("no answer", lambda e: e.served(_exchange(None, error="reset"))),
    ("a whole body that should be broken", lambda e: e.broken_body(_exchange(200))),
    ("a hang that should be a broken body", lambda e: e.broken_body(_exchange(200, error="timeout"))),
    ("another value", lambda e: e.equal("n", 1, 2)),
    ("none of those allowed", lambda e: e.one_of("n", (1, 2), 3)),
    ("a text without the part", lambda e: e.contains("text", "abc", "x")),
    ("no text", lambda e: e.contains("text", None, "x")),
    ("another beginning", lambda e: e.begins("code", ("EP",), "ECONN")),
    ("out of bounds", lambda e: e.between("n", 1, 2, 2.1)),
    ("too early", lambda e: e.took(_exchange(wall_s=30 / SPEED - EARLY_S - 0.001), 30, 31)),
    ("too late", lambda e: e.took(_exchange(wall_s=31 / SPEED + SCHEDULING_S + 0.001), 30, 31)),
    ("another number of tries", lambda e: e.tries(_exchange(), 5)),
    ("too many tries", lambda e: e.at_most_tries(_exchange(), 3)),
    ("waits that are too short", lambda e: e.spacing([0.0, 0.05, 0.10, 0.15], (1, 2, 3))),
    ("a wait that is too short by itself", lambda e: e.spacing([0.0, 0.05, 0.15, 0.28], (1, 2, 3))),
    ("waits that are too long", lambda e: e.spacing([0.0, 0.05, 0.15, 0.15 + 0.15 + SCHEDULING_S + 0.01], (1, 2, 3))),
    ("another number of waits", lambda e: e.spacing([0.0, 0.05], (1, 2, 3))),
    ("a second too soon after the first", lambda e: e.apart("probes", [1.0, 2.2], 1.25)),
    ("nothing to be apart", lambda e: e.apart("probes", [], 1.25)),
    ("a request that hangs", lambda e: e.all_end([_exchange(wall_s=30 / SPEED + SETTLE_S + 0.1)], 30)),
    ("another error title", lambda e: e.error(_exchange(503, {**ERROR, "error": "Oops"}), "refused")),
    ("a detail that is missing", lambda e: e.error(_exchange(503, {**ERROR, "details": {}}), "refused")),
    ("an error without JSON", lambda e: e.error(_exchange(503), "refused")),
    ("a body beyond the schema", lambda e: e.schema(_exchange(503, {**ERROR, "stack": "x"}))),
    ("an error code of another form", lambda e: e.schema(_exchange(503, {**ERROR, "details": {"errorCode": "x y"}}))),
    ("a header twice", lambda e: e.header(_exchange(headers=[("A", "1"), ("A", "1")]), "a", "1")),
    ("a header that should be absent", lambda e: e.header(_exchange(headers=[("A", "1")]), "a", None)),
    ("a field that is not mended", lambda e: e.failed_or_mended(_exchange(headers=[("A", "a, b")]), "a", "ab")),
    ("a mended field twice", lambda e: e.failed_or_mended(_exchange(headers=[("A", "1")] * 2), "a", "1")),
    ("a field that should be dropped", lambda e: e.failed_or_mended(_exchange(headers=[("A", "1")]), "a", None)),
    ("a 200 by no rule", lambda e: e.failed_or_allowed(_exchange(), "r", "s", holds=False, types=())),
    ("a header that is empty", lambda e: e.header_present(_exchange(headers=[("A", "")]), "a")),
    (
        "a token that is missing",
        lambda e: e.has_token(_exchange(headers=[("Vary", "Accept, Cookie")]), "vary", "Origin"),
    ),
    (
        "a duration below what was waited",
        lambda e: e.duration({"duration": 100}, _exchange(wall_s=0.35), at_least_s=6),
    ),
    (
        "a duration beyond what was seen",
        lambda e: e.duration({"duration": 900}, _exchange(wall_s=0.35), at_least_s=6),
    ),
    ("no duration", lambda e: e.duration({}, _exchange(), at_least_s=0)),
    ("another count of retries", lambda e: e.retries_told("refused", {"retries": 2}, 3)),
    ("no count of retries", lambda e: e.retries_told("refused", {}, 3)),
    ("a code of another cause", lambda e: e.code_told("failed", {"errorCode": "ECONNRESET"}, ("EPROTO", "HPE_"))),
    ("no code", lambda e: e.code_told("failed", {}, ("EPROTO",))),
    ("no word of when to come back", lambda e: e.backoff(_exchange(503))),
]

KEPT: list[tuple[str, Callable[[Expect], object]]] = [
    ("a whole 200", lambda e: e.served(_exchange())),
    ("a body cut off", lambda e: e.broken_body(_exchange(200, error="incomplete body"))),
    ("in time", lambda e: e.took(_exchange(wall_s=30.5 / SPEED), 30, 31)),
    ("the tries", lambda e: e.tries(_exchange(), 4)),
    ("the waits", lambda e: e.spacing([0.0, 0.05, 0.15, 0.30], (1, 2, 3))),
    ("one alone", lambda e: e.apart("probes", [1.0], 1.25)),
    ("a second late enough", lambda e: e.apart("probes", [1.0, 2.25], 1.25)),
    ("requests that end", lambda e: e.all_end([_exchange(wall_s=30 / SPEED + SETTLE_S)], 30)),
    ("the documented error", lambda e: e.error(REFUSED, "refused")),
    ("the schema", lambda e: e.schema(REFUSED)),
    ("a mended field", lambda e: e.failed_or_mended(_exchange(headers=[("A", "a  b")]), "a", "ab")),
    ("a dropped field", lambda e: e.failed_or_mended(_exchange(), "a", None)),
    ("a 200 by a rule", lambda e: e.failed_or_allowed(_exchange(), "r", "s", holds=True, types=())),
    ("a header", lambda e: e.header(_exchange(headers=[("A", "1")]), "a", "1")),
    ("a token", lambda e: e.has_token(_exchange(headers=[("Vary", "accept, ORIGIN")]), "vary", "Origin")),
    ("a duration", lambda e: e.duration({"duration": 320}, _exchange(wall_s=0.35), at_least_s=6)),
    ("a count of retries", lambda e: e.retries_told("refused", {"retries": 3}, 3)),
    ("a code", lambda e: e.code_told("failed", {"errorCode": "HPE_INVALID"}, ("EPROTO", "HPE_"))),
    ("when to come back", lambda e: e.backoff(_exchange(503, headers=[("Retry-After", "1")]))),
]


@pytest.mark.parametrize(("name", "claim"), BROKEN, ids=[name for name, _ in BROKEN])
def test_a_claim_that_does_not_hold_is_a_violation(
    expect: Expect, case: Case, name: str, claim: Callable[[Expect], object]
) -> None:
    """
    Each claim refuses what it is there to refuse, and says expected and actual.
    """
    with pytest.raises(ContractViolation) as caught:
        claim(expect)

    assert caught.value.expected
    assert caught.value.actual
    assert name


@pytest.mark.parametrize(("name", "claim"), KEPT, ids=[name for name, _ in KEPT])
def test_a_claim_that_holds_is_recorded(
    expect: Expect, case: Case, name: str, claim: Callable[[Expect], object]
) -> None:
    """
    A claim that holds leaves expected and actual in the record.
    """
    claim(expect)

    assert case.claims
    assert all(expected and actual for expected, actual in case.claims)
    assert name


def test_the_standard_is_heard_and_decides_nothing(expect: Expect, case: Case) -> None:
    """
    A refused connection answered 503 passes by the contract, and RFC 9209's view stands beside it.
    """
    expect.error(_exchange(503, ERROR, headers=[("Proxy-Status", "p; error=connection_refused")]), "refused")

    assert [False] == [view["agrees"] for view in case.standards]


def test_an_error_that_is_not_promised_is_no_violation(expect: Expect, case: Case) -> None:
    """
    A contract without this error cannot be broken on it.
    """
    case_rig: Any = SimpleNamespace(case=case, contract=load_contract({}, origin="test"), clock=Clock())

    with pytest.raises(NotPromised):
        Expect(case_rig).error(REFUSED, "refused")


def test_a_gap_told_late_is_not_the_proxys(expect: Expect, case: Case) -> None:
    """
    A refusal told late by 20 ms makes the wait before it longer and the one after it shorter; the first one is told
    late by no more than a stall that we know of.
    """
    case.stall_s = lambda *_: 0.025

    expect.spacing([0.02, 0.05, 0.17, 0.30], (1, 2, 3))
    expect.spacing([0.028, 0.075, 0.163, 0.322], (1, 2, 3))  # two in a row, the second a little less
    with pytest.raises(ContractViolation):
        expect.spacing([0.028, 0.075, 0.140, 0.322], (1, 2, 3))  # less late than the first can have been

    assert 3 == len(case.claims)


def test_what_a_busy_machine_withheld_is_no_hang(expect: Expect, case: Case) -> None:
    """
    A request may end as much later as this machine kept us waiting meanwhile, and no more.
    """
    case.lost_s = lambda *_: 1.0
    most_s = 30 / SPEED + SETTLE_S

    expect.all_end([_exchange(wall_s=most_s + 0.9)], 30)
    with pytest.raises(ContractViolation):
        expect.all_end([_exchange(wall_s=most_s + 1.1)], 30)


def test_an_upper_bound_that_was_kept_needs_no_quiet_machine(expect: Expect, case: Case) -> None:
    """
    A stall makes things late, never early: only a lower bound, or a broken claim, is void when this machine stalled.
    """
    expect.took(_exchange(wall_s=0.1), 0, 2)
    kept = bool(case.timed)
    expect.took(_exchange(wall_s=0.1), 2, 3)

    assert (False, True) == (kept, bool(case.timed))


def test_details_are_read_where_no_title_is_promised(case: Case) -> None:
    """
    Each part of an error's body is a promise of its own.
    """
    promised = load_contract({"errors": {"refused": {"status": 503, "details": ["errorCode"]}}}, origin="test")
    rig: Any = SimpleNamespace(case=case, contract=promised, clock=Clock())

    assert "ECONNREFUSED" == Expect(rig).error(REFUSED, "refused")["errorCode"]
    with pytest.raises(ContractViolation):
        Expect(rig).error(_exchange(503, {**ERROR, "details": {}}), "refused")


def test_a_recovery_that_could_not_be_looked_at_accuses_nobody(expect: Expect, case: Case) -> None:
    """
    Only a proxy that does not serve in time is accused, and a stall of this machine excuses it; the rest is ours.
    """

    def proves(trouble: Exception) -> Any:
        def prove_healthy() -> None:
            raise trouble

        return SimpleNamespace(contract=load_contract({}, origin="test"), prove_healthy=prove_healthy)

    with pytest.raises(HarnessError, match="the client could not"):
        expect.recovers(proves(HarnessError("the client could not make the request")))
    assert [] == case.claims
    with pytest.raises(ContractViolation, match="it did not happen"):
        expect.recovers(proves(NotInTime("waited 3 s for it to serve; it did not happen")))
    assert case.timed


def test_of_errors_with_one_status_the_title_tells_which_it_is(expect: Expect) -> None:
    """
    Refused and unavailable are both 503; an answer may be either of them, and must be one whole.
    """
    unavailable = {
        "error": "Backend API Unavailable",
        "message": "It failed its health check.",
        "details": {"apiUrl": "http://x", "suggestion": "s", "healthCheckFailed": True},
    }

    expect.failed(REFUSED, "unavailable", "refused")
    expect.failed(_exchange(503, unavailable), "refused", "unavailable", "timeout")
    with pytest.raises(ContractViolation):
        expect.failed(_exchange(503, ERROR | {"error": "Something Else"}), "refused", "unavailable")


def test_without_a_promise_a_failure_is_any_5xx(case: Case) -> None:
    """
    A proxy that documents no errors still owes its client a status that says whose failure it is.
    """
    rig: Any = SimpleNamespace(case=case, contract=load_contract({}, origin="test"), clock=Clock())

    Expect(rig).failed(_exchange(502), "failed")
    with pytest.raises(ContractViolation):
        Expect(rig).failed(_exchange(200), "failed")


def test_a_detail_that_is_not_promised_is_no_claim(expect: Expect, case: Case) -> None:
    """A timeout's details have no count of retries in the guide, and no code."""
    expect.retries_told("timeout", {}, 3)
    expect.code_told("timeout", {}, ("ETIMEDOUT",))

    assert case.claims == []


def test_a_time_to_come_back_that_is_not_promised_is_no_claim(case: Case) -> None:
    """Retry-After belongs to the promise of a health check with backoff."""
    rig: Any = SimpleNamespace(case=case, contract=load_contract({}, origin="test"), clock=Clock())

    Expect(rig).backoff(_exchange(503))

    assert case.claims == []
