"""Claims about the front door: what each of them accepts and refuses, on records that are written down here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from harness.case import Case
from harness.clock import Clock
from harness.contract.catalogue import BY_ID
from harness.contract.model import Contract, load_contract
from harness.errors import ContractViolation
from harness.traffic.exchange import Exchange
from harness.traffic.raw import RawEnd, RawExchange
from harness.traffic.recording import Attempt
from harness.verdicts.expect import Expect

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


CONFIGURED = b"127.0.0.1:3101"
ITSELF = "127.0.0.1:3100"
GUIDE = load_contract({"extends": "guide"}, origin="x.toml")


def attempt(target: str = "/api/x", *, complete: bool = True, body: bytes = b"body", **more: Any) -> Attempt:
    head = f"GET {target} HTTP/1.1\r\n\r\n".encode()
    return Attempt("k", 0.0, "GET", target, [], 1, raw_head=head, complete=complete, body=body, **more)


def to_host(*hosts: bytes) -> Attempt:
    return replace(attempt(), headers=[(b"Host", host) for host in hosts])


def refused_upstream() -> Attempt:
    return attempt(complete=False, outcome="malformed request: a length that is no number")


def seen(data: bytes, end: RawEnd = "fin") -> RawExchange:
    return RawExchange(0.0, 0.1, 10, data, (), end)


def led(to: str, status: int = 301) -> RawExchange:
    return seen(f"HTTP/1.1 {status} Elsewhere\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode())


def expect(*attempts: Attempt, contract: Contract = GUIDE) -> Expect:
    """Expectations over an upstream that saw ``attempts``."""
    origin = SimpleNamespace(attempts=lambda _key=None: list(attempts))
    rig: Any = SimpleNamespace(
        case=Case(BY_ID["smuggle-length"], "test"),
        clock=Clock(20),
        contract=contract,
        origin=origin,
        authority=ITSELF,
        upstream_base="/api",
        upstream_address=CONFIGURED.decode(),
    )
    return Expect(rig)


def served(count: int, of: int) -> list[Exchange]:
    return [Exchange("k", "GET", "/", 0.0, 0.1, 200 if number < count else 503) for number in range(of)]


Claim = Callable[[], None]

BROKEN: dict[str, Claim] = {
    "another status": lambda: expect().answered(seen(BAD), (200,)),
    "no answer": lambda: expect().answered(seen(b""), (400,)),
    "half an answer": lambda: expect().answered(seen(OK[:-1]), (200,)),
    "refused, and the connection kept": lambda: expect().turned_away(seen(BAD, "open"), (400,), closed=True),
    "refused, and kept where nothing may follow": lambda: expect().read_one_way(
        seen(BAD, "open"), (400,), b"body", last=True
    ),
    "refused, and kept where its end is unknown": lambda: expect().read_one_way(
        seen(BAD, "open"), (400,), b"body", closed=True
    ),
    "led to another host": lambda: expect().answered_here(led("http://evil.example/x"), (400,), []),
    "led to another host without a scheme": lambda: expect().answered_here(led("//evil.example/x"), (400,), []),
    "led to another host by a backslash": lambda: expect().answered_here(led("/\\evil.example/x"), (400,), []),
    "led to another host behind its own name": lambda: expect().answered_here(
        led(f"http://{ITSELF}@evil.example/"), (400,), []
    ),
    "led to what is no URL": lambda: expect().answered_here(led("http://[x"), (400,), []),
    "led nowhere": lambda: expect().answered_here(
        seen(b"HTTP/1.1 301 Away\r\nContent-Length: 0\r\n\r\n"), (400,), []
    ),
    "led back, and forwarded": lambda: expect().answered_here(led("/x"), (400,), [attempt()]),
    "neither refused nor led": lambda: expect().answered_here(led("/x", 201), (400,), []),
    "refused, and forwarded": lambda: expect(attempt()).turned_away(seen(BAD), (400,)),
    "passed where it must not": lambda: expect(attempt()).read_one_way(seen(OK), (400,), None),
    "passed twice": lambda: expect(attempt(), attempt()).read_one_way(seen(OK), (400,), b"body"),
    "passed with another body": lambda: expect(attempt(body=b"bodyX")).read_one_way(seen(OK), (400,), b"body"),
    "passed in part": lambda: expect(attempt(complete=False)).read_one_way(seen(OK), (400,), b"body"),
    "refused by the upstream": lambda: expect(refused_upstream()).turned_away(seen(BAD), (400,)),
    "the connection goes on": lambda: expect(attempt()).read_one_way(seen(OK, "open"), (400,), b"body", last=True),
    "two answers": lambda: expect(attempt()).read_one_way(seen(OK + OK), (400,), b"body", last=True),
    "another host": lambda: expect().as_configured([to_host(b"evil.example")]),
    "a second host": lambda: expect().as_configured([to_host(CONFIGURED, b"evil.example")]),
    "no host": lambda: expect().as_configured([to_host()]),
    "a hidden request forwarded": lambda: expect(attempt("/api/hidden")).nothing_hidden(seen(BAD)),
    "a hidden request answered": lambda: expect().nothing_hidden(seen(BAD + OK + b"hidden")),
    "outside the base": lambda: expect().inside([attempt("/admin")]),
    "outside by dots": lambda: expect().inside([attempt("/api/../admin")]),
    "outside by escapes": lambda: expect().inside([attempt("/api/%2e%2e%2fadmin")]),
    "outside by parameters": lambda: expect().inside([attempt("/api/..;x/admin")]),
    "outside by backslashes": lambda: expect().inside([attempt("/api/..\\admin")]),
    "a fold": lambda: expect().one_reading(seen(b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\nok")),
    "a fold with a tab": lambda: expect().one_reading(seen(b"HTTP/1.1 200 OK\r\nX: a\r\n\tb\r\n\r\nok")),
    "a bare CR": lambda: expect().one_reading(seen(b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\nok")),
    "a NUL": lambda: expect().one_reading(seen(b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\nok")),
    "kept open": lambda: expect().ended(seen(b"", "timeout")),
    "left too late": lambda: expect().closed_soon(attempt(closed_by_peer_at=2.1), 1.0, 1.0),
    "never left": lambda: expect().closed_soon(attempt(), 1.0, 1.0),
    "never there": lambda: expect().closed_soon(None, 1.0, 1.0),
    "one of a hundred too many": lambda: expect().all_served(served(98, 100), 0.99),
}

KEPT: dict[str, Claim] = {
    "refused and closed": lambda: expect(attempt(complete=False)).turned_away(seen(BAD), (400, 501)),
    "refused and reset": lambda: expect().turned_away(seen(BAD, "reset"), (400,), closed=True),
    "refused and kept": lambda: expect().turned_away(seen(BAD, "open"), (400,)),
    "refused and kept, read one way": lambda: expect().read_one_way(seen(BAD, "open"), (400,), None),
    "led to another path": lambda: expect().answered_here(led("/x"), (400,), []),
    "led to another path by its own name": lambda: expect().answered_here(led(f"http://{ITSELF}/x"), (400,), []),
    "refused where it is": lambda: expect(attempt()).answered_here(seen(BAD), (400,), [attempt()]),
    "passed where it may": lambda: expect(attempt()).read_one_way(seen(OK, "open"), (400,), b"body"),
    "passed for the last time": lambda: expect(attempt()).read_one_way(seen(OK), (400,), b"body", last=True),
    "the configured host": lambda: expect().as_configured([to_host(CONFIGURED)]),
    "another host, where nothing is said of it": lambda: expect(contract=Contract()).as_configured(
        [to_host(b"other.example")]
    ),
    "below the base": lambda: expect().inside(
        [attempt("/api/x/../y"), attempt("/api/"), attempt("/api/a%2Fb?../..")]
    ),
    "one reading": lambda: expect().one_reading(seen(OK + b"\r\n \0\rbody")),
    "ended without an answer": lambda: expect().ended(seen(b"", "reset")),
    "left at once": lambda: expect().closed_soon(attempt(closed_by_peer_at=1.5), 1.0, 1.0),
    "one of a hundred": lambda: expect().all_served(served(99, 100), 0.99),
}


@pytest.mark.parametrize("claim", BROKEN.values(), ids=BROKEN)
def test_a_broken_claim_is_the_proxys(claim: Claim) -> None:
    """
    Whatever does not hold raises ContractViolation.
    """
    with pytest.raises(ContractViolation):
        claim()


@pytest.mark.parametrize("claim", KEPT.values(), ids=KEPT)
def test_a_kept_claim_passes(claim: Claim) -> None:
    """
    Whatever holds raises nothing.
    """
    claim()
