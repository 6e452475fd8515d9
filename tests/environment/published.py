"""A link whose port somebody else publishes."""

from __future__ import annotations

from harness.toxiproxy.client import Link, LinkServer


class Published(Link):
    """A link behind a port proxy: clients are given the proxy's port on 127.0.0.1."""

    def __init__(self, server: LinkServer, name: str, port: int) -> None:
        super().__init__(server, name)
        self._port = port

    @property
    def listen(self) -> tuple[str, int]:
        """Where clients connect to."""
        return "127.0.0.1", self._port
