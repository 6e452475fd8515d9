"""The flags that our users add to Locust's own; a master hands them on to its workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.event import EventHook

from harness.load.operations import ACCOUNTS, PASSWORD

MODELS = ("open", "closed")
ARRIVALS = ("poisson", "steady")


def add_options(parser: LocustArgumentParser, **_: Any) -> None:
    """Add them; each is also a field on the web page, the internal ones left out."""
    add = parser.add_argument
    add("--seed", type=int, default=1, env_var="ERRORPATH_SEED", help="seed of each user's order of operations")
    add("--rate", type=float, default=5.0, env_var="ERRORPATH_RATE", help="arrivals per second of each user")
    add(
        "--model", choices=MODELS, default="open", env_var="ERRORPATH_MODEL", help="open: come what may; closed: wait"
    )
    add("--arrivals", choices=ARRIVALS, default="poisson", env_var="ERRORPATH_ARRIVALS", help="how they are spaced")
    add("--path", default="/health", env_var="ERRORPATH_PATH", help="what the users of one_path.py ask for")
    add("--base", default="/api/proxy", env_var="ERRORPATH_BASE", help="where the proxied route begins")
    add("--emails", default=",".join(ACCOUNTS), env_var="ERRORPATH_EMAILS", help="who logs in, user after user")
    add("--password", default=PASSWORD, env_var="ERRORPATH_PASSWORD", help="their password", is_secret=True)
    most = "requests of one user under way at most; an arrival beyond them is counted, not sent"
    add("--most-in-flight", type=int, default=1000, env_var="ERRORPATH_MOST_IN_FLIGHT", help=most)
    add("--requests-file", default="", include_in_web_ui=False, help="write a line for each request there (CSV)")
    add("--told-file", default="", include_in_web_ui=False, help="write there what happens to the run (JSON lines)")
    add("--tag", default="load", include_in_web_ui=False, help="what the ids of the requests begin with")


_add: Callable[[EventHook, Any], object] = EventHook.add_listener  # published without types
_add(events.init_command_line_parser, add_options)
