"""The reference proxy, which says on SIGUSR1 how many objects only a garbage collection would free."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator

from proxy_under_test.__main__ import main
from proxy_under_test.server import life
from proxy_under_test.server.run import ProxyServer


def tell() -> None:
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    found = Counter(type(one).__name__ for one in gc.garbage)
    gc.set_debug(0)
    gc.garbage.clear()
    gc.collect()
    print(json.dumps({"event": "circles", "found": found}), flush=True)


class Telling(ProxyServer):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell)
            yield


if __name__ == "__main__":
    setattr(life, "ProxyServer", Telling)  # noqa: B010 - a name that its module only imports
    sys.exit(main())
