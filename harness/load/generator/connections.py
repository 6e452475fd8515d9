"""Connections that send a request once.

geventhttpclient sends a request again, as often as its pool is large, when the peer closes the connection instead of
an answer.  A load generator that does so hides what it is to measure.  The number of tries is the size of the pool,
which is looked at nowhere else once the pool is made; a test counts what arrives.
"""

from __future__ import annotations

import socket
from typing import Any

from geventhttpclient.client import HTTPClient, HTTPClientPool

NO_SECOND_TRY = -1


class SendingOnce(HTTPClientPool):
    """A pool whose clients never send a request again, and do not hold a body back for an ACK (Nagle)."""

    def get_client(self, url: Any) -> HTTPClient:
        """The client for the host of ``url``."""
        client = super().get_client(url)
        pool = client._connection_pool
        pool.size = NO_SECOND_TRY
        pool.after_connect = _at_once  # type: ignore[assignment, method-assign]  # made to be overridden
        return client


def _at_once(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
