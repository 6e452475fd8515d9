"""Mistakes about framing: where an answer ends, and what comes behind it."""

from __future__ import annotations

import re
from typing import Any
from weakref import WeakKeyDictionary

from proxy_under_test.server.cycle import Cycle
from proxy_under_test.transport import framing
from proxy_under_test.transport.connection import Connection
from tests.mutants.lenient import chunk_size_with_a_prefix, in_head, length_with_a_sign
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around, response_headers

STAND_IN = b"~odd~"  # a token, which the parser lets through


@mutant("malformed-chunked-cut")
def cut_body_passed_as_whole() -> None:
    """The end of the connection is taken for the end of the body, whatever was announced."""

    @around(Connection, "_ended")
    def _(ended: Change, self: Connection, error: Exception | None) -> None:
        if self.head_done and self._failure is None:
            self.complete = True
            return
        ended(self, error)


@mutant("malformed-short-body malformed-reset-after-head")
def cut_body_framed_as_whole() -> None:
    """An answer is framed anew, in chunks, and where it breaks off the last chunk is written all the same."""
    cut_body_passed_as_whole()
    response_headers(lambda fields: [field for field in fields if field[0] != b"content-length"])


@mutant("malformed-head-cut")
def half_a_head_taken_for_one() -> None:
    """A head that ends with the connection is taken as far as it came."""

    @around(Connection, "_ended")
    def _(ended: Change, self: Connection, error: Exception | None) -> None:
        parser, answered = self._parser, self._attempt is not None and self._attempt.answered
        if answered and not self.head_done and self._failure is None and parser is not None:
            self.status, self.headers = parser.get_status_code(), self._fields
            self.head_done = self.complete = True
            return
        ended(self, error)


@mutant("malformed-not-http")
def whatever_comes_is_a_body() -> None:
    """What does not begin like a response is taken for one of HTTP/0.9, which is all body."""

    @around(Connection, "_feed")
    def _(feed: Change, self: Connection, data: bytes) -> None:
        if self.head_done or data.startswith(b"HTTP/"):
            feed(self, data)
            return
        self.status, self.headers, self._length = 200, (), framing.UNTIL_CLOSE
        self.head_done = True
        self.on_body(data)


@mutant("malformed-long-body malformed-head-body malformed-no-content")
def surplus_skipped() -> None:
    """What comes behind an answer is skipped, and the connection is used again, whatever may still come on it."""

    @around(Connection, "end")
    def _(end: Change, self: Connection, **how: Any) -> bool:
        if self._surplus:
            self._surplus, self._parser = False, None
        reusable: bool = end(self, **how)
        return reusable

    @around(Connection, "data_received")
    def _(received: Change, self: Connection, data: bytes) -> None:
        if self._attempt is not None:
            received(self, data)


@mutant("malformed-long-body malformed-head-body malformed-no-content")
def surplus_passed_on() -> None:
    """What came with an answer is copied to the client, also what stands behind the answer's end."""

    @around(Connection, "_feed")
    def _(feed: Change, self: Connection, data: bytes) -> None:
        feed(self, data)
        if self.head_done and self.complete and self._length >= framing.NO_BODY:
            self._chunks.append(data.partition(b"\r\n\r\n")[2][self._length :])

    @around(Cycle, "_write")
    def _(write: Change, self: Cycle, body: bytes, more: bool) -> None:
        left = self._left
        if left is not None:
            self._left = max(left, len(body))
        write(self, body, more)
        if left is not None:
            self._left = max(0, left - len(body))


@mutant("malformed-reset-mid-body")
def reset_taken_for_an_end() -> None:
    """Where only the end of the connection ends the body every end is one, also a reset."""

    @around(Connection, "_ended")
    def _(ended: Change, self: Connection, error: Exception | None) -> None:
        by_close = self.head_done and self._length == framing.UNTIL_CLOSE
        ended(self, None if by_close else error)


@mutant("malformed-interim-storm")
def interim_taken_for_final() -> None:
    """The first head that comes is taken for the answer, also a 1xx that only announces it."""

    @around(Connection, "_pass_over_interim")
    def _(_: Change, self: Connection, status: int) -> None:
        self.status, self.headers = status, ()
        self.head_done = self.complete = True


@mutant("malformed-header-size")
def head_without_limit() -> None:
    """The response's head is read into memory to its end, however long it is."""

    @around(Connection, "data_received")
    def _(received: Change, self: Connection, data: bytes) -> None:
        self._head_limit = 1 << 40
        received(self, data)


@mutant("malformed-header-size")
def head_judged_when_complete() -> None:
    """The size of a response's head is looked at once it is complete, so one that never ends is kept."""
    limits: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()

    @around(Connection, "data_received")
    def _(received: Change, self: Connection, data: bytes) -> None:
        limits.setdefault(self, self._head_limit)
        self._head_limit = 1 << 40
        received(self, data)

    @around(Connection, "_judge_head")
    def _(judge: Change, self: Connection, status: int) -> int:
        self._head_limit = limits[self]
        length: int = judge(self, status)
        return length


@mutant("malformed-interim-storm")
def interims_kept() -> None:
    """Every 1xx is kept until the answer comes, to be passed on with it, and nobody counts them."""
    kept: WeakKeyDictionary[Connection, list[Any]] = WeakKeyDictionary()

    @around(Connection, "_pass_over_interim")
    def _(_: Change, self: Connection, status: int) -> None:
        kept.setdefault(self, []).append((status, self._fields))
        self._interim, self._fields, self._head_bytes = True, [], 0


@mutant("malformed-status-line")
def status_that_is_none_taken_for_200() -> None:
    """The status is looked up by what it begins with, and whatever is no status counts as 200."""
    status = re.compile(rb"^(HTTP/1\.1) (?!\d{3}\b)\S+")
    _in_response_heads(lambda head: status.sub(rb"\1 200", head))


@mutant("malformed-coding")
def any_coding_read_as_chunks() -> None:
    """A transfer coding is taken for chunked, whatever it is called."""
    coding = re.compile(rb"(?i)^(transfer-encoding:)[^\r\n]*", re.MULTILINE)
    _in_response_heads(lambda head: coding.sub(rb"\1 chunked", head))


def _in_response_heads(change: Change) -> None:
    """Change the bytes of every response's head before they are parsed; it comes in one piece."""

    @around(Connection, "_feed")
    def _(feed: Change, self: Connection, data: bytes) -> None:
        feed(self, data if self.head_done else in_head(change)(data))


def _passed_on(odd: bytes, before: bytes = b"") -> None:
    """Pass ``odd`` bytes, where they stand ``before`` others, through the parser and on to the client."""
    _in_response_heads(lambda head: head.replace(odd + before, STAND_IN + before))
    response_headers(lambda fields: [(n.replace(STAND_IN, odd), v.replace(STAND_IN, odd)) for n, v in fields])


@mutant("malformed-header-colon")
def space_before_colon_passed() -> None:
    """Whatever stands before a colon is a name, also with a space at its end, and is passed on like that."""
    _passed_on(b" ", before=b":")


@mutant("malformed-header-fold")
def folds_passed() -> None:
    """A folded value is passed on as it came; most client libraries unfold it, and not all."""
    _passed_on(b"\r\n ")


@mutant("malformed-two-lengths")
def first_of_two_lengths_believed() -> None:
    """Of two lengths of an answer the first is taken, and the other is lost."""
    lengths = re.compile(rb"(?i)(\r\ncontent-length:[^\r\n]*)(?:\r\ncontent-length:[^\r\n]*)+")
    _in_response_heads(lambda head: lengths.sub(rb"\1", head))


@mutant("malformed-two-lengths")
def length_read_as_a_number() -> None:
    """An answer's length is read by the language's own function, which takes +2 as well."""
    _in_response_heads(length_with_a_sign)


@mutant("malformed-length-chunked")
def length_beside_chunks_believed() -> None:
    """Of a length and chunks in a response the length is believed, and a chunk's size passed on as the body."""
    coding = re.compile(rb"(?i)\r\ntransfer-encoding:[^\r\n]*")
    _in_response_heads(lambda head: coding.sub(b"", head) if b"\r\nContent-Length:" in head else head)


@mutant("malformed-chunk-size")
def chunk_size_read_as_a_number() -> None:
    """The size of a chunk is read by the language's own function, which takes 0x2 as well."""

    @around(Connection, "_feed")
    def _(feed: Change, self: Connection, data: bytes) -> None:
        feed(self, chunk_size_with_a_prefix(data))
