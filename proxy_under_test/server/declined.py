"""A request whose upgrade is declined: its parser reads no further than the head, so another one reads its chunks."""

from __future__ import annotations

from collections.abc import Callable

import httptools

_HEAD = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


class _Callbacks:
    """What a parser calls that reads nothing but a body."""

    def __init__(self, on_body: Callable[[bytes], None], on_message_complete: Callable[[], None]) -> None:
        self.on_body = on_body
        self.on_message_complete = on_message_complete


def parser_of_chunks(on_body: Callable[[bytes], None], on_end: Callable[[], None]) -> httptools.HttpRequestParser:
    """A parser that stands at the first chunk; it calls ``on_body`` with bytes, and ``on_end`` after the trailers."""
    parser = httptools.HttpRequestParser(_Callbacks(on_body, on_end))
    parser.feed_data(_HEAD)
    return parser
