"""Serving: uvicorn on a socket that is ours already, the banner of the guide, and an orderly end."""

from __future__ import annotations

import io
import signal
import socket
import sys
from pathlib import Path

import structlog
import uvicorn

from harness.backend import listening, logs
from harness.backend.app import DOCS, build
from harness.backend.settings import DEVELOPMENT_SECRET, Settings

# Longer than any client's deadline (the guide's is 30 s): a connection whose answer is on its way is not idle.
KEEP_ALIVE_S = 75

log = structlog.get_logger("backend")


class Server(uvicorn.Server):
    """A uvicorn server that says where it is once it answers."""

    def __init__(self, config: uvicorn.Config, banner: str) -> None:
        super().__init__(config)
        self._banner = banner

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the banner (guide: "Start the Backend API Server")."""
        await super().startup(sockets)
        if self.started:
            print(self._banner, flush=True)


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight, for at most SHUTDOWN_TIMEOUT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the banner's signs, on a terminal that lacks them
    logs.configure(Path(settings.log_dir), settings.log_level)
    if settings.jwt_secret == DEVELOPMENT_SECRET:
        log.warning("JWT_SECRET is the development secret of the guide; set one of your own")
    address = listening.url(settings.host, listener)
    config = uvicorn.Config(
        build(settings),
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here asks for a client's address
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_ms / 1000)),
    )
    banner = f"🚀 Server is running on {address}\n📚 API Documentation: {address}{DOCS}"
    Server(config, banner).run(sockets=[listener])


def _leave(*_: object) -> None:
    """End in order: uvicorn raises the signal again when everything in flight is finished."""
    sys.exit(0)
