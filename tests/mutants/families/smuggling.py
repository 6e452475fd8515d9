"""Mistakes about requests that two servers may read differently."""

from __future__ import annotations

import re
from typing import Any
from weakref import WeakKeyDictionary

from proxy_under_test import forward, frontdoor
from proxy_under_test.door import TARGET
from proxy_under_test.server.protocol import ClientProtocol
from tests.mutants.lenient import chunk_size_with_a_prefix, in_head, length_with_a_sign
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around, replace


def _in_requests(change: Change) -> None:
    """Change the bytes of every request before they are parsed; head and body come in one piece."""

    @around(ClientProtocol, "data_received")
    def _(received: Change, self: ClientProtocol, data: bytes) -> None:
        received(self, change(data))


def _in_request_heads(change: Change) -> None:
    _in_requests(in_head(change))


@mutant("smuggle-host")
def host_not_looked_at() -> None:
    """Host is not needed to find the one upstream, so nobody looks at it."""
    replace(frontdoor, "_is_host", lambda _: True)


@mutant("smuggle-host")
def first_host_wins() -> None:
    """A request with two Host fields is let in, as if one of them had surely been meant."""
    replace(frontdoor, "SINGLE", frontdoor.SINGLE - {b"host"})
    replace(frontdoor, "_is_host", lambda _: True)


@mutant("smuggle-two-framings")
def both_framings_believed() -> None:
    """Of a length and chunks the chunks are read, and what lies behind them is the next request."""
    replace(frontdoor, "_check_framing", lambda *_: None)

    @around(ClientProtocol, "connection_made")
    def _(made: Change, protocol: ClientProtocol, transport: Any) -> None:
        made(protocol, transport)
        protocol.parser.set_dangerous_leniencies(lenient_chunked_length=True)


@mutant("smuggle-length")
def request_length_read_as_a_number() -> None:
    """A request's length is read by the language's own function, which takes +4 as well."""
    _in_request_heads(length_with_a_sign)


@mutant("smuggle-length")
def last_of_two_lengths_believed() -> None:
    """Of two lengths of a request the last is taken, as a dictionary of headers has it."""
    lengths = re.compile(rb"(?i)(?:\r\ncontent-length:[^\r\n]*)+(\r\ncontent-length:[^\r\n]*)")
    _in_request_heads(lambda head: lengths.sub(rb"\1", head))


@mutant("smuggle-coding")
def any_request_coding_read_as_chunks() -> None:
    """A request's transfer coding is taken for chunked where it has the word in it."""
    coding = re.compile(rb"(?i)(\r\ntransfer-encoding:)[^\r\n]*chunked[^\r\n]*")
    _in_request_heads(lambda head: coding.sub(rb"\1 chunked", head))


@mutant("smuggle-old-version")
def coding_unknown_to_http_1_0() -> None:
    """HTTP/1.0 knows no transfer coding, so the field is ignored there, and the body with it."""

    def without_body(data: bytes) -> bytes:
        head, end, _ = data.partition(b"\r\n\r\n")
        if b" HTTP/1.0\r\n" not in head or b"transfer-encoding" not in head.lower():
            return data
        return re.sub(rb"(?i)\r\ntransfer-encoding:[^\r\n]*", b"", head) + end

    _in_requests(without_body)


@mutant("smuggle-field")
def space_before_colon_removed() -> None:
    """A request's field names are stripped of the space around them, as a tolerant reader does."""
    _in_request_heads(lambda head: re.sub(rb"[ \t]+:(?= )", b":", head))


@mutant("smuggle-chunk")
def request_chunk_size_read_as_a_number() -> None:
    """The size of a request's chunk is read by the language's own function, which takes 0x4 as well."""
    _in_requests(chunk_size_with_a_prefix)


@mutant("smuggle-own-answers")
def targets_interned_by_length() -> None:
    """Targets are kept under a hash that is too short, so a request may ask for what another one asked for."""
    interned: dict[int, bytes] = {}

    @around(forward, "upstream_target")
    def _(target_of: Change, *args: bytes) -> bytes:
        target: bytes = target_of(*args)
        return interned.setdefault(len(target), target)


@mutant("smuggle-own-answers")
def mended_request_kept_for_the_next() -> None:
    """Lengths that repeat one another are read as one, and the next request on the connection asks for the same."""
    repeated = re.compile(rb"(?i)(\r\ncontent-length: (\d+))(?:, \2|\1)(?=\r\n)")
    asked: WeakKeyDictionary[ClientProtocol, list[bytes]] = WeakKeyDictionary()

    @around(ClientProtocol, "data_received")
    def _(received: Change, self: ClientProtocol, data: bytes) -> None:
        if repeated.search(data):
            asked[self] = []
        received(self, repeated.sub(rb"\1", data))

    @around(ClientProtocol, "_make_scope")
    def _(make: Change, self: ClientProtocol, version: str) -> Any:
        scope = make(self, version)
        if self in asked:
            asked[self].append(scope[TARGET])
            scope[TARGET] = asked[self][0]
        return scope


@mutant("smuggle-own-answers")
def closing_trailer_unnoticed() -> None:
    """Connection: close in a trailer shuts the parser unnoticed, and the next request is never answered."""

    @around(ClientProtocol, "on_message_complete")
    def _(complete: Change, self: ClientProtocol) -> None:
        cycle = self._current
        kept = cycle is not None and cycle.keep_alive
        complete(self)
        if cycle is not None:
            cycle.keep_alive = kept
