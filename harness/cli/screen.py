"""The console of the commands."""

from __future__ import annotations

from rich.console import Console

from harness.cli.reader import reader_left


class Screen(Console):
    """One that goes on in silence when its reader has left (``| head``): what a command does is not for the eye only.

    Rich's own would end the process with 1, which says that the proxy broke a promise.
    """

    def on_broken_pipe(self) -> None:
        """Say no more."""
        self.quiet = True
        reader_left()
