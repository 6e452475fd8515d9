"""The command: ``python -m harness.backend [serve | migrate]``.

Exit codes: 0 done · 1 the port is taken, or PostgreSQL cannot be used · 2 a setting or the command is wrong, nothing
was started.  What is wrong is said before the application is loaded, which takes most of the time to start.
"""

from __future__ import annotations

import argparse
import gc
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.backend.settings import Settings

GARBAGE_AFTER = 50_000  # objects; a request leaves hardly any that reference counts do not free, so looking is waste
FAILED = 1
USAGE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.backend", description="The API of the connection guide.")
    parser.add_argument("command", nargs="?", choices=["serve", "migrate"], default="serve")
    command = parser.parse_args(arguments).command
    gc.disable()  # loading modules leaves no garbage, and looking for it took a fifth of the time to start
    from harness.backend.settings import BadSetting, load

    try:
        settings = load()
    except BadSetting as wrong:
        return _say(f"bad setting\n{wrong}", USAGE)
    return {"serve": _serve, "migrate": _migrate}[command](settings)


def _serve(settings: Settings) -> int:
    from harness.backend.listening import CannotListen, listen

    try:
        listener = listen(settings.host, settings.port)
    except CannotListen as error:
        return _say(str(error), FAILED)
    from harness.backend.serve import serve

    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)
    gc.enable()
    serve(settings, listener)
    return 0


def _migrate(settings: Settings) -> int:
    import asyncio

    from harness.backend.dependencies import DependencyDown
    from harness.backend.migrate import migrate
    from harness.backend.seed import seed

    try:
        applied = asyncio.run(migrate(settings))
        added = [] if settings.production else asyncio.run(seed(settings))
    except DependencyDown as down:
        return _say(f"DATABASE_URL: {down}", FAILED)
    print("\n".join([*(f"applied {name}" for name in applied), *(f"added {user}" for user in added)]) or "up to date")
    return 0


def _say(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
