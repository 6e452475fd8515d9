"""``python -m proxy_under_test``: read the settings, take the port, serve.

Exit codes: 0 after a signal, 1 when the port cannot be taken, 2 for a bad setting, of which a HOST that nobody knows
is one.  Nothing is started before both have been checked, and what takes long to import is imported after that.
"""

from __future__ import annotations

import errno
import gc
import socket
import sys

from proxy_under_test.server.listen import allow_many_connections, listen
from proxy_under_test.settings import BadSettings, Settings, bad_setting, load_settings

EXIT_PORT = 1
EXIT_SETTINGS = 2
HIGHEST_PORT = 65_535


def main() -> int:
    """Run the proxy until a signal; the process's exit code."""
    gc.disable()  # importing leaves no garbage, and looking for some takes a fifth of the start
    try:
        settings = load_settings()
    except BadSettings as exc:
        sys.stderr.write(f"{exc}\n")
        return EXIT_SETTINGS
    allow_many_connections()
    try:
        listener = listen(settings.host, settings.port)
    except socket.gaierror as exc:
        sys.stderr.write(bad_setting("host", settings.host, f"cannot be looked up ({exc.strerror})") + "\n")
        return EXIT_SETTINGS
    except OSError as exc:
        sys.stderr.write(_cannot_listen(settings, exc))
        return EXIT_PORT
    _serve(settings, listener)
    return 0


def _serve(settings: Settings, listener: socket.socket) -> None:
    from proxy_under_test.server.life import serve

    serve(settings, listener)


def _cannot_listen(settings: Settings, error: OSError) -> str:
    other = settings.port + (1 if settings.port < HIGHEST_PORT else -1)
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"EADDRINUSE: address already in use {where}\n"
            f"  find the process that holds it:  lsof -i :{settings.port}\n"
            f"  or use another port:             PORT={other} python -m proxy_under_test\n"
        )
    return f"cannot listen on {where}: {error.strerror or error}; set HOST and PORT to an address of this machine\n"


if __name__ == "__main__":
    sys.exit(main())
