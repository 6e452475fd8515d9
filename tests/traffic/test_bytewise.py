"""Raw requests to a proxy: how many answers are waited for, and until when."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.bytewise import Bytewise, says_last
from harness.clock import now
from harness.traffic.exchange import Headers
from harness.traffic.origin import Origin
from harness.traffic.raw_reply import RawReply
from harness.traffic.replies import literal, ok
from harness.traffic.steps import Fin

LAST = literal(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast", Fin())
SOON_S = 2.0  # wall seconds; the cap, which only a wait for an end takes, is 5


@pytest.fixture
def bytewise(origin: Origin) -> Bytewise:
    """Raw requests to the origin, as if it were the proxy."""
    made = Bytewise()
    target: Any = SimpleNamespace(
        host=origin.host,
        port=origin.port,
        url=f"http://{origin.address}",
        file=SimpleNamespace(routes=SimpleNamespace(base="")),
    )
    made.target = target
    return made


def test_a_connection_that_is_kept_is_not_waited_for(origin: Origin, bytewise: Bytewise) -> None:
    """
    Behind an error that need not end the connection nothing is waited for.
    """
    origin.script([ok(b"no", 431)])
    started = now()

    exchange = bytewise.provoke(bytewise.head())

    assert ("open", [431]) == (exchange.end, [reply.status for reply in exchange.replies()])
    assert now() - started < SOON_S


@pytest.mark.parametrize("status", [200, 400])
def test_the_end_is_waited_for_where_it_is_to_come(origin: Origin, bytewise: Bytewise, status: int) -> None:
    """
    An error that is to be closed is waited behind, and so is any answer that is to be the last.
    """
    origin.script([ok(b"", status)])

    assert ("timeout" if status == 400 else "open") == bytewise.provoke(
        bytewise.head(), within_s=0.2, closed=True
    ).end
    assert "timeout" == bytewise.provoke(bytewise.head(), within_s=0.2, last=True).end


def test_an_end_that_was_announced_is_seen(origin: Origin, bytewise: Bytewise) -> None:
    """
    Behind an answer that says that it is the last the end is read.
    """
    origin.script([LAST])

    assert "fin" == bytewise.provoke(bytewise.head()).end


def test_as_many_answers_are_read_as_are_asked_for(origin: Origin, bytewise: Bytewise) -> None:
    """
    The answer to what lies behind the first request is waited for, too.
    """
    origin.script([ok(b"one"), ok(b"two")])

    exchange = bytewise.provoke(bytewise.head(), bytewise.head(), count=2)

    assert [b"one", b"two"] == [reply.body for reply in exchange.replies()]


def test_what_is_behind_a_last_answer_is_sent_again(origin: Origin, bytewise: Bytewise) -> None:
    """
    Each request has one answer, in order, also where every answer ends its connection.
    """
    origin.script([ok(b"one"), LAST, LAST, ok(b"four")])

    came = bytewise.converse([bytewise.head()] * 4)

    assert [b"one", b"last", b"last", b"four"] == [reply.body for reply in came]


def test_an_end_that_nobody_announced_is_one(origin: Origin, bytewise: Bytewise) -> None:
    """
    Behind a connection that ends without a word nothing is sent again.
    """
    origin.script([ok(b"one"), literal(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo", Fin())])

    assert [b"one", b"two"] == [reply.body for reply in bytewise.converse([bytewise.head()] * 3)]


@pytest.mark.parametrize(
    ("options", "last"), [(["close"], True), (["x, Close"], True), (["keep-alive"], False), ([], False)]
)
def test_close_is_one_of_the_options(options: list[str], last: bool) -> None:
    """
    Connection is a list, and its options have no case.
    """
    assert last is says_last(RawReply(200, headers=Headers([("Connection", option) for option in options])))
