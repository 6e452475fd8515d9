"""What passes on a client's connection: when it is read from, and when it ends because the client takes no part."""

from __future__ import annotations

import asyncio
import select

from uvicorn.protocols.http.flow_control import FlowControl

LOOK_S = 1.0  # between two looks at a connection that is not read from


class Flow(FlowControl):
    """uvicorn's flow control, that also notices who takes nothing any more, and who left while reading is paused.

    Of a paused connection the event loop asks the kernel nothing.  Only a reset can be told then: a FIN waits behind
    what was not read.
    """

    _held = False
    _looking: asyncio.TimerHandle | None = None
    _watching: asyncio.TimerHandle | None = None

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, patience_s: float) -> None:
        super().__init__(transport)
        self._loop = loop
        self._patience_s = patience_s

    def pause_reading(self) -> None:
        """Read nothing until ``resume_reading``."""
        super().pause_reading()
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_S, self._look)

    def resume_reading(self) -> None:
        """Read on, where reading is not held."""
        if not self._held:
            super().resume_reading()

    def hold(self) -> None:
        """Read nothing until ``release``, whatever a request asks for."""
        self._held = True
        self.pause_reading()

    def release(self) -> None:
        """Read on."""
        self._held = False
        self.resume_reading()

    def _look(self) -> None:
        self._looking = None
        if not self.read_paused or self._transport.is_closing():
            return
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), 0)  # errors are told unasked
        if poll.poll(0):
            self._transport.abort()
        else:
            self._looking = self._loop.call_later(LOOK_S, self._look)

    def resume_writing(self) -> None:
        """The client took most of what was written."""
        super().resume_writing()
        if not self._transport.is_closing():
            self._stop_watching()

    def close(self) -> None:
        """Close once the client has taken what was written."""
        self._transport.close()
        self.watch_unread()

    def watch_unread(self, before: int | None = None) -> None:
        """End the connection of a client that takes nothing of what was written for the whole ``patience_s``.

        Nothing is written while this watches, so the bytes that are left tell whether it took some.
        """
        self._stop_watching()
        left = self._transport.get_write_buffer_size()
        if left and left == before:
            self._transport.abort()
        elif left:
            self._watching = self._loop.call_later(self._patience_s, self.watch_unread, left)

    def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def stop(self) -> None:
        """The connection is gone."""
        self._stop_watching()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
