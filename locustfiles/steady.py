"""The guide's traffic, steadily: health, login, profile, balance, spend, generate.

``locust -f locustfiles/steady.py --host http://127.0.0.1:3000`` opens Locust's web page; ``errorpath up`` starts
something to load.  Response times count from the moment a request was to be sent; ``--model closed`` shows how little
a stall weighs otherwise.
"""

from __future__ import annotations

import harness.load.generator.options  # noqa: F401 - adds the flags
from harness.load.generator.guide import GuideUser


class Steady(GuideUser):
    """A user of the guide's API."""
