"""How this very program is called in a shell.

Files name it `errorpath`, for they are read on other machines, too; what a terminal shows can be typed here.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

NAME = "errorpath"


def words() -> list[str]:
    """The words that a command line begins with to run this program, in any folder.

    That is its name where PATH leads to it, else its whole path: ``make`` puts it in ``.venv/bin``, where PATH seldom
    leads.
    """
    beside = Path(sys.executable).with_name(NAME)
    if not beside.is_file():  # installed elsewhere than the interpreter, as with ``pip install --user``
        return [sys.executable, "-m", "harness"]
    found = shutil.which(NAME)
    return [NAME] if found is not None and beside.samefile(found) else [str(beside)]


def typed(command: str) -> str:
    """A ``command`` from a file, as it is typed in a shell of this machine."""
    return shlex.join(words()) + command.removeprefix(NAME) if command.startswith(f"{NAME} ") else command
