"""Malformed upstream answers: an error or a visibly broken body, never a hang, and never the next one's answer."""

from __future__ import annotations

import pytest

from harness.errors import NotPromised
from harness.faults.origin import Route
from harness.rig import Rig
from harness.traffic.malformed import followed_by, header_of, reset_with_head_sent, with_head, without_end
from harness.traffic.replies import (
    chunked,
    close_delimited,
    garbage,
    half_head,
    interim,
    reset_mid_body,
    reset_mid_head,
    short_body,
)
from harness.traffic.steps import Behaviour
from harness.verdicts.expect import Expect
from scenarios.odd_answers import ANSWER, HINT, MIB, SPACED, big_head_passed, ended_there

INCOMPLETE = ("http_response_incomplete", "connection_terminated")
PROTOCOL = ("http_protocol_error",)
TOO_LARGE = ("http_response_header_section_size", "http_response_header_size")


@pytest.mark.error_path("malformed-status-line")
@pytest.mark.parametrize("line", [b"HTTP/1.1 abc OK", b"HTTP/1.1 20 OK", b"HTTP/1.1", b"HTTX/1.1 200 OK"])
def test_a_bad_status_line_is_an_error(rig: Rig, expect: Expect, line: bytes) -> None:
    """An answer whose status line is none (RFC 9112 section 4) is an error."""
    with rig.broken(Route(with_head(b"Content-Length: 2", start=line))):
        exchange = rig.get("/items")

    expect.failed(exchange, "failed", types=PROTOCOL)
    expect.harmless(rig, exchange, "malformed")


@pytest.mark.error_path("malformed-not-http")
@pytest.mark.parametrize("data", [b"\x16\x03\x01\x00\x02\x02\x28", b"220 smtp.example ESMTP\r\n", b"\x00" * 64])
def test_another_protocol_is_an_error(rig: Rig, expect: Expect, data: bytes) -> None:
    """An answer in another protocol is an error, and none of it reaches the client."""
    with rig.broken(Route(garbage(data))):
        exchange = rig.get("/items")

    expect.failed(exchange, "failed", types=PROTOCOL)
    expect.that(data not in exchange.body, "nothing of it in the body", repr(exchange.body[:200]))
    expect.harmless(rig, exchange, "malformed")


@pytest.mark.error_path("malformed-head-cut")
@pytest.mark.parametrize("cut", [half_head(), reset_mid_head()], ids=lambda cut: cut.name)
def test_half_a_head_is_an_error(rig: Rig, expect: Expect, cut: Behaviour) -> None:
    """A head that ends in its middle is an error, and nothing of it is passed on (RFC 9112 section 8)."""
    with rig.broken(Route(cut)):
        exchange = rig.get("/items")

    expect.failed(exchange, "failed", types=INCOMPLETE)
    expect.that(not exchange.body.startswith(b"HTTP/"), "nothing of the head", repr(exchange.body[:200]))
    expect.harmless(rig, exchange, "cut", "reset")


@pytest.mark.error_path("malformed-header-colon")
@pytest.mark.parametrize("line", [b"X-No-Colon", b"X Space: 1", b": no name", SPACED])
def test_a_line_that_is_no_header_is_an_error(rig: Rig, expect: Expect, line: bytes) -> None:
    """A line that is no header is an error, or dropped (RFC 9110 2.4); space before the colon is one, or removed."""
    with rig.broken(Route(with_head(line, b"Content-Length: 2"))):
        exchange = rig.get("/items")

    name = line.partition(b":")[0].decode().strip()
    mended = expect.failed_or_mended(exchange, name, "1" if line == SPACED else None, types=PROTOCOL)
    expect.harmless(rig, exchange, "served" if mended else "malformed", mended=mended)


@pytest.mark.error_path("malformed-header-fold")
@pytest.mark.parametrize("value", [b"a\r\n b", b"a\x00b", b"a\rb"], ids=["folded", "NUL", "bare CR"])
def test_a_value_that_two_readers_read_differently_is_not_passed_on(rig: Rig, expect: Expect, value: bytes) -> None:
    """A folded value, a NUL or a bare CR is an error, or replaced by spaces (RFC 9112 5.2, RFC 9110 5.5)."""
    with rig.broken(Route(with_head(b"X-Odd: " + value, b"Content-Length: 2"))):
        exchange = rig.get("/items")
        raw = rig.tell(rig.head())  # what a client library would mend is seen here as it came

    mended = expect.failed_or_mended(exchange, "X-Odd", "ab", types=PROTOCOL)
    expect.one_reading(raw)
    expect.harmless(rig, exchange, "served" if mended else "malformed", mended=mended)


@pytest.mark.error_path("malformed-header-size")
@pytest.mark.parametrize("fields", [1, 8192], ids=["one field", "many fields"])
def test_a_head_of_a_mebibyte_is_an_error_or_passed_whole(rig: Rig, expect: Expect, fields: int) -> None:
    """A header section of 1 MiB is an error, or passed on with every byte, for no standard sets a limit."""
    with rig.broken(Route(header_of(MIB, fields))):
        raw = rig.tell(rig.head())
        exchange = rig.get("/items")

    if big_head_passed(expect, raw, fields):
        expect.own_answer(rig, exchange, mended=True)
        return
    expect.failed(exchange, "failed", types=TOO_LARGE)
    expect.harmless(rig, exchange, "malformed")


@pytest.mark.error_path("malformed-header-size")
@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["one field", "many fields"])
def test_a_head_without_end_is_an_error(rig: Rig, expect: Expect, end: bytes) -> None:
    """A header section that goes on as fast as it is taken is an error by the deadline, in bounded memory."""
    rig.prove_healthy()
    piece = b"X-Big: " + b"x" * 1000 + end

    with rig.memory() as memory, rig.broken(Route(without_end(b"HTTP/1.1 200 OK\r\n", piece)), prove=False):
        exchange = rig.get("/items")

    expect.failed(exchange, "failed", "timeout", types=(*TOO_LARGE, "http_response_timeout"))
    expect.harmless(rig, exchange, "malformed", "timeout")
    if rig.contract.promises("streaming.growth_limit_mib"):
        expect.growth(memory)


@pytest.mark.error_path("malformed-two-lengths")
@pytest.mark.parametrize(
    "lengths",
    [(b"2", b"3"), (b"2, 3",), (b"+2",), (b"0x2",), (b"-2",), (b"2_0",)],
    ids=lambda v: b"|".join(v).decode(),
)
def test_a_length_that_is_not_one_number_is_an_error(rig: Rig, expect: Expect, lengths: tuple[bytes, ...]) -> None:
    """Two different Content-Lengths, or one that is no number, are an error (RFC 9112 section 6.3)."""
    with rig.broken(Route(with_head(*(b"Content-Length: " + length for length in lengths)))):
        exchange = rig.get("/items")

    expect.failed(exchange, "failed", types=PROTOCOL)
    expect.harmless(rig, exchange, "malformed")


@pytest.mark.error_path("malformed-length-chunked")
@pytest.mark.parametrize("first", ["length", "chunked"])
def test_two_framings_at_once_are_an_error_or_one(rig: Rig, expect: Expect, first: str) -> None:
    """Content-Length and chunked together are an error, or one framing goes on, the chunks (RFC 9112 section 6.3)."""
    lines = [b"Content-Length: 2", b"Transfer-Encoding: chunked"]
    body = b"2\r\nok\r\n0\r\n\r\n"

    with rig.broken(Route(with_head(*(lines if first == "length" else reversed(lines)), body=body))):
        exchange = rig.get("/items")

    both = "content-length" in exchange.headers and "transfer-encoding" in exchange.headers
    alone = exchange.complete and exchange.body == b"ok" and not both
    source = "RFC 9112 section 6.3"
    mended = expect.failed_or_allowed(exchange, "the chunks alone", source, holds=alone, types=PROTOCOL)
    expect.harmless(rig, exchange, "served" if mended else "malformed", mended=mended)


@pytest.mark.error_path("malformed-coding")
@pytest.mark.parametrize("coding", [b"xchunked", b"chunked, identity", b"gzip"])
def test_a_coding_that_cannot_be_undone_is_an_error(rig: Rig, expect: Expect, coding: bytes) -> None:
    """A transfer coding that is not chunked alone is an error, or a body that never ends (RFC 9112 6.1 and 6.3)."""
    with rig.broken(Route(with_head(b"Transfer-Encoding: " + coding, body=b"2\r\nok\r\n0\r\n\r\n"))):
        exchange = rig.get("/items")

    if exchange.status == 200:  # read until the connection ends, which the upstream never does
        expect.broken_body(exchange)
    else:
        types = ("http_response_transfer_coding", *PROTOCOL, "http_response_timeout")
        expect.failed(exchange, "failed", "timeout", types=types)
    expect.harmless(rig, exchange, "malformed", "timeout")


@pytest.mark.error_path("malformed-chunk-size")
@pytest.mark.parametrize("size", [b"zz", b"0x2", b"-1", b"1" * 20])
def test_a_bad_chunk_size_breaks_the_body(rig: Rig, expect: Expect, size: bytes) -> None:
    """A chunk whose size is no hexadecimal number breaks the body, visibly (RFC 9112 section 7.1)."""
    body = b"2\r\nok\r\n%b\r\nno\r\n0\r\n\r\n" % size  # whole for whoever takes the size for one

    with rig.broken(Route(with_head(b"Transfer-Encoding: chunked", body=body))):
        exchange = rig.get("/items")

    expect.failed_or_broken(exchange, types=("http_response_transfer_coding", *PROTOCOL))
    expect.harmless(rig, exchange, "malformed")


@pytest.mark.error_path("malformed-short-body")
@pytest.mark.parametrize("body", [b"", b"abc", b"x" * 99])
def test_a_body_shorter_than_its_length_is_broken(rig: Rig, expect: Expect, body: bytes) -> None:
    """A body that ends before its Content-Length is visibly broken, or an error (RFC 9112 section 8)."""
    with rig.broken(Route(short_body(body, 100))):
        exchange = rig.get("/items")

    expect.failed_or_broken(exchange, types=INCOMPLETE)
    expect.harmless(rig, exchange, "cut")


@pytest.mark.error_path("malformed-chunked-cut")
@pytest.mark.parametrize("parts", [[], [b"one", b"two"]], ids=["no chunk", "two chunks"])
def test_a_chunked_body_without_its_last_chunk_is_broken(rig: Rig, expect: Expect, parts: list[bytes]) -> None:
    """A chunked body that is cut off gets no last chunk from the proxy (RFC 9112 section 8)."""
    with rig.broken(Route(chunked(parts, cut=True))):
        exchange = rig.get("/items")

    expect.failed_or_broken(exchange, types=INCOMPLETE)
    expect.harmless(rig, exchange, "cut")


@pytest.mark.error_path("malformed-reset-after-head")
def test_a_reset_after_the_head_is_visible(rig: Rig, expect: Expect) -> None:
    """A connection reset between head and body is an error or a visibly broken body, and not tried again."""
    with rig.broken(Route(reset_with_head_sent())):
        exchange = rig.get("/items")

    expect.failed_or_broken(exchange, types=INCOMPLETE)
    expect.harmless(rig, exchange, "cut", "reset", once=True)


@pytest.mark.error_path("malformed-reset-mid-body")
@pytest.mark.parametrize(
    "cut", [reset_mid_body(), close_delimited(b"not all", cut=True)], ids=["by length", "by close"]
)
def test_a_reset_inside_the_body_is_visible(rig: Rig, expect: Expect, cut: Behaviour) -> None:
    """A connection reset in the middle of a body breaks it visibly; what the client has is not sent again.

    So does one that would have ended the body of a response without a length: only an orderly end is one.
    """
    if not rig.link("upstream").passes_resets:
        raise NotPromised("this Toxiproxy ends in order what the upstream resets; --toxiproxy embedded does not")
    with rig.broken(Route(cut)):
        exchange = rig.get("/items")

    expect.failed_or_broken(exchange, types=INCOMPLETE)
    expect.harmless(rig, exchange, "cut", "reset", once=True)


@pytest.mark.error_path("malformed-long-body")
@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
def test_what_follows_an_answer_is_not_the_next_one(rig: Rig, expect: Expect, later: bool) -> None:
    """Bytes past Content-Length are dropped; the connection is not used again, and the next answer is its own."""
    exchange = ended_there(rig, expect, followed_by(ANSWER % b"200 OK" + b"ok", later=later), "GET", 200, b"ok")

    expect.harmless(rig, exchange, "served")


@pytest.mark.error_path("malformed-head-body")
def test_a_body_after_the_answer_to_head_is_not_the_next_answer(rig: Rig, expect: Expect) -> None:
    """An answer to HEAD that has a body all the same (RFC 9110 9.3.2) does not become the next answer."""
    exchange = ended_there(rig, expect, followed_by(ANSWER % b"200 OK", b"no"), "HEAD", 200)

    expect.harmless(rig, exchange, "served")


@pytest.mark.error_path("malformed-no-content")
@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
def test_a_body_where_there_is_none_is_not_the_next_answer(
    rig: Rig, expect: Expect, status: bytes, later: bool
) -> None:
    """Bytes after a 204 or 304, which end with their head (RFC 9112 6.3), do not become the next answer."""
    broken = followed_by(b"HTTP/1.1 %b\r\n\r\n" % status, later=later)

    exchange = ended_there(rig, expect, broken, "GET", int(status[:3]))

    expect.harmless(rig, exchange, "served")


@pytest.mark.error_path("malformed-interim-storm")
def test_a_storm_of_interim_answers_ends_in_an_error(rig: Rig, expect: Expect) -> None:
    """1xx answers without end are no answer: an error by the deadline, in bounded memory (RFC 9110 15.2)."""
    rig.prove_healthy()

    with rig.memory() as memory, rig.broken(Route(without_end(b"", HINT)), prove=False):
        exchange = rig.get("/items")

    expect.failed(exchange, "failed", "timeout", types=(*PROTOCOL, "http_response_timeout"))
    expect.harmless(rig, exchange, "malformed", "timeout")
    if rig.contract.promises("streaming.growth_limit_mib"):
        expect.growth(memory)


@pytest.mark.error_path("malformed-interim-storm")
@pytest.mark.parametrize("status", [100, 102, 103])
def test_a_few_interim_answers_do_no_harm(rig: Rig, expect: Expect, status: int) -> None:
    """The control: after a few 1xx answers, passed on or not, the final 200 arrives whole."""
    with rig.broken(Route(interim(status, times=3))):
        exchange = rig.get("/items")

    expect.served(exchange)
    expect.equal("body", b"ok", exchange.body)
    expect.tries(exchange, 1)


@pytest.mark.error_path("malformed-close-delimited")
def test_a_body_that_only_an_end_ends_is_reported_as_such(rig: Rig, expect: Expect) -> None:
    """A close-delimited body that was cut off looks whole to everybody; the log says that it may not be."""
    with rig.broken(Route(close_delimited(b"perhaps all"))):
        exchange = rig.get("/items")

    expect.served(exchange)
    expect.equal("body", b"perhaps all", exchange.body)
    expect.logged("unverified", exchange, 1)
    expect.harmless(rig, exchange, "served")
