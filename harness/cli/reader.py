"""What becomes of standard output when nobody reads it any more (``| head``)."""

from __future__ import annotations

import os
import sys


def reader_left() -> None:
    """Send standard output nowhere, and with it at once what is still buffered.

    At the exit Python would try again, fail and end with 120; and pytest, which keeps the pipe, may have put it back
    until then.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    sys.stdout.flush()
