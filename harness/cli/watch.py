"""What a person sees while a check runs.

On a terminal one block shows what each worker checks, what it waits for and why; elsewhere (CI, a pipe) each
finished path is a line, and every 10 s one says what is still awaited.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from harness.clock import now
from harness.progress import read_all
from harness.report.results import Record
from harness.report.terminal import finished_line

REFRESH_S = 0.2  # often enough to read as live
QUIET_LINE_S = 10.0  # without a terminal, how often what is awaited is said


class Watch:
    """Prints each finished scenario, and between them what every worker waits for and why."""

    def __init__(self, console: Console, progress_folder: Callable[[], Path | None]) -> None:
        self._console = console
        self._progress_folder = progress_folder
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="watch", daemon=True)
        self._done = 0

    def __enter__(self) -> Watch:
        if self._live:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._live:
            self._live.stop()

    def finished(self, record: Record) -> None:
        """Print a finished scenario."""
        self._done += 1
        self._console.print(finished_line(record))

    def _loop(self) -> None:
        while not self._stop.wait(REFRESH_S if self._live else QUIET_LINE_S):
            lines = self._awaited()
            if self._live:
                self._live.update(Group(Text(f"{self._done} finished", style="bold"), *lines))
            else:
                for line in lines:
                    self._console.print(line)

    def _awaited(self) -> list[Text]:
        folder = self._progress_folder()
        if folder is None:
            return [Text("  starting PostgreSQL, Redis and the links …")]
        return [
            Text(f"  {worker}: {line['path']} · {line['doing']} ({now() - float(str(line['since'])):.1f} s)")
            for worker, line in read_all(folder).items()
        ]
