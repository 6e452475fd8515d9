"""Mistakes about the program: how it starts, how it does not, and how it ends."""

from __future__ import annotations

import errno
import socket
from types import FrameType
from typing import Any

import proxy_under_test.__main__ as program
from proxy_under_test.logs import JsonLogger
from proxy_under_test.server import life
from proxy_under_test.server.run import ProxyServer
from proxy_under_test.settings import BadSettings, Settings
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around, replace


@mutant("port-in-use")
def port_in_use_unexplained() -> None:
    """A port that is taken ends in the bare words of the operating system."""
    replace(program, "_cannot_listen", lambda *_: "OSError: [Errno 98] Address already in use\n")


@mutant("port-in-use")
def next_port_taken() -> None:
    """When the port is taken the next free one is used, and everything else talks to somebody else's program."""

    @around(program, "listen")
    def _(listen: Change, host: str, port: int) -> Any:
        while True:
            try:
                return listen(host, port)
            except OSError as exc:
                if exc.errno != errno.EADDRINUSE:
                    raise
                port += 1


@mutant("bad-setting")
def bad_settings_ignored() -> None:
    """A setting that cannot be read falls back to its default, and nobody notices until it is too late."""

    @around(program, "load_settings")
    def _(load: Change) -> Settings:
        try:
            read: Settings = load()
        except BadSettings:
            return Settings.model_construct(port=0)
        return read


@mutant("bad-setting")
def bad_settings_ends_with_1() -> None:
    """A bad setting ends like any other failure, so that whoever starts the program tries it again."""
    replace(program, "EXIT_SETTINGS", 1)


@mutant("startup-banner")
def silent_start() -> None:
    """The start says nothing; where it listens and forwards must be guessed."""
    replace(life, "_banner", lambda *_: None)


@mutant("startup-banner")
def banner_without_the_backend() -> None:
    """The start says where it listens; where it forwards is told by the log of requests, once somebody asks."""

    def banner(_: Settings, listener: socket.socket, log: JsonLogger) -> None:
        log.info("listening", port=listener.getsockname()[1])

    replace(life, "_banner", banner)


@mutant("stop-finishes")
def listens_while_it_stops() -> None:
    """What is in flight is finished, and whoever comes meanwhile is taken: the listener is closed by the exit."""

    @around(ProxyServer, "shutdown")
    async def _(shutdown: Change, self: ProxyServer, **_: object) -> None:
        listening, self.servers = self.servers, []
        await shutdown(self)
        for server in listening:
            server.close()


@mutant("stop-finishes")
def stops_in_the_middle() -> None:
    """The first signal ends the process as the second one should, whatever is in flight."""

    @around(ProxyServer, "handle_exit")
    def _(handle: Change, self: ProxyServer, number: int, frame: FrameType | None) -> None:
        self.should_exit = True
        handle(self, number, frame)


@mutant("stop-grace")
def waits_for_the_last_request() -> None:
    """SHUTDOWN_GRACE is read and nothing is done with it: one request that does not end keeps the process."""

    @around(life, "Config")
    def _(config: Change, *args: Any, **kwargs: Any) -> Any:
        return config(*args, **(kwargs | {"timeout_graceful_shutdown": None}))


@mutant("stop-twice")
def second_signal_ignored() -> None:
    """That it is to end is known already when the second signal comes, and so nothing is done."""

    @around(ProxyServer, "handle_exit")
    def _(handle: Change, self: ProxyServer, number: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            handle(self, number, frame)
