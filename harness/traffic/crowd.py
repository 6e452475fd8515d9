"""Room for many connections at once: the system's bound on open files, raised as far as it lets us."""

from __future__ import annotations

import resource

from harness.errors import HarnessError

OTHERS = 512  # what a worker holds beside: its origin's ends of the connections, links, logs


def room_for(count: int) -> None:
    """Make sure that ``count`` more sockets may be open in this process; HarnessError where that cannot be."""
    wanted = 2 * count + OTHERS  # the origin, in this process too, may hold the other end of each
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise HarnessError(f"{count} clients at once need {wanted} open files, and `ulimit -Hn` allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
