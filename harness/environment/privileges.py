"""Who a server runs as.  PostgreSQL refuses root, and no server of ours needs it."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from harness.errors import EnvironmentUnavailable

NOBODY = (65534, 65534)  # where the machine has no such account, the numbers do


def unprivileged() -> str | None:
    """The account for servers: "nobody" when we are root, None (ourselves) otherwise."""
    return "nobody" if os.geteuid() == 0 else None


def ids_of(user: str) -> tuple[int, int]:
    """The uid and gid of an account.  EnvironmentUnavailable when there is none."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        if user == "nobody":
            return NOBODY
        raise EnvironmentUnavailable(f"there is no account {user!r} on this machine; create it") from None
    return account.pw_uid, account.pw_gid


def open_to_all(path: Path) -> bool:
    """Whether an account that owns nothing may reach and use ``path``: every folder above it can be passed."""
    real = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in real.parents) and _usable(real)


def _usable(path: Path) -> bool:
    mode = path.stat().st_mode
    needed = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else stat.S_IROTH
    return mode & needed == needed
