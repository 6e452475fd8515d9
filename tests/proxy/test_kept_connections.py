"""On a connection that is kept every request is bounded as the first was, and the connection itself is, too."""

from __future__ import annotations

import pytest

from harness.traffic import raw, replies
from harness.traffic.origin import Origin
from tests.proxy.running import RunningProxy

GET = b"GET /api/proxy/x HTTP/1.1\r\nHost: p\r\n\r\n"
WITHIN_S = 10


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    return {
        "CLIENT_HEADER_TIMEOUT": 300, "CLIENT_KEEP_ALIVE": 1_500, "REQUEST_TIMEOUT": 5_000,
        "HEADER_LIMIT": 20_000, "TARGET_LIMIT": 4_000,
    }  # fmt: skip


SECOND = {
    "long target": (b"GET /api/proxy/" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: p\r\n\r\n", [200, 414]),
    "large fields": (GET[:-2] + b"X: " + b"y" * 21_000 + b"\r\n\r\n", [200, 431]),
    "endless fields": (GET[:-2] + b"X: yyyyyyyyyyyy\r\n" * 10_000, [200, 431]),
    "endless target": (b"GET /api/proxy/" + b"x" * 100_000, [200, 414]),
    "one byte": (b"G", [200, 408]),
    "half a head": (GET[:-2], [200, 408]),
    "an empty line": (b"\r\n", [200]),
}


@pytest.mark.parametrize(("second", "statuses"), SECOND.values(), ids=SECOND)
@pytest.mark.parametrize("together", [False, True], ids=["later", "begun with the first"])
def test_the_second_head_is_bounded_as_the_first(
    proxy: RunningProxy, upstream: Origin, second: bytes, statuses: list[int], together: bool
) -> None:
    """In size and in time; and whatever is no request does not keep the connection."""
    upstream.script(route=[replies.ok(b"answer")])
    cut = 1 if together else 0

    with raw.RawConnection("127.0.0.1", proxy.port, within_s=WITHIN_S) as connection:
        connection.send(GET + second[:cut])
        connection.read(until=b"answer")
        connection.send(second[cut:])
        connection.read()
        exchange = connection.exchange()

    assert (statuses, "fin") == ([reply.status for reply in exchange.replies()], exchange.end)


def test_a_head_behind_a_large_body_is_measured_without_it(proxy: RunningProxy, upstream: Origin) -> None:
    """What one read holds of the request before does not count."""
    upstream.script(route=[replies.ok(b"answer")])
    body = b"x" * 200_000
    first = b"POST /api/proxy/x HTTP/1.1\r\nHost: p\r\nContent-Length: %d\r\n\r\n" % len(body)

    with raw.RawConnection("127.0.0.1", proxy.port, within_s=WITHIN_S) as connection:
        connection.send(first + body + GET[:-2])
        connection.read(until=b"answer")
        connection.send(b"X: y\r\n\r\n")
        connection.read(at_least=len(connection.received) + 1)
        connection.read(until=b"answer")
        exchange = connection.exchange()

    assert [200, 200] == [reply.status for reply in exchange.replies("POST")]


def test_a_client_of_http_1_0_is_sent_no_interim_answer(proxy: RunningProxy, upstream: Origin) -> None:
    """It would take 100 for the answer."""
    head = b"POST /api/proxy/x HTTP/1.0\r\nHost: p\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"

    with raw.RawConnection("127.0.0.1", proxy.port, within_s=WITHIN_S) as connection:
        connection.send(head)
        connection.listen(0.2)
        connection.send(b"body")
        connection.read()

    assert connection.received.startswith(b"HTTP/1.1 200")
