"""Wait for one socket; `select.select` cannot, once a process has more than 1,024 of them."""

from __future__ import annotations

import select
import socket

ENDED = select.POLLHUP | select.POLLERR


def ready(sock: socket.socket, within_s: float, *, reading: bool = False, writing: bool = False) -> tuple[bool, bool]:
    """(whether it can be read, whether it can be written) within ``within_s`` wall seconds.

    An error or an end on the socket counts as both, for the next call on it will say which.
    """
    poller = select.poll()
    poller.register(sock, (select.POLLIN if reading else 0) | (select.POLLOUT if writing else 0))
    events = 0
    for _, event in poller.poll(max(0.0, within_s) * 1000):
        events |= event
    return bool(events & (select.POLLIN | ENDED)), bool(events & (select.POLLOUT | ENDED))
