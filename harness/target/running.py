"""A proxy that serves: where it is, what it wrote, what it holds."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from harness.environment.processes import Owned
from harness.errors import HarnessError, NotPromised
from harness.target.files import TargetFile

LOOPBACK = "127.0.0.1"
Begin = Callable[[Mapping[str, object], Mapping[str, str]], Owned]


class RunningTarget:
    """A target that was started or reached.

    ``url`` is ``http://HOST:PORT``, ``base_url`` the same with the route's base below it.  What needs the process
    itself raises NotPromised for a target that was only reached.
    """

    def __init__(
        self,
        file: TargetFile,
        host: str,
        port: int,
        process: Owned | None,
        begin: Begin | None = None,
    ) -> None:
        self.file = file
        self.host = host
        self.port = port
        self._process = process
        self._begin = begin
        self._lines: list[dict[str, Any] | str] = []
        self._read = 0  # bytes of the output that stand in `_lines`

    @property
    def url(self) -> str:
        """The proxy's own address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """Where the proxied route begins."""
        return self.url + self.file.routes.base

    @property
    def process(self) -> Owned:
        """The process that was started."""
        if self._process is None:
            raise NotPromised(f"{self.url} was not started by us, so nothing can be said of its process")
        return self._process

    @property
    def started(self) -> bool:
        """Whether it was started by us, so that its process can be looked at."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The process id; it changes at a `restart`."""
        return self.process.pid

    def output(self) -> str:
        """All that it has written since it was started."""
        return self.process.output()

    def lines(self) -> list[dict[str, Any] | str]:
        """The whole lines of its output so far; a line that is a JSON object is decoded.

        Only what is new since the last call is read: whoever waits for a line asks often.
        """
        new = self.process.written_since(self._read)
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        self._lines += [_decoded(line) for line in whole.decode("utf-8", "replace").split("\n")[:-1]]
        return list(self._lines)

    def resident_bytes(self) -> int:
        """Resident memory of the process and all its children."""
        total = 0
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total

    def descriptors(self) -> list[str]:
        """What the open descriptors of the process and its children lead to, as /proc names it ("socket:[…]")."""
        found = []
        for process in self._family():
            for descriptor in Path(f"/proc/{process.pid}/fd").glob("*"):
                with contextlib.suppress(OSError):  # closed since it was listed
                    found.append(str(descriptor.readlink()))
        return found

    def restart(
        self, settings: Mapping[str, object] | None = None, extra_env: Mapping[str, str] | None = None
    ) -> None:
        """Stop it and start it again on its port; ``settings`` and ``extra_env`` go over those it had.

        HarnessError when it does not serve again.
        """
        self.stop()
        if self._begin is None:
            raise HarnessError(f"{self.url} cannot be started by us")
        self._process = self._begin(settings or {}, extra_env or {})
        self._lines, self._read = [], 0

    def stop(self, within_s: float = 5.0) -> None:
        """End it: its stop signal, and after ``within_s`` wall seconds SIGKILL."""
        self.process.stop(within_s)

    def _family(self) -> Iterator[psutil.Process]:
        try:
            process = psutil.Process(self.pid)
            yield from [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess as exc:
            raise HarnessError(
                f"{self.file.name} (pid {self.pid}) has gone: exit {self.process.exit_code()}"
            ) from exc


def _decoded(line: str) -> dict[str, Any] | str:
    try:
        value = json.loads(line)
    except ValueError:
        return line
    return value if isinstance(value, dict) else line
