"""An xdist worker does not outlive its controller.

execnet notices the controller's death at once and lets the scenario go on for 5 s and more; its proxies, links and
directory would stay as long.
"""

from __future__ import annotations

import os
import threading

LOOK_S = 0.1


def leave_with(controller: int) -> None:
    """End this process, and so by its wardens all it started, when process ``controller``, its parent, has died."""
    threading.Thread(target=_watch, args=(controller,), name="orphan-watch", daemon=True).start()


def _watch(controller: int) -> None:
    pause = threading.Event()
    while os.getppid() == controller:
        pause.wait(LOOK_S)
    os._exit(1)  # nobody is left to hear of anything
