"""Claims about what a broken answer leaves behind: what each accepts and refuses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.case import Case
from harness.clock import Clock
from harness.contract.catalogue import BY_ID
from harness.contract.model import load_contract
from harness.errors import ContractViolation
from harness.traffic.exchange import Exchange
from harness.traffic.malformed import POISON
from harness.traffic.raw import RawEnd, RawExchange
from harness.verdicts.aftermath import OWN
from harness.verdicts.expect import Expect

BARE = b"HTTP/1.1 204 No Content\r\n\r\n"
NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(OWN), OWN)
HINT = b"HTTP/1.1 103 Early Hints\r\n\r\n"

KEPT: dict[str, tuple[bytes, RawEnd]] = {
    "both answers": (BARE + NEXT, "open"),
    "both, after a hint": (HINT + BARE + NEXT, "open"),
    "the first and the end": (BARE, "fin"),
    "the first and a reset": (BARE, "reset"),
}
BROKEN: dict[str, tuple[bytes, RawEnd]] = {
    "another's answer between": (BARE + POISON + NEXT, "open"),
    "another's answer behind": (BARE + NEXT + POISON, "open"),
    "another's answer, then the end": (BARE + POISON, "fin"),
    "bytes that are no answer": (BARE + b"no" + NEXT, "open"),
    "no second answer": (BARE, "timeout"),
    "half a second answer": (BARE + NEXT[:-1], "reset"),
    "another status": (BARE.replace(b"204", b"502") + NEXT, "open"),
    "nothing": (b"", "fin"),
}


def alone(received: bytes, end: RawEnd) -> None:
    """Claim that a 204 came alone, where this is all that came."""
    rig: Any = SimpleNamespace(
        case=Case(BY_ID["malformed-no-content"], "test"),
        head=lambda *_, **__: b"",
        in_turn=lambda *_, **__: RawExchange(0.0, 0.1, 10, received, (), end),
    )
    Expect(rig).alone(rig, "GET", 204)


@pytest.mark.parametrize(("received", "end"), KEPT.values(), ids=KEPT)
def test_an_answer_that_stands_alone(received: bytes, end: RawEnd) -> None:
    """
    The answer, then the next request's own or the end of the connection: nothing else is needed.
    """
    alone(received, end)


@pytest.mark.parametrize(("received", "end"), BROKEN.values(), ids=BROKEN)
def test_an_answer_that_does_not(received: bytes, end: RawEnd) -> None:
    """
    Whatever stands between the two answers or behind them, or is missing, is a violation.
    """
    with pytest.raises(ContractViolation):
        alone(received, end)


@pytest.mark.parametrize(
    ("contract", "once", "allowed"), [("guide", False, False), ("", False, True), ("", True, False)]
)
def test_tries_are_counted_where_something_says_how_many(contract: str, once: bool, allowed: bool) -> None:
    """
    A second try is a violation where the contract has retries or the row says so, and nowhere else.
    """
    rig: Any = SimpleNamespace(
        case=Case(BY_ID["malformed-short-body"], "test"),
        clock=Clock(20),
        contract=load_contract({"extends": contract} if contract else {}, origin="test"),
        deadline_s=30.0,
        tries=lambda _exchange: [0.0, 0.05],
        tries_countable=True,
        origin_tries=lambda _exchange: [],
        journal=SimpleNamespace(promised=lambda _kind: False),
    )
    expect = Expect(rig)
    expect.own_answer = lambda *_, **__: None  # type: ignore[method-assign]  # of the next request this says nothing

    def claim() -> None:
        expect.harmless(rig, Exchange("k", "GET", "/", 0.0, 0.1, 502), "malformed", once=once)

    if allowed:
        claim()
        return
    with pytest.raises(ContractViolation, match="2 tries"):
        claim()
