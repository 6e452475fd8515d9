"""The console of the commands."""

from __future__ import annotations

import os
import sys

from rich.console import Console


class Screen(Console):
    """One that goes on in silence when its reader has left (``| head``): what a command does is not for the eye only.

    Rich's own would end the process with 1, which says that the proxy broke a promise.
    """

    def on_broken_pipe(self) -> None:
        """Say no more, and let nothing that is still buffered be missed at the exit."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
